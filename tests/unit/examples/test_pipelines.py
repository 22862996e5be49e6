"""The pipelines of the examples are what they say, before any platform runs them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from pratique.specs.packages import from_conda
from pratique.specs.verdicts import judge

EXAMPLES = Path(__file__).parents[3] / "examples"
PIPELINES = EXAMPLES / "pipelines"


def generator() -> ModuleType:
    """The module that makes the trips."""
    spec = importlib.util.spec_from_file_location("generate", PIPELINES / "nyc-taxi" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["nyc-taxi", "nested", "outputs"])
def test_each_pipeline_is_valid_with_all_its_components(name: str) -> None:
    verdict = judge(PIPELINES / name / "pipeline.yml")
    assert (verdict.kind, verdict.problems) == ("pipeline-job", ())


def test_the_trips_are_made_from_their_seed(tmp_path: Path) -> None:
    generator().main(tmp_path)
    for name in ("green.csv", "yellow.csv"):
        assert (tmp_path / name).read_bytes() == (PIPELINES / "nyc-taxi" / "data" / name).read_bytes()


def test_the_pipelines_have_the_packages_of_the_first_example_so_one_environment_is_built() -> None:
    first, second = (
        yaml.safe_load((folder / "conda.yml").read_text()) for folder in (EXAMPLES / "credit-risk", PIPELINES)
    )
    assert from_conda(first) == from_conda(second)


def test_each_pipeline_has_a_page_that_runs_it() -> None:
    for folder in (path.parent for path in PIPELINES.glob("*/pipeline.yml")):
        assert "az ml job create --file pipeline.yml --stream" in (folder / "README.md").read_text()
        assert f"({folder.name}/README.md)" in (PIPELINES / "README.md").read_text()
