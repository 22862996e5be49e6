"""Which run of another pipeline a download task asks for (`buildType: specific`), as its inputs say it.

Source: the reference of DownloadPipelineArtifact@2 and DownloadBuildArtifacts@1.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pratique.delivery.inputs import Inputs
from pratique.delivery.pipeline import Step

SPECIFIC: Final = "specific"
LATEST: Final = "latest"
LATEST_FROM_BRANCH: Final = "latestFromBranch"
TASKS: Final = ("DownloadBuildArtifacts@0", "DownloadBuildArtifacts@1", "DownloadPipelineArtifact@2")


@dataclass(frozen=True)
class Origin:
    """The run that is asked for; all of it text as it was written, with macros put in."""

    project: str
    """By name or id."""
    pipeline: str
    """By name or id."""
    version: str = LATEST
    """latest, latestFromBranch or specific, in any case."""
    branch: str = ""
    """Of latestFromBranch."""
    run: str = ""
    """The id, of specific."""
    tags: tuple[str, ...] = ()
    """All of them, of the other two."""
    allows_partial: bool = False
    """Whether a run that partially succeeded counts."""
    allows_failed: bool = False
    prefers_triggering: bool = False
    """Whether the run that triggered this one goes before, where it is of that pipeline."""


def origin_of(inputs: Inputs) -> Origin | None:
    """What the inputs of a download task ask for; None for the task's own run."""
    if inputs.word("buildType") != SPECIFIC:
        return None
    tags = tuple(one.strip() for one in inputs.text("tags").split(",") if one.strip())
    return Origin(
        project=inputs.text("project").strip(),
        pipeline=inputs.text("pipeline").strip(),
        version=inputs.text("buildVersionToDownload").strip(),
        branch=inputs.text("branchName").strip(),
        run=inputs.text("pipelineId").strip(),
        tags=tags,
        allows_partial=inputs.is_on("allowPartiallySucceededBuilds"),
        allows_failed=inputs.is_on("allowFailedBuilds"),
        prefers_triggering=inputs.is_on("specificBuildWithTriggering"),
    )


def known_origins(
    steps: Iterable[Step], expand: Callable[[str], str] = lambda text: text
) -> Iterator[tuple[Step, Origin]]:
    """The download tasks of `steps` that run and ask for another run, with what they ask; macros are `expand`'s."""
    for step in steps:
        if step.task in TASKS and step.is_enabled:
            origin = origin_of(Inputs(step.task, step.inputs, expand))
            if origin is not None:
                yield step, origin


def origin_document(origin: Origin) -> dict[str, Any]:
    """The origin as JSON."""
    return {**vars(origin), "tags": list(origin.tags)}
