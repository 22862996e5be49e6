"""`pipelines runs tag`: words on a run by which others find it."""

from typing import Any

from pratique.cli.arguments import YES
from pratique.cli.pipelines_runs import RUN
from pratique.cli.place import Place
from pratique.cli.projects import DETECT, ORGANIZATION, PROJECT, told
from pratique.cli.table import Table, flag
from pratique.client.deliveries import DeliveryRuns

Document = dict[str, Any]

TABLE = Table("pipelines runs tag")
_PLACE = (PROJECT, ORGANIZATION, DETECT)


@TABLE.verb(
    "add",
    arguments=(RUN, flag("tags", "--tags", nargs="+", required=True, help="Tags, separated by spaces."), *_PLACE),
    examples={"Mark a run": "pratique pipelines runs tag add --run-id 12 --tags released"},
)
def add(
    platform: Place, *, run_id: int, tags: list[str], project: str | None, organization: str | None, detect: str | None
) -> list[str]:  # fmt: skip
    """Add tags to a run."""
    del project  # A run has one number in the whole platform.
    told(organization, detect)
    words = [part for word in tags for part in word.split(",") if part]
    return list(DeliveryRuns(platform.connection).tag(run_id, add=words)["tags"])


@TABLE.verb(
    "list",
    arguments=(RUN, *_PLACE),
    examples={"The tags of a run": "pratique pipelines runs tag list --run-id 12"},
)
def every(
    platform: Place, *, run_id: int, project: str | None, organization: str | None, detect: str | None
) -> list[str]:  # fmt: skip
    """List the tags of a run."""
    del project  # A run has one number in the whole platform.
    told(organization, detect)
    return list(DeliveryRuns(platform.connection).show(run_id)["tags"])


@TABLE.verb(
    "delete",
    arguments=(RUN, flag("tag", "--tag", required=True, help="The tag."), YES, *_PLACE),
    examples={"Take a tag away": "pratique pipelines runs tag delete --run-id 12 --tag released"},
)
def delete(
    platform: Place, *, run_id: int, tag: str, yes: bool, project: str | None, organization: str | None,
    detect: str | None,
) -> list[str]:  # fmt: skip
    """Take a tag away from a run."""
    del project, yes  # A run has one number in the whole platform, and a tag is soon added again.
    told(organization, detect)
    return list(DeliveryRuns(platform.connection).tag(run_id, remove=[tag])["tags"])
