"""Local changes: what a database holds beside what was loaded."""
