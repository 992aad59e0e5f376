"""Backup files: read, identify, guard, compare, write, keep."""
