"""Templates: databases built from a seed, to be copied."""
