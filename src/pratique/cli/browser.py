"""--web: a page of the platform in the user's browser."""

import os
import sys
import webbrowser
from urllib.parse import urlsplit

from pratique.cli.talk import say, warn
from pratique.client.connection import Connection, path_of


def show_page(address: str) -> None:
    """Open an address in the user's browser, or print it where there is none."""
    if not (_has_screen() and webbrowser.open(address)):
        say(f"open in a browser: {address}")


def _has_screen() -> bool:
    has_screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.stderr.isatty() and bool(has_screen)


def show_in_browser(connection: Connection, page: str) -> None:
    """Open `page` by a one-time link, which carries the session; without a screen, print both addresses."""
    if not page:
        warn("--web: there is no page of it yet")
        return
    parts = urlsplit(page)
    onward = parts.path + (f"#{parts.fragment}" if parts.fragment else "")
    link = str(connection.post(path_of("links"), {"next": onward})["url"])
    say(f"Web View: {page}")
    if not (_has_screen() and webbrowser.open(link)):
        say(f"open once in a browser to be let in: {link}")
