"""Wheels that are made of what is installed, and what pip is told."""

import base64
import csv
import hashlib
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.utils import parse_wheel_filename

from pratique.compute.wheelhouse import blocks_of, pins_of, pip_environment, wheel_of


def test_the_wheel_of_an_installation_has_its_package_and_a_record_of_every_file(tmp_path: Path) -> None:
    wheel = wheel_of("pratique-serving", "pratique_serving", tmp_path)
    assert str(parse_wheel_filename(wheel.name)[0]) == "pratique-serving"
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    info = next(name for name in content if name.endswith("/METADATA")).removesuffix("METADATA")
    assert f"{info}WHEEL" in content
    assert any(name.startswith(f"{info}licenses/") for name in content)
    assert not [name for name in content if "__pycache__" in name or name.endswith("direct_url.json")]
    rows = {path: (digest, size) for path, digest, size in csv.reader(content[f"{info}RECORD"].decode().splitlines())}
    assert set(rows) == set(content)
    for name, (digest, size) in rows.items():
        if digest:
            hashed = base64.urlsafe_b64encode(hashlib.sha256(content[name]).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={hashed}", str(len(content[name])))


def test_the_wheel_of_the_platform_starts_its_command_and_brings_its_templates(tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel_of("pratique", "pratique", tmp_path)) as archive:
        names = set(archive.namelist())
    version = metadata.version("pratique")
    assert f"pratique-{version}.dist-info/entry_points.txt" in names
    assert {"pratique/py.typed", "pratique/app/templates/credit-risk/dot-gitignore"} <= names


def test_the_same_installation_gives_the_same_wheel(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first = wheel_of("pratique-serving", "pratique_serving", tmp_path)
    assert first.read_bytes() == wheel_of("pratique-serving", "pratique_serving", tmp_path / "again").read_bytes()


def test_the_pins_are_everything_that_is_needed_here_and_nothing_optional() -> None:
    pins = pins_of("pratique")
    assert pins["fastapi"] == metadata.version("fastapi")
    assert "starlette" in pins, "what is needed by what is needed"
    assert not {"pratique", "psycopg", "colorama"} & set(pins)


def test_pip_is_told_the_indexes_that_uv_knows_and_nothing_of_another_python() -> None:
    given = {"UV_DEFAULT_INDEX": "https://a", "UV_INDEX_URL": "https://b", "PYTHONPATH": "/x", "VIRTUAL_ENV": "/y"}
    told = pip_environment(given)
    assert told["PIP_INDEX_URL"] == "https://a"
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & set(told)


def test_what_pip_knows_itself_stays() -> None:
    told = pip_environment({"UV_DEFAULT_INDEX": "https://a", "PIP_INDEX_URL": "https://b"})
    assert told["PIP_INDEX_URL"] == "https://b"


def test_a_lock_is_taken_apart_by_package_and_nothing_of_it_is_lost() -> None:
    lock = (
        "# a remark\n"
        "numpy==2.3.5 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via pandas\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:cc\n"
    )
    blocks = blocks_of(lock)
    assert list(blocks) == ["numpy==2.3.5", "colorama==0.4.6 ; sys_platform == 'win32'"]
    assert "# a remark\n" + "".join(blocks.values()) == lock
    assert blocks_of("# nothing\n") == {}
