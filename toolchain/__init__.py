"""What `bootstrap.py` does, a step a module; standard library only, for it runs first of all."""
