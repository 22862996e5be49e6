"""``pratique`` and ``python -m pratique``."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from pratique.app.console import run_console  # noqa: PLC0415 - most of the time in which Ctrl-C may come.

        sys.exit(run_console(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)  # As `pratique.cli.main` has it, which may not be there yet.


if __name__ == "__main__":
    main()
