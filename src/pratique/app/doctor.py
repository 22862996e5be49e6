"""``pratique doctor``: looks at this machine and changes nothing."""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from pratique.app import supervision
from pratique.app.composition import sandbox_of
from pratique.app.layout import doors_of, tracking_lock
from pratique.base.errors import ComputeFailed, PratiqueError
from pratique.base.home import Home
from pratique.base.settings import load_settings
from pratique.cli.table import Table
from pratique.compute.cgroups import REMEDY as CGROUPS_REMEDY
from pratique.compute.cgroups import Cgroups, folders_of
from pratique.compute.conda import REMEDY as REMEDY_OF_CONDA
from pratique.compute.conda import find_conda
from pratique.compute.environments import Environments
from pratique.compute.sandbox import REMEDY, why_not
from pratique.compute.task import LONGEST_SOCKET_PATH
from pratique.gateway.ports import check_ports

TABLE = Table("doctor")
_DISK_NEEDED: Final = 3_000_000_000
_MEMORY_NEEDED: Final = 2_000_000_000
_GLIBC_NEEDED: Final = (2, 31)
_MACHINES: Final = ("x86_64", "aarch64")


@dataclass(frozen=True)
class Finding:
    """What one look showed."""

    check: str
    state: Literal["ok", "warning", "problem"]
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        return "; ".join(part for part in (f"{self.check}: {self.detail}", self.remedy) if part)


@TABLE.verb(
    "",
    examples={
        "Check this machine": "pratique doctor -o table",
        "Only what is wrong": "pratique doctor --query \"[?state!='ok']\"",
    },
    columns={"Check": "check", "State": "state", "Detail": "detail", "Remedy": "remedy"},
)
def doctor() -> list[dict[str, Any]]:
    """Check this machine before anything is downloaded or started.

    Changes nothing. A problem stops the platform from working, and the exit code is 1 then; a warning does not.
    """
    home = Home.from_environment()
    findings = [_look(check, home) for check in CHECKS]
    # A setting that is wrong keeps several checks from looking; the first tells it.
    problems = {finding.detail: finding for finding in reversed(findings) if finding.state == "problem"}
    if problems:
        raise ComputeFailed(
            "\n".join(str(finding) for finding in reversed(problems.values())),
            hint="mend these and run `pratique doctor` again",
        )
    return [asdict(finding) for finding in findings]


def settings_of(home: Home) -> Finding:
    """Every setting has to be one, with a value that it can have."""
    load_settings(home.root)
    return Finding("settings", "ok", "each has a value that it can have")


def python_version(_home: Home) -> Finding:
    """Whichever runs this is new enough, or the package would not be installed; but it may be set up badly."""
    version = platform.python_version()
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        remedy = "unset PYTHONDONTWRITEBYTECODE: every start compiles everything again"
        return Finding("python", "warning", f"Python {version}, bytecode is not kept", remedy)
    return Finding("python", "ok", f"Python {version}")


def machine(_home: Home) -> Finding:
    """Envoy's wheel is made for two kinds of machine with glibc."""
    library, version = platform.libc_ver()
    said = f"{platform.system()} {platform.machine()}, {library or 'no glibc'} {version}".strip()
    fits = platform.system() == "Linux" and platform.machine() in _MACHINES
    if not fits or library != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < _GLIBC_NEEDED:
        return Finding("machine", "problem", said, "use Linux on x86_64 or aarch64 with glibc 2.31 or newer")
    return Finding("machine", "ok", said)


def disk(home: Home) -> Finding:
    """The home must be writable and have room for two environments."""
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    if not place.is_dir():
        return Finding("disk", "problem", f"{place} is not a folder", "set PRATIQUE_HOME to a folder of yours")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("disk", "problem", f"{place} cannot be written", "set PRATIQUE_HOME to a folder of yours")
    free = shutil.disk_usage(place).free
    said = f"{free / 1e9:.1f} GB free below {place}"
    if free < _DISK_NEEDED:
        return Finding("disk", "problem", said, f"free {_DISK_NEEDED / 1e9:.0f} GB, or set PRATIQUE_HOME elsewhere")
    return Finding("disk", "ok", said)


def memory(_home: Home) -> Finding:
    """Server, Envoy and MLflow take half a gigabyte; the rest is for models."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    said = f"{size / 1e9:.1f} GB, {os.cpu_count()} cores"
    if size < _MEMORY_NEEDED:
        return Finding("memory", "warning", said, "expect to run one small model at a time")
    return Finding("memory", "ok", said)


def sockets(home: Home) -> Finding:
    """The paths of unix sockets are short by nature."""
    longest = str(home.socket("r0123456789abcdef-9999"))
    if len(os.fsencode(longest)) > LONGEST_SOCKET_PATH:
        return Finding("sockets", "problem", longest, "set PRATIQUE_RUNTIME_DIR to a folder with a shorter path")
    return Finding("sockets", "ok", str(home.runtime))


def ports(home: Home) -> Finding:
    """Both doors need their port, unless the platform already has it."""
    settings = load_settings(home.root)
    said = f"{settings.door_port} and {settings.endpoints_port}"
    if supervision.gateway_runs(home):
        return Finding("ports", "ok", f"{said}, taken by this platform")
    try:
        check_ports(doors_of(home, settings))
    except PratiqueError as error:
        return Finding("ports", "problem", error.message, error.hint)
    return Finding("ports", "ok", f"{said} are free")


def downloads(home: Home) -> Finding:
    """Whether the first `up` has to fetch MLflow."""
    absent = Finding(
        "downloads",
        "warning",
        "MLflow is not fetched yet",
        "`pratique up` fetches it, about 250 MB, or takes it from --bundle",
    )
    if not home.root.is_dir():
        return absent
    environments = Environments(home.environments)
    is_here = environments.is_ready(tracking_lock(home, environments))
    return Finding("downloads", "ok", "MLflow is here") if is_here else absent


def tools(_home: Home) -> Finding:
    """Programs that are used when they are there."""
    if shutil.which("bash") is None:
        return Finding("tools", "problem", "there is no bash", "install bash: commands of jobs run in it")
    if shutil.which("git") is None:
        return Finding(
            "tools",
            "warning",
            "there is no git",
            "install git: `pratique demo` pushes with it, and jobs name their commit",
        )
    return Finding("tools", "ok", "bash and git are here")


def conda(home: Home) -> Finding:
    """Whether conda files with more than Python packages can be made."""
    mode, found = load_settings(home.root).conda, find_conda()
    if mode == "never":
        return Finding("conda", "ok", "never: conda files are translated, and refused where they are more than Python")
    if found is not None:
        what = "every conda file" if mode == "always" else "conda files with packages that are not Python"
        return Finding("conda", "ok", f"{mode}: {found.program} makes {what}")
    if mode == "always":
        return Finding("conda", "problem", "always: there is neither micromamba nor conda on the PATH", REMEDY_OF_CONDA)
    said = "auto: neither micromamba nor conda is here, so packages that are not Python are refused by name"
    return Finding("conda", "ok", said)


def sandbox(home: Home) -> Finding:
    """Whether jobs and scorers are kept to their own files."""
    settings = load_settings(home.root)
    kept = sandbox_of(home, settings)
    if kept.mode == "off":
        return Finding("sandbox", "warning", "off: a job can read and change whatever you can", "set sandbox = 'auto'")
    if kept.is_in_force:
        who = "jobs and scorers no" if settings.job_network == "none" else "scorers no"
        said = f"jobs and scorers see their own files, and {who} network unless they ask, kept by bubblewrap"
        return Finding("sandbox", "ok", f"{kept.mode}: {said}")
    said = f"{kept.mode}: {why_not()}, so a job can read and change whatever you can"
    return Finding("sandbox", "problem" if kept.mode == "require" else "warning", said, REMEDY)


def limits(home: Home) -> Finding:
    """Whether jobs and scorers that name a size are bounded by it."""
    groups = Cgroups(folders_of(load_settings(home.root).cgroups))
    if not groups.folders:
        said = (
            "none: jobs and scorers take the memory and the processors that they get; their sizes only say who waits "
            "(ulimit -v is no substitute: numpy reserves more than it uses)"
        )
        return Finding("limits", "ok", said, CGROUPS_REMEDY)
    if why := groups.why_not():
        return Finding("limits", "problem", f"the setting cgroups: {why}", CGROUPS_REMEDY)
    return Finding("limits", "ok", "jobs and scorers that name a size are bounded by it, by control groups")


CHECKS: Final[tuple[Callable[[Home], Finding], ...]] = (
    settings_of, python_version, machine, disk, memory, sockets, ports, tools, conda, sandbox, limits, downloads,
)  # fmt: skip


def _look(check: Callable[[Home], Finding], home: Home) -> Finding:
    try:
        return check(home)
    except PratiqueError as error:
        name = "settings" if check is settings_of else check.__name__
        return Finding(name, "problem", "; ".join(map(str, error.problems)) or error.message, error.hint)
