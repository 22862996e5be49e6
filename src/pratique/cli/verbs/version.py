"""`version`."""

import platform

import pratique
from pratique.cli.table import Table

TABLE = Table("version")


@TABLE.verb("", examples={"Show the version": "pratique version"})
def version() -> dict[str, object]:
    """Show the version of Pratique.

    `extensions` names the verbs of `ml`, which az has as an extension and Pratique has built in.
    """
    return {
        "pratique": pratique.__version__,
        "python": platform.python_version(),
        "extensions": {"ml": pratique.__version__},
    }
