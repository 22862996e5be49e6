"""References: the short texts by which one thing names another.

    azureml:NAME:VERSION                                     an asset, pinned
    azureml:NAME@LABEL                                       an asset by label, such as latest
    azureml:NAME                                             an asset whose newest version is meant
    azureml://registries/R/models/NAME/versions/V            an asset of a registry; also labels/L
    azureml:/subscriptions/…/workspaces/W/models/NAME/versions/V   the id of an asset, also without azureml:
    azureml://datastores/D/paths/P                           a place in a datastore
    azureml://jobs/JOB/outputs/OUTPUT/paths/P                an output of a job
    runs:/RUN/P                                              an artifact of an MLflow run
    upload:DIGEST/NAME                                       an uploaded manifest and its base name
    https://… wasbs://… abfss://…                            somewhere else
    file:PATH, PATH                                          a file or folder beside the YAML

Parsing only says what a text means; whether it exists is for those who look
it up. A path inside a reference is plain and relative (`content.paths`), so
nothing that passes here can lead out of what it names.

This module stays free of pydantic: the client imports it for every verb.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from pratique.base.errors import InvalidInput, Problem
from pratique.base.names import check_name
from pratique.content.hashing import is_digest
from pratique.content.paths import check_relative
from pratique.specs.keys import Key, dotted

Noun: TypeAlias = Literal["data", "environments", "models", "components", "codes"]


@dataclass(frozen=True)
class Asset:
    """A data, environment or model asset; without version and label the newest version is meant."""

    name: str
    version: str | None = None
    label: str | None = None
    registry: str | None = None
    """The registry that has it; None for a workspace."""
    workspace: str | None = None
    """The workspace that has it, when the reference names one."""
    noun: str | None = None
    """What kind it is (`data`, `environments`, `models`), when the reference says so."""

    def __str__(self) -> str:
        if self.registry:
            end = f"versions/{self.version}" if self.version else f"labels/{self.label or 'latest'}"
            return f"azureml://registries/{self.registry}/{self.noun}/{self.name}/{end}"
        end = f":{self.version}" if self.version else f"@{self.label}" if self.label else ""
        return f"azureml:{self.name}{end}"


@dataclass(frozen=True)
class Upload:
    """Files that a client has uploaded: the digest of their manifest, and the base name they had."""

    digest: str
    name: str

    def __str__(self) -> str:
        return f"upload:{self.digest}/{self.name}"


@dataclass(frozen=True)
class LocalPath:
    """A file or folder on the user's disk, as written."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class DatastorePath:
    """A place in a datastore; `path` may hold bindings such as ``${{name}}`` and may be empty."""

    datastore: str
    path: str
    workspace: str | None = None

    def __str__(self) -> str:
        return f"azureml://datastores/{self.datastore}/paths/{self.path}"


@dataclass(frozen=True)
class JobOutput:
    """An output of a job, or what lies at `path` below it."""

    job: str
    output: str
    path: str = ""

    def __str__(self) -> str:
        below = f"/paths/{self.path}" if self.path else ""
        return f"azureml://jobs/{self.job}/outputs/{self.output}{below}"


@dataclass(frozen=True)
class RunPath:
    """An artifact of an MLflow run."""

    run_id: str
    path: str

    def __str__(self) -> str:
        return f"runs:/{self.run_id}/{self.path}"


@dataclass(frozen=True)
class Url:
    """Somewhere else, by URL."""

    url: str

    @property
    def is_on_the_web(self) -> bool:
        """Whether anybody can fetch it who is let: by HTTP."""
        return self.url.lower().startswith(("http://", "https://")) and not _BINDING.search(self.url)

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Compute:
    """Where a job runs, by name; ``local`` is this machine."""

    name: str

    def __str__(self) -> str:
        return "local" if self.name == "local" else f"azureml:{self.name}"


Reference: TypeAlias = Asset | Upload | LocalPath | DatastorePath | JobOutput | RunPath | Url

_ELSEWHERE: Final = frozenset({"http", "https", "wasb", "wasbs", "abfs", "abfss", "adl", "s3", "gs"})
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # Two letters at least: C:\data is a path.
_NOUNS: Final = "data|environments|models|components|codes"
_NAME: Final = r"[^/:@]+"
_WORKSPACE: Final = (
    r"/+subscriptions/[^/]+/resource[gG]roups/[^/]+(?:/providers/[^/]+)?/workspaces/(?P<workspace>[^/]+)"
)
_ASSET_END: Final = (
    rf"(?P<noun>{_NOUNS})/(?P<name>{_NAME})(?:/versions/(?P<version>{_NAME})|/labels/(?P<label>{_NAME}))?"
)
_DATASTORE: Final = r"datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)"
_OUTPUT: Final = r"jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths(?:/(?P<path>.*))?)?/?"
_ASSETS: Final = (
    re.compile(rf"azureml:(?P<name>{_NAME}):(?P<version>{_NAME})"),
    re.compile(rf"azureml:(?P<name>{_NAME})@(?P<label>{_NAME})"),
    re.compile(rf"azureml:(?P<name>{_NAME})"),
    re.compile(rf"azureml://registries/(?P<registry>{_NAME})/{_ASSET_END}"),
    re.compile(rf"azureml:{_WORKSPACE}/{_ASSET_END}"),
)
_DATASTORES: Final = (
    re.compile(rf"azureml://{_DATASTORE}"),
    re.compile(rf"azureml:{_WORKSPACE}/{_DATASTORE}"),
)
_OUTPUTS: Final = re.compile(rf"azureml://{_OUTPUT}")
_BINDING: Final = re.compile(r"\$\{\{[^{}]*\}\}")
_ID: Final = re.compile(rf"{_WORKSPACE}/(?:{_NOUNS}|datastores)/.+")
_COMPUTE: Final = re.compile(rf"(?:azureml:)?(?:{_WORKSPACE}/computes/)?(?P<name>[A-Za-z][A-Za-z0-9_-]*)")


def parse_reference(text: str) -> Reference:
    """What `text` refers to; raises `InvalidInput` when it has the form of a reference and is none."""
    if not text.strip() or "\0" in text:
        raise InvalidInput("expected a path or a reference; got an empty text")
    scheme = _SCHEME.match(text)
    match scheme[1].lower() if scheme else "":
        case "azureml":
            return _azureml(text)
        case "upload":
            return _upload(text)
        case "runs":
            return _run_path(text)
        case "file":
            return _local(re.sub(r"^file:(//(?=/))?", "", text, flags=re.IGNORECASE))
        case known if known in _ELSEWHERE:
            return Url(text)
        case _ if _ID.fullmatch(text):  # As documents print it: nobody's folder is called so.
            return _azureml(f"azureml:{text}")
        case _ if "://" in text:
            raise InvalidInput(f"{text} is no reference that is known", hint="known: azureml:, runs:/, file:, https://")
        case _:
            return _local(text)


def parse_compute(text: str) -> Compute:
    """The compute that `text` names: ``local``, ``serverless``, ``azureml:NAME``, ``NAME`` or the id of one."""
    found = _COMPUTE.fullmatch(text)
    if found is None:
        raise InvalidInput(f"expected local or azureml:NAME; got {text}")
    return Compute(found["name"])


def _azureml(text: str) -> Reference:
    for pattern in _ASSETS:
        if found := pattern.fullmatch(text):
            return _asset(found.groupdict())
    for pattern in _DATASTORES:
        if found := pattern.fullmatch(text):
            return _datastore(found.groupdict())
    if found := _OUTPUTS.fullmatch(text):
        return JobOutput(
            check_name("job", found["job"]),
            check_name("asset", found["output"]),
            _inside(found["path"] or ""),
        )
    raise InvalidInput(
        f"{text} is no reference that is known",
        hint="write azureml:NAME:VERSION, azureml:NAME@latest, azureml://datastores/NAME/paths/PATH "
        "or azureml://jobs/JOB/outputs/OUTPUT/paths/PATH",
    )


def _asset(found: Mapping[str, str | None]) -> Asset:
    version, label = found.get("version"), found.get("label")
    registry, workspace = found.get("registry"), found.get("workspace")
    return Asset(
        check_name("asset", found["name"] or ""),
        check_name("version", version) if version else None,
        check_name("label", label) if label else None,
        check_name("asset", registry) if registry else None,
        check_name("asset", workspace) if workspace else None,
        found.get("noun"),
    )


def _datastore(found: Mapping[str, str | None]) -> DatastorePath:
    name = found["datastore"] or ""
    if not _BINDING.fullmatch(name):
        check_name("asset", name)
    return DatastorePath(name, _inside(found["path"] or ""), found.get("workspace"))


def _inside(path: str) -> str:
    """A path inside something else, without slashes at the ends; bindings count as plain names."""
    trimmed = path.strip("/")
    if trimmed:
        check_relative(_BINDING.sub("binding", trimmed))
    return trimmed


def _upload(text: str) -> Upload:
    digest, _, name = text.removeprefix("upload:").partition("/")
    if not is_digest(digest) or "/" in name:
        raise InvalidInput(f"{text} is no upload; it is upload:DIGEST/NAME with 64 lower-case hex digits")
    return Upload(digest, check_relative(name))


def _run_path(text: str) -> RunPath:
    run_id, _, path = text[len("runs:") :].lstrip("/").partition("/")
    return RunPath(check_name("job", run_id), _inside(path))


def _local(text: str) -> LocalPath:
    if _BINDING.search(text):
        raise InvalidInput(f"{text} cannot be a path: a binding has a value only while a job runs")
    return LocalPath(text)


# --- which fields of a spec name files on the user's disk ----------------------------------------------------------

Purpose: TypeAlias = Literal["code", "include", "data", "place", "model", "environment"]


@dataclass(frozen=True)
class LocalUse:
    """One field that names a file or folder on the user's disk.

    `code` honours ignore files and keeps executable bits, `include` is laid
    beside the code of the same component, `environment` is a conda file whose
    parsed mapping takes the field's place, and the rest is uploaded as it is.
    Of a `place` a job gets the URI, and fetches from there by itself.
    """

    key: Key
    path: Path
    purpose: Purpose


class HasReferences(Protocol):
    """What the two functions below need of a spec."""

    @property
    def folder(self) -> Path | None: ...

    def references(self) -> "Iterable[tuple[Key, str, Purpose]]":
        """Every field that may name a local file: where, what is written, what for."""
        ...

    def with_values(self, values: Mapping[Key, Any]) -> "HasReferences": ...


Spec = TypeVar("Spec", bound=HasReferences)


def local_paths(spec: HasReferences) -> list[LocalUse]:
    """The fields of `spec` that name local files, resolved against the folder of its YAML.

    A backslash separates folders here as it does where the file was written:
    no name with one in it can be uploaded anyway.
    """
    folder = spec.folder or Path()
    return [
        LocalUse(key, folder / Path(found.path.replace("\\", "/")).expanduser(), purpose)
        for key, text, purpose in spec.references()
        if isinstance(found := parse_reference(text), LocalPath)
    ]


FETCHED_FROM: Final = "pratique.fetched_from"
"""Property of a version: the URL that its file had on the web, as whoever fetched it says."""


def web_files(spec: HasReferences) -> list[tuple[Key, str]]:
    """The fields of `spec` that name a file on the web, which is fetched before it is used, with its URL."""
    return [
        (key, found.url)
        for key, text, purpose in spec.references()
        if purpose in ("data", "model") and isinstance(found := parse_reference(text), Url) and found.is_on_the_web
    ]


def check_uploaded(spec: HasReferences) -> None:
    """Raises `InvalidInput` when a field still names a local file: no server opens what a client names."""
    problems = [
        Problem(f"{use.path} is a path on the disk of the client", key=dotted(use.key), hint="upload it first")
        for use in local_paths(spec)
    ]
    if problems:
        raise InvalidInput.of(problems, what="spec")


def replaced(spec: Spec, values: Mapping[Key, Any]) -> Spec:
    """`spec` with other values at some keys, validated again.

    A `specs.reader.YamlDocument` as a value, such as a conda file, keeps its file and lines for errors.
    """
    return spec.with_values(values)  # type: ignore[return-value]  # A spec gives its own class.
