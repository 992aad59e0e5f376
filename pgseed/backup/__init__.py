"""Backup files, read as data: what they hold, or why they are refused."""
