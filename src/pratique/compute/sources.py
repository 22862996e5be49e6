"""Copies of our own pure-Python packages, for processes that run in the user's environment.

The user's environment has no Pratique in it, and what a running process
imports must not change under it when Pratique is upgraded: so each content
has a folder of its own, checked again whenever it is asked for.
"""

import importlib.util
import shutil
import tempfile
from pathlib import Path

from pratique.base.errors import InternalError, StorageFailed
from pratique.content.folder import scan
from pratique.content.manifest import Manifest


def package_copy(package: str, into: Path) -> Path:
    """The folder for PYTHONPATH that holds a copy of the installed `package`, below ``<into>/<digest>/``.

    Asked again it gives the same folder, made anew if somebody has changed it.
    Raises `InternalError` when `package` is not installed, `StorageFailed` when
    the copy cannot be written.
    """
    source = installed_package(package)
    manifest = _content(source)
    folder = into / manifest.digest
    copied = folder / package
    if not copied.is_dir() or _content(copied).digest != manifest.digest:
        try:
            _copy(source, manifest, folder, package)
        except OSError as error:
            raise StorageFailed(f"{copied} cannot be written: {error.strerror}") from error
    return folder


def installed_package(package: str) -> Path:
    """The folder of an installed `package`; raises `InternalError` when there is none."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InternalError(f"the package {package} is not installed", hint="install Pratique again")
    return Path(next(iter(spec.submodule_search_locations)))


def _content(folder: Path) -> Manifest:
    return scan(folder, honour_ignore=True, keep_executable=False)


def _copy(source: Path, manifest: Manifest, folder: Path, package: str) -> None:
    """Fill a folder beside and rename it in, so that no process sees half a package."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
        for entry in manifest.entries:
            target = Path(part) / package / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / entry.path, target)
        _put(Path(part) / package, folder / package)


def _put(made: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():  # Otherwise another process was first, with the same content.
            raise
