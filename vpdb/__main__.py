"""`python -m vpdb`."""

import atexit
import gc
import sys

from vpdb.cli.app import main

# A command that has ended need not look for what could be freed.
atexit.register(gc.freeze)

if __name__ == "__main__":
    sys.exit(main())
