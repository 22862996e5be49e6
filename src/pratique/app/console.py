"""The command line as a whole: the `az` grammar of `cli`, and the verbs of the platform itself."""

from collections.abc import Sequence
from typing import Final

from pratique.cli.main import run
from pratique.cli.table import Row

ROWS: Final = (
    Row("up", "pratique.app.up", "Start the platform."),
    Row("status", "pratique.app.status", "Show whether the platform is up, part by part."),
    Row("down", "pratique.app.down", "Stop the platform and everything that it runs."),
    Row("doctor", "pratique.app.doctor", "Check this machine before anything is downloaded or started."),
    Row("init", "pratique.app.init", "Write a complete project, ready to run."),
    Row("demo", "pratique.app.demo", "Push the example project, approve its model, see it take over under load."),
    Row("bundle", "pratique.app.bundle", "What a machine without a network needs.", is_group=True),
    Row("backup", "pratique.app.backup", "A home in one file, and back.", is_group=True),
    Row("prune", "pratique.app.prune", "Remove what nothing names any more."),
    Row("events", "pratique.app.events", "Follow what happens.", is_group=True),
    Row("open", "pratique.app.open", "Make a one-time link that signs a browser in."),
)
"""The verbs of this layer; only the module of the one that was typed is imported."""


def run_console(argv: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    return run(argv, extra_tables=ROWS)
