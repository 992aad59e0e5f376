"""The databases of a server: named, stamped, listed, copied, renamed, dropped."""
