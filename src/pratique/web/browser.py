"""What a person without a session sees instead of a page, and where a link may lead."""

import re
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pratique: sign in</title>
<style>:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:4em auto;padding:0 1em}</style>
<h1>Nobody is signed in</h1>
<p>This browser has no session, or the link was used already or has expired.</p>
<p>In a terminal, run <code>pratique open</code>: it opens this page with a link that works once.</p>
</html>
"""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LOCAL_PATH: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,1999}", re.ASCII)


def is_a_person(request: Request) -> bool:
    """Whether a browser asks for a page, rather than a program or a script for data."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def sign_in_page() -> HTMLResponse:
    """Says how to get a session."""
    return HTMLResponse(_PAGE, status_code=401, headers=_HEADERS)


def local_path(text: str) -> str:
    """`text` when it is a path of this origin and cannot lead a browser elsewhere, else ``/``."""
    return text if _LOCAL_PATH.fullmatch(text) else "/"
