"""Code that a component wants more beside: `additional_includes`, laid together before it is uploaded.

    code: ./src                        src/train.py, and from elsewhere
    additional_includes: [../shared]   src/shared/…
"""  # fmt: skip

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pratique.base.errors import AlreadyExists, StorageFailed
from pratique.specs.keys import Key
from pratique.specs.references import LocalUse

INCLUDES: Final = "additional_includes"


def included(uses: Iterable[LocalUse]) -> dict[Key, list[Path]]:
    """For each component that wants more beside its code, by its key: what it wants."""
    found: dict[Key, list[Path]] = {}
    for use in uses:
        if use.purpose == "include":
            found.setdefault(use.key[:-2], []).append(use.path)
    return found


@contextmanager
def laid_together(code: Path | None, more: Sequence[Path]) -> Iterator[Path]:
    """A folder with what is in `code` and with `more` beside it, each under its own name.

    It has the name of `code`, and is gone afterwards. Raises `AlreadyExists` for a name that is there twice.
    """
    with tempfile.TemporaryDirectory(prefix="pratique-code-") as own:
        folder = Path(own) / (code.resolve().name if code else "code")
        try:
            if code:
                _copy(code, folder)
            else:
                folder.mkdir()
            for path in more:
                target = folder / path.resolve().name
                if target.exists():
                    raise AlreadyExists(f"{INCLUDES}: the code has a {target.name} already", hint="rename one of them")
                _copy(path, target)
        except shutil.Error as error:
            raise StorageFailed(f"{INCLUDES}: {error.args[0][0][2]}") from error
        except OSError as error:
            raise StorageFailed(f"{INCLUDES}: {error.filename}: {error.strerror}") from error
        yield folder


def _copy(source: Path, target: Path) -> None:
    """A file or a folder, links as what they lead to."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)
