"""ArchiveFiles@2, ExtractFiles@1 and DeleteFiles@1: folders into zip and tar files, out of them, and away.

Python's own zipfile and tarfile do the work, so nothing has to be installed. What
an archive holds stays below the folder that it is extracted to, whatever its names say.
"""

import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pratique.base.errors import InvalidInput, NotFound
from pratique.worker.matching import files_below, found_below, matching
from pratique.worker.step import DONE, Outcome
from pratique.worker.tasks.copying import empty
from pratique.worker.tasks.work import Work

_TAR_MODES: Final = {"gz": "gz", "bz2": "bz2", "xz": "xz", "none": ""}
_MODE_BITS: Final = 0o777


def archive_files(work: Work) -> Outcome:
    """ArchiveFiles@2: one file or folder into one archive, which is added to where it may not be replaced."""
    inputs, base = work.inputs, work.run.folder("")
    root = base / inputs.text("rootFolderOrFile").strip()
    target = base / inputs.text("archiveFile").strip()
    if not root.exists():
        raise NotFound(f"there is nothing to archive at {root}")
    with_root = root.is_file() or inputs.is_on("includeRootFolder")
    files = [(file, name) for file, name in _named_files(root, with_root) if file.resolve() != target.resolve()]
    target.parent.mkdir(parents=True, exist_ok=True)
    if inputs.is_on("replaceExistingArchive"):
        target.unlink(missing_ok=True)
    if inputs.word("archiveType") == "zip":
        _zip(target, files)
    else:
        _tar(target, files, inputs.word("tarCompression"))
    work.run.say(f"{target}: {len(files)} files, {target.stat().st_size:,} bytes")
    return DONE


def _named_files(root: Path, with_root: bool) -> Iterator[tuple[Path, str]]:
    """Each file with the name that it has in the archive."""
    if root.is_file():
        yield root, root.name
        return
    before = f"{root.name}/" if with_root else ""
    for file in files_below(root):
        yield root / file, before + file


def _zip(target: Path, files: list[tuple[Path, str]]) -> None:
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        known = set(archive.namelist())
        for file, name in files:
            if name not in known:
                archive.write(file, name)


def _tar(target: Path, files: list[tuple[Path, str]], compression: str) -> None:
    if target.exists() and compression != "none":
        said = f"{target} is there, and nothing can be added to a compressed archive"
        raise InvalidInput(said, hint="replaceExistingArchive: true, or tarCompression: none")
    mode = "a" if target.exists() else f"w:{_TAR_MODES[compression]}"
    with tarfile.open(target, mode, dereference=True) as archive:  # type: ignore[call-overload]
        for file, name in files:
            archive.add(file, name, recursive=False)


def extract_files(work: Work) -> Outcome:
    """ExtractFiles@1: every archive that the patterns choose, into one folder."""
    inputs, base = work.inputs, work.run.folder("")
    target = base / inputs.text("destinationFolder").strip()
    archives = found_below(base, inputs.lines("archiveFilePatterns"))
    if not archives:
        raise NotFound(f"no archive matches {', '.join(inputs.lines('archiveFilePatterns'))}")
    if inputs.is_on("cleanDestinationFolder"):
        if any(one.resolve().is_relative_to(target.resolve()) for one in archives):
            hint = "choose another destinationFolder, or cleanDestinationFolder: false"
            raise InvalidInput(f"emptying {target} would remove what is to be extracted", hint=hint)
        empty(target)
    target.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        count = _extracted(archive, target, overwrites=inputs.is_on("overwriteExistingFiles"))
        work.run.say(f"{archive}: {count} files to {target}")
    return DONE


def _extracted(archive: Path, target: Path, *, overwrites: bool) -> int:
    """How many files `archive` gave; raises `InvalidInput` for what is none, and for a file that may not be written."""
    try:
        if zipfile.is_zipfile(archive):
            return _unzipped(archive, target, overwrites)
        if tarfile.is_tarfile(archive):
            return _untarred(archive, target, overwrites)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise InvalidInput(f"{archive} cannot be extracted: {error}") from error
    raise InvalidInput(f"{archive} is neither a zip nor a tar file", hint="7z, rar and wim are not extracted here")


def _unzipped(archive: Path, target: Path, overwrites: bool) -> int:
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        for entry in entries:
            _check_free(target, entry.filename, overwrites)
            written = Path(opened.extract(entry, target))
            if mode := (entry.external_attr >> 16) & _MODE_BITS:
                written.chmod(mode | 0o600)
        return len(entries)


def _untarred(archive: Path, target: Path, overwrites: bool) -> int:
    with tarfile.open(archive) as opened:
        entries = opened.getmembers()
        for entry in entries:
            if not entry.isdir():
                _check_free(target, entry.name, overwrites)
        opened.extractall(target, filter="data")
        return sum(1 for entry in entries if not entry.isdir())


def _check_free(target: Path, name: str, overwrites: bool) -> None:
    if not overwrites and (target / name.lstrip("/")).exists():
        raise InvalidInput(f"{target / name.lstrip('/')} is there already", hint="overwriteExistingFiles: true")


def delete_files(work: Work) -> Outcome:
    """DeleteFiles@1: files and whole folders that the patterns choose; what is not there is no mistake."""
    inputs, run = work.inputs, work.run
    root = run.folder("") / inputs.text("sourceFolder").strip()
    if not root.is_dir():
        run.say(f"there is no folder {root}; nothing is deleted")
        return DONE
    with_dots = inputs.is_on("removeDotFiles")
    known = [path for path in _everything_below(root) if with_dots or not _is_dotted(path)]
    chosen = matching(known, [_below_root(pattern, root) for pattern in inputs.lines("contents")])
    for path in chosen:
        _remove(root / path)
    run.say(f"{len(chosen)} files and folders deleted below {root}")
    if inputs.is_on("removeSourceFolder") and not any(root.iterdir()):
        root.rmdir()
        run.say(f"deleted {root}")
    return DONE


def _below_root(pattern: str, root: Path) -> str:
    """A pattern that counts from the folder, also where it was written from the root of the machine."""
    text = pattern.strip().removeprefix("./")
    return text.removeprefix(f"{root}/") if text.startswith("/") else text


def _everything_below(root: Path) -> Iterator[str]:
    """Files and folders, links never followed."""
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            yield os.path.relpath(os.path.join(folder, name), root)


def _is_dotted(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _remove(path: Path) -> None:
    """Remove a file or a folder that may have gone with the folder around it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
