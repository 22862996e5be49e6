"""`configure`: the defaults of -g, -w, -l and --project."""

from typing import Any, Final

from pratique.cli.configuration import Configuration
from pratique.cli.table import Table, flag, switch
from pratique.cli.usage import UsageError, nearest, pairs

TABLE = Table("configure")

KNOWN: Final = ("group", "workspace", "location", "project")


@TABLE.verb(
    "",
    arguments=(
        flag(
            "defaults", "--defaults", "-d", nargs="+", metavar="NAME=VALUE",
            help="group=, workspace=, location= or project=; nothing after = removes it.",
        ),
        switch("list_defaults", "--list-defaults", "-l", help="List the defaults in force and where each comes from."),
    ),
    examples={
        "Set the defaults": "pratique configure --defaults group=credit-rg workspace=credit",
        "List them": "pratique configure -l",
    },
)  # fmt: skip
def configure(*, defaults: list[str] | None, list_defaults: bool) -> list[dict[str, Any]] | None:
    """Set or list the defaults of -g, -w, -l and --project.

    A flag wins, then AZURE_DEFAULTS_GROUP, _WORKSPACE and _LOCATION, then a config.json in this folder or above,
    then these.
    """
    if not defaults and not list_defaults:
        raise UsageError("nothing to do", hint="give --defaults group=NAME workspace=NAME, or -l to list them")
    configuration = Configuration()
    for name, value in pairs(defaults or [], flag="--defaults").items():
        check_default(name)
        configuration.set_value("defaults", name, value)
    return listed(configuration, "defaults") if list_defaults else None


def check_default(name: str) -> None:
    """Raise `UsageError` for a default that no flag has."""
    if name not in KNOWN:
        near = nearest(name, KNOWN)
        raise UsageError(
            f"there is no default {name!r}; known: {', '.join(KNOWN)}",
            hint=f"did you mean {near[0]}=?" if near else "",
        )


def listed(configuration: Configuration, section: str) -> list[dict[str, Any]]:
    """The options of a section in force: name, value, source."""
    found = ((option, configuration.find(section, option)) for option in configuration.options(section))
    return [{"name": option, "source": one.source, "value": one.value} for option, one in found if one]
