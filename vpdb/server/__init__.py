"""The stack's own server in its container."""
