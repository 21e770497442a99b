"""`python -m remit.cli`, where the command itself is not on the path."""

import sys

from remit.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
