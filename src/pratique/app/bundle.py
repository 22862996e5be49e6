"""``pratique bundle``: everything that a machine without a network needs."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pratique import __version__
from pratique.app import project
from pratique.app.layout import tracking_lock
from pratique.base.errors import Conflict, StorageFailed
from pratique.base.home import Home
from pratique.cli.table import Table, flag, switch
from pratique.cli.talk import say
from pratique.compute.bundle import Bundle, open_bundle, pack, seal, sha256_of
from pratique.compute.environments import Environments
from pratique.compute.interpreters import platform_version
from pratique.compute.locks import Lock
from pratique.compute.wheelhouse import Fetcher, pins_of, wheel_of
from pratique.engine import conversion
from pratique.specs.packages import PackageRequest, check_python_only
from pratique.specs.reader import parse_document, read_document
from pratique.specs.translation import translate

TABLE = Table("bundle")
_OWN: Final = {
    # Distribution: its package.
    "pratique": "pratique",
    "pratique-serving": "pratique_serving",
    "pratique-tracking": "pratique_tracking",
}
_PATH = flag("path", "path", metavar="PATH", help="A folder or a .zip.")
_CONDA = flag("conda_file", "--conda-file", nargs="+", help="More environments: their conda files.", default=())
_ONLY_ENVIRONMENTS = switch("only_environments", help="Leave out the platform itself.")
_README: Final = """# A bundle of Pratique {version}

For Python {python} on this kind of machine: the platform, MLflow, and the environments of its example.
`bundle.json` names each file with its SHA-256; `pratique bundle verify` reads them all.

On the machine without a network:

```sh
python{python} -m venv pratique
pratique/bin/pip install --no-index --find-links wheels --require-hashes -r requirements.txt
pratique/bin/pratique demo --bundle .
```
"""


@TABLE.verb(
    "create",
    arguments=(_PATH, _CONDA, _ONLY_ENVIRONMENTS),
    examples={
        "Into one file": "pratique bundle create pratique.zip",
        "Into a folder, with environments of yours": "pratique bundle create ./bundle --conda-file conda.yml",
    },
)
def create(*, path: str, conda_file: Sequence[str], only_environments: bool) -> dict[str, Any]:
    """Fetch everything that a machine without a network needs into a folder or a .zip.

    In it are the wheels of the platform, of MLflow and of the example's environments, the locks of these
    environments, and the hash of every file. It is for this Python and this kind of machine.
    Use it with `pratique up --bundle` or `pratique demo --bundle`.
    """
    target = Path(path)
    requests = [
        *_requests_of_templates(),
        *(translate({"conda_file": read_document(Path(file))}) for file in conda_file),
    ]
    with _made(target) as folder:
        _fill(folder, requests, with_platform=not only_environments)
        seal(folder, made_by=f"pratique {__version__}")
    bundle = open_bundle(target)
    say(f"{target}: {len(bundle.files)} files, {bundle.size / 1e6:.0f} MB, SHA-256 {bundle.digest}")
    return _document(target, bundle)


@TABLE.verb(
    "verify",
    arguments=(_PATH,),
    examples={"Read every file of a bundle": "pratique bundle verify pratique.zip"},
)
def verify(*, path: str) -> dict[str, Any]:
    """Read every file of a bundle, and say its digest.

    The digest is the SHA-256 of its `bundle.json`: compare it with the one that `pratique bundle create` printed.
    """
    bundle = open_bundle(Path(path))
    bundle.verify()
    return _document(Path(path), bundle)


def _document(path: Path, bundle: Bundle) -> dict[str, Any]:
    return {
        "path": str(path.absolute()),
        "digest": bundle.digest,
        "files": len(bundle.files),
        "bytes": bundle.size,
        "python": bundle.python,
        "machine": bundle.machine,
        "made_by": bundle.made_by,
    }


def _requests_of_templates() -> Iterator[PackageRequest]:
    for template in project.TEMPLATES:
        for path, content in project.rendered(template, project.EXAMPLE).items():
            if Path(path).name == "conda.yml":
                request = translate({"conda_file": parse_document(content.decode(), file=path)})
                yield request
                # Its model is served as ONNX: what converts it, and what serves it then.
                yield replace(request, requirements=(*conversion.CONVERTER, *request.requirements))
    yield conversion.RUNTIME


@contextmanager
def _made(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when all went well."""
    if target.exists():
        raise Conflict(f"{target} is there already", hint="remove it, or choose another place")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bundle-") as beside:
            folder = Path(beside) / "bundle"
            folder.mkdir()
            yield folder
            if target.suffix == ".zip":
                pack(folder, Path(beside) / "packed")
                folder = Path(beside) / "packed"
            folder.rename(target)
    except OSError as error:
        raise StorageFailed(f"{error.filename or target} cannot be written: {error.strerror}") from error


def _fill(folder: Path, requests: Sequence[PackageRequest], *, with_platform: bool) -> None:
    for request in requests:
        check_python_only(request)
    wheels = folder / "wheels"
    wheels.mkdir()
    environments = Environments(folder / "environments")
    locks = {
        f"an environment with {', '.join(request.requirements[:3])}, …": environments.lock(request, say=say)
        for request in requests
    }
    (folder / "environments" / "locks").rename(folder / "locks")
    locks["MLflow"] = tracking_lock(Home.from_environment(), environments)
    if with_platform:
        locks["the platform"] = platform = _platform_lock(environments)
    with Fetcher(say) as fetcher:
        for what, lock in locks.items():
            say(f"wheels of {what}")
            fetcher.fetch(lock, wheels)
    shutil.rmtree(folder / "environments")
    if with_platform:
        own = [wheel_of(distribution, package, wheels) for distribution, package in _OWN.items()]
        (folder / "requirements.txt").write_text(_requirements(platform, own), encoding="utf-8")
        readme = _README.format(version=__version__, python=platform_version())
        (folder / "README.md").write_text(readme, encoding="utf-8")


def _platform_lock(environments: Environments) -> Lock:
    """Everything that the platform needs, at the versions that it runs with here."""
    pins = {name: version for name, version in pins_of("pratique").items() if name not in _OWN}
    wanted = tuple(f"{name}=={version}" for name, version in pins.items())
    return environments.lock(PackageRequest(platform_version(), wanted, ()), say=say)


def _requirements(lock: Lock, own: Sequence[Path]) -> str:
    lines = [
        f"{wheel.name.split('-')[0].replace('_', '-')}=={__version__} --hash=sha256:{sha256_of(wheel)}\n"
        for wheel in own
    ]
    return lock.text + "".join(lines)
