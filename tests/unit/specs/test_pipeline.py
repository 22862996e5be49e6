"""Pipelines: steps, bindings between them, and components in files beside them."""

from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, NotYet
from pratique.specs.graph import order_of
from pratique.specs.kinds import load
from pratique.specs.reader import document_of, parse_document, read_document
from pratique.specs.references import local_paths

TRAIN = """\
name: train
type: command
command: echo ${{inputs.rows}} ${{inputs.rate}} ${{outputs.model}}
environment: {image: python, conda_file: ../conda.yml}
code: ../src
inputs:
  rows: {type: uri_folder}
  rate: {type: number, default: 0.1, min: 0, max: 1}
outputs:
  model: {type: uri_folder}
"""
PIPELINE = """\
type: pipeline
inputs:
  rows: {type: uri_folder, path: azureml:rows:1}
outputs:
  best: {type: uri_folder}
settings: {default_compute: azureml:cpu}
jobs:
  clean:
    command: echo ${{inputs.rows}} ${{outputs.out}}
    environment: azureml:sklearn:1
    inputs: {rows: "${{parent.inputs.rows}}"}
    outputs: {out: {type: uri_folder}}
  train:
    type: command
    component: ./parts/train.yml
    inputs: {rows: "${{parent.jobs.clean.outputs.out}}", rate: 0.5}
    outputs: {model: "${{parent.outputs.best}}"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "train.yml").write_text(TRAIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str) -> Any:
    Path("p.yml").write_text(text, encoding="utf-8")
    return load("pipeline-job", read_document(Path("p.yml")))


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_component_in_a_file_is_put_in_its_place(folder: Path) -> None:
    step = read(PIPELINE).to_document()["jobs"]["train"]
    assert step["component"]["command"] == "echo ${{inputs.rows}} ${{inputs.rate}} ${{outputs.model}}"
    assert step["component"]["inputs"]["rate"] == {"type": "number", "default": 0.1, "min": 0, "max": 1}


def test_paths_of_a_component_are_relative_to_its_own_file(folder: Path) -> None:
    component = read(PIPELINE).to_document()["jobs"]["train"]["component"]
    assert (component["code"], component["environment"]["conda_file"]) == ("src", "conda.yml")


def test_local_files_of_all_steps_are_found(folder: Path) -> None:
    uses = [(use.key, str(use.path), use.purpose) for use in local_paths(read(PIPELINE))]
    assert uses == [
        (("jobs", "train", "component", "code"), "src", "code"),
        (("jobs", "train", "component", "environment", "conda_file"), "conda.yml", "environment"),
    ]


def test_what_was_read_can_be_sent_without_the_files(folder: Path) -> None:
    once = read(PIPELINE).to_document()
    assert load("pipeline-job", document_of(once)).to_document() == once


def test_a_path_of_a_component_that_came_over_the_api_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        load("pipeline-job", parse_document(PIPELINE, file=""))
    assert [str(problem) for problem in caught.value.problems] == [
        "jobs.train.component: expected azureml:NAME:VERSION or azureml:NAME@latest; got ./parts/train.yml "
        "(or describe it inline)"
    ]


def test_a_problem_of_a_component_names_its_own_file_and_line(folder: Path) -> None:
    (folder / "parts" / "train.yml").write_text(TRAIN.replace("min: 0", "mni: 0"), encoding="utf-8")
    (said,) = problems(PIPELINE)
    assert said.startswith("parts/train.yml:8 jobs.train.component.inputs.rate.mni: unknown key")


def test_a_component_file_that_is_not_there_is_said_where_it_is_named(folder: Path) -> None:
    assert problems(PIPELINE.replace("train.yml", "trian.yml")) == [
        "p.yml:15 jobs.train.component: there is no file ./parts/trian.yml "
        "(paths are relative to the file they stand in)"
    ]


def test_components_that_contain_each_other_are_refused(folder: Path) -> None:
    nested = "name: a\ntype: pipeline\njobs: {b: {type: pipeline, component: ./%s.yml}}\n"
    (folder / "a.yml").write_text(nested % "b", encoding="utf-8")
    (folder / "b.yml").write_text(nested % "a", encoding="utf-8")
    assert problems("type: pipeline\njobs: {a: {type: pipeline, component: ./a.yml}}\n") == [
        "b.yml:3 jobs.b.component: components contain each other: a.yml → b.yml → a.yml"
    ]


def test_components_that_grow_without_bound_are_refused(folder: Path) -> None:
    """Ten files, each with ten steps of the next: ten thousand million steps if anybody put them together."""
    step = "{type: pipeline, component: ./f%d.yml}"
    for number in range(10):
        steps = ", ".join(f"s{index}: {step % (number + 1)}" for index in range(10))
        (folder / f"f{number}.yml").write_text(f"name: f\ntype: pipeline\njobs: {{{steps}}}\n", encoding="utf-8")
    last = "name: f\ntype: pipeline\njobs: {a: {command: x, environment: azureml:e:1}}\n"
    (folder / "f10.yml").write_text(last, encoding="utf-8")
    assert any(
        "holds more than 20,000 values" in said for said in problems(f"type: pipeline\njobs: {{a: {step % 0}}}\n")
    )


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ("${{parent.inputs.row}}", "${{parent.inputs.row}} is not one of the pipeline's inputs (did you mean rows?)"),
        (
            "${{parent.jobs.claen.outputs.out}}",
            "names no step (did you mean clean?)",
        ),
        ("${{parent.jobs.clean.outputs.x}}", "${{parent.jobs.clean.outputs.x}} is not one of the outputs of clean"),
        ("${{parent.jobs.train.outputs.model}}", "train waits for itself"),
        ("${{parent.output.x}}", "${{parent.output.x}} is no binding"),
    ],
)
def test_a_binding_that_leads_nowhere_is_said_with_its_line(folder: Path, instead: str, said: str) -> None:
    (found,) = problems(PIPELINE.replace("${{parent.jobs.clean.outputs.out}}", instead))
    assert found.startswith("p.yml:16 jobs.train.inputs.rows: ")
    assert said in found


def test_the_default_output_of_a_step_can_be_bound_though_nobody_declares_it(folder: Path) -> None:
    assert read(PIPELINE.replace("clean.outputs.out", "clean.outputs.default"))


def test_steps_that_wait_for_each_other_are_told_once(folder: Path) -> None:
    text = "type: pipeline\njobs:\n" + "".join(
        f"  {name}: {{command: 'x ${{{{inputs.i}}}}', environment: azureml:e:1, outputs: {{o: }}, "
        f"inputs: {{i: '${{{{parent.jobs.{other}.outputs.o}}}}'}}}}\n"
        for name, other in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    assert problems(text) == ["p.yml:3 jobs.a.inputs.i: steps wait for each other: a → b → c → a"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{row: 1}", "the component has no such input (did you mean rows?)"),
        ("{rate: 0.5}", "the component needs the input rows"),
        ("{rows: azureml:r:1, rate: fast}", "expected a value of type number; got fast"),
        ("{rows: 3}", "expected a path or a binding; got 3"),
        ("{rows: [1]}", "expected a value, a binding, or a mapping with path; got a list"),
    ],
)
def test_inputs_have_to_fit_the_component(folder: Path, given: str, said: str) -> None:
    text = PIPELINE.replace('{rows: "${{parent.jobs.clean.outputs.out}}", rate: 0.5}', given)
    assert any(said in problem for problem in problems(text))


def test_a_step_of_a_type_that_is_not_run_is_refused_by_name() -> None:
    with pytest.raises(NotYet) as caught:
        load("pipeline-job", parse_document("type: pipeline\njobs: {a: {type: sweep, trial: {}}}\n", file="p.yml"))
    assert [str(problem) for problem in caught.value.problems] == [
        "p.yml:2 jobs.a: sweep: sweep jobs are not run in this version"
    ]


def test_names_that_only_their_case_tells_apart_are_refused(folder: Path) -> None:
    (said,) = problems(PIPELINE.replace("outputs:\n  best", "  ROWS: 3\noutputs:\n  best"))
    assert "only the case of letters tells it from rows" in said


def test_a_pipeline_has_steps_or_a_component_and_not_both(folder: Path) -> None:
    assert problems("type: pipeline\n") == ["p.yml:1: a pipeline needs at least one step (add jobs:)"]
    (said,) = problems(PIPELINE + "component: azureml:all:1\n")
    assert "jobs or a component, not both" in said


def test_steps_are_ordered_by_what_they_need() -> None:
    needs = {"inputs": {"a": "${{parent.jobs.first.outputs.o}}"}}
    assert order_of({"second": needs, "other": {}, "first": {}}) == ["other", "first", "second"]
    with pytest.raises(ValueError, match="wait for each other"):
        order_of({"first": needs})


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("{type: integer, default: 1.5}", "expected a value of type integer; got 1.5"),
        ("{type: number, min: 3, max: 1}", "expected at least min, which is 3; got 1"),
        ("{type: number, min: 0, default: -1}", "-1 is not between min and max"),
        ("{type: string, enum: [a, b], default: c}", "c is not one of enum"),
        ("{type: boolean, min: 0}", "min is for number and integer, not boolean"),
        ("{type: uri_folder, path: x}", "unknown key"),
        ("{type: folder}", "expected one of uri_file"),
    ],
)
def test_a_port_of_a_component_has_to_make_sense(port: str, said: str) -> None:
    text = f"name: c\ncommand: x\nenvironment: azureml:e:1\ninputs: {{a: {port}}}\n"
    with pytest.raises(InvalidInput) as caught:
        load("command-component", parse_document(text, file="c.yml"))
    assert any(said in str(problem) for problem in caught.value.problems)


def test_an_optional_input_without_a_default_needs_a_part_that_can_drop_out() -> None:
    text = "name: c\nenvironment: azureml:e:1\ninputs: {a: {type: string, optional: true}}\ncommand: %s\n"
    load("command-component", parse_document(text % "x $[[ ${{inputs.a}} ]]", file="c.yml"))
    with pytest.raises(InvalidInput) as caught:
        load("command-component", parse_document(text % "x ${{inputs.a}}", file="c.yml"))
    assert "${{inputs.a}} has no value" in str(caught.value.problems[0])
