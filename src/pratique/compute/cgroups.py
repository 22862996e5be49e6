"""Bounds of memory and processors for a process and all that it starts, by the kernel's control groups.

A group is a folder of the kernel's: what is written into its files bounds the
processes whose numbers stand in its ``cgroup.procs``. Version 2 has one tree;
version 1 has one for each controller, so memory and processors take two folders.

The platform only works in folders that were handed to it by the setting
``cgroups``: whoever runs as root could write anywhere, and what runs there may
be others'. Each process has a group of its own below, made before it is
started, entered by its shim's child before anything of the user's runs, and
removed by the shim when all of it has ended.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pratique.base.errors import ComputeFailed

REMEDY: Final = (
    "hand folders of control groups to the platform with the setting cgroups; v2, under systemd: "
    "systemd-run --user --scope -p Delegate=yes"
)
_PREFIX: Final = "pratique-"
_PERIOD: Final = 100_000
"""Microseconds in which a group may use its share of the processors; the kernel's default."""
_V2: Final = "cgroup.controllers"
_MEMORY: Final = "memory.limit_in_bytes"
_PROCESSORS: Final = "cpu.cfs_quota_us"


@dataclass(frozen=True)
class Limits:
    """What a process may take with all that it starts; None for whatever there is."""

    cores: float | None = None
    memory: int | None = None
    """Bytes."""

    @property
    def are_any(self) -> bool:
        """Whether anything is bounded."""
        return self.cores is not None or self.memory is not None


UNLIMITED: Final = Limits()
"""Whatever there is."""


@dataclass(frozen=True)
class Cgroups:
    """The folders in which groups are made; none by default, and then nothing is bounded."""

    folders: tuple[Path, ...] = ()
    _swept: list[bool] = field(default_factory=list, compare=False)

    def why_not(self) -> str:
        """Why not both memory and processors can be bounded, as the end of a sentence; empty when they can."""
        if not self.folders:
            return "no control groups were handed to the platform"
        for folder in self.folders:
            if not _controllers(folder):
                return f"{folder} is no control group of memory or processors"
            if not os.access(folder, os.W_OK | os.X_OK):
                return f"{folder} cannot be written"
        lacking = {"memory", "cpu"}.difference(*(_controllers(folder) for folder in self.folders))
        return f"nothing in them bounds {' and '.join(sorted(lacking))}" if lacking else ""

    def make(self, attempt: Path, limits: Limits) -> tuple[Path, ...]:
        """Groups for the process of one attempt, to be entered by it; none when nothing is bounded.

        Raises `ComputeFailed` when the kernel does not take them: a bound that was asked for is not left out.
        """
        if not self.folders or not limits.are_any:
            return ()
        if not self._swept:
            self._swept.append(True)
            self._sweep()
        name = _PREFIX + hashlib.sha256(os.fsencode(attempt)).hexdigest()[:24]
        try:
            return tuple(_made(folder, name, limits) for folder in self.folders)
        except OSError as error:
            raise ComputeFailed(
                f"the bounds of memory and processors cannot be set: {error.strerror}: {error.filename}", hint=REMEDY
            ) from error

    def _sweep(self) -> None:
        """Remove what shims that were killed have left; the kernel refuses it for a group in which something lives."""
        for folder in self.folders:
            for group in folder.glob(f"{_PREFIX}*"):
                try:
                    group.rmdir()
                except OSError:
                    continue


UNBOUNDED: Final = Cgroups()
"""Processes take what they get."""


def folders_of(setting: str) -> tuple[Path, ...]:
    """The folders that a setting names, separated by colons."""
    return tuple(Path(folder) for folder in setting.split(":") if folder)


def _controllers(folder: Path) -> frozenset[str]:
    """What groups in `folder` can bound."""
    try:
        if (folder / _V2).is_file():
            return frozenset((folder / _V2).read_text(encoding="ascii").split()) & {"memory", "cpu"}
    except OSError:
        return frozenset()
    found = {"memory"} if (folder / _MEMORY).exists() else set()
    return frozenset(found | ({"cpu"} if (folder / _PROCESSORS).exists() else set()))


def _made(folder: Path, name: str, limits: Limits) -> Path:
    group = folder / name
    if (folder / _V2).is_file():
        enabled = (folder / "cgroup.subtree_control").read_text(encoding="ascii").split()
        for controller in sorted(_controllers(folder) - set(enabled)):
            _write(folder / "cgroup.subtree_control", f"+{controller}")
    group.mkdir(exist_ok=True)
    for file, text in _bounds(folder, limits):
        _write(group / file, text)
    return group


def _bounds(folder: Path, limits: Limits) -> Iterator[tuple[str, str]]:
    """What is written into the files of a group in `folder`."""
    is_v2, can = (folder / _V2).is_file(), _controllers(folder)
    if limits.memory is not None and "memory" in can:
        yield ("memory.max" if is_v2 else _MEMORY), str(limits.memory)
    if limits.cores is not None and "cpu" in can:
        share = max(1000, round(limits.cores * _PERIOD))
        if is_v2:
            yield "cpu.max", f"{share} {_PERIOD}"
        else:
            yield "cpu.cfs_period_us", str(_PERIOD)
            yield _PROCESSORS, str(share)


def _write(file: Path, text: str) -> None:
    """Write with one call, as the kernel wants it."""
    handle = os.open(file, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
    finally:
        os.close(handle)
