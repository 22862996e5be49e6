"""Environments: the Python and the packages that a job or a deployment runs with."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, Tag

from pratique.specs.grammar import NotRun, Part, Spec, not_run_at_all, planned
from pratique.specs.key_types import (
    AssetName,
    AutoDelete,
    Choice,
    Count,
    FilledText,
    Tags,
    Text,
    TextOrMapping,
    Version,
)
from pratique.specs.keys import Found, Key, below
from pratique.specs.packages import problems_with_conda
from pratique.specs.references import Purpose

_CONDA_KEYS = ("channels", "dependencies")


class Route(Part):
    """Where a container answers one kind of request."""

    path: FilledText = Field(description="Path of the URL.")
    port: Count = Field(description="Port inside the container.")


class InferenceConfig(Part):
    """The routes of a serving container."""

    liveness_route: Route = Field(description="Answers while the container lives.")
    readiness_route: Route = Field(description="Answers when it is ready.")
    scoring_route: Route = Field(description="Answers predictions.")


class Build(Part):
    """A Docker build context."""

    path: Text | None = Field(default=None, description="Folder of the build context.")
    dockerfile_path: Text | None = Field(default=None, description="The Dockerfile in it.")


class InlineEnvironment(Spec):
    """An environment described where it is used; its name is optional there."""

    may_be_empty = frozenset({"name", "version"})

    name: AssetName | None = Field(default=None, description="Name of the environment.")
    version: Version | None = Field(default=None, description="Version; without one, the platform counts.")
    description: Text | None = Field(default=None, description="What it is, for people.")
    tags: Tags = Field(default_factory=dict, description="Tags; they can be changed later.")
    properties: Tags = Field(default_factory=dict, description="Properties; they stay as they are.")
    image: FilledText | None = Field(
        default=None,
        description="Container image; alone, a set of packages stands for it, beside a conda_file it is not used.",
    )
    conda_file: (
        Annotated[
            Annotated[FilledText, Tag("<text>")] | Annotated[dict[str, JsonValue], Tag("<mapping>")], TextOrMapping
        ]
        | None
    ) = Field(default=None, description="A conda file, or what would stand in it; installed from PyPI with uv.")
    build: Build | None = not_run_at_all(
        "building a container image is",
        description="Docker build context; not run in this version.",
        hint="give the packages as a conda_file",
    )
    os_type: Annotated[Literal["linux", "windows"], Choice, NotRun({"windows": "environments on Windows are"})] = Field(
        default="linux", description="Operating system."
    )
    inference_config: InferenceConfig | None = planned("Routes of a serving container of your own.")
    auto_delete_setting: AutoDelete | None = planned("When the asset may be deleted by itself.")
    datastore: Text | None = planned("The datastore to upload a build context to.")

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        if isinstance(self.conda_file, str):
            yield ("conda_file",), self.conda_file, "environment"

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:
        return problems_with_environment(value)


class Environment(InlineEnvironment):
    """An environment under a name and a version."""

    may_be_empty = frozenset()

    name: AssetName = Field(description="Name of the environment.")


def problems_with_environment(value: Mapping[str, Any]) -> Iterable[Found]:
    """What is wrong between the keys of an environment, and inside its conda mapping."""
    if any(key in value for key in _CONDA_KEYS):
        hint = "put its path, or all of it, under conda_file"
        yield Found((), "this is a conda file, not an environment", hint)
    elif not any(value.get(key) is not None for key in ("image", "conda_file", "build")):
        yield Found((), "an environment needs a conda_file or an image")
    conda = value.get("conda_file")
    if isinstance(conda, Mapping):
        yield from below(("conda_file",), problems_with_conda(conda))
