"""What a job is given: literals, and content by digest; decided when the job is made and never later.

{"literal": 0.1}
{"type", "mode", "manifest", "name", "is_file", "asset"}    files, which the job sees as a path
{"type", "mode": "direct", "uri"}                           a place that the job reads by itself
None                                                        an optional input that was left out
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from pratique.base.errors import InvalidInput, NotYet, Problem
from pratique.control import content
from pratique.control.assets import referenced
from pratique.specs.references import Asset, Upload, Url, parse_reference
from pratique.store.database import Transaction

Given: TypeAlias = dict[str, Any] | None

PATH_MODES: Final = ("ro_mount", "rw_mount", "mount", "download")
"""How an input can be had as a path."""
DIRECT: Final = "direct"


def resolved(tx: Transaction, workspace: str, key: str, value: Any, *, now: datetime) -> Given:
    """What `value` of a spec at `key` gives the job.

    Raises `NotFound` for what the workspace does not have and `NotYet` for a mode that is not there.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return {"literal": value}
    if value.get("path") is None:
        literal = value.get("value", value.get("default"))
        return {"literal": literal} if literal is not None else None
    mode = checked_mode(str(value.get("mode") or "ro_mount"), key)
    kind = str(value.get("type") or "uri_folder")
    return of_path(tx, workspace, str(value["path"]), kind, mode, key, now=now)


def of_path(
    tx: Transaction, workspace: str, path: str, kind: str, mode: str, key: str, *, now: datetime
) -> dict[str, Any]:
    """The content, or with mode `direct` the place, that `path` names."""
    reference = parse_reference(path)
    if mode == DIRECT and isinstance(reference, Url):
        return {"type": kind, "mode": mode, "uri": path}
    if mode == DIRECT and isinstance(reference, Upload):
        said = "mode 'direct' gives a URI, and a file that was uploaded for this job has none"
        hint = "register it as a data asset and name that, or leave the mode out"
        raise InvalidInput(said, hint=hint, problems=[Problem(said, key=f"{key}.mode", hint=hint)])
    asset = None
    if isinstance(reference, Asset):
        found = referenced(tx, workspace, ("data", "models"), path, key=key)
        asset = {"kind": found.kind, "name": found.name, "version": found.version}
        path_here, path = found.path, f"azureml:{found.name}:{found.version}"
    else:
        path_here = path
    held = content.resolve(tx, workspace, path_here, now=now, key=key)
    given = {
        "type": kind,
        "mode": mode,
        "manifest": held.manifest.digest,
        "name": held.name,
        "is_file": held.is_file,
        "asset": asset,
    }
    return {**given, "uri": path} if mode == DIRECT else given


def checked_mode(mode: str, key: str) -> str:
    """`mode`, when an input can be had that way; raises `NotYet` when not."""
    if mode not in (*PATH_MODES, DIRECT):
        said, hint = f"mode {mode!r} is not available on local compute yet", f"use {', '.join(PATH_MODES)} or {DIRECT}"
        raise NotYet(said, hint=hint, problems=[Problem(said, key=f"{key}.mode", hint=hint)])
    return mode
