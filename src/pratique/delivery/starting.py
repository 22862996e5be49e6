"""What in a pipeline's own file says when it runs, read without expanding anything.

Triggers, schedules and resources stand in the run's own file and hold no
expressions, so whether a push concerns a pipeline at all is known before its
templates are read. What is wrong with the file is told when it is compiled.
"""

import re
from dataclasses import dataclass
from typing import Final

from pratique.base.errors import InvalidInput
from pratique.delivery.building.fields import Fields
from pratique.delivery.building.triggers import pull_request_trigger, push_trigger, resources, schedules
from pratique.delivery.nodes import SELF, Mapping, Source
from pratique.delivery.pipeline import PullRequestTrigger, PushTrigger, Resources, Schedule
from pratique.delivery.reader import parse_pipeline
from pratique.delivery.trouble import Refused, Troubles

_SKIP: Final = re.compile(
    r"\[(?:skip (?:ci|azurepipelines|azpipelines|azp)|(?:ci|azurepipelines|azpipelines|azp) skip)\]"
    r"|^skip-checks: ?true\s*$|\*\*\*NO_CI\*\*\*",
    re.IGNORECASE | re.MULTILINE,
)
"""Source: Azure Pipelines, Triggers, Skipping CI for individual pushes."""


@dataclass(frozen=True)
class Starting:
    """When a pipeline runs."""

    pushes: PushTrigger
    pull_requests: PullRequestTrigger
    schedules: tuple[Schedule, ...]
    resources: Resources


def starting(text: str, path: str) -> Starting:
    """When the pipeline in `text` runs; raises `InvalidInput` when it cannot be read at all."""
    troubles = Troubles()
    try:
        root = parse_pipeline(text, source=Source(SELF, path), troubles=troubles)
    except Refused as refused:
        raise InvalidInput(f"{path}: {refused}") from refused
    if not isinstance(root, Mapping):
        raise InvalidInput(f"{path} holds no pipeline")
    fields = Fields(root, "a pipeline", tuple(key.text for key, _ in root.pairs), troubles)
    return Starting(push_trigger(fields), pull_request_trigger(fields), schedules(fields), resources(fields))


def skips(message: str) -> bool:
    """Whether the message of a commit wishes that a push starts nothing."""
    return bool(_SKIP.search(message))
