"""Two backups compared, row by row."""
