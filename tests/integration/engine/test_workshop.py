"""A program that works on a model tells what it is at while it works."""

import sys
from pathlib import Path

from pratique.engine import workshop

from .conftest import House

PROGRAM = """
import pathlib, sys, time
print("a warning of some library", flush=True)
print("progress: turning \\x1b[2Kthe crank", file=sys.stderr, flush=True)
told = pathlib.Path(sys.argv[2]).parent / "tmp" / "told"
ending = time.monotonic() + 300
while not told.exists() and time.monotonic() < ending:
    time.sleep(0.02)
"""


def test_what_a_program_is_at_is_told_while_it_works(house: House, tmp_path: Path) -> None:
    program, model = tmp_path / "program.py", tmp_path / "model"
    program.write_text(PROGRAM)
    model.mkdir()
    (model / "weights").write_text("1")
    place = tmp_path / "made" / "it"
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        (place.parent / "making-it" / "tmp" / "told").touch()

    manifest = house.bench.blobs.put_folder(model)
    workshop.make(house.bench, place, manifest, python=Path(sys.executable), program=program, say=say)
    assert told == ["turning [2Kthe crank"]
    assert workshop.is_made(place)
