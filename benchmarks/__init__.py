"""How fast this project is, measured side by side with what its users could pick instead."""
