"""``pratique open``."""

import os
import sys
import webbrowser

from pratique.cli.place import Place
from pratique.cli.table import Table, Text, flag, switch
from pratique.cli.talk import say
from pratique.client.connection import path_of

TABLE = Table("open")
_NEXT = flag("next", help="Where the browser goes once it is signed in: a path of the door, such as /mlflow/dev/.")
_ONLY_PRINT = switch("only_print", "--print", help="Print the link and do not open a browser.")


@TABLE.verb(
    "",
    arguments=(_NEXT, _ONLY_PRINT),
    examples={
        "Open the MLflow pages of a workspace": "pratique open --next /mlflow/dev/",
        "Only print the link": "pratique open --print",
    },
)
def open_browser(platform: Place, *, next: str | None, only_print: bool) -> Text:  # noqa: A002 - the flag's name.
    """Make a one-time link that signs a browser in.

    The link is good for five minutes and for one use; the session that it opens
    ends after twelve hours. Whoever has the link is you, so do not send it around.
    """
    link = str(platform.connection.post(path_of("links"), {"next": next or "/"})["url"])
    if not only_print and _has_screen() and webbrowser.open(link):
        say("opened in your browser")
    return Text(link)


def _has_screen() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
