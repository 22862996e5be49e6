"""Flags that several verbs share, spelt as `az` spells them."""

import argparse
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from pratique.cli.table import Argument, flag, switch
from pratique.specs.edits import Edit, Edits

_PLACES_IN_LINE: Final = count()


class InOrder(argparse.Action):
    """Keeps the words of a flag with where it stood, so that --set, --add and --remove are made in their order."""

    def __call__(self, _parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        """Keep one flag; argparse calls this."""
        known = getattr(namespace, self.dest) or ()
        setattr(namespace, self.dest, (*known, (next(_PLACES_IN_LINE), option_string, tuple(values))))


NAME: Final = flag("name", "--name", "-n", help="Name.", required=True)
OPTIONAL_NAME: Final = flag("name", "--name", "-n", help="Name; overrides the file's.")
FILE: Final = flag("file", "--file", "-f", help="Azure ML YAML file.")
VERSION: Final = flag("version", "--version", "-v", help="Version.")
LABEL: Final = flag("label", "--label", "-l", help="Label instead of a version, such as latest.")
EDITS: Final = (
    flag(
        "set_edits", "--set", nargs="+", action=InOrder, default=(), metavar="KEY=VALUE",
        help="Change keys: a.b=c, list[0].b=c, a='{\"b\": 1}'. Several may follow.",
    ),
    flag(
        "add_edits", "--add", nargs="+", action=InOrder, default=(), metavar="LIST VALUE",
        help="Append to a list: texts, key=value pairs that make one mapping, or JSON.",
    ),
    flag(
        "remove_edits", "--remove", nargs="+", action=InOrder, default=(), metavar="KEY",
        help="Remove keys, such as tags.stage, or positions of a list: LIST 0.",
    ),
    switch("force_string", help="Take every value of --set and --add as text."),
)  # fmt: skip
"""The flags of a verb that has a parameter `edits`."""
TAG: Final = flag(
    "tags", "--tag", nargs="+", action="extend", default=[], metavar="NAME[=VALUE]",
    help="Only those with this tag. Several must all match.",
)  # fmt: skip
SET_TAGS: Final = flag(
    "tags", "--tags", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="Tags, separated by spaces."
)
DESCRIPTION: Final = flag("description", help="A sentence about it.")
DATASTORE: Final = flag(
    "datastore", "--datastore", help="Datastore to lay the files into; without one, the content store alone."
)
DISPLAY_NAME: Final = flag("display_name", "--display-name", help="Name for people.")
LOCATION: Final = flag("location", "--location", "-l", help="Kept and shown; everything runs on this machine.")
MAX_RESULTS: Final = flag("max_results", "--max-results", "-r", type=int, help="At most so many.")
INCLUDE_ARCHIVED: Final = switch("include_archived", help="Archived ones as well.")
ARCHIVED_ONLY: Final = switch("archived_only", help="Archived ones only.")
NO_WAIT: Final = switch("no_wait", help="Do not wait for the end of it.")
YES: Final = switch("yes", "--yes", "-y", help="Do not ask for confirmation.")
WEB: Final = switch("web", "--web", "-e", help="Open it in a browser; without one, print the address on stderr.")
LOCAL: Final = switch("local", help="Accepted for scripts written for az: everything runs on this machine already.")
DOWNLOAD_PATH: Final = flag("download_path", "--download-path", "-p", default=".", help="Folder to write into.")
ENDPOINT_NAME: Final = flag(
    "endpoint_name", "--endpoint-name", "--endpoint", "-e", help="Name of the endpoint; overrides the file's."
)

RESOURCE_GROUP: Final = flag(
    "resource_group", "--resource-group", "-g", help="Resource group; has a default, see `pratique configure`."
)
WORKSPACE_NAME: Final = flag(
    "workspace_name", "--workspace-name", "-w", help="Workspace; has a default, see `pratique configure`."
)
SUBSCRIPTION: Final = flag(
    "subscription", help="Accepted for scripts written for az: there is one subscription, the platform's home."
)
PLACES: Final[dict[str, tuple[Argument, ...]]] = {
    "place": (RESOURCE_GROUP, WORKSPACE_NAME, SUBSCRIPTION),
    "in_group": (RESOURCE_GROUP, SUBSCRIPTION),
    "platform": (SUBSCRIPTION,),
}
"""The parameter by which a verb asks for a `Place`, and the flags that it then has."""

REASON: Final = flag("reason", "--reason", help="Why, in a sentence that the journal keeps beside what is done.")
"""The flag of every verb that speaks to the platform and is not only about looking."""
ONLY_LOOKS: Final = frozenset(
    {"list", "show", "stream", "tail", "validate", "why", "blame", "verify", "head", "export"}
)
"""The last words of verbs that change nothing."""
SHOWS_SECRETS: Final = frozenset({"keyvault secret show"})
"""The verbs that do so all the same and show a secret, which the journal tells."""


def edits_of(parameters: Mapping[str, Any]) -> Edits:
    """What the flags of `EDITS` want changed."""
    made = sorted(one for argument in EDITS[:-1] for one in parameters.get(argument.name) or ())
    return Edits(tuple(Edit(flag, words) for _, flag, words in made), bool(parameters.get("force_string")))
