"""What an `environment:` means: the packages that a job or deployment runs with."""

from collections.abc import Mapping
from typing import Any

from pratique.base.errors import InvalidInput, NotFound, NotYet, Problem
from pratique.control.assets import version_of
from pratique.specs.references import Asset, parse_reference
from pratique.store.database import Transaction


def resolve(tx: Transaction, workspace: str, wanted: str | Mapping[str, Any]) -> dict[str, Any]:
    """The environment that a spec wants: a reference to a registered one, or its values inline.

    Returns {"name", "version", "spec"}; name and version are empty for an inline one.
    Raises `NotFound` for a reference to nothing, `NotYet` for what cannot be built here.
    """
    if isinstance(wanted, str):
        return _registered(tx, workspace, wanted)
    return {"name": "", "version": "", "spec": _buildable(dict(wanted))}


def _registered(tx: Transaction, workspace: str, text: str) -> dict[str, Any]:
    reference = parse_reference(text)
    if not isinstance(reference, Asset):
        said = f"{text!r} does not name an environment"
        hint = "azureml:NAME:VERSION or azureml:NAME@latest"
        raise InvalidInput(said, hint=hint, problems=[Problem(said, key="environment", hint=hint)])
    if reference.registry:
        raise NotYet(f"environments of the registry {reference.registry!r} are not available on local compute")
    found = version_of(tx, workspace, "environments", reference)
    if found is None:
        raise NotFound(
            f"environment: there is no environment {text!r} in workspace {workspace!r}",
            hint="create it first: pratique ml environment create --file environment.yml",
        )
    return {"name": found.name, "version": found.version, "spec": _buildable(dict(found.spec))}


def _buildable(spec: dict[str, Any]) -> dict[str, Any]:
    if not spec.get("conda_file"):
        raise NotYet(
            "an environment that is only an image cannot run on local compute yet",
            hint="add a conda_file with the Python version and the packages; the image is then ignored, and said so",
        )
    return spec
