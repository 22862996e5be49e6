"""Reading Azure Pipelines files of this machine: from the repository around them, and from folders for the others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pratique.base.errors import InvalidInput, NotFound
from pratique.cli.usage import pairs
from pratique.content.safeopen import open_beneath
from pratique.delivery.compile import Compiled, compiled
from pratique.delivery.nodes import SELF
from pratique.specs.reader import MAX_BYTES

_BRANCH: Final = "ref: "


class Checkout:
    """The folders that stand for repositories."""

    def __init__(self, file: Path, others: Mapping[str, Path]) -> None:
        self.root: Final = _root_of(file)
        self.path: Final = file.absolute().relative_to(self.root).as_posix()
        """The file, from the root of its repository."""
        self._folders: Final = {alias.lower(): folder for alias, folder in others.items()}

    def read(self, repository: str, path: str) -> str:
        """The text of a file; raises `NotFound` or `InvalidInput`."""
        folder = self.root if repository == SELF else self._folders.get(repository.lower())
        if folder is None:
            hint = f"say where it is: --repository {repository}=FOLDER"
            raise NotFound(f"the repository {repository} is not on this machine", hint=hint)
        if not folder.is_dir():
            raise NotFound(f"there is no folder {folder}")
        with open_beneath(folder, path) as stream:
            body = stream.read(MAX_BYTES + 1)
        try:
            return body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInput("it is not UTF-8 text", hint="save the file as UTF-8") from error

    def variables(self) -> dict[str, str]:
        """The predefined variables that the checkout tells: those of the branch, the repository and the pipeline."""
        found = {
            "Build.Reason": "Manual",
            "Build.DefinitionName": Path(self.path).stem,
            "Build.Repository.Name": self.root.name,
            "System.TeamProject": self.root.name,
        }
        if ref := _branch_of(self.root):
            found |= {"Build.SourceBranch": ref, "Build.SourceBranchName": ref.rpartition("/")[2]}
        return found


def compiled_file(
    file: str, *, parameters: Sequence[str], variables: Sequence[str], repositories: Sequence[str]
) -> tuple[Compiled, dict[str, str]]:
    """The pipeline in `file`, and the variables that it was compiled with; raises with every problem."""
    path = Path(file)
    if not path.is_file():
        raise NotFound(f"{file}: there is no such file", hint=f"looked for {path.absolute()}")
    others = {alias: Path(folder) for alias, folder in pairs(repositories, flag="--repository").items()}
    checkout = Checkout(path, others)
    known = {**checkout.variables(), **pairs(variables, flag="--variables")}
    given = pairs(parameters, flag="--parameters")
    return compiled(checkout.read, checkout.path, parameters=given, variables=known), known


def _root_of(file: Path) -> Path:
    """The nearest folder around `file` that is a Git repository; its own folder when there is none."""
    folder = file.absolute().parent
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


def _branch_of(root: Path) -> str:
    """The branch that is checked out, as refs/heads/NAME; empty when none is."""
    head = root / ".git" / "HEAD"
    text = head.read_text(encoding="utf-8", errors="replace").strip() if head.is_file() else ""
    return text.removeprefix(_BRANCH) if text.startswith(_BRANCH) else ""
