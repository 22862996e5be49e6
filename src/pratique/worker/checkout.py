"""Checkout: a repository's commit in a folder of the workspace, by the `git` program.

    one checkout        s
    several             s/NAME each, unless `path` says otherwise
    path                below Pipeline.Workspace, and nowhere else

git runs without hooks and without anybody's configuration: what a repository or the
machine's user has set cannot make it run something. A token goes with a header that
the environment of that one process carries, so it stands in no file, unless
`persistCredentials` asks for that. What git prints is never taken for a command.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pratique.base.errors import InvalidInput
from pratique.delivery.message import SNAPSHOT, RepositorySource
from pratique.delivery.templates.parameters import BOOLEANS
from pratique.worker.commands import deactivated
from pratique.worker.processes import Ended
from pratique.worker.step import DONE, Outcome, StepRun, failed

NONE: Final = "none"
SELF: Final = "self"
_SAFE: Final = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "protocol.ext.allow": "never",
    "gc.auto": "0",
    "advice.detachedHead": "false",
    "init.defaultBranch": "main",
    "credential.helper": "",
}
"""What every git of ours is told, over whatever is configured."""


@dataclass(frozen=True)
class Checkout:
    """What a checkout step wants."""

    source: RepositorySource
    folder: Path
    depth: int
    """Commits; 0: all."""
    submodules: str
    """Empty, true or recursive."""
    with_tags: bool
    keeps_credentials: bool
    sparse: tuple[str, ...]
    """Words of `git sparse-checkout set`; none: every file."""


def run_checkout(run: StepRun, deadline: float | None, count: int) -> Outcome:
    """Check out what the step names; `count` is how many checkouts the job has."""
    given = {name.lower(): run.variables.replaced(value) for name, value in run.step.inputs.items()}
    alias = given["repository"].strip()
    if alias.lower() == NONE:
        run.say("nothing is checked out")
        return DONE
    source = run.job.message.repository(alias)
    if source is None:
        return failed(f"the run was given no repository {alias}")
    if given.get("fetchfilter", "").strip():
        run.say("fetchFilter: everything is fetched; the platform is near")
    wanted = _wanted(run, source, given, count)
    run.say(f"checkout of {source.name} to {wanted.folder}")
    outcome = _snapshot(run, wanted) if source.type == SNAPSHOT else _Git(run, wanted, deadline).check_out()
    if outcome is DONE:
        _tell_folder(run, wanted, given, count)
    return outcome


def _wanted(run: StepRun, source: RepositorySource, given: Mapping[str, str], count: int) -> Checkout:
    workspace = run.job.workspace
    name = source.name.rpartition("/")[2] or source.alias
    if path := given.get("path", "").strip():
        folder = workspace.inside(path)
    else:
        folder = workspace.inside(name, base=workspace.sources) if count > 1 else workspace.sources
    submodules = given.get("submodules", "").strip().lower()
    if submodules != "recursive":
        submodules = "true" if BOOLEANS.get(submodules, False) else ""
    depth = given.get("fetchdepth", "").strip()
    return Checkout(
        source, folder, int(depth) if depth.isascii() and depth.isdigit() else 0, submodules,
        BOOLEANS.get(given.get("fetchtags", "").strip().lower(), False),
        BOOLEANS.get(given.get("persistcredentials", "").strip().lower(), False), _sparse(given),
    )  # fmt: skip


def _sparse(given: Mapping[str, str]) -> tuple[str, ...]:
    """Which files are checked out; folders count where patterns are given as well, as on an agent."""
    for name, kind in (("sparsecheckoutdirectories", "--cone"), ("sparsecheckoutpatterns", "--no-cone")):
        if words := given.get(name, "").split():
            if any(word.startswith("-") for word in words):
                raise InvalidInput(f"{' '.join(words)} cannot be checked out: a folder begins with a dash")
            return kind, *words
    return ()


def _tell_folder(run: StepRun, wanted: Checkout, given: Mapping[str, str], count: int) -> None:
    """Build.Repository.LocalPath follows self; the sources stay where they are unless `workspaceRepo` says so."""
    variables = run.job.variables
    is_workspace = BOOLEANS.get(given.get("workspacerepo", "").strip().lower(), False)
    if wanted.source.alias.lower() == SELF or is_workspace:
        variables.platform({"Build.Repository.LocalPath": str(wanted.folder)})
    is_moved = count == 1 and "path" in given
    if is_workspace or is_moved:
        variables.platform({name: str(wanted.folder) for name in ("Build.SourcesDirectory",
                                                                  "System.DefaultWorkingDirectory")})  # fmt: skip


def _snapshot(run: StepRun, wanted: Checkout) -> Outcome:
    """A working tree as it was, uncommitted changes included."""
    routes = run.job.routes
    if wanted.sparse:
        run.say("a working tree is sent whole, so every file of it is checked out")
    manifest = routes.manifest(wanted.source.manifest)
    if wanted.folder.is_dir() and not any(wanted.folder.iterdir()):
        wanted.folder.rmdir()
    routes.download(manifest, wanted.folder)
    run.say(f"the working tree as it was, uncommitted changes included: {len(manifest.entries)} files")
    return DONE


class _Git:
    """The commands of one checkout."""

    def __init__(self, run: StepRun, wanted: Checkout, deadline: float | None) -> None:
        self._run = run
        self._wanted = wanted
        self._deadline = deadline

    def check_out(self) -> Outcome:
        source, folder = self._wanted.source, self._wanted.folder
        folder.mkdir(parents=True, exist_ok=True)
        what = source.commit or source.ref or "HEAD"
        if what.startswith("-") or source.url.startswith("-"):
            raise InvalidInput(f"{what} of {source.url} cannot be fetched: it begins with a dash")
        steps: list[tuple[str, ...]] = [
            ("init", "--quiet", "."),
            ("remote", "add", "origin", source.url),
            ("fetch", "--force", *self._fetch_options(), "origin", *self._fetched(what)),
            *((("sparse-checkout", "set", *self._wanted.sparse),) if self._wanted.sparse else ()),
            ("checkout", "--force", "--detach", "--quiet", source.commit or "FETCH_HEAD"),
        ]
        if self._wanted.submodules:
            recursive = ("--recursive",) if self._wanted.submodules == "recursive" else ()
            depth = (f"--depth={self._wanted.depth}",) if self._wanted.depth else ()
            steps.append(("submodule", "update", "--init", "--force", *recursive, *depth))
        for arguments in steps:
            ended = self._git(arguments)
            if ended.code != 0 or ended.stopped is not None:
                return self._run.outcome(ended, f"git {arguments[0]}")
        self._git(("log", "-1", "--format=%h %s"))
        if self._wanted.keeps_credentials and source.token:
            return self._keep_credentials()
        return DONE

    def _fetch_options(self) -> list[str]:
        depth = self._wanted.depth
        return [*([f"--depth={depth}"] if depth else []), "--tags" if self._wanted.with_tags else "--no-tags"]

    def _fetched(self, what: str) -> list[str]:
        """What to fetch: the branch as well, so that scripts find origin/BRANCH as an agent leaves it."""
        ref = self._wanted.source.ref
        if self._wanted.depth or not ref.startswith("refs/heads/"):
            return [what]
        branch = ref.removeprefix("refs/heads/")
        return [f"+{ref}:refs/remotes/origin/{branch}", *([what] if what != ref else [])]

    def _keep_credentials(self) -> Outcome:
        """Write the header into the clone, as `persistCredentials` asks, where later steps find it."""
        header = f"AUTHORIZATION: bearer {self._wanted.source.token}"
        self._run.say("the credentials stay in the clone, as persistCredentials asks")
        file = self._wanted.folder / ".git" / "config"
        with file.open("a", encoding="utf-8") as stream:
            # Not by `git config`: everybody could read the token on its command line.
            stream.write(f'[http "{_origin(self._wanted.source.url)}"]\n\textraheader = {header}\n')
        file.chmod(0o600)
        return DONE

    def _git(self, arguments: Sequence[str]) -> Ended:
        run = self._run
        run.say(f"##[command]git {' '.join(arguments)}")
        return run.run(
            ["git", *arguments],
            environment=self._environment(),
            folder=self._wanted.folder,
            on_line=lambda line, _: run.print(deactivated(line)),
            deadline=self._deadline,
        )

    def _environment(self) -> dict[str, str]:
        own = self._run.job.environment()
        settings = dict(_SAFE)
        source = self._wanted.source
        if source.token and urlsplit(source.url).scheme in ("http", "https"):
            settings[f"http.{_origin(source.url)}.extraheader"] = f"AUTHORIZATION: bearer {source.token}"
        # A repository of this machine belongs to whoever it belongs to: the engine decided that it may be read.
        settings["safe.directory"] = "*"
        pairs: dict[str, str] = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (name, value) in enumerate(settings.items()):
            pairs |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return {
            "PATH": own["PATH"],
            "HOME": own["HOME"],
            "LANG": own["LANG"],
            **{name: own[name] for name in own if name.lower().endswith("_proxy") or name.startswith("SSL_")},
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "file:http:https:ssh:git",
            "GIT_LFS_SKIP_SMUDGE": "1",
            **pairs,
        }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"
