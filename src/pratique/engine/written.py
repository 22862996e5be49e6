"""What was written down for the processes of a deployment, and whether it still is that when one of them starts.

Two things lie in the home between two starts: the files of model and code, and
the file that says what is run with them. Each start asks again, so that a byte
which changed meanwhile starts nothing.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pratique.base.errors import ComputeFailed
from pratique.compute.shim import fingerprint
from pratique.content.hashing import hash_file
from pratique.engine import trust
from pratique.engine.workbench import Workbench
from pratique.store import holdings


def check_files(folder: Path, known: Mapping[str, str]) -> dict[Path, bytes]:
    """Raise `ComputeFailed` when one of the `known` files below `folder` is not what it was.

    Returns what the kernel said of each before it was read: as long as it says the same, they are sound.
    """
    seen = {folder / path: fingerprint(str(folder / path)) for path in known}
    if changed := sorted(path for path, digest in known.items() if _digest(folder / path) != digest):
        raise ComputeFailed(
            f"files that the deployment runs were changed: {', '.join(changed[:3])}",
            hint=f"nothing was started; create the deployment again, which writes {folder} anew",
        )
    return seen


def check_model(bench: Workbench, workspace: str, model: str, *, what: str = "the model") -> None:
    """Raise `ComputeFailed` unless the model of that manifest, empty for none, may be loaded in the workspace now."""
    if not model:
        return
    with bench.database.read() as tx:
        manifest = holdings.manifest(tx, workspace, model)
    if manifest is None:
        raise ComputeFailed("the files of the model are gone", hint="register the model again")
    trust.check(bench, workspace, manifest, what=what)


def sealed(text: str) -> str:
    """`text` after its own SHA-256."""
    return f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def unsealed(path: Path) -> str:
    """What `sealed` made the text of a file; raises `ComputeFailed` when a byte of it was changed, and `OSError`."""
    digest, _, text = path.read_bytes().decode("utf-8", "replace").partition("\n")
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise ComputeFailed(
            f"{path} was changed, which says what the deployment runs",
            hint="nothing was started; create the deployment again, which writes it anew",
        )
    return text


def _digest(path: Path) -> str:
    """The SHA-256 of a file; empty for one that is gone or has become something else."""
    try:
        return "" if path.is_symlink() else hash_file(path)[0]
    except OSError:
        return ""
