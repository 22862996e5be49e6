"""What a client may name as the source of a model version: files that this platform keeps, and nothing else.

    runs:/<run>/<path>                        what a run logged
    models:/m-<id>                            a model that MLflow 3 logged
    models:/<name>/<version or stage>, models:/<name>@<alias>    another registered version
    mlflow-artifacts:/<path>                  a path inside the artifact root

A path of somebody's disk, another server's URL or a bucket is refused: the
server never fetches what a client names.
"""

import re
from typing import Final

from pratique.base.errors import InvalidInput
from pratique.content.paths import check_relative
from pratique.control.registry import ArtifactPath, LoggedModel, RegisteredVersion, Source
from pratique.specs.references import RunPath

_LOGGED_MODEL: Final = re.compile(r"models:/(m-[0-9a-zA-Z]{1,62})", re.ASCII)
_BY_VERSION: Final = re.compile(r"models:/([^/@]+)/([^/@]+)", re.ASCII)
_BY_ALIAS: Final = re.compile(r"models:/([^/@]+)@([^/@]+)", re.ASCII)
_OF_RUN: Final = re.compile(r"runs:/([0-9a-zA-Z_-]{1,64})(?:/(.*))?", re.ASCII | re.DOTALL)
_ARTIFACTS: Final = re.compile(r"mlflow-artifacts:/(?!/)(.+)", re.DOTALL)
_HINT: Final = (
    "log the files in a run of this workspace and register runs:/<run id>/<path>, or use the command line: "
    "pratique ml model create --path FOLDER"
)


def parse_source(text: str, *, run_id: str = "", model_id: str = "") -> Source:
    """What `text` means; raises `InvalidInput` when it is elsewhere, or not of the run or model that is claimed."""
    if found := _LOGGED_MODEL.fullmatch(text):
        _same(text, "model_id", model_id, found[1])
        return LoggedModel(found[1])
    if found := _BY_VERSION.fullmatch(text):
        return RegisteredVersion(found[1], found[2])
    if found := _BY_ALIAS.fullmatch(text):
        return RegisteredVersion(found[1], f"@{found[2]}")
    if found := _OF_RUN.fullmatch(text):
        _same(text, "run_id", run_id, found[1])
        path = (found[2] or "").strip("/")
        return RunPath(found[1], check_relative(path) if path else "")
    if found := _ARTIFACTS.fullmatch(text):
        path = check_relative(found[1].strip("/"))
        parts = path.split("/")
        if parts[0].isdecimal() and parts[1:2] not in ([], ["models"]):
            _same(text, "run_id", run_id, parts[1])
        return ArtifactPath(path)
    raise InvalidInput(f"{text[:200]!r} is not a place that this platform keeps files in", hint=_HINT)


def _same(text: str, what: str, claimed: str, found: str) -> None:
    if claimed and claimed != found:
        raise InvalidInput(f"the {what} {claimed!r} is not that of the source {text!r}")
