"""`pipelines approval`: what people are asked before a stage begins, or by a step of it, and their answers."""

from typing import Final

from pratique.cli.place import Place
from pratique.cli.projects import DETECT, IN_PROJECT, ORGANIZATION, project_of, told
from pratique.cli.table import Document, Report, Table, flag
from pratique.client.stage_environments import Approvals

TABLE = Table("pipelines approval")

ID: Final = flag("id", "--id", "--approval-id", help="Id of the approval.", required=True)
COMMENT: Final = flag("comment", "--comment", "-c", help="What you want to say with it.", default="")
BINDING: Final = flag(
    "binding", help="The `binding` that `approval show` printed: if that has changed meanwhile, nothing is answered."
)
COLUMNS: Final = {
    "ID": "id", "Status": "status", "Run": "run.id", "Stage": "stage", "Job": "job", "Environment": "environment",
    "Requested By": "requestedBy.displayName", "Reason": "reason",
}  # fmt: skip


@TABLE.verb(
    "list",
    arguments=(
        flag("status", choices=["waiting", "passed", "failed", "expired", "withdrawn", "voided", "all"],
             default="waiting", help="In which state; by default those that wait."),
        flag("run_id", "--run-id", type=int, help="Of this run only."),
        *IN_PROJECT,
    ),
    examples={"What waits for somebody": "pratique pipelines approval list -o table"},
    columns=COLUMNS,
)  # fmt: skip
def list_all(
    platform: Place,
    *,
    status: str,
    run_id: int | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> list[Document]:
    """List the approvals of a project, newest first."""
    state = "" if status == "all" else status
    where = project_of(project, organization, detect)
    return Approvals(platform.connection).all(where, state=state, run=run_id)


@TABLE.verb(
    "show",
    arguments=(ID, ORGANIZATION, DETECT),
    examples={"What it is for": "pratique pipelines approval show --id APPROVAL_ID"},
    columns=COLUMNS,
)
def show(
    platform: Place, *, id: str, organization: str | None, detect: str | None  # noqa: A002
) -> Report:  # fmt: skip
    """Show an approval: who is asked, what it is given for, and the candidate beside the champion."""
    told(organization, detect)
    found = Approvals(platform.connection).show(id)
    return Report(words(found), values=found)


@TABLE.verb(
    "approve",
    arguments=(ID, COMMENT, BINDING, ORGANIZATION, DETECT),
    examples={"Say yes": "pratique pipelines approval approve --id APPROVAL_ID --comment 'looks good'"},
    columns=COLUMNS,
)
def approve(
    platform: Place,
    *,
    id: str,  # noqa: A002 - the flag's name.
    comment: str,
    binding: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Approve, for what the run has made and read so far; if that changes, the approval is void."""
    told(organization, detect)
    return Approvals(platform.connection).decide(id, approves=True, comment=comment, binding=binding or "")


@TABLE.verb(
    "reject",
    arguments=(ID, COMMENT, ORGANIZATION, DETECT),
    examples={"Say no": "pratique pipelines approval reject --id APPROVAL_ID --comment 'the recall is too low'"},
    columns=COLUMNS,
)
def reject(
    platform: Place,
    *,
    id: str,  # noqa: A002 - the flag's name.
    comment: str,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Reject: the stage fails, or the step that asked."""
    told(organization, detect)
    return Approvals(platform.connection).decide(id, approves=False, comment=comment, binding="")


def words(found: Document) -> str:
    """An approval for people: who is asked, what it is given for, the candidate beside the champion."""
    bound = found["bound"]
    is_of_step = found["type"] == "manual_validation"
    others = "whoever may run this pipeline" if is_of_step else "whoever has the role Approver there"
    who = ", ".join(found["approvers"]) or others
    where = f"job {found['job']}" if is_of_step else f"environment {found['environment']}"
    lines = [
        f"approval {found['id']}: {found['status']}" + (f", {found['reason']}" if found["reason"] else ""),
        f"  run {found['run']['id']} ({found['run']['name']}), stage {found['stage']}, "
        f"{where}, queued by {found['requestedBy']['displayName']}",
        f"  asked: {who}; {found['minRequiredApprovers']} must approve, until {found['expiresOn'] or 'it ends'}",
    ]
    lines += [f"  {found['instructions']}"] if found["instructions"] else []
    lines += [f"  {'yes' if one['approves'] else 'no'} from {one['name']}: {one['comment']}" for one in found["steps"]]
    if bound:
        lines += [f"is given for {bound['digest'][:12]}:", f"  commit {bound['commit'] or 'none'} of {bound['branch']}"]
        lines += [f"  artifact {name} {digest[:12]}" for name, digest in bound["artifacts"].items()]
        lines += [f"  output {name} = {value}" for name, value in bound["outputs"].items()]
        lines += [f"  {_used(one)}" for one in bound["used"]]
    for one in found["evaluation"]:
        lines.append(f"{one['model']} beside {one['champion'] or 'no champion yet'}:")
        theirs = one["champion_metrics"] or {}
        lines += [f"  {name} {value:g}{_beside(theirs.get(name))}" for name, value in one["metrics"].items()]
    lines += [f"check {one['type']}: {one['status']} {one['reason']}".rstrip() for one in found["checks"]]
    return "\n".join(lines)


def _used(one: Document) -> str:
    return f"{'made' if one['made'] else 'read'} {one['kind']} {one['workspace']}/{one['name']} {one['digest'][:12]}"


def _beside(value: float | None) -> str:
    return "" if value is None else f" beside {value:g}"
