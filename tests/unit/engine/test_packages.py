"""From an environment as a user wrote it to a Python that has its packages, without a flood of lines."""

from pathlib import Path

import pytest

from pratique.base.errors import ComputeFailed, InvalidInput
from pratique.compute.environments import Environments
from pratique.compute.locks import Lock
from pratique.engine.abandon import Say
from pratique.engine.building import built
from pratique.engine.packages import python_at_once, python_for, python_for_model
from pratique.specs.packages import PackageRequest
from pratique.store.blobs import BlobStore

HASHED = "numpy==2.0 \\\n    --hash=sha256:00\npandas==2.2 \\\n    --hash=sha256:00\n"


class Builder(Environments):
    """Environments that are built at once, by nobody."""

    def __init__(self, *, ready: bool = False) -> None:
        super().__init__(Path("/nowhere"))
        self.asked: list[PackageRequest] = []
        self.logs: list[Path | None] = []
        self._ready = ready

    def lock(self, request: PackageRequest, *, extra: object = (), say: Say | None = None) -> Lock:
        self.asked.append(request)
        return Lock(request.python or "3.11", HASHED)

    def is_ready(self, lock: Lock) -> bool:
        return self._ready

    def ensure(self, lock: Lock, *, log: Path | None = None, say: Say | None = None) -> Path:
        self.logs.append(log)
        for line in ("Installed 2 packages in 3ms", " + numpy==2.0", " - pandas==2.1", " ~ six==1", "compiling"):
            if say and not self._ready:
                say(line)
        return Path("/env/bin/python")


def test_a_conda_file_becomes_a_request_and_every_note_is_said(tmp_path: Path) -> None:
    heard: list[str] = []
    builder = Builder()
    conda = {"channels": ["conda-forge"], "dependencies": ["python=3.10", "numpy=2.0"]}
    assert python_for(builder, {"conda_file": conda}, logs=tmp_path, say=heard.append) == Path("/env/bin/python")
    assert (builder.asked[0].python, builder.asked[0].requirements) == ("3.10", ("numpy==2.0.*", "setuptools<81"))
    assert any("conda-forge" in line for line in heard)


def test_an_environment_that_is_there_takes_no_work_and_says_its_notes(tmp_path: Path) -> None:
    class Kept(Builder):
        def known(self, request: PackageRequest, *, extra: object = ()) -> Lock:
            return self.lock(request)

        def at_once(self, lock: Lock) -> Path | None:
            return Path("/env/bin/python") if self._ready else None

    heard: list[str] = []
    spec = {"conda_file": {"channels": ["conda-forge"], "dependencies": ["python=3.10", "numpy=2.0"]}}
    assert python_at_once(Builder(), spec, say=heard.append) is None
    assert python_at_once(Kept(), spec, say=heard.append) is None
    assert heard == []
    assert python_at_once(Kept(ready=True), spec, say=heard.append) == Path("/env/bin/python")
    assert any("conda-forge" in line for line in heard)


def test_what_cannot_be_translated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        python_for(Builder(), {"conda_file": {"dependencies": ["a=1|2"]}}, logs=tmp_path, say=print)


def test_a_build_tells_how_many_packages_and_keeps_their_list_in_a_log(tmp_path: Path) -> None:
    heard: list[str] = []
    builder = Builder()
    built(builder, Lock("3.11", HASHED), logs=tmp_path, say=heard.append)
    assert "2 packages" in heard[0]
    assert str(builder.logs[0]) in heard[0]
    assert heard[1:] == ["Installed 2 packages in 3ms", "compiling"]


def test_an_environment_that_is_there_is_used_in_silence(tmp_path: Path) -> None:
    heard: list[str] = []
    builder = Builder(ready=True)
    built(builder, Lock("3.11", HASHED), logs=tmp_path, say=heard.append)
    assert (heard, builder.logs) == ([], [None])


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("conda.yaml", "dependencies:\n- python=3.13\n- pip:\n  - numpy==1.21.2\n"),
        ("requirements.txt", "numpy==1.21.2\n"),
    ],
)
def test_an_mlflow_model_brings_its_own_environment(tmp_path: Path, file: str, text: str) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / file).write_text(text)
    builder = Builder()
    python_for_model(builder, blobs, blobs.put_folder(tmp_path / "model"), logs=tmp_path, say=print)
    assert builder.asked[0].requirements == ("numpy==1.21.2",)
    assert builder.asked[0].released_before == "2022-05-12"


def test_a_model_that_does_not_say_its_packages_needs_an_environment(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").touch()
    with pytest.raises(ComputeFailed, match=r"neither conda\.yaml") as caught:
        python_for_model(Builder(), blobs, blobs.put_folder(tmp_path / "model"), logs=tmp_path, say=print)
    assert "environment:" in caught.value.hint
