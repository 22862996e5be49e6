"""Steps: tasks, the short forms that stand for tasks, and checkout, download and publish."""

from collections.abc import Iterator
from typing import Final

from pratique.delivery.building.fields import Fields
from pratique.delivery.nodes import Mapping, Node, Scalar, Sequence, kind_of
from pratique.delivery.pipeline import Pool, Step
from pratique.delivery.tasks import UnknownTask, rule_of, task_of
from pratique.delivery.trouble import Troubles

COMMON: Final = (
    "name", "displayName", "condition", "continueOnError", "enabled", "env", "timeoutInMinutes",
    "retryCountOnTaskFailure", "target",
)  # fmt: skip
_SHELL: Final = ("failOnStderr", "workingDirectory")
_POWERSHELL: Final = (*_SHELL, "errorActionPreference", "ignoreLASTEXITCODE", "informationPreference",
    "verbosePreference", "warningPreference", "debugPreference", "progressPreference")  # fmt: skip
_OWN: Final[dict[str, tuple[str, ...]]] = {
    "task": ("inputs",),
    "script": _SHELL,
    "bash": _SHELL,
    "pwsh": _POWERSHELL,
    "powershell": (*_POWERSHELL, "pwsh"),
    "checkout": (
        "clean", "fetchDepth", "fetchFilter", "fetchTags", "lfs", "path", "persistCredentials", "submodules",
        "workspaceRepo", "sparseCheckoutDirectories", "sparseCheckoutPatterns",
    ),
    "download": ("artifact", "patterns", "path"),
    "publish": ("artifact",),
}  # fmt: skip
"""The kinds of steps, and the keys that each has beside the common ones."""
_WANTED: Final = {
    "checkout": "a repository, such as self",
    "download": "a source, such as current",
    "publish": "the path of what is published",
}
_HOST: Final = "host"
"""The target that is the machine of the job itself."""
_TARGET: Final = ("container", "commands", "settableVariables")
_NOT_YET: Final = ("getPackage", "reviewApp")
_TASKS: Final = {"script": "CmdLine@2", "bash": "Bash@3", "pwsh": "PowerShell@2", "powershell": "PowerShell@2"}


def steps_of(node: Node | None, pool: Pool, troubles: Troubles) -> tuple[Step, ...]:
    """The steps of a list."""
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        if not isinstance(node, Scalar) or node.text:
            troubles.refuse(f"steps is a list; got {kind_of(node)}", node.place)
        return ()
    steps = tuple(_steps(node, pool, troubles))
    _check_together(steps, troubles)
    return steps


def _steps(node: Sequence, pool: Pool, troubles: Troubles) -> Iterator[Step]:
    for item in node.items:
        if not isinstance(item, Mapping):
            troubles.refuse(f"a step is a mapping; got {kind_of(item)}", item.place)
        elif (step := _step(item, pool, troubles)) is not None:
            yield step


def _step(node: Mapping, pool: Pool, troubles: Troubles) -> Step | None:
    names = list(node.names())
    kind = next((name for name in names if name in _OWN), None)
    if kind is None:
        planned = next((name for name in names if name in _NOT_YET), "")
        if planned:
            troubles.refuse(f"the step {planned} is not run here", node.place, is_not_yet=True)
        else:
            hint = f"a step begins with one of {', '.join(_OWN)}, template"
            troubles.refuse("it is not clear what this step does", node.place, hint=hint)
        return None
    fields = Fields(node, f"a {kind} step", (kind, *_OWN[kind], *COMMON), troubles)
    if names[0] != kind:
        troubles.warn(f"{kind} stands first in a step", node.place, hint=f"move {kind}: to the dash")
    settable, is_restricted = _target(fields)
    task, inputs = _work(kind, fields, pool)
    return Step(
        kind=kind if kind in ("checkout", "download", "publish") else "task",
        task=task,
        inputs=inputs,
        place=node.place,
        name=fields.name("name", "") if fields.has("name") else "",
        display_name=fields.text("displayName"),
        condition=fields.text("condition"),
        env=fields.text_mapping("env"),
        continue_on_error=fields.switch("continueOnError", default=False),
        is_enabled=fields.switch("enabled", default=True),
        timeout=fields.number("timeoutInMinutes", 0),
        retries=fields.number("retryCountOnTaskFailure", 0),
        settable=settable,
        is_restricted=is_restricted,
    )


def _target(fields: Fields) -> tuple[tuple[str, ...] | None, bool]:
    """Which variables a step may set, None for all, and whether its commands are restricted; containers are refused."""
    value = fields.node.get("target")
    inner = None if isinstance(value, Scalar) else fields.mapping("target", "a target", _TARGET)
    container = value.text if isinstance(value, Scalar) else inner.text("container") if inner else ""
    if container and container.lower() != _HOST:
        fields.troubles.refuse("a step in a container is not run here", fields.place("target"), is_not_yet=True)
    if inner is None:
        return None, False
    settable = inner.texts("settableVariables")
    if settable is not None and [name.lower() for name in settable] == ["none"]:
        settable = ()
    return settable, inner.word("commands", ("any", "restricted")) == "restricted"


def _work(kind: str, fields: Fields, pool: Pool) -> tuple[str, dict[str, str]]:
    """The task of a step and its inputs."""
    if kind == "task":
        return _task(fields, pool), fields.text_mapping("inputs")
    own = {name: _joined(fields, name) for name in _OWN[kind] if fields.has(name)}
    given = fields.text(kind)
    if not given and kind in _WANTED:
        fields.troubles.refuse(f"{kind} needs {_WANTED[kind]}", fields.place(kind))
    if pool.is_server:
        said = f"a {kind} step needs an agent, and this job runs on the server"
        fields.troubles.refuse(said, fields.node.place, hint="give the job another pool")
    match kind:
        case "script":
            return _TASKS[kind], {"script": given, **own}
        case "bash":
            return _TASKS[kind], {"targetType": "inline", "script": given, **own}
        case "pwsh" | "powershell":
            return _TASKS[kind], {"targetType": "inline", "script": given, "pwsh": str(kind == "pwsh").lower(), **own}
        case "checkout":
            return "", {"repository": given, **own}
        case "download":
            return "", {"source": given, **own}
        case _:
            return "", {"targetPath": given, **own}


def _joined(fields: Fields, name: str) -> str:
    """A text; a list becomes lines."""
    return "\n".join(fields.texts(name) or ())


def _task(fields: Fields, pool: Pool) -> str:
    found = task_of(fields.text("task"))
    if isinstance(found, UnknownTask):
        if fields.switch("enabled", default=True) is False:
            said = f"{found.message}; it is disabled, so it is only skipped"
            fields.troubles.warn(said, fields.place("task"), hint="remove the step")
        else:
            fields.troubles.refuse(found.message, fields.place("task"), hint=found.hint, is_not_yet=True)
        return ""
    on_server = rule_of(found).runs_on_server
    if on_server and not pool.is_server:
        fields.troubles.refuse(f"{found} runs on the server", fields.place("task"), hint="write pool: server")
    if pool.is_server and not on_server:
        said = f"{found} needs an agent, and this job runs on the server"
        fields.troubles.refuse(said, fields.place("task"), hint="give the job another pool")
    return found


def _check_together(steps: tuple[Step, ...], troubles: Troubles) -> None:
    """What only the whole list shows: names given twice, `checkout: none` beside another."""
    seen: dict[str, Step] = {}
    for step in steps:
        if not step.name:
            continue
        if step.name.lower() in seen:
            said = f"the step name {step.name} is given twice, first in line {seen[step.name.lower()].place.line}"
            troubles.refuse(said, step.place)
        seen.setdefault(step.name.lower(), step)
    checkouts = [step for step in steps if step.kind == "checkout"]
    if len(checkouts) > 1:
        for step in checkouts:
            if step.inputs["repository"] == "none":
                troubles.refuse("checkout: none stands beside another checkout", step.place)
