"""Keeps a process to its `View`, with bubblewrap where that works.

    auto       bubblewrap where it works; where not, processes see what the user sees
    require    nothing starts without it
    off        processes see what the user sees

bubblewrap makes namespaces of mounts, processes and IPC for one process, takes
every capability from it, and needs no privileges where the kernel lets users
make namespaces. Whether it does is tried once.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pratique.base.errors import ComputeFailed
from pratique.compute.view import View

Mode = Literal["auto", "require", "off"]

_SYSTEM: Final = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/sys", "/nix/store",
    "/var/lib/ca-certificates",
)  # fmt: skip
"""Programs, libraries and their settings; what the machine has of these."""
_DEVICES: Final = ("nvidia*", "dri", "kfd")
"""Graphics cards, below /dev."""
_NAMES: Final = Path("/etc/resolv.conf")
"""How names become addresses: often a link to a folder that changes while the machine runs."""
_ALWAYS: Final = ("--die-with-parent", "--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL")
_PROBE_LIMIT: Final = 20.0
"""Seconds; a first start from a cold disk takes one."""
REMEDY: Final = "install bubblewrap (apt install bubblewrap) on a machine that lets users make namespaces"


@dataclass(frozen=True)
class Sandbox:
    """How this machine keeps processes to their views; making one touches nothing."""

    mode: Mode = "off"
    hidden: tuple[Path, ...] = ()
    """Folders of the platform, absent from every view even where they lie within the system's."""
    shared: tuple[Path, ...] = ()
    """Folders that every view may read; one that is not there is left out."""

    @property
    def is_in_force(self) -> bool:
        """Whether processes are kept to their views."""
        return not self.lack

    @property
    def lack(self) -> str:
        """Why processes are not kept to their views here, as the end of a sentence; empty when they are."""
        return "the setting sandbox is off" if self.mode == "off" else why_not()

    def arguments(self, view: View) -> tuple[str, ...]:
        """The program that makes `view`, and its options; empty when processes are not kept to their views.

        Raises `ComputeFailed` when they must be and cannot.
        """
        if self.is_in_force:
            besides = _besides(self.shared, self.hidden)
            return (_program(), *_ALWAYS, *_network(view), *_system(), *besides, *_places(view))
        if self.mode == "require":
            raise ComputeFailed(f"processes must be kept apart here, and cannot be: {why_not()}", hint=REMEDY)
        return ()


UNCONFINED: Final = Sandbox()
"""Processes see what the user sees."""


@cache
def why_not() -> str:
    """Why processes cannot be kept apart on this machine, as the end of a sentence; empty when they can."""
    program = _program()
    if not program:
        return "there is no bwrap on the PATH"
    command = (program, *_ALWAYS, *_system(), *_places(View()), "--", "/bin/sh", "-c", "true")
    try:
        done = subprocess.run(
            command, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program} does not run: {error}"
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else f"{program} fails: {said[-1] if said else f'exit code {done.returncode}'}"


def _program() -> str:
    return _program_on(os.environ.get("PATH", os.defpath))


@cache
def _program_on(path: str) -> str:
    return shutil.which("bwrap", path=path) or ""


def _network(view: View) -> tuple[str, ...]:
    return () if view.has_network else ("--unshare-net",)


@cache
def _system() -> tuple[str, ...]:
    return (*_system_folders(), "--proc", "/proc", "--dev", "/dev", *_devices())


@cache
def _besides(shared: tuple[Path, ...], hidden: tuple[Path, ...]) -> tuple[str, ...]:
    """What is shown besides the system, and what of both is hidden."""
    shown = [option for folder in shared for option in ("--ro-bind-try", str(folder), str(folder))]
    covered = [
        option
        for folder in hidden
        if any(folder.is_relative_to(place) for place in (*map(Path, _SYSTEM), *shared))
        for option in ("--tmpfs", str(folder))
    ]
    return (*shown, *covered)


def _system_folders() -> Iterator[str]:
    for folder in _SYSTEM:
        if os.path.islink(folder):
            yield from ("--symlink", os.readlink(folder), folder)
        elif os.path.isdir(folder):
            yield from ("--ro-bind", folder, folder)
    names = os.path.realpath(_NAMES)
    if not any(Path(names).is_relative_to(folder) for folder in _SYSTEM):
        yield from ("--ro-bind-try", names, names)


def _devices() -> Iterator[str]:
    for pattern in _DEVICES:
        for path in sorted(Path("/dev").glob(pattern)):
            yield from ("--dev-bind", str(path), str(path))


def _places(view: View) -> Iterator[str]:
    """The view's own paths, those above before those within, so that none covers another."""
    for place in ("/tmp", "/var/tmp"):  # noqa: S108 - these are the sandbox's own.
        yield from ("--bind", str(view.scratch), place) if view.scratch else ("--tmpfs", place)
    options = dict.fromkeys(view.readable, "--ro-bind") | dict.fromkeys(view.writable, "--bind")
    for path, option in sorted(options.items(), key=lambda one: len(one[0].parts)):
        yield from (option, str(path), str(path))
    yield from ("--remount-ro", "/")
