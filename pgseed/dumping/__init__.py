"""The canonical dump: the same data give the same bytes."""
