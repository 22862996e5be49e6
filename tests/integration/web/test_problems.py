"""What the platform finds wrong with a file is told with file, line and key, whatever the file describes."""

from pathlib import Path

import pytest

from .conftest import Run

COMPONENT = """\
name: train
type: command
command: echo hello
environment: azureml:gone@latest
"""
DEPLOYMENT = """\
name: blue
endpoint_name: credit
code_configuration:
  code: .
  scoring_script: score.py
model: azureml:gone:1
environment: azureml:gone:2
"""
DATA = """\
name: rows
type: uri_folder
path: azureml://jobs/gone/outputs/rows
"""


def test_every_kind_of_file_is_told_its_lines(pratique: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("train.yml", COMPONENT), ("blue.yml", DEPLOYMENT), ("rows.yml", DATA)):
        Path(name).write_text(text)
    here = ("-w", "lines")
    assert pratique("ml", "workspace", "create", "-n", "lines").returncode == 0
    assert pratique("ml", "online-endpoint", "create", "-n", "credit", "--no-wait", *here).returncode == 0
    for noun, file, places in (
        ("component", "train.yml", ["train.yml:4 environment: "]),
        ("online-deployment", "blue.yml", ["blue.yml:6 model: ", "blue.yml:7 environment: ", "blue.yml:5 code_"]),
        ("data", "rows.yml", ["rows.yml:3 path: "]),
    ):
        ran = pratique("ml", noun, "create", "-f", file, *here)
        assert ran.returncode
        assert [place for place in places if place not in ran.stderr] == []
