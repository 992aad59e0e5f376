"""VelPharma's master data: CSV files into its tables."""
