"""Wheels in a folder: those of a lock, fetched; and those of installed distributions, made again.

pip fetches, because uv installs wheels and does not keep them as files. It
checks each against the hashes of the lock, and knows the user's indexes by its
own settings, or by uv's where only those are set.
"""

import base64
import hashlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pratique.base.errors import ComputeFailed
from pratique.compute.installer import Say
from pratique.compute.interpreters import find_interpreter
from pratique.compute.locks import Lock
from pratique.compute.sources import installed_package
from pratique.content.folder import scan

_LIMIT: Final = 3600.0
"""Seconds for the wheels of one lock over a slow line."""
_SHOWN_LINES: Final = 20
_TO_PIP: Final = {
    # uv's variable: pip's for the same.
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX_URL": "PIP_INDEX_URL",
    "UV_EXTRA_INDEX_URL": "PIP_EXTRA_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_FIND_LINKS": "PIP_FIND_LINKS",
    "SSL_CERT_FILE": "PIP_CERT",
}
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a wheel made here: the same content is the same wheel."""
_OF_THE_INSTALLATION: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


class Fetcher:
    """pip, in an environment of its own that lasts as long as this; use as a context."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._folder = tempfile.TemporaryDirectory(prefix="pratique-pip-")
        self._fetched: set[tuple[str, Path, str]] = set()

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def fetch(self, lock: Lock, into: Path) -> None:
        """Put a wheel of each package of `lock` into the folder `into`; raises `ComputeFailed` with pip's words."""
        pins = {(lock.python, into, pin): block for pin, block in blocks_of(lock.text).items()}
        missing = {pin: block for pin, block in pins.items() if pin not in self._fetched}
        if not missing:
            return
        requirements = Path(self._folder.name) / "requirements.txt"
        requirements.write_text("".join(missing.values()), encoding="utf-8")
        self._run(
            self._pip(lock.python), "download", "--disable-pip-version-check", "--require-hashes", "--no-deps",
            "--only-binary", ":all:", "--dest", into, "--requirement", requirements,
        )  # fmt: skip
        # Environments share most of their packages, and pip would ask for each of them again.
        self._fetched |= missing.keys()

    def _pip(self, version: str) -> Path:
        """A pip that runs on Python `version`, because that decides which wheels fit."""
        place = Path(self._folder.name) / version
        if not place.exists():
            self._run(find_interpreter(version), "-m", "venv", place)
        return place / "bin" / "pip"

    def _run(self, *command: str | Path) -> None:
        with subprocess.Popen(
            [str(word) for word in command], env=pip_environment(os.environ), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        ) as process:  # fmt: skip
            lines = [line.rstrip() for line in self._told(process)]
        if process.returncode:
            raise ComputeFailed(
                "wheels cannot be fetched",
                hint="check the network and the packages; every package needs a wheel for this machine",
                log_tail=lines[-_SHOWN_LINES:],
            )

    def _told(self, process: "subprocess.Popen[str]") -> Iterator[str]:
        for line in process.stdout or ():
            if line.startswith("Saved "):
                self._say(f"  {Path(line.split(maxsplit=1)[1].strip()).name}")
            yield line


def blocks_of(lock: str) -> dict[str, str]:
    """By ``name==version`` with its marker: the lines of each package of a lock, hashes and remarks included."""
    found: dict[str, str] = {}
    pin = ""
    for line in lock.splitlines(keepends=True):
        if line.strip() and line[0] not in " \t#":
            pin = line.strip().removesuffix("\\").strip()
            found[pin] = ""
        if pin:
            found[pin] += line
    return found


def pip_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with uv's settings in pip's words where pip has none of its own, and nothing of a Python's."""
    kept = {name: value for name, value in environ.items() if not name.startswith("PYTHON") and name != "VIRTUAL_ENV"}
    for ours, theirs in _TO_PIP.items():
        if environ.get(ours) and not environ.get(theirs):
            kept.setdefault(theirs, environ[ours])
    return kept


# --- what is installed ---------------------------------------------------------------------------------------------


def pins_of(distribution: str) -> dict[str, str]:
    """Everything that `distribution` needs here, by name, at the version that is installed; itself left out."""
    found: dict[str, str] = {}
    waiting = [(distribution, frozenset[str]())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            if not _is_wanted(requirement, extras):
                continue
            found[canonicalize_name(requirement.name)] = metadata.version(requirement.name)
            next_one = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            if next_one not in seen:
                seen.add(next_one)
                waiting.append(next_one)
    found.pop(canonicalize_name(distribution), None)
    return dict(sorted(found.items()))


def _is_wanted(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in (extras or {""}))


def wheel_of(distribution: str, package: str, into: Path) -> Path:
    """Make the wheel of an installed pure-Python `distribution` with one `package`; its path in the folder `into`.

    A checkout's installation has the same files as one from a wheel, so both give the same.
    """
    found = metadata.distribution(distribution)
    stem = f"{package}-{found.version}"
    files = {f"{package}/{path}": content for path, content in _package_files(installed_package(package))}
    files |= {f"{stem}.dist-info/{path}": content for path, content in _info_files(found)}
    record = "".join(f"{path},sha256={_hash(content)},{len(content)}\n" for path, content in files.items())
    files[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n".encode()
    target = into / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _EARLIEST)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return target


def _package_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for entry in scan(folder, honour_ignore=True, keep_executable=False).entries:
        yield entry.path, (folder / entry.path).read_bytes()


def _info_files(found: metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    for file in sorted(found.files or (), key=str):
        folder, *rest = file.parts
        if folder.endswith(".dist-info") and rest and rest[-1] not in _OF_THE_INSTALLATION:
            yield "/".join(rest), Path(str(found.locate_file(file))).read_bytes()


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
