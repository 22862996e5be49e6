"""`pipelines environment check`: what is asked before a stage deploys to an environment."""

from typing import Final

from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.table import Document, Table, flag, switch
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, pairs
from pratique.client.stage_environments import StageEnvironments

TABLE = Table("pipelines environment check")

ENVIRONMENT: Final = flag("environment", "--environment", "-e", help="Name of the environment.", required=True)
KINDS: Final = ("approval", "branch-control", "business-hours", "exclusive-lock", "model-gate", "rest")
COLUMNS: Final = {"ID": "id", "Type": "type", "Timeout": "timeout"}
_OWN: Final = {
    "approval": ("approvers", "minimum", "in_order", "allow_self", "instructions"),
    "branch-control": ("branches",),
    "business-hours": ("days", "start", "end", "time_zone"),
    "exclusive-lock": (),
    "model-gate": ("workspace", "model", "champion_workspace", "champion_label", "metrics"),
    "rest": ("url", "method", "headers", "body", "success", "interval_minutes"),
}
"""Which flags each kind has."""


@TABLE.verb(
    "add",
    arguments=(
        ENVIRONMENT,
        flag("kind", "--type", choices=KINDS, help="What is asked.", required=True),
        flag("timeout", type=int, help="Minutes after which it has its answer; by default thirty days."),
        flag("approvers", nargs="+", default=[], metavar="NAME",
             help="approval: who is asked, people and groups; without it whoever has the role Approver there."),
        flag("minimum", "--minimum", "--min-approvers", type=int,
             help="approval: how many people must approve; by default one for each that is named, or one."),
        switch("in_order", help="approval: ask them one after the other."),
        switch("allow_self", help="approval: let whoever queued the run approve it."),
        flag("instructions", help="approval: what the approvers are told."),
        flag("branches", nargs="+", default=[], metavar="REF",
             help="branch-control: full names, such as refs/heads/main or refs/heads/release/*."),
        flag("days", nargs="+", default=[], help="business-hours: by default monday to friday."),
        flag("start", help="business-hours: such as 09:00."),
        flag("end", help="business-hours: such as 17:00."),
        flag("time_zone", help="business-hours: such as Europe/Berlin; by default UTC."),
        flag("workspace", help="model-gate: where the run registers the candidate."),
        flag("model", help="model-gate: its name."),
        flag("champion_workspace", help="model-gate: where the champion is; by default --workspace."),
        flag("champion_label", help="model-gate: its label; by default the newest version that is not the run's own."),
        flag("metrics", nargs="+", default=[], metavar="NAME:higher|lower[:threshold=N][:margin=N]",
             help="model-gate: tags or properties of the version, or metrics of the run that trained it; one that is "
             "missing refuses it."),
        flag("url", help="rest: whom to ask; on loopback, or by https at a host of the setting check_hosts."),
        flag("method", choices=("GET", "POST", "PUT", "PATCH"), help="rest: by default POST."),
        flag("headers", nargs="+", default=[], metavar="NAME=VALUE",
             help="rest: whoever may read checks sees them, so no secrets."),
        flag("body", help="rest: what is sent; by default a POST says which run, stage and environment asks."),
        flag("success", nargs="+", default=[], metavar="PATH=VALUE",
             help="rest: what the JSON that is answered has to hold, such as status=ok; its code is 2xx anyway."),
        flag("interval_minutes", "--interval", type=int, metavar="MINUTES",
             help="rest: ask again after so many minutes until --timeout; by default one no ends it."),
        *IN_PROJECT,
    ),
    examples={
        "Somebody approves": "pratique pipelines environment check add --environment qa --type approval "
        "--approvers bob --instructions 'look at the evaluation'",
        "One run at a time": "pratique pipelines environment check add -e qa --type exclusive-lock",
        "From main only": "pratique pipelines environment check add -e qa --type branch-control "
        "--branches refs/heads/main",
        "A system of yours says yes": "pratique pipelines environment check add -e qa --type rest "
        "--url http://127.0.0.1:9000/change --success status=approved --interval 5",
        "No worse model": "pratique pipelines environment check add -e qa --type model-gate --workspace credit-dev "
        "--model credit-risk --champion-workspace credit-qa --metrics auc:higher:threshold=0.7:margin=0",
    },
    columns=COLUMNS,
)  # fmt: skip
def add(
    platform: Place,
    *,
    environment: str,
    kind: str,
    timeout: int | None,
    approvers: list[str],
    minimum: int | None,
    in_order: bool,
    allow_self: bool,
    instructions: str | None,
    branches: list[str],
    days: list[str],
    start: str | None,
    end: str | None,
    time_zone: str | None,
    workspace: str | None,
    model: str | None,
    champion_workspace: str | None,
    champion_label: str | None,
    metrics: list[str],
    url: str | None,
    method: str | None,
    headers: list[str],
    body: str | None,
    success: list[str],
    interval_minutes: int | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Have every stage that deploys to an environment asked this from now on.

    Branches are looked at first, then people, hours, the model gate and REST, then the lock; the first no ends it.
    """
    given: Document = {
        "approvers": approvers, "minimum": minimum, "in_order": in_order, "allow_self": allow_self,
        "instructions": instructions, "branches": branches, "days": days, "start": start, "end": end,
        "time_zone": time_zone, "workspace": workspace, "model": model, "champion_workspace": champion_workspace,
        "champion_label": champion_label, "metrics": [_metric(text) for text in metrics],
        "url": url, "method": method, "headers": pairs(headers, flag="--headers"), "body": body,
        "success": pairs(success, flag="--success"), "interval_minutes": interval_minutes,
    }  # fmt: skip
    said = {name: value for name, value in given.items() if value not in (None, False, [], {})}
    if strange := sorted(set(said) - set(_OWN[kind])):
        shown = strange[0].replace("_", "-")
        raise UsageError(f"--{shown} does not go with --type {kind}", hint="see --help, which says what goes with what")
    wished: Document = {"kind": kind.replace("-", "_"), "settings": said, "timeout_minutes": timeout}
    return _environments(platform, project, organization, detect).add_check(environment, wished)


@TABLE.verb(
    "list",
    arguments=(ENVIRONMENT, *IN_PROJECT),
    examples={"The checks of qa": "pratique pipelines environment check list --environment qa -o table"},
    columns=COLUMNS,
)
def list_all(
    platform: Place, *, environment: str, project: str | None, organization: str | None, detect: str | None
) -> list[Document]:
    """List the checks of an environment."""
    return _environments(platform, project, organization, detect).checks(environment)


@TABLE.verb(
    "remove",
    arguments=(ENVIRONMENT, flag("id", "--id", type=int, help="Id of the check.", required=True), YES, *IN_PROJECT),
    examples={"Ask it no more": "pratique pipelines environment check remove --environment qa --id 1 --yes"},
)
def remove(
    platform: Place,
    *,
    environment: str,
    id: int,  # noqa: A002 - the flag's name.
    yes: bool,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> None:
    """Remove a check; stages that asked it already go on as they were asked."""
    confirm(f"The check {id} of the environment {environment} will be asked no more.", yes=yes)
    _environments(platform, project, organization, detect).remove_check(environment, id)
    say(f"check {id}: removed")


def _metric(text: str) -> Document:
    """``auc:higher:threshold=0.7:margin=0`` as the API takes it."""
    name, *parts = text.split(":")
    found: Document = {"name": name}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals and key in ("higher", "lower"):
            found["direction"] = key
        elif key in ("threshold", "margin"):
            found[key] = _number(value, text)
        else:
            raise UsageError(f"--metrics: {part!r} of {text!r} is not higher, lower, threshold=N or margin=N")
    return found


def _number(value: str, text: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise UsageError(f"--metrics: {value!r} of {text!r} is no number") from error


def _environments(
    platform: Place, project: str | None, organization: str | None, detect: str | None
) -> StageEnvironments:
    return StageEnvironments(platform.connection, project_of(project, organization, detect))
