"""``python -m argen``: the command line of :mod:`argen.cli`."""

import sys

from argen.cli import main

if __name__ == "__main__":
    sys.exit(main())
