"""`python -m vpdb`."""

import sys

from vpdb.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
