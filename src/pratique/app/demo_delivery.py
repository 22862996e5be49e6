"""The delivery of the demo: what its pipeline's file names, pushes with git, runs, and a second person who approves."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pratique.app.demo_story import Story, dim
from pratique.base.errors import ComputeFailed, Unavailable
from pratique.base.ids import new_secret
from pratique.cli.talk import say
from pratique.client.connection import Connection
from pratique.client.deliveries import DeliveryRuns
from pratique.client.door import find_door
from pratique.client.repositories import Repositories
from pratique.client.stage_environments import Approvals

Document = dict[str, Any]

NAME: Final = "credit-risk"
"""Of the project, its repository, its pipeline and the resource group, as the example's files have it."""
DEV: Final = f"{NAME}-dev"
QA: Final = f"{NAME}-qa"
PERSON: Final = "ada@example.com"
"""Who approves; whoever runs the demo has pushed, and may not."""
_ENVIRONMENT: Final = "qa"
_PROJECT: Final = f"--project {NAME}"
_LONGEST: Final = 900.0
"""Seconds that nothing here takes unless something is broken."""
_LOOK: Final = 0.25
_STAMP: Final = re.compile(r"\[\d{4}-\d\d-\d\dT[\d:.]+Z\] ")
_CHECKOUT: Final = "› Checkout self"
_NOISE: Final = ("##[", "logged in as ")
_IDENTITY: Final = ("-c", "user.name=Demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false")


def check_git() -> str:
    """The git program; raises `Unavailable` when there is none."""
    if found := shutil.which("git"):
        return found
    raise Unavailable(
        "there is no git program on this machine, and the demo pushes with it",
        hint="install git, then run the demo again; without it: pratique pipelines run --yaml azure-pipelines.yml",
    )


def prepare(story: Story) -> None:
    """Make what the file names and what lies outside of it, unless it is there."""
    story.make(f"devops project create --name {NAME}")
    story.make(f"repos create --name {NAME} {_PROJECT}")
    for workspace in (DEV, QA):
        story.az(f"ad sp create-for-rbac --name {workspace} --role Contributor --scopes /workspaces/{workspace}")
        story.make(
            f"devops service-endpoint create --name {workspace} --service-principal {workspace} "
            f"--workspace {workspace} --enable-for-all true {_PROJECT}"
        )
    if not _is_guarded(story):
        story.make(f"pipelines environment create --name {_ENVIRONMENT} {_PROJECT}")
        story.az(f"pipelines environment check add --environment {_ENVIRONMENT} --type approval {_PROJECT}")
    story.make(
        f"pipelines create --name {NAME} --repository {NAME} --repository-type tfsgit --branch main "
        f"--yml-path azure-pipelines.yml --skip-first-run {_PROJECT}"
    )


def _is_guarded(story: Story) -> bool:
    """Whether the environment has its approval from an earlier demo."""
    known = story.az(f"pipelines environment list {_PROJECT}")
    return any(one["name"] == _ENVIRONMENT for one in known) and bool(
        story.az(f"pipelines environment check list --environment {_ENVIRONMENT} {_PROJECT}")
    )


# --- pushing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clone:
    """A clone of the hosted repository, in a folder that goes with the demo."""

    folder: Path
    git: str
    address: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever committed."""
        return not self._run("for-each-ref", "--count=1")

    def take(self, project: Path) -> None:
        """Make the working tree what `project` is, but for what its .gitignore names."""
        self._run("rm", "-r", "-q", "--ignore-unmatch", ".")
        shutil.copytree(project, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git", "__pycache__"))

    def replace(self, path: str, old: str, new: str) -> None:
        """Change one file."""
        file = self.folder / path
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    def push(self, message: str) -> str:
        """Commit everything and push it to main; the commit, empty when nothing has changed."""
        self._run("add", "--all")
        if not self._run("status", "--porcelain"):
            return ""
        say(f"  $ git commit --all --message {shlex.quote(message)}")
        self._run(*_IDENTITY, "commit", "-q", "--message", message)
        say("  $ git push origin main")
        self._run("push", "-q", "origin", "HEAD:refs/heads/main")
        return self._run("rev-parse", "HEAD")

    def _run(self, *words: str) -> str:
        return _git(self.git, words, self.folder)


@contextmanager
def clone(story: Story) -> Iterator[Clone]:
    """A clone of the repository."""
    program = check_git()
    shown = story.az(f"repos show --repository {NAME} {_PROJECT}")
    with tempfile.TemporaryDirectory(prefix="pratique-demo-") as folder:
        address, place = str(shown["remoteUrl"]), Path(folder) / NAME
        say(f"  $ git clone {address}")
        _git(program, ("clone", "-q", address, str(place)), Path(folder))
        _git(program, ("symbolic-ref", "HEAD", "refs/heads/main"), place)
        yield Clone(place, program, address)


def _git(program: str, words: Sequence[str], folder: Path) -> str:
    """Run git, which asks pratique for a token and nobody else for anything."""
    helper = f"!{shlex.quote(sys.executable)} -P -m pratique repos credential"
    own = ("-c", "credential.helper=", "-c", f"credential.helper={helper}", "-c", "http.proxy=")
    done = subprocess.run(
        [program, *own, *words],
        cwd=folder,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ComputeFailed(f"git {words[0]} did not work", log_tail=done.stderr.splitlines()[-20:])
    return done.stdout.strip()


def run_of_push(commit: str) -> int:
    """The run that a push has started."""
    repositories = Repositories(Connection(find_door()), NAME)

    def decided() -> Document | None:
        push = next(iter(repositories.pushes(NAME, most=1)), {})
        return next(iter(push.get("decisions") or ()), None)

    decision = _awaited(decided, f"what the push of {commit[:12]} starts")
    if not decision["run"]:
        raise ComputeFailed(f"the push started no run: {decision['because']}")
    say(f"  the push started run {decision['run']}")
    return int(decision["run"])


# --- runs -----------------------------------------------------------------------------------------------------------


@contextmanager
def told(run: int) -> Iterator[None]:
    """Tell the log of a run beside the block, which is left when the run has ended; raises when it did not succeed."""
    say(f"  $ az pipelines runs stream --id {run}")
    runs = DeliveryRuns(Connection(find_door()))
    teller = threading.Thread(target=_tell, args=(runs, run), daemon=True)
    teller.start()
    yield
    teller.join()
    await_end(run)  # A log that could not be followed is no end.
    found = runs.show(run)
    if found["result"] != "succeeded":
        raise ComputeFailed(
            f"run {run} has ended: {found['result']}", hint=f"pratique pipelines runs stream --id {run} has its log"
        )


def _tell(runs: DeliveryRuns, run: int) -> None:
    rest, teller = b"", _Teller()
    for chunk in runs.follow(run):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            teller.tell(line.decode(errors="replace"))


class _Teller:
    """Tells a log without its moments, and without what checkouts and logins say."""

    def __init__(self) -> None:
        self._is_quiet = False

    def tell(self, line: str) -> None:
        plain = _STAMP.sub("", line)
        _, bar, words = plain.partition(" | ")
        if not bar:
            self._is_quiet = plain.endswith(_CHECKOUT)
        elif self._is_quiet or words.startswith(_NOISE) or not words:
            return
        say(dim(f"  | {plain}"))


def approval_of(run: int) -> Document | None:
    """The approval that a run waits for; None when it ends without one."""
    connection = Connection(find_door())
    runs, approvals = DeliveryRuns(connection), Approvals(connection)

    def found() -> Document | str:
        waiting = approvals.all(NAME, state="waiting")
        asked = next((one for one in waiting if one["run"]["id"] == run), None)
        return asked or ("ended" if runs.show(run)["status"] == "completed" else "")

    answer = _awaited(found, f"the approval of run {run}")
    return answer if isinstance(answer, dict) else None


def approve(story: Story, approval: Document, comment: str) -> None:
    """Be somebody else, look at what is to be approved, and approve it."""
    password = new_secret()
    scope = f"/delivery/{NAME}/environments/{_ENVIRONMENT}"
    if any(one["userPrincipalName"] == PERSON for one in story.az("ad user list")):
        story.az(f"ad user delete --id {PERSON}")
    create = f"ad user create --display-name Ada --user-principal-name {PERSON} --password"
    story.az(f"{create} {password}", shown=f"{create} …")
    story.az(f"role assignment create --assignee {PERSON} --role Approver --scope {scope}")
    with tempfile.TemporaryDirectory(prefix="pratique-ada-") as folder:
        ada = {"PRATIQUE_CONFIG_DIR": folder, "AZURE_CONFIG_DIR": folder}
        login = f"login --username {PERSON} --password"
        story.az(f"{login} {password}", shown=f"{login} …", **ada)
        shown = story.az(f"pipelines approval show --id {approval['id']}", **ada)
        for line in _bound(shown):
            say(f"    {line}")
        words = f"pipelines approval approve --id {approval['id']} --comment {shlex.quote(comment)}"
        story.az(words, **ada)
    say(f"  {PERSON} has approved: {comment}")


def _bound(approval: Document) -> Iterator[str]:
    """What an approval is given for."""
    bound = approval["bound"]
    yield f"stage {approval['stage']} of run {approval['run']['id']}, commit {bound['commit'][:12]}"
    for name, digest in bound["artifacts"].items():
        yield f"artifact {name} {digest[:12]}"
    for one in bound["used"]:
        if one["kind"] in ("models", "deployments"):
            done = "made" if one["made"] else "read"
            yield f"{done} {one['kind'].removesuffix('s')} {one['workspace']}/{one['name']} {one['digest'][:12]}"


def await_end(run: int) -> None:
    """Wait until a run has ended."""
    runs = DeliveryRuns(Connection(find_door()))
    _awaited(lambda: runs.show(run, wait=10)["status"] == "completed", f"the end of run {run}")


def _awaited(look: Any, what: str) -> Any:
    deadline = time.monotonic() + _LONGEST
    while not (found := look()):
        if time.monotonic() > deadline:
            raise ComputeFailed(f"this never came: {what}")
        time.sleep(_LOOK)
    return found
