"""The YAML that is shown, and the YAML that is shipped, is what the platform reads."""

import re
from pathlib import Path

import pytest

from pratique.delivery.compile import Compiled, compiled
from pratique.specs.kinds import KINDS, load
from pratique.specs.packages import from_conda
from pratique.specs.reader import parse_document, read_document
from pratique.specs.verdicts import judge

from .conftest import ROOT, blocks, markdown_files, shown

_PIPELINE = "azure-pipelines.yml"
_MARK = re.compile(r"# Azure ML YAML: ([a-z-]+)\n")
_SCHEMAS = {
    "data": "data",
    "environment": "environment",
    "model": "model",
    "commandJob": "job",
    "managedOnlineEndpoint": "online-endpoint",
    "managedOnlineDeployment": "online-deployment",
    "workspace": "workspace",
    "pipelineJob": "pipeline-job",
    "commandComponent": "command-component",
    "pipelineComponent": "pipeline-component",
}
_FOLDER = "azure-pipelines"
PIPELINES = sorted(
    [*(ROOT / "examples").rglob(_PIPELINE), *(ROOT / "examples").rglob(f"{_FOLDER}/[0-9]-*.yml")]
)  # What else is in such a folder is a template.
EXAMPLES = [
    file for file in sorted((ROOT / "examples").rglob("*.yml")) if file not in PIPELINES and file.parent.name != _FOLDER
]
WITH_YAML = [page for page in markdown_files() if [*blocks(page.read_text(encoding="utf-8"), "yaml", "yml")]]


def compiled_text(text: str) -> Compiled:
    """What an Azure Pipelines file without templates means."""
    return compiled(lambda _repository, _path: text, _PIPELINE)


@pytest.mark.parametrize("file", PIPELINES, ids=shown)
def test_every_pipeline_of_an_example_compiles_without_a_warning(file: Path) -> None:
    found = compiled(lambda _repository, path: (file.parent / path).read_text(encoding="utf-8"), file.name)
    assert found.warnings == ()


@pytest.mark.parametrize("page", WITH_YAML, ids=shown)
def test_every_block_of_yaml_says_its_kind_and_loads(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8"), "yaml", "yml"):
        if block.startswith(f"# {_PIPELINE}\n"):
            assert compiled_text(block).warnings == ()
            continue
        marked = _MARK.match(block)
        assert marked, f"begin it with `# Azure ML YAML: KIND`, one of {', '.join(KINDS)}, or with its name:\n{block}"
        spec = load(marked[1], parse_document(block, file=shown(page)))
        assert spec.planned() == [], "what is shown as an example should run"


def test_there_is_yaml_to_look_at() -> None:
    assert WITH_YAML
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("file", EXAMPLES, ids=shown)
def test_every_file_of_an_example_loads(file: Path) -> None:
    document = read_document(file)
    schema = document.value.get("$schema")
    if schema is None:
        assert from_conda(document).python
        return
    verdict = judge(file)
    assert verdict.problems == ()
    assert verdict.kind == _SCHEMAS[schema.rpartition("/")[2].partition(".")[0]]


@pytest.mark.parametrize("file", EXAMPLES, ids=shown)
def test_an_example_uses_planned_keys_only_where_azure_wants_them(file: Path) -> None:
    verdict = judge(file)
    if verdict.spec is not None:
        planned = {key.rpartition(".")[2] for key in verdict.spec.planned()}
        assert planned <= {"compute"}
