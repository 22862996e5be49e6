"""`repos import`: the branches and tags of a repository that lies elsewhere, fetched here and pushed to the platform.

git on this machine does both, so what may be read elsewhere is decided by whoever
types it, and the platform itself calls nobody. Done again, it brings what is new.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pratique.base.errors import ComputeFailed, Unavailable
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.client.account import renewed
from pratique.client.repositories import Repositories

TABLE = Table("repos import")
_REFS: Final = ("refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")


@TABLE.verb(
    "create",
    arguments=(
        flag("url", "--git-source-url", "--git-url", help="Where to fetch: what `git clone` takes.", required=True),
        flag("repository", "--repository", "-r", help="The repository of the platform that gets it.", required=True),
        *IN_PROJECT,
    ),
    examples={
        "Bring a repository here": "pratique repos import create --git-source-url https://github.com/ann/credit.git "
        "--repository credit-risk",
    },
)
def create(
    platform: Place, *, url: str, repository: str, project: str | None, organization: str | None, detect: str | None
) -> Document:
    """Fetch every branch and tag of a Git repository and push them to one of the platform.

    Nothing here is taken back: a branch that went another way elsewhere is refused.
    """
    program = shutil.which("git")
    if program is None:
        raise Unavailable("there is no git program on this machine", hint="install git, then try again")
    known = Repositories(platform.connection, project_of(project, organization, detect))
    target = str(known.show(repository)["remoteUrl"])
    door = renewed(platform.connection.door)
    with tempfile.TemporaryDirectory(prefix="pratique-import-") as folder:
        say(f"fetching {url}")
        _git(program, Path(folder), "init", "--quiet", "--bare", ".")
        _git(program, Path(folder), "fetch", "--quiet", "--no-write-fetch-head", "--", url, *_REFS)
        # In the environment of this one process: arguments can be read by everybody on the machine.
        header = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{door.url}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Bearer {door.token}",
        }
        say(f"pushing to {target}")
        _git(program, Path(folder), "push", "--quiet", target, *_REFS, environment=header)
    return known.show(repository)


def _git(program: str, folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> None:
    """Run git, which may ask for a password and talks on stderr; raises `ComputeFailed`."""
    done = subprocess.run([program, *words], cwd=folder, env={**os.environ, **(environment or {})}, check=False)
    if done.returncode:
        raise ComputeFailed(f"git {words[0]} ended with {done.returncode}", hint="what git said stands above")
