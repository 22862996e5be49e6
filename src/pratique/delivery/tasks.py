"""The tasks that are known: which version, where they run, and what is said of the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pratique.specs.words import did_you_mean


@dataclass(frozen=True)
class Task:
    """One task of the table."""

    name: str
    versions: tuple[int, ...]
    runs_on_server: bool = False
    """Agentless: only in a job with `pool: server`."""
    connection: tuple[str, ...] = ()
    """The inputs that name its service connection, one name and its aliases."""
    note: str = ""


_AZURE: Final = ("azureSubscription", "connectedServiceNameARM")

KNOWN: Final = (
    Task("ArchiveFiles", (2,)),
    Task("AzureCLI", (1, 2), connection=(*_AZURE, "connectedServiceName")),
    Task("AzureKeyVault", (2,), connection=(*_AZURE, "connectedServiceName")),
    Task("AzurePowerShell", (5,), connection=(*_AZURE, "connectedServiceName"), note="needs pwsh"),
    Task("Bash", (3,)),
    Task("Cache", (2,), note="accepted, caches nothing"),
    Task("CmdLine", (2,)),
    Task("CopyFiles", (2,)),
    Task("Delay", (1,), runs_on_server=True),
    Task("DeleteFiles", (1,)),
    Task("DownloadBuildArtifacts", (0, 1)),
    Task("DownloadPipelineArtifact", (2,)),
    Task("ExtractFiles", (1,)),
    Task(
        "InvokeRESTAPI",
        (1,),
        runs_on_server=True,
        connection=(
            "serviceConnection",
            "connectedServiceName",
            "genericService",
            "azureServiceConnection",
            "connectedServiceNameARM",
        ),
    ),
    Task("ManualValidation", (0, 1), runs_on_server=True),
    Task("PowerShell", (2,), note="needs pwsh"),
    Task("PublishBuildArtifacts", (1,)),
    Task("PublishCodeCoverageResults", (1, 2)),
    Task("PublishPipelineArtifact", (0, 1)),
    Task("PublishTestResults", (2,)),
    Task("PythonScript", (0,)),
    Task("UsePythonVersion", (0,)),
)
_BY_NAME: Final = {task.name.lower(): task for task in KNOWN}
_REFERENCES: Final = {
    f"{task.name}@{version}".lower(): f"{task.name}@{version}" for task in KNOWN for version in task.versions
}


@dataclass(frozen=True)
class UnknownTask:
    """Why a reference names no task that is known."""

    message: str
    hint: str


def known_references() -> tuple[str, ...]:
    """Every task with each of its versions, such as Bash@3."""
    return tuple(_REFERENCES.values())


def task_of(reference: str) -> str | UnknownTask:
    """`reference` as the table writes it; case and the publisher before the last dot do not count."""
    name, _, version = reference.strip().rpartition("@")
    if not name or not version.isascii() or not version.isdigit():
        return UnknownTask(f"{reference or 'nothing'} is no task with a version", "write NAME@VERSION, such as Bash@3")
    last = name.rpartition(".")[2]
    found = _REFERENCES.get(f"{last}@{int(version)}".lower())
    if found is not None:
        return found
    if task := _BY_NAME.get(last.lower()):
        known = ", ".join(f"{task.name}@{one}" for one in task.versions)
        return UnknownTask(f"there is no version {version} of the task {task.name} here", f"known: {known}")
    near = did_you_mean(last, _BY_NAME)
    known = ", ".join(known_references())
    return UnknownTask(f"the task {name}@{version} is not known here", f"{near + ' ' if near else ''}known: {known}")


def rule_of(reference: str) -> Task:
    """The row of a reference that `task_of` gave."""
    return _BY_NAME[reference.partition("@")[0].lower()]


def connection_of(reference: str, inputs: Mapping[str, str]) -> str:
    """The service connection that a step names, which may hold macros; empty for none."""
    given = {name.lower(): value for name, value in inputs.items()}
    return next((given[name.lower()] for name in rule_of(reference).connection if given.get(name.lower())), "")
