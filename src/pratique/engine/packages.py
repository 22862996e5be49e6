"""From an environment as a user wrote it to a Python that has its packages."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import ComputeFailed, PratiqueError
from pratique.compute.environments import Environments
from pratique.content.manifest import Manifest
from pratique.engine.building import Say, built
from pratique.specs.packages import PackageRequest, from_requirements
from pratique.specs.reader import parse_document
from pratique.specs.translation import in_its_time, translate
from pratique.store.blobs import BlobStore

_REMEMBERED: Final = 256
"""Environments whose packages are remembered."""


def python_for(environments: Environments, spec: Mapping[str, Any], *, logs: Path, say: Say) -> Path:
    """The interpreter of the environment `spec` (its values as `specs` gives them), built when it is not there yet.

    Raises `InvalidInput` for what cannot be translated and `ComputeFailed` for what cannot be built.
    """
    return _python(environments, translate(spec), logs, say)


def python_at_once(environments: Environments, spec: Mapping[str, Any], *, say: Say) -> Path | None:
    """Do as `python_for`, where nothing has to be settled or built; else None, and nothing is said."""
    request = _translated(json.dumps(spec, sort_keys=True))
    lock = environments.known(request)
    python = environments.at_once(lock) if lock else None
    if python:
        _tell_notes(environments, request, say)
    return python


@lru_cache(_REMEMBERED)
def _translated(spec: str) -> PackageRequest:
    """An environment as JSON: many jobs name the same, and the same text always means the same packages."""
    return translate(json.loads(spec))


def check(environments: Environments, spec: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` when the environment `spec` needs conda, which is not used or not there; builds nothing."""
    environments.check(translate(spec))


def lock_of(environments: Environments, spec: Mapping[str, Any]) -> str:
    """The digest of the lock that the environment `spec` was settled to; empty when it never was, here."""
    try:
        lock = environments.known(translate(spec))
    except PratiqueError:
        return ""
    return lock.digest if lock else ""


def python_of(environments: Environments, request: PackageRequest, *, logs: Path, say: Say) -> Path:
    """The interpreter of an environment of these packages."""
    return _python(environments, request, logs, say)


def python_for_model(
    environments: Environments,
    blobs: BlobStore,
    manifest: Manifest,
    *,
    logs: Path,
    say: Say,
    extra: Sequence[str] = (),
) -> Path:
    """The interpreter of the environment that an MLflow model was logged with, read from its own files.

    `extra` are requirements of ours beside the model's.
    """
    files = {entry.path: entry.digest for entry in manifest.entries}
    for name, read in (("conda.yaml", _from_conda_text), ("requirements.txt", _from_requirements_text)):
        if digest := files.get(name):
            with blobs.open(digest) as stream:
                return _python(environments, read(stream.read().decode()), logs, say, extra)
    raise ComputeFailed(
        "the MLflow model has neither conda.yaml nor requirements.txt, so its packages are not known",
        hint="name an environment in the deployment: environment: azureml:NAME@latest",
    )


def _from_conda_text(text: str) -> PackageRequest:
    return translate({"conda_file": parse_document(text, file="conda.yaml")})


def _from_requirements_text(text: str) -> PackageRequest:
    return in_its_time(from_requirements(text))


def _python(
    environments: Environments, request: PackageRequest, logs: Path, say: Say, extra: Sequence[str] = ()
) -> Path:
    _tell_notes(environments, request, say)
    return built(environments, environments.lock(request, extra=extra, say=say), logs=logs, say=say)


def _tell_notes(environments: Environments, request: PackageRequest, say: Say) -> None:
    notes = ("conda makes it, as its file says",) if environments.is_for_conda(request) else request.notes
    for note in notes:
        say(f"environment: {note}")
