"""Malicious pickles in every wrapping: found by the scan, run by nobody."""

import io
import json
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pratique.compute import pickle_scan

from .pickles import WRAPPINGS, calls, harmless, zipped


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def lay(model: Path, name: str, data: bytes) -> None:
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_bytes(data)


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_pickle_that_calls_is_found_in_every_wrapping(
    model: Path, tmp_path: Path, attack: Any, wrapping: str
) -> None:
    mark = tmp_path / "mark"
    name, wrap = WRAPPINGS[wrapping]
    for trick, payload in calls(mark).items():
        attack("pickles", f"{wrapping}: {trick}")
        lay(model, name, wrap(payload))
        report = pickle_scan.scan(model)
        assert report["verdict"] in ("dangerous", "unreadable", "unknown"), (trick, report)
        assert not mark.exists()


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_data_is_harmless_in_every_wrapping(model: Path, wrapping: str) -> None:
    name, wrap = WRAPPINGS[wrapping]
    for what, payload in harmless().items():
        lay(model, name, wrap(payload))
        report = pickle_scan.scan(model)
        assert report["verdict"] == "harmless", (what, report)


def test_a_name_that_nobody_knows_is_no_data(model: Path, attack: Any) -> None:
    for name in ("credit.features\nRatio", "dill._dill\n_load_type", "keras.models\nload_model", "torch\nload"):
        attack("pickles", f"unknown name {name!r}")
        lay(model, "model.pkl", b"c" + name.encode() + b"\n)R.")
        assert pickle_scan.scan(model)["verdict"] in ("unknown", "dangerous"), name


def test_bombs_and_what_cannot_be_opened_are_unreadable(model: Path, attack: Any) -> None:
    deep = pickle.dumps({"a": 1})
    for _ in range(12):
        deep = zipped("x.zip", deep)
    lay(model, "deep.zip", deep)
    attack("archives", "wrapped twelve times")
    assert pickle_scan.scan(model)["verdict"] == "unreadable"
    (model / "deep.zip").unlink()
    for name, data in (
        ("a.7z", b"7z\xbc\xaf'\x1c"),
        ("a.lz4", b"\x04\x22\x4d\x18rest"),
        ("a.zst", b"\x28\xb5\x2f\xfdx"),
    ):
        attack("archives", f"closed wrapping {name}")
        lay(model, name, data + b"\0" * 40)
        assert pickle_scan.scan(model)["verdict"] == "unreadable"
        (model / name).unlink()


def test_a_bomb_is_not_unwrapped(model: Path, attack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_scan, "_MOST", 1 << 20)
    for name in ("gzip", "zlib, as joblib writes it", "bzip2", "xz", "zip, as torch writes it"):
        attack("archives", f"bomb in {name}")
        file, wrap = WRAPPINGS[name]
        lay(model, file, wrap(b"\0" * (8 << 20)))
        bounds = pickle_scan.Bounds(1 << 20)
        found = [*pickle_scan._look(file, (model / file).read_bytes(), bounds)]
        assert [one.verdict for one in found] == ["unreadable"], (name, found)


def test_joblibs_arrays_are_stepped_over_and_not_into(model: Path, attack: Any) -> None:
    """An array's bytes can be anything: what they look like is not what is run, and what follows them is."""
    attack("pickles", "bytes of an array that look like a call")
    good = _joblib(shape=(4,), raw=b"cposix\nsystem\n(S'id'\ntR." + b"\0" * 7, after=b"s.")
    lay(model, "model.joblib", good)
    assert pickle_scan.scan(model)["verdict"] == "harmless", pickle_scan.scan(model)
    attack("pickles", "a call behind an array")
    lay(model, "model.joblib", _joblib(shape=(4,), raw=b"\0" * 32, after=b"cposix\nsystem\n(S'id'\ntRs."))
    assert pickle_scan.scan(model)["verdict"] == "dangerous"
    for what, shape in (("longer than the file", (1 << 40,)), ("of negative size", (-4,))):
        attack("pickles", f"an array {what}")
        lay(model, "model.joblib", _joblib(shape=shape, raw=b"\0" * 32, after=b"s."))
        assert pickle_scan.scan(model)["verdict"] == "unreadable"


def _joblib(*, shape: tuple[int, ...], raw: bytes, after: bytes) -> bytes:
    """A pickle with one array as joblib writes it: its description, then its bytes."""
    out = io.BytesIO()
    out.write(b"\x80\x04}\x8c\x01acjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(")
    out.write(b"\x8c\x08subclasscnumpy\nndarray\n\x8c\x05shape" + _tuple(shape) + b"\x8c\x05order\x8c\x01C")
    out.write(
        b"\x8c\x05dtypecnumpy\ndtype\n(\x8c\x02f8\x89\x88tR(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    out.write(b"\x8c\x0aallow_mmap\x88\x8c\x1bnumpy_array_alignment_bytesK\x10ub")
    out.write(b"\x01\xff" + raw + after)
    return out.getvalue()


def _tuple(shape: tuple[int, ...]) -> bytes:
    sizes = b"".join(b"\x8a\x08" + size.to_bytes(8, "little", signed=True) for size in shape)
    return b"(" + sizes + b"t"


def test_the_program_writes_a_report_and_needs_nothing_but_its_file(model: Path, tmp_path: Path) -> None:
    lay(model, "model.pkl", calls(tmp_path / "mark")["eval"])
    out = tmp_path / "out"
    out.mkdir()
    program = [sys.executable, "-I", pickle_scan.__file__, str(model), str(out)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False, env={})
    assert done.returncode == 0, done.stderr
    assert json.loads((out / pickle_scan.REPORT).read_text())["verdict"] == "dangerous"
    assert resource.getrlimit(resource.RLIMIT_CPU)[0] != pickle_scan._SECONDS
