"""``pratique`` and ``python -m pratique``."""

import sys

from pratique.app.console import run_console


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run_console(sys.argv[1:]))


if __name__ == "__main__":
    main()
