"""``pratique`` and ``python -m pratique``."""

import sys
from importlib import import_module


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        # Imported here, because Ctrl-C may come meanwhile: most of a short command's time is its imports.
        sys.exit(import_module("pratique.app.console").run_console(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)  # As `pratique.cli.main` has it, which may not be there yet.


if __name__ == "__main__":
    main()
