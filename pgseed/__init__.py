"""The seed engine: a database whose content comes from a committed backup."""
