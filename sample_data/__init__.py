"""Made-up master data of any size."""
