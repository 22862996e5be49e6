"""``pratique init``: a complete project in a folder, ready to run."""

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pratique.app import project
from pratique.app.project import EXAMPLE, TEMPLATES, Names, Written
from pratique.base.errors import Conflict
from pratique.cli.table import Report, Table, flag, switch
from pratique.cli.talk import say

TABLE = Table("init")
_FIRST: Final = next(iter(TEMPLATES))
_FOLDER = flag(
    "folder", "folder", nargs="?", metavar="FOLDER", help="Where the project is written; without it, ./NAME."
)
_TEMPLATE = flag("template", choices=[*TEMPLATES], default=_FIRST, help="Which project.")
_NAME = flag("name", "--name", "-n", help="The project's name; without it, the name of the folder.")
_MODEL = flag("model", help="The model's name in the registry; without it, the project's name.")
_ENDPOINT = flag("endpoint", help="The endpoint's name; without it, the project's name.")
_COMPUTE = flag("compute", help=f"The compute that its steps name; without it, {EXAMPLE.compute}.")
_YES = switch("yes", "--yes", "-y", help="Ask nothing: what is not said is as the help says.")
_FORCE = switch("force", "--force", help="Replace files that are there and are others.")
_QUESTIONS: Final = {
    "name": "Name of the project",
    "model": "Name of the model in the registry",
    "endpoint": "Name of the endpoint",
    "compute": "Compute that the steps name",
}


@TABLE.verb(
    "",
    arguments=(_FOLDER, _TEMPLATE, _NAME, _MODEL, _ENDPOINT, _COMPUTE, _YES, _FORCE),
    examples={
        "Write a project and answer questions about it": "pratique init ./my-first",
        "Ask nothing": "pratique init ./my-first --name scoring --model scoring-model --yes",
    },
)
def init(
    *,
    folder: str | None,
    template: str,
    name: str | None,
    model: str | None,
    endpoint: str | None,
    compute: str | None,
    yes: bool,
    force: bool,
) -> Report:
    """Write a complete project: data, components, pipeline, endpoint, deployments, request.

    Asks for what no flag says, on a terminal. Files that are there are never overwritten unless --force says so:
    those that are the same stay, others are named and nothing is written. Needs no platform.
    """
    given = {"name": name, "model": model, "endpoint": endpoint, "compute": compute}
    names = _names(given, folder, asks=sys.stdin.isatty() and not yes)
    target = Path(folder or names.name)
    written = project.write(project.rendered(template, names), target, replace=force)
    facts = {"folder": str(target.absolute()), "template": str(template), **asdict(names), **asdict(written)}
    return Report(_told(target, written), values=facts)


def _names(given: dict[str, str | None], folder: str | None, *, asks: bool) -> Names:
    """The names from flags, answers and defaults; raises `InvalidInput` with each that is none."""
    chosen: dict[str, str] = {}
    for what, question in _QUESTIONS.items():
        default = _default(what, chosen, folder)
        chosen[what] = given[what] or (_answer(what, question, default) if asks else default)
    names = Names(**chosen)
    project.check(names)
    return names


def _default(what: str, chosen: dict[str, str], folder: str | None) -> str:
    if what == "compute":
        return EXAMPLE.compute
    if what == "name":
        return Path(folder).absolute().name if folder else EXAMPLE.name
    return chosen["name"]


def _answer(what: str, question: str, default: str) -> str:
    """One answer that is a name; an empty line takes `default`, if that is one."""
    while True:
        print(f"{question} [{default}]: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise Conflict("nobody answers; nothing was written", hint="add --yes to be asked nothing")
        answer = line.strip() or default
        if not (said := project.problem_with(what, answer)):
            return answer
        say(said)


def _told(folder: Path, written: Written) -> str:
    """What was done, and what to do next."""
    count = len(written.new) + len(written.replaced)
    if not count:
        return f"{folder} has all {len(written.unchanged)} files already; nothing was written"
    beside = f", {len(written.unchanged)} were there already" if written.unchanged else ""
    next_steps = f"Next:\n\n  pratique up\n  cd {shlex.quote(str(folder))}\n\nand follow README.md there."
    return f"wrote {count} files into {folder}{beside}\n\n{next_steps}"
