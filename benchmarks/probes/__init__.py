"""What watches or does one run in a process of its own."""
