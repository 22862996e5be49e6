"""``pratique status``."""

from typing import Any

from pratique import __version__
from pratique.app import supervision
from pratique.base.home import Home
from pratique.base.settings import load_settings
from pratique.cli.table import Table

TABLE = Table("status")


@TABLE.verb(
    "",
    examples={
        "Show every part": "pratique status",
        "At a glance": "pratique status -o table",
        "Wait in a script": "pratique status --query ready -o tsv",
    },
    columns={
        "Ready": "ready",
        "Gateway": "parts.gateway",
        "Tracking": "parts.tracking",
        "Engine": "parts.engine",
        "Door": "door",
        "Endpoints": "endpoints",
        "Home": "home",
    },
)
def status() -> dict[str, Any]:
    """Show whether the platform is up, part by part, and where its logs are."""
    home = Home.from_environment()
    found = supervision.ask_status(load_settings(home.root)) if supervision.server_runs(home) else None
    alone = {"version": __version__, "ready": False, "parts": supervision.parts_without_server(home)}
    return {**(found or alone), **supervision.facts(home)}
