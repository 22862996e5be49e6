"""``python -m pratique_tracking``: see `launcher`."""

from pratique_tracking.launcher import main

if __name__ == "__main__":
    main()
