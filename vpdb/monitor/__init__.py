"""The live view of the local database: collect, compute a frame, render it."""
