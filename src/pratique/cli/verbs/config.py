"""`config`: single settings of the command line."""

from typing import Any, Final

from pratique.base.errors import NotFound
from pratique.cli.configuration import Configuration
from pratique.cli.output import FORMATS
from pratique.cli.table import Table, flag
from pratique.cli.usage import UsageError, pairs
from pratique.cli.verbs.configure import check_default, listed

TABLE = Table("config")

_SWITCHES: Final = ("true", "false", "yes", "no", "on", "off", "1", "0")


@TABLE.verb(
    "get",
    arguments=(flag("key", "KEY", help="SECTION.NAME, or a section; without one, everything.", nargs="?"),),
    examples={"One setting": "pratique config get core.output", "A section": "pratique config get defaults"},
)
def get(*, key: str | None) -> Any:
    """Show a setting with where it comes from."""
    configuration = Configuration()
    if not key:
        return {section: listed(configuration, section) for section in sorted({*configuration.sections(), "defaults"})}
    section, dot, option = key.partition(".")
    if not dot:
        return listed(configuration, section)
    found = configuration.find(section, option)
    if found is None:
        raise NotFound(f"{key} is not set", hint=f"set it with `pratique config set {key}=VALUE`")
    return {"name": option, "source": found.source, "value": found.value}


@TABLE.verb(
    "set",
    arguments=(flag("settings", "SECTION.NAME=VALUE", help="Nothing after = removes it.", nargs="+"),),
    examples={"Tables by default": "pratique config set core.output=table"},
)
def set_value(*, settings: list[str]) -> None:
    """Write settings into the user's configuration."""
    given = pairs(settings, flag="config set")
    for key, value in given.items():
        section, dot, option = key.partition(".")
        if not (dot and section and option):
            raise UsageError(f"{key!r} is not SECTION.NAME", hint="such as core.output=table or defaults.group=NAME")
        if section == "defaults":
            check_default(option)
        # Every command reads these first, so a wrong value could not even be corrected.
        if key == "core.only_show_errors" and value.lower() not in ("", *_SWITCHES):
            raise UsageError(f"{key}: {value!r} is no switch; expected true or false")
        if key == "core.output" and value not in ("", *FORMATS):
            raise UsageError(f"{key}: {value!r} is no format; expected one of {', '.join(FORMATS)}")
    configuration = Configuration()
    for key, value in given.items():
        section, _, option = key.partition(".")
        configuration.set_value(section, option, value)


@TABLE.verb(
    "unset",
    arguments=(flag("settings", "SECTION.NAME", help="What to remove.", nargs="+"),),
    examples={"Forget a default": "pratique config unset defaults.location"},
)
def unset(*, settings: list[str]) -> None:
    """Remove settings from the user's configuration; one that is not set is no error."""
    set_value(settings=[f"{name}=" for name in settings])
