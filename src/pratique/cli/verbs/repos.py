"""`repos`: Git repositories behind the platform's door, and how git gets in.

`setup-git` writes one line into git's settings: for this door, and for no
other, git asks `pratique repos credential`, which answers the token of whoever
is logged in.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotFound, Unavailable
from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.secret_input import source_secret
from pratique.cli.table import Argument, Document, Table, Text, flag
from pratique.cli.talk import say
from pratique.client.account import renewed
from pratique.client.door import find_door
from pratique.client.repositories import Repositories

TABLE = Table("repos")
COLUMNS: Final = {"ID": "id", "Name": "name", "Default Branch": "defaultBranch", "Remote": "remoteUrl"}
REPOSITORY: Final[Argument] = flag("repository", "--repository", "-r", help="Name or id of the repository.")
_BOOLEANS: Final = ("true", "false")
USER: Final[Argument] = flag(
    "user_name", "--user-name", "-u", help="Who the platform is where --from leads; its secret is asked for."
)


@TABLE.verb(
    "create",
    arguments=(
        flag("name", "--name", help="Name of the repository.", required=True),
        flag("source", "--from", metavar="URL|PATH", help="A repository elsewhere that this one follows by itself."),
        USER,
        *IN_PROJECT,
    ),
    examples={
        "A repository": "pratique repos create --name credit-risk --project credit",
        "One that follows a folder": "pratique repos create --name credit-risk --from ~/credit-risk",
        "One that follows a URL with a login": "pratique repos create --name credit-risk "
        "--from https://git.example.com/team/credit-risk.git --user-name ci < token.txt",
    },
    columns=COLUMNS,
)
def create(
    platform: Place,
    *,
    name: str,
    source: str | None,
    user_name: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Make an empty repository.

    With --from it follows another: its branches and tags are fetched every repository_poll_seconds, new commits start
    runs as a push would, and nobody pushes to it. A URL is fetched by the platform, from loopback or a host of
    check_hosts; a path of the platform's machine takes an Owner of the home. With --user-name the platform logs in
    there: it asks for the password or token, or reads it from standard input or from the variable
    AZURE_DEVOPS_EXT_GIT_SOURCE_PASSWORD_OR_PAT, and keeps it sealed.
    """
    followed = source if source is None or "://" in source else str(Path(source).expanduser().resolve())
    login = f"{user_name}:{source_secret()}" if user_name else ""
    known = Repositories(platform.connection, project_of(project, organization, detect))
    made = known.create(name, followed or "", login)
    if followed:
        say(f"{name}: made; it follows {followed}")
        return made
    say(f"{name}: made; git gets in with: pratique repos setup-git; then: git push {made['remoteUrl']} HEAD:main")
    return made


@TABLE.verb("list", arguments=IN_PROJECT, examples={"The repositories": "pratique repos list"}, columns=COLUMNS)
def every(platform: Place, *, project: str | None, organization: str | None, detect: str | None) -> list[Document]:
    """List the repositories of a project."""
    return Repositories(platform.connection, project_of(project, organization, detect)).all()


@TABLE.verb(
    "show",
    arguments=(REPOSITORY.required(), *IN_PROJECT),
    examples={"Where to clone from": "pratique repos show -r credit-risk --query remoteUrl -o tsv"},
    columns=COLUMNS,
)
def show(
    platform: Place, *, repository: str, project: str | None, organization: str | None, detect: str | None
) -> Document:
    """Show a repository."""
    return _found(Repositories(platform.connection, project_of(project, organization, detect)), repository)


@TABLE.verb(
    "update",
    arguments=(
        REPOSITORY.required(),
        flag("default_branch", "--default-branch", help="The branch that a clone checks out; it must be there."),
        flag("deny_force_push", "--deny-force-push", choices=_BOOLEANS, help="Refuse pushes that take commits back."),
        flag("deny_deletes", "--deny-deletes", choices=_BOOLEANS, help="Refuse to delete branches and tags."),
        USER,
        *IN_PROJECT,
    ),
    examples={
        "Another default branch": "pratique repos update -r credit-risk --default-branch develop",
        "Only forward": "pratique repos update -r credit-risk --deny-force-push true --deny-deletes true",
    },
    columns=COLUMNS,
)
def update(
    platform: Place,
    *,
    repository: str,
    default_branch: str | None,
    deny_force_push: str | None,
    deny_deletes: str | None,
    user_name: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Change the default branch, what may be pushed, or the login for what is followed."""
    known = Repositories(platform.connection, project_of(project, organization, detect))
    changes: dict[str, Any] = {} if default_branch is None else {"default_branch": default_branch}
    if deny_force_push is not None:
        changes["denies_force"] = deny_force_push == "true"
    if deny_deletes is not None:
        changes["denies_deletes"] = deny_deletes == "true"
    if user_name:
        changes["login"] = f"{user_name}:{source_secret()}"
    if not changes:
        raise InvalidInput("nothing to change is given", hint="pratique repos update --help")
    return known.update(str(_found(known, repository)["name"]), changes)


@TABLE.verb(
    "delete",
    arguments=(flag("repository", "--id", "--repository", "-r", help="Id or name.", required=True), YES, *IN_PROJECT),
    examples={"Remove a repository": "pratique repos delete --id 0197… --yes"},
)
def delete(
    platform: Place, *, repository: str, yes: bool, project: str | None, organization: str | None, detect: str | None
) -> None:
    """Remove a repository with all that was pushed to it; refused while pipelines are made of it."""
    known = Repositories(platform.connection, project_of(project, organization, detect))
    name = str(_found(known, repository)["name"])
    confirm(f"The repository {name} will be deleted with all its commits.", yes=yes)
    known.delete(name)
    say(f"{name}: deleted")


@TABLE.verb(
    "pushes",
    arguments=(
        REPOSITORY.required(),
        flag("top", "--top", type=int, default=20, help="At most so many; the newest."),
        *IN_PROJECT,
    ),
    examples={"Why nothing ran": "pratique repos pushes -r credit-risk --top 1 --query '[0].decisions'"},
    columns={"Date": "date", "By": "pushedBy.name", "Ref": "refUpdates[0].name", "State": "state"},
)
def pushes(
    platform: Place, *, repository: str, top: int, project: str | None, organization: str | None, detect: str | None
) -> list[Document]:
    """List the newest pushes, what they moved, and what each pipeline made of them."""
    known = Repositories(platform.connection, project_of(project, organization, detect))
    return known.pushes(str(_found(known, repository)["name"]), most=top)


@TABLE.verb(
    "setup-git",
    arguments=(
        flag(
            "scope", "--scope", choices=("global", "local"), default="global",
            help="Whose settings: all of this user's repositories, or the one of this folder.",
        ),
    ),
    examples={"Push without a password": "pratique repos setup-git"},
)  # fmt: skip
def setup_git(*, scope: str) -> None:
    """Let git ask pratique for a token, at this platform's door and nowhere else."""
    program = shutil.which("git")
    if program is None:
        raise Unavailable("there is no git program on this machine", hint="install git, then try again")
    door = find_door().url
    # -P keeps a file of the working folder from standing in for a module.
    helper = f"!{shlex.quote(sys.executable)} -P -m pratique repos credential"
    for value in ("", helper):  # The empty one takes out what was asked before, such as a store that remembers.
        words = ["--replace-all"] if not value else ["--add"]
        done = subprocess.run(
            [program, "config", f"--{scope}", *words, f"credential.{door}.helper", value],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise InvalidInput(f"git did not take the setting: {done.stderr.strip()}")
    say(f"git asks pratique for a token at {door}. To undo: git config --{scope} --unset-all credential.{door}.helper")


@TABLE.verb(
    "credential",
    arguments=(flag("operation", "OPERATION", choices=("get", "store", "erase"), help="What git asks for."),),
    examples={"What git does by itself": "pratique repos credential get"},
)
def credential(*, operation: str) -> Text | None:
    """Answer git's question for a user and a password; `setup-git` tells git to ask.

    A token is answered only for the door that it belongs to.
    """
    asked = dict(line.rstrip("\n").split("=", 1) for line in sys.stdin if "=" in line)
    if operation != "get":
        return None  # Nothing is kept, so nothing is forgotten.
    door = find_door()
    if f"{asked.get('protocol')}://{asked.get('host')}" != door.url:
        return None
    return Text(f"username=pratique\npassword={renewed(door).token}")


def _found(known: Repositories, wanted: str) -> Document:
    """The repository of that name or id; raises `NotFound`."""
    try:
        return known.show(wanted)
    except NotFound:
        for one in known.all():
            if one["id"] == wanted:
                return one
        raise
