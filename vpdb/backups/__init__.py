"""The team's backup files: written, copied under their date, fetched, verified."""
