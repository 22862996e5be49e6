"""What an `environment:` means: the packages that a job or deployment runs with."""

from collections.abc import Mapping
from typing import Any

from pratique.base.errors import NotYet, Problem
from pratique.control.assets import referenced
from pratique.store.database import Transaction


def resolve(tx: Transaction, workspace: str, wanted: str | Mapping[str, Any]) -> dict[str, Any]:
    """The environment that a spec wants: a reference to a registered one, or its values inline.

    Returns {"name", "version", "spec"}; name and version are empty for an inline one.
    Raises `NotFound` for a reference to nothing, `NotYet` for what cannot be built here.
    """
    if not isinstance(wanted, str):
        return {"name": "", "version": "", "spec": _buildable(wanted)}
    found = referenced(tx, workspace, ("environments",), wanted, key="environment")
    return {"name": found.name, "version": found.version, "spec": _buildable(found.spec)}


def _buildable(spec: Mapping[str, Any]) -> dict[str, Any]:
    if not spec.get("conda_file"):
        said = "an environment that is only an image cannot run on local compute yet"
        hint = "add a conda_file with the Python version and the packages; the image is then ignored, and said so"
        raise NotYet(said, hint=hint, problems=[Problem(said, key="environment", hint=hint)])
    return dict(spec)
