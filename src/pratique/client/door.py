"""Which door to knock at, and with which token.

    the door    PRATIQUE_URL, else the profile's, else `door.json` of the running platform
    the token   PRATIQUE_TOKEN, else the profile's, else the owner's token of the running platform

A token goes only to the door that gave it: a `PRATIQUE_URL` which is not the
profile's door never receives the profile's token, nor the owner's.
"""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pratique.base.errors import InvalidInput, StorageFailed, Unavailable
from pratique.base.home import Home
from pratique.client.login import Profile, load_profile

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Door:
    """Where the API is and what to show there."""

    url: str
    token: str
    """Empty when there is none: the API will answer that it does not know us."""
    profile: Profile | None
    """The login that the token came from; None in embedded mode or with PRATIQUE_TOKEN."""


def find_door() -> Door:
    """The door of this environment; raises `Unavailable` when no platform is known."""
    profile = load_profile()
    live = _live_door(Home.from_environment())
    url = os.environ.get("PRATIQUE_URL") or (profile.url if profile else "") or live.get("door", "")
    if not url:
        raise Unavailable(
            f"no platform runs for the home {Home.from_environment().root}",
            hint="start it with `pratique up`, or name another with PRATIQUE_URL or PRATIQUE_HOME",
        )
    url = check_url(url)
    return _with_token(url, profile, live)


def check_url(url: str) -> str:
    """`url` without a slash at its end; raises `InvalidInput` where a token would travel readable."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(f"{url!r} is not the address of a platform", hint="expected http://127.0.0.1:7070")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise InvalidInput(
            f"{url} is not on this machine, and http shows tokens to everybody on the way",
            hint="use its https address",
        )
    return url.rstrip("/")


def _with_token(url: str, profile: Profile | None, live: dict[str, Any]) -> Door:
    if token := os.environ.get("PRATIQUE_TOKEN"):
        return Door(url, token, None)
    if profile and profile.url == url:
        return Door(url, profile.token, profile)
    if url == str(live.get("door", "")).rstrip("/"):
        return Door(url, _owner_token(Home.from_environment()), None)
    return Door(url, "", None)


def _live_door(home: Home) -> dict[str, Any]:
    """What the running platform says of itself; empty when none runs."""
    path = home.runtime / "door.json"
    try:
        _check_ours(home.runtime)
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StorageFailed(f"{path} cannot be read: {error}", hint="run `pratique doctor`") from error
    return found if isinstance(found, dict) else {}


def _owner_token(home: Home) -> str:
    try:
        return (home.runtime / "owner.token").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _check_ours(folder: Path) -> None:
    """A folder that somebody else made may name a door of theirs."""
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        raise StorageFailed(
            f"{folder} is not a private folder of this user",
            hint="remove it, or set PRATIQUE_RUNTIME_DIR to a folder of your own",
        )
