"""Who is logged in: one JSON file of the configuration folder, readable by its owner only.

The folder is ``PRATIQUE_CONFIG_DIR``, else ``AZURE_CONFIG_DIR`` (so that scripts
which isolate `az` isolate us as well), else ``~/.config/pratique``.
"""

import json
import os
import shlex
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from pratique.base.errors import InvalidInput, StorageFailed

PROFILE_FILE: Final = "pratique-profile.json"

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


CLIENT: Final = "client"
IDENTITY: Final = "identity"
BROWSER: Final = "browser"
FEDERATED: Final = "federated"


@dataclass(frozen=True)
class Profile:
    """A service principal that logged in, and the door that knows it."""

    url: str
    client_id: str
    client_secret: str
    """Kept, as `az` keeps it, because a token lives for an hour and a script for longer."""
    tenant: str
    token: str
    expires_on: int
    """Seconds since 1970."""
    kind: str = CLIENT
    """How another token is got: by the secret of a client, as the `IDENTITY` of the job that this
    runs in, or not at all: who logged in in a `BROWSER` or by a token of another issuer does so again."""


def configuration_folder() -> Path:
    """Where this user's configuration is; it need not exist."""
    chosen = os.environ.get("PRATIQUE_CONFIG_DIR") or os.environ.get("AZURE_CONFIG_DIR") or "~/.config/pratique"
    return Path(chosen).expanduser().absolute()


def load_profile() -> Profile | None:
    """The profile of who logged in, None when nobody did."""
    path = configuration_folder() / PROFILE_FILE
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        return Profile(
            **{field.name: written[field.name] for field in fields(Profile) if field.name != "kind"},
            kind=str(written.get("kind", CLIENT)),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} is not a profile: {error}", hint="remove it with `pratique logout`, then log in again"
        ) from error


def save_profile(profile: Profile, folder: Path | None = None) -> None:
    """Write `profile` in place of the one before it; `folder` is another than this user's."""
    write_private((folder or configuration_folder()) / PROFILE_FILE, json.dumps(asdict(profile), indent=2) + "\n")


def forget_profile() -> bool:
    """Remove the profile; False when there was none."""
    try:
        (configuration_folder() / PROFILE_FILE).unlink()
    except FileNotFoundError:
        return False
    return True


def write_az(folder: Path, *, modules: str = "") -> None:
    """Write an `az` into `folder` that runs this pratique; `modules` is the PYTHONPATH that it needs, if any.

    Whatever a script's environment says about Python holds for the script's own Python alone.
    """
    # -P keeps a file of the working folder from standing in for a module.
    command = f'exec {shlex.quote(sys.executable)} -P -m pratique "$@"'
    path = f"PYTHONPATH={shlex.quote(modules)}; export PYTHONPATH" if modules else "unset PYTHONPATH"
    lines = ["#!/bin/sh", "unset PYTHONHOME PYTHONSTARTUP PYTHONINSPECT", path, command, ""]
    write_private(folder / "az", "\n".join(lines), mode=0o700)


def write_private(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write `text` to `path` by rename, for its owner only; raises `StorageFailed`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
        try:
            with os.fdopen(os.open(draft, _NEW, mode), "w", encoding="utf-8") as stream:
                stream.write(text)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageFailed(
            f"{path} cannot be written: {error.strerror}",
            hint="choose another folder with PRATIQUE_CONFIG_DIR=/path",
        ) from error
