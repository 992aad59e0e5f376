"""Backups: read, guarded, identified."""
