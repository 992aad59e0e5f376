"""What users could pick instead of this project, each written to be as fast as it can be."""
