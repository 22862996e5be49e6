"""What was changed beside the platform, told in the journal when the platform meets it.

    settings    its owner may change them with an editor, so they are in force, and the journal says which
    files       only the platform writes them, so a changed one is not used, and the journal says which

The journal holds what a home was started with: a setting that was another one
for an hour shows, also when its file is as before. Of what may hold a password,
the file among it, it holds a keyed digest: whoever reads the journal learns that
it is another, and tries in vain what it may be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pratique.base.settings import Settings
from pratique.control.actor import PLATFORM
from pratique.control.keyed_digests import KeyedDigests
from pratique.control.scopes import HOME
from pratique.store import events
from pratique.store.database import Transaction
from pratique.store.events import Event

_CHANGED: Final = "Pratique.SettingsChanged"
_REFUSED: Final = "Pratique.FilesRefused"
_SUBJECT: Final = "settings"
_SECRET: Final = ("database_url",)
"""Settings that may hold a password: only that they are others is told."""


def tell_settings(
    tx: Transaction, settings: Settings, file: Path, *, digests: KeyedDigests, now: datetime
) -> Mapping[str, Sequence[Any]]:
    """Write down which settings are others than at the last start, and whether `file` is.

    Returns each of these with its old and its new value. The first start is told as well, against the defaults;
    nobody has changed anything then.
    """
    told = events.about(tx, HOME, _SUBJECT, types=[_CHANGED])
    before: Mapping[str, Any] = told[0].data if told else {"in_force": {}, "file": ""}
    in_force, digest = _in_force(settings, digests), digests.of_file(file)
    defaults = asdict(Settings())
    changed = {
        name: [before["in_force"].get(name, defaults.get(name)), in_force.get(name, defaults.get(name))]
        for name in sorted({*before["in_force"], *in_force})
        if before["in_force"].get(name) != in_force.get(name)
    }
    if not told or changed or digest != before["file"]:
        data = {"changed": changed, "in_force": in_force, "file": digest, "file_before": before["file"]}
        events.append(tx, Event(_CHANGED, _SUBJECT, HOME, PLATFORM.to_document(), data), now=now)
    return changed if told else {}


def tell_files(tx: Transaction, files: Sequence[Path], *, now: datetime) -> None:
    """Write down which files were not used because somebody else had changed them; nothing for none."""
    if files:
        data = {"files": sorted(map(str, files))}
        events.append(tx, Event(_REFUSED, "files", HOME, PLATFORM.to_document(), data), now=now)


def _in_force(settings: Settings, digests: KeyedDigests) -> dict[str, Any]:
    """The settings that have not their defaults."""
    defaults = asdict(Settings())
    found = {name: value for name, value in asdict(settings).items() if value != defaults[name]}
    return {name: digests.of(str(value).encode()) if name in _SECRET else value for name, value in found.items()}
