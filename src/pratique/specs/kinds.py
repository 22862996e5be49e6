"""From a document to the spec of its kind.

    data  environment  model  job  online-endpoint  online-deployment  workspace

What Azure ML knows besides these is refused by name with `NotYet`, so that
nobody looks for a misspelling.
"""

from collections.abc import Mapping
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotYet
from pratique.specs.data import Data
from pratique.specs.deployment import OnlineDeployment
from pratique.specs.endpoint import OnlineEndpoint
from pratique.specs.environment import Environment
from pratique.specs.grammar import Spec
from pratique.specs.job import OTHER_TYPES, CommandJob
from pratique.specs.model import Model
from pratique.specs.reader import Document
from pratique.specs.words import did_you_mean, shown
from pratique.specs.workspace import Workspace

KINDS: Final[Mapping[str, type[Spec]]] = {
    "data": Data,
    "environment": Environment,
    "model": Model,
    "job": CommandJob,
    "online-endpoint": OnlineEndpoint,
    "online-deployment": OnlineDeployment,
    "workspace": Workspace,
}

PLANNED_KINDS: Final = frozenset(
    {
        "component", "schedule", "batch-endpoint", "batch-deployment", "compute", "datastore", "connection",
        "registry", "serverless-endpoint", "feature-store", "feature-set", "feature-store-entity",
    }
)  # fmt: skip
"""Kinds that Azure ML knows and this version does not have."""

_SCHEMAS: Final = {
    # What the name of a schema file begins with, in lower case: the kind it is for.
    "data": "data",
    "environment": "environment",
    "model": "model",
    "commandjob": "job",
    "pipelinejob": "job",
    "sweepjob": "job",
    "managedonlineendpoint": "online-endpoint",
    "kubernetesonlineendpoint": "online-endpoint",
    "onlineendpoint": "online-endpoint",
    "managedonlinedeployment": "online-deployment",
    "kubernetesonlinedeployment": "online-deployment",
    "workspace": "workspace",
}


def load(kind: str, document: Document) -> Spec:
    """The spec of `kind` in `document`.

    Raises `InvalidInput` with every problem at its file, line and key, or
    `NotYet` for what is understood and not run by this version.
    """
    spec = KINDS.get(kind)
    if spec is None:
        if kind in PLANNED_KINDS:
            raise NotYet(f"{kind}: not in this version")
        hint = did_you_mean(kind, [*KINDS, *PLANNED_KINDS]) or f"known: {', '.join(KINDS)}"
        raise InvalidInput(f"there is no kind {kind}", hint=hint)
    value = document.value
    if not isinstance(value, Mapping):
        said = "the file is empty" if value is None else f"expected a mapping of keys; got {shown(value)}"
        raise InvalidInput.of([document.problem((), said)], what=document.file or kind)
    _check_schema(kind, value, document)
    if kind == "job":
        _check_job_type(value, document)
    return spec.of(document)


def _check_schema(kind: str, value: Mapping[str, Any], document: Document) -> None:
    """Refuse a file whose ``$schema`` is of another kind: one problem instead of one for each key."""
    schema = value.get("$schema")
    if not isinstance(schema, str):
        return
    meant = _SCHEMAS.get(schema.rpartition("/")[2].partition(".")[0].lower())
    if meant not in (None, kind):
        said = f"this file describes a thing of kind {meant}, not {kind}"
        problem = document.problem(("$schema",), said, hint=f"pratique ml {meant} create --file {document.file}")
        raise InvalidInput.of([problem], what=document.file or kind)


def _check_job_type(value: Mapping[str, Any], document: Document) -> None:
    """Other types of jobs have other keys, so their type is the only problem that is told."""
    given = value.get("type")
    named = str(given).lower()
    if given is None or named == "command":
        return
    if named in OTHER_TYPES:
        problem = document.problem(("type",), f"{named}: {OTHER_TYPES[named]} not run in this version")
        raise NotYet.of([problem], what=document.file or "job")
    choices = ["command", *OTHER_TYPES]
    said = f"expected one of {', '.join(choices)}; got {shown(given)}"
    problem = document.problem(("type",), said, hint=did_you_mean(given, choices))
    raise InvalidInput.of([problem], what=document.file or "job")
