"""``settings.md``: every setting of the platform and every variable of the command line."""

from collections.abc import Mapping
from typing import Final

from generator.markdown import code, document, table
from pratique.base.settings import CLIENT_VARIABLES, SETTINGS

VARIABLES: Final[Mapping[str, str]] = {
    "PRATIQUE_HOME": "Folder of the platform's state; `~/.pratique` when unset.",
    "PRATIQUE_RUNTIME_DIR": "Folder below which unix sockets live; its path must be short. "
    "`/tmp/pratique-UID` when unset.",
    "PRATIQUE_CONFIG_DIR": "Folder of the command line's defaults and logins; "
    "`AZURE_CONFIG_DIR` when unset, else `~/.config/pratique`.",
    "PRATIQUE_URL": "Door of a platform to talk to, instead of the one of `PRATIQUE_HOME`.",
    "PRATIQUE_TOKEN": "Bearer token to talk with, instead of the one of the login.",
    "PRATIQUE_REASON": "Why, for the journal, where no `--reason` is given.",
}
"""What each of `CLIENT_VARIABLES` means."""

_INTRODUCTION: Final = """A setting of the platform comes from the environment, else from `config.toml` in \
`PRATIQUE_HOME`, else from its default.
It is read when `pratique up` starts the server, so a change needs `pratique down` and `pratique up`.
An unknown name, in the file or as a `PRATIQUE_…` variable, is an error: a misspelt limit is no limit."""

_CLIENT: Final = """These belong to the command line and are not settings of the platform.
Defaults of flags (`AZURE_DEFAULTS_GROUP`, `AZURE_DEFAULTS_WORKSPACE`, `AZURE_DEFAULTS_LOCATION`) are read as `az` \
reads them."""


def page() -> str:
    """The page."""
    rows = [
        (code(row.name), code(f"PRATIQUE_{row.name.upper()}"), code(row.default) or "empty", row.meaning)
        for row in SETTINGS
    ]
    return document(
        "Settings",
        _INTRODUCTION,
        table(("in `config.toml`", "in the environment", "default", "meaning"), rows),
        "## Variables of the command line",
        _CLIENT,
        table(("variable", "meaning"), [(code(name), VARIABLES[name]) for name in sorted(CLIENT_VARIABLES)]),
    )
