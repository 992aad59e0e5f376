"""The live database: loaded, swapped, kept, brought back."""
