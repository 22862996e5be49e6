"""The job message: everything that a worker needs to run one unit, as plain data.

It is the only thing that goes from the engine to a worker, so a unit can be run
again, or tested, from its message alone. It holds secrets: it is fetched once,
kept in memory and never written to a disk. `to_document` gives JSON, and
`of_document` makes an equal message of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

from pratique.base.errors import InvalidInput
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.nodes import Place, Source
from pratique.delivery.pipeline import DEFAULT_CANCEL_TIMEOUT, DEFAULT_TIMEOUT, Step

Document: TypeAlias = dict[str, Any]
"""A JSON object; the fields are those of the classes here."""

GIT: Final = "git"
SNAPSHOT: Final = "snapshot"


@dataclass(frozen=True)
class RunFacts:
    """The run that the unit belongs to."""

    id: int
    """Build.BuildId: counts over all deliveries."""
    number: str
    """Build.BuildNumber: the run's name."""
    project: str
    delivery: str
    reason: str = "Manual"
    """Build.Reason, such as Manual, IndividualCI or Schedule."""
    requested_for: str = ""


@dataclass(frozen=True)
class UnitFacts:
    """Which unit it is; see `pratique.delivery.run.units`."""

    stage: str
    job: str
    unit: str = ""
    attempt: int = 1
    display_name: str = ""
    hook: str = ""
    """Of a deployment: the hook that it is. A deployment's units do not check out by themselves."""

    @property
    def key(self) -> str:
        return f"{self.stage}/{self.job}/{self.unit}"

    @property
    def is_deployment(self) -> bool:
        return bool(self.hook)


@dataclass(frozen=True)
class RepositorySource:
    """A repository that the unit may check out."""

    alias: str
    """As `checkout:` names it: self, an alias under resources, or the inline git://PROJECT/NAME."""
    name: str
    """Its bare name, which is the folder of its checkout when there are several."""
    type: str = GIT
    """git, or snapshot: a working tree as it was, uncommitted changes included."""
    url: str = ""
    """Of git: what `git fetch` is given, a URL or the path of a repository on this machine."""
    ref: str = ""
    """refs/heads/main; empty: what the commit says."""
    commit: str = ""
    """Of git: the full id; empty: the head of `ref`."""
    manifest: str = ""
    """Of a snapshot: the digest of its manifest, among the manifests of the run."""
    token: str = ""
    """Sent as a bearer token to `url`; empty: none. Secret."""
    project: str = ""
    """Of a hosted repository; empty: the run's own."""


@dataclass(frozen=True)
class Connection:
    """A service connection that the steps of the unit name and the delivery may use."""

    name: str
    workspace: str = ""
    """Its scope: the workspace, or the whole group when empty."""
    resource_group: str = ""
    client_id: str = ""
    tenant: str = ""
    secret: str = ""
    url: str = ""
    """Of a generic connection: its address. Of the platform's own: empty, the platform's door."""
    vaults: tuple[str, ...] = ()
    """The vaults that its principal may read."""


@dataclass(frozen=True)
class PipelineRun:
    """A run of another delivery whose artifacts may be downloaded; see `resources.pipelines`."""

    alias: str
    run: int
    delivery: str = ""
    project: str = ""


@dataclass(frozen=True)
class JobMessage:
    """One unit, complete."""

    run: RunFacts
    unit: UnitFacts
    steps: tuple[Step, ...]
    variables: tuple[Variable, ...] = ()
    """What it starts with: `Decision.variables`."""
    repositories: tuple[RepositorySource, ...] = ()
    """Its own, called self, first."""
    connections: tuple[Connection, ...] = ()
    pipelines: tuple[PipelineRun, ...] = ()
    timeout: int = DEFAULT_TIMEOUT
    """Minutes; 0 is no limit."""
    cancel_timeout: int = DEFAULT_CANCEL_TIMEOUT
    """Minutes for the steps that run after a cancel."""
    workspace_clean: str = ""
    """outputs, resources or all; a unit's workspace is new in any case."""
    access_token: str = ""
    """System.AccessToken: reaches a step only where it is mapped. Secret."""
    masked: tuple[str, ...] = ()
    """Further texts that nothing may show."""

    def repository(self, alias: str) -> RepositorySource | None:
        """The repository that `alias` names, in any case."""
        return next((one for one in self.repositories if one.alias.lower() == alias.lower()), None)

    def connection(self, name: str) -> Connection | None:
        """The service connection of that name, in any case."""
        return next((one for one in self.connections if one.name.lower() == name.lower()), None)

    def pipeline(self, alias: str) -> PipelineRun | None:
        """The run of the pipeline resource `alias`, in any case."""
        return next((one for one in self.pipelines if one.alias.lower() == alias.lower()), None)

    def secrets(self) -> frozenset[str]:
        """Every text in it that nothing may show."""
        found = {self.access_token, *self.masked}
        found |= {one.value for one in self.variables if one.is_secret}
        found |= {one.token for one in self.repositories} | {one.secret for one in self.connections}
        return frozenset(found - {""})

    def to_document(self) -> Document:
        """The message as JSON."""
        document = asdict(self)
        document["steps"] = [step_document(step) for step in self.steps]
        for name in ("variables", "repositories", "connections", "pipelines", "masked"):
            document[name] = list(document[name])
        for connection in document["connections"]:
            connection["vaults"] = list(connection["vaults"])
        return document

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "JobMessage":
        """The message that `to_document` gave; raises `InvalidInput` for anything else."""
        try:
            return _message(document)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # The text of the error is left out: it may quote a secret.
            raise InvalidInput(f"this is no job message: {type(error).__name__}") from None


def step_document(step: Step) -> Document:
    """A step as JSON, with its place."""
    return {
        "kind": step.kind,
        "task": step.task,
        "inputs": dict(step.inputs),
        "place": [_place_document(place) for place in (step.place, *step.place.chain)],
        "name": step.name,
        "display_name": step.display_name,
        "condition": step.condition,
        "env": dict(step.env),
        "continue_on_error": step.continue_on_error,
        "is_enabled": step.is_enabled,
        "timeout": step.timeout,
        "retries": step.retries,
        "settable": None if step.settable is None else list(step.settable),
        "is_restricted": step.is_restricted,
    }


def step_of(document: Mapping[str, Any]) -> Step:
    """The step that `step_document` gave."""
    settable = document["settable"]
    return Step(
        **{
            **document,
            "place": _place(document["place"]),
            "settable": None if settable is None else tuple(settable),
        }
    )


def _place_document(place: Place) -> Document:
    source = place.source
    return {"repository": source.repository, "path": source.path, "line": place.line, "column": place.column}


def _place(chain: list[Mapping[str, Any]]) -> Place:
    via: Place | None = None
    for one in reversed(chain):
        via = Place(Source(one["repository"], one["path"]), one["line"], one["column"], via)
    if via is None:
        raise ValueError("a step has a place")
    return via


def _message(document: Mapping[str, Any]) -> JobMessage:
    return JobMessage(
        **{
            **document,
            "run": RunFacts(**document["run"]),
            "unit": UnitFacts(**document["unit"]),
            "steps": tuple(step_of(one) for one in document["steps"]),
            "variables": tuple(Variable(**one) for one in document["variables"]),
            "repositories": tuple(RepositorySource(**one) for one in document["repositories"]),
            "connections": tuple(
                Connection(**{**one, "vaults": tuple(one["vaults"])}) for one in document["connections"]
            ),
            "pipelines": tuple(PipelineRun(**one) for one in document["pipelines"]),
            "masked": tuple(document["masked"]),
        }
    )
