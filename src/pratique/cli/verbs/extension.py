"""`extension`: accepted for scripts written for az. The verbs of `ml` are built in, so nothing is installed."""

from typing import Final

import pratique
from pratique.base.errors import NotFound
from pratique.cli.arguments import YES
from pratique.cli.table import Argument, Document, Table, flag, switch
from pratique.cli.talk import say

TABLE = Table("extension")

BUILT_IN: Final = {"name": "ml", "version": pratique.__version__, "extensionType": "built-in"}
NAME: Final[Argument] = flag("name", "--name", "-n", help="Name of the extension.")

PREVIEW: Final[Argument] = flag(
    "allow_preview", nargs="?", const="true", choices=["true", "false"], help="Whether az would take an unfinished one."
)


@TABLE.verb(
    "add",
    arguments=(
        NAME,
        flag("source", "--source", "-s", help="Where az would get it from."),
        flag("version", "--version", help="The version that az would take."),
        switch("upgrade", "--upgrade", "-U", help="az would take a newer one."),
        PREVIEW,
        YES,
    ),
    examples={"As a script does": "pratique extension add -n ml --yes"},
)
def add(
    *, name: str | None, source: str | None, version: str | None, upgrade: bool, allow_preview: str | None, yes: bool
) -> None:
    """Do nothing, and say so."""
    _nothing("add", name, source, version, upgrade, allow_preview, yes)


@TABLE.verb(
    "update",
    arguments=(NAME, PREVIEW),
    examples={"As a script does": "pratique extension update -n ml"},
)
def update(*, name: str | None, allow_preview: str | None) -> None:
    """Do nothing, and say so."""
    _nothing("update", name, allow_preview)


@TABLE.verb("remove", arguments=(NAME,), examples={"As a script does": "pratique extension remove -n azure-cli-ml"})
def remove(*, name: str | None) -> None:
    """Do nothing, and say so."""
    _nothing("remove", name)


@TABLE.verb("list", examples={"What is built in": "pratique extension list -o table"})
def list_all() -> list[Document]:
    """List the extensions of az that are built in: ml."""
    return [dict(BUILT_IN)]


@TABLE.verb("show", arguments=(NAME.required(),), examples={"Ask for ml": "pratique extension show -n ml"})
def show(*, name: str) -> Document:
    """Show an extension of az that is built in."""
    if name != BUILT_IN["name"]:
        raise NotFound(f"there is no extension {name!r}", hint="built in is: ml")
    return dict(BUILT_IN)


def _nothing(verb: str, name: str | None, *flags: object) -> None:
    """Say that nothing was done, with the flags that meant nothing."""
    meant = " and its flags" if any(flags) else ""
    say(f"extension {verb} {name or ''}{meant}: nothing to do; the verbs of `ml` are built in")
