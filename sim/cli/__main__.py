"""``python -m sim.cli``: the command where its script is not on the path."""

import sys

from sim.cli import main

if __name__ == "__main__":  # worker processes import this file too, under another name
    sys.exit(main())
