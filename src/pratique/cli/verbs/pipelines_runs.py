"""`pipelines runs`: what runs and what ran."""

import sys
from typing import Any, Final

from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of, told_of_run
from pratique.cli.table import Document, Table, Text, flag, switch
from pratique.cli.talk import warn
from pratique.cli.verbs.pipelines_run import COLUMNS, follow
from pratique.client.deliveries import MOST, Deliveries, DeliveryRuns

TABLE = Table("pipelines runs")
_STATUSES: Final = ("all", "cancelling", "completed", "inProgress", "notStarted", "postponed")
_RESULTS: Final = ("canceled", "failed", "none", "partiallySucceeded", "succeeded")
RUN: Final = flag("run_id", "--id", "--run-id", type=int, required=True, help="Number of the run.")


@TABLE.verb(
    "list",
    arguments=(
        flag("pipeline_ids", "--pipeline-ids", nargs="+", default=[], help="Only runs of these pipelines."),
        flag("branch", "--branch", help="Only runs of this branch."),
        flag("status", "--status", choices=_STATUSES, help="Only runs that are this far."),
        flag("result", "--result", choices=_RESULTS, help="Only runs that ended so."),
        flag("reason", "--reason", help="Only runs that began for this reason, such as manual or individualCI."),
        flag("tags", "--tags", nargs="+", default=[], help="Only runs that have all of these tags."),
        flag("requested_for", "--requested-for", help="Only runs of this person."),
        flag("top", "--top", type=int, help="At most so many."),
        flag("query_order", "--query-order", help="FinishTimeAsc, FinishTimeDesc, QueueTimeAsc, QueueTimeDesc, "
             "StartTimeAsc or StartTimeDesc; by default the newest first."),
        *IN_PROJECT,
    ),
    examples={
        "The newest runs": "pratique pipelines runs list --top 10 -o table",
        "What failed": "pratique pipelines runs list --result failed",
    },
    columns=COLUMNS,
)  # fmt: skip
def every(
    platform: Place, *, pipeline_ids: list[str], branch: str | None, status: str | None, result: str | None,
    reason: str | None, tags: list[str], requested_for: str | None, top: int | None, query_order: str | None,
    project: str | None, organization: str | None, detect: str | None,
) -> list[Document]:  # fmt: skip
    """List the runs of a project, newest first."""
    where = Deliveries(platform.connection, project_of(project, organization, detect))
    query: dict[str, Any] = {"limit": str(MOST if requested_for or query_order else min(top or 100, MOST))}
    if pipeline_ids:
        query["delivery"] = [part for word in pipeline_ids for part in word.split(",") if part]
    if branch:
        query["branch"] = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
    if status and status != "all":
        query["status"] = [status]
    if result:
        query["result"] = [result]
    if reason:
        query["reason"] = reason[:1].upper() + reason[1:]
    if tags:
        query["tag"] = tags
    found = where.runs(query)
    if requested_for:
        found = [one for one in found if one["requestedFor"]["displayName"].lower() == requested_for.lower()]
    return _ordered(found, query_order)[: top or None]


def _ordered(runs: list[Document], order: str | None) -> list[Document]:
    if not order:
        return runs
    name = order.removesuffix("Asc").removesuffix("Desc")
    key = {"finishtime": "finishTime", "queuetime": "queueTime", "starttime": "startTime"}.get(name.lower())
    if key is None:
        warn(f"--query-order {order} is not known; the newest come first")
        return runs
    return sorted(runs, key=lambda run: run[key] or "", reverse=order.lower().endswith("desc"))


@TABLE.verb(
    "show",
    arguments=(RUN, switch("open", "--open", help="Open it in a browser; there is no page yet."), *IN_PROJECT),
    examples={"One run with all its steps": "pratique pipelines runs show --id 12"},
    columns=COLUMNS,
)
def show(
    platform: Place, *, run_id: int, open: bool, project: str | None, organization: str | None, detect: str | None  # noqa: A002
) -> Document:  # fmt: skip
    """Show a run with its stages, jobs and steps."""
    told_of_run(project, organization, detect)
    if open:
        warn("--open: there is no page of a run yet")
    return DeliveryRuns(platform.connection).show(run_id)


@TABLE.verb(
    "stream",
    arguments=(RUN,),
    examples={"Follow a run": "pratique pipelines runs stream --id 12"},
)
def stream(platform: Place, *, run_id: int) -> None:
    """Follow the log of a run until it ends; exit 1 when it did not succeed.

    The log is data and goes to stdout; the result goes to stderr.
    """
    follow(platform, DeliveryRuns(platform.connection).show(run_id), write=sys.stdout)


@TABLE.verb(
    "expanded",
    arguments=(RUN,),
    examples={"What a run was made of": "pratique pipelines runs expanded --id 12"},
)
def expanded(platform: Place, *, run_id: int) -> Text:
    """Print the file of a run with everything put in that was known when it was queued."""
    return Text(DeliveryRuns(platform.connection).expanded(run_id))


@TABLE.verb(
    "cancel",
    arguments=(RUN,),
    examples={"End a run": "pratique pipelines runs cancel --id 12"},
    columns=COLUMNS,
)
def cancel(platform: Place, *, run_id: int) -> Document:
    """Ask for the end of a run; steps with always() still run."""
    return DeliveryRuns(platform.connection).cancel(run_id)


@TABLE.verb(
    "start-stage",
    arguments=(RUN, flag("stage", "--stage", required=True, help="Name of the stage.")),
    examples={"Start a stage with trigger: manual": "pratique pipelines runs start-stage --id 12 --stage Release"},
    columns=COLUMNS,
)
def start_stage(platform: Place, *, run_id: int, stage: str) -> Document:
    """Start a stage that waits for a person to do so."""
    return DeliveryRuns(platform.connection).start_stage(run_id, stage)
