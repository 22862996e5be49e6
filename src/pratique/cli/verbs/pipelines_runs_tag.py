"""`pipelines runs tag`: words on a run by which others find it."""

from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, told_of_run
from pratique.cli.table import Table, flag
from pratique.cli.verbs.pipelines_runs import RUN
from pratique.client.deliveries import DeliveryRuns

TABLE = Table("pipelines runs tag")


@TABLE.verb(
    "add",
    arguments=(RUN, flag("tags", "--tags", nargs="+", required=True, help="Tags, separated by spaces."), *IN_PROJECT),
    examples={"Mark a run": "pratique pipelines runs tag add --run-id 12 --tags released"},
)
def add(
    platform: Place, *, run_id: int, tags: list[str], project: str | None, organization: str | None, detect: str | None
) -> list[str]:  # fmt: skip
    """Add tags to a run."""
    told_of_run(project, organization, detect)
    words = [part for word in tags for part in word.split(",") if part]
    return list(DeliveryRuns(platform.connection).tag(run_id, add=words)["tags"])


@TABLE.verb(
    "list",
    arguments=(RUN, *IN_PROJECT),
    examples={"The tags of a run": "pratique pipelines runs tag list --run-id 12"},
)
def every(
    platform: Place, *, run_id: int, project: str | None, organization: str | None, detect: str | None
) -> list[str]:  # fmt: skip
    """List the tags of a run."""
    told_of_run(project, organization, detect)
    return list(DeliveryRuns(platform.connection).show(run_id)["tags"])


@TABLE.verb(
    "delete",
    arguments=(RUN, flag("tag", "--tag", required=True, help="The tag."), YES, *IN_PROJECT),
    examples={"Take a tag away": "pratique pipelines runs tag delete --run-id 12 --tag released"},
)
def delete(
    platform: Place, *, run_id: int, tag: str, yes: bool, project: str | None, organization: str | None,
    detect: str | None,
) -> list[str]:  # fmt: skip
    """Take a tag away from a run."""
    told_of_run(project, organization, detect)
    confirm(f"take the tag {tag} away from run {run_id}", yes=yes)
    return list(DeliveryRuns(platform.connection).tag(run_id, remove=[tag])["tags"])
