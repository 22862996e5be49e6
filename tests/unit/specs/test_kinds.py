"""What every kind has in common: problems all at once, round trips, keys that are planned."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput, NotYet
from pratique.specs.edits import Edit, Edits
from pratique.specs.grammar import Part, Spec
from pratique.specs.kinds import KINDS, PLANNED_KINDS, class_of, load
from pratique.specs.overrides import apply_edits
from pratique.specs.reader import YamlDocument, document_of, parse_document

SMALL: dict[str, dict[str, Any]] = {
    "data": {"name": "credit", "path": "x.csv"},
    "environment": {"name": "sklearn", "conda_file": "conda.yml"},
    "model": {"name": "credit", "path": "model"},
    "job": {"command": "echo hello", "environment": "azureml:sklearn:1"},
    "online-endpoint": {"name": "credit"},
    "online-deployment": {"name": "blue", "endpoint_name": "credit", "model": "azureml:credit:1"},
    "workspace": {"name": "team-a"},
    "pipeline-job": {"type": "pipeline", "jobs": {"a": {"command": "x", "environment": "azureml:e:1"}}},
    "command-component": {"name": "train", "command": "echo hello", "environment": "azureml:sklearn:1"},
    "pipeline-component": {"name": "p", "type": "pipeline", "jobs": {"a": {"component": "azureml:a:1"}}},
    "blob-datastore": {"name": "b", "type": "azure_blob", "account_name": "a", "container_name": "c"},
    "file-datastore": {"name": "f", "type": "azure_file", "account_name": "a", "file_share_name": "s"},
    "gen1-datastore": {"name": "g", "type": "azure_data_lake_gen1", "store_name": "s"},
    "gen2-datastore": {"name": "g", "type": "azure_data_lake_gen2", "account_name": "a", "filesystem": "f"},
    "one-lake-datastore": {
        "name": "o", "type": "one_lake", "one_lake_workspace_name": "w", "endpoint": "e", "artifact": {"name": "l"},
    },
    "amlcompute": {"name": "cpu", "type": "amlcompute"},
    "computeinstance": {"name": "desk", "type": "computeinstance"},
    "kubernetes-compute": {"name": "k8s", "type": "kubernetes", "namespace": "ml"},
    "synapsespark-compute": {"name": "spark", "type": "synapsespark", "resource_id": "/subscriptions/x"},
    "virtual-machine-compute": {"name": "vm", "type": "virtualmachine", "resource_id": "/subscriptions/x"},
}  # fmt: skip


def edited(text: str, *assignments: str) -> YamlDocument:
    edits = Edits((Edit("--set", assignments),)) if assignments else Edits()
    return apply_edits(parse_document(text, file="x.yml"), edits)


def problems(kind: str, text: str, *assignments: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(kind, edited(text, *assignments))
    return [str(problem) for problem in caught.value.problems]


def loaded(kind: str, text: str, *assignments: str) -> dict[str, Any]:
    return load(kind, edited(text, *assignments)).to_document()


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_file_of_each_kind_is_taken(kind: str) -> None:
    spec = load(kind, document_of(SMALL[kind]))
    document = spec.to_document()
    assert {key: document[key] for key, value in SMALL[kind].items() if isinstance(value, str)}.items() <= (
        SMALL[kind].items()
    )
    assert SMALL[kind].keys() <= document.keys()
    assert spec.planned() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_spec_read_again_from_its_document_is_the_same(kind: str) -> None:
    once = load(kind, document_of(SMALL[kind])).to_document()
    assert load(kind, document_of(once)).to_document() == once


@pytest.mark.parametrize("kind", KINDS)
def test_keys_that_only_the_platform_writes_are_left_out(kind: str) -> None:
    shown = {
        "$schema": "https://example.com/unknown.json",
        "id": "azureml:/x",
        "creation_context": {"created_by": "me"},
    }
    assert load(kind, document_of(SMALL[kind] | shown)).to_document() == (
        load(kind, document_of(SMALL[kind])).to_document()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_misspelt_key_is_an_error_with_the_near_one(kind: str) -> None:
    (said,) = problems(kind, "".join(f"{key}: {value}\n" for key, value in SMALL[kind].items()) + "descripton: x\n")
    assert said == f"x.yml:{len(SMALL[kind]) + 1} descripton: unknown key (did you mean description?)"


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_optional_key_is_as_if_it_were_not_there(kind: str) -> None:
    assert load(kind, document_of(SMALL[kind] | {"description": None, "tags": None})).to_document() == (
        load(kind, document_of(SMALL[kind])).to_document()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_spec_is_frozen(kind: str) -> None:
    spec = load(kind, document_of(SMALL[kind]))
    with pytest.raises(ValueError, match="frozen"):
        spec.description = "other"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x.yml:1: the file is empty"),
        ("[1]", "x.yml:1: expected a mapping of keys; got a list"),
        ("hello", "x.yml:1: expected a mapping of keys; got hello"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(text: str, said: str) -> None:
    assert problems("data", text) == [said]


def test_a_file_of_another_kind_is_one_problem() -> None:
    text = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\ncommand: x\n"
    assert problems("data", text) == [
        "x.yml:1 $schema: this file describes a thing of kind job, not data (pratique ml job create --file x.yml)"
    ]


@pytest.mark.parametrize("kind", sorted(PLANNED_KINDS))
def test_kinds_of_later_versions_are_refused_by_name(kind: str) -> None:
    with pytest.raises(NotYet, match=kind):
        load(kind, document_of({}))


def test_an_unknown_kind_is_refused_with_the_near_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        load("modle", document_of({}))
    assert (type(caught.value), caught.value.hint) == (InvalidInput, "did you mean model?")


def test_every_problem_of_a_file_is_told_at_once_in_the_order_of_lines() -> None:
    text = """\
type: command
command: python train.py --lr ${{inputs.rl}}
environment:
  image: x
  conda_file:
    dependencies: [a=1|2, {pip: [numpy=1]}]
inputs:
  lr:
    type: 3
    path: x
  n: [1, 2]
resources: {insance_count: 2}
limits: {timeout: 0}
compute: cpu cluster
"""
    assert problems("job", text) == [
        "x.yml:2 command: ${{inputs.rl}} is not one of the job's inputs (inputs: lr, n)",
        "x.yml:6 environment.conda_file.dependencies[0]: a: a choice of versions (=1|2) has no counterpart "
        "(write a range such as >=1.2,<2)",
        "x.yml:6 environment.conda_file.dependencies[1].pip[0]: numpy=1 is no requirement (pip pins with ==)",
        "x.yml:9 inputs.lr.type: expected one of uri_file, uri_folder, mltable, custom_model, mlflow_model, "
        "triton_model, string, number, integer, boolean; got 3",
        "x.yml:11 inputs.n: expected a value or a mapping with type and path; got a list",
        "x.yml:12 resources.insance_count: unknown key (did you mean instance_count?)",
        "x.yml:13 limits.timeout: expected at least 1; got 0",
        "x.yml:14 compute: expected local or azureml:NAME; got cpu cluster",
    ]  # fmt: skip


def test_a_file_with_very_many_problems_tells_the_first_hundred() -> None:
    assert len(problems("data", "name: x\npath: y\n" + "".join(f"key{number}: 1\n" for number in range(5000)))) == 100


def test_a_missing_key_is_said_where_its_mapping_begins() -> None:
    assert problems("online-deployment", "name: blue\ncode_configuration:\n  code: src\n") == [
        "x.yml:1 endpoint_name: this key is required",
        "x.yml:2 code_configuration: it needs an environment to run in (environment: azureml:NAME:VERSION)",
        "x.yml:2 code_configuration.scoring_script: this key is required",
    ]


# --- versions and other text that YAML makes something else -------------------------------------------------------


@pytest.mark.parametrize(("written", "version"), [("7", "7"), ("'1.0'", "1.0"), ("1.2.3", "1.2.3"), ("v1", "v1")])
def test_a_whole_number_or_text_is_a_version(written: str, version: str) -> None:
    assert loaded("data", f"name: x\npath: y\nversion: {written}")["version"] == version


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2024-01-31", 'expected text; 2024-01-31 is a date to other YAML loaders (quote it: version: "2024-01-31")'),
        ("true", 'expected text; got true (quote it: version: "true")'),
        ("[1]", "expected text; got a list"),
        ("a b", "'a b' cannot name a version: expected 1 to 30 letters, digits, _ . -"),
    ],
)
def test_a_version_that_yaml_makes_something_else_has_to_be_quoted(written: str, said: str) -> None:
    assert problems("data", f"name: x\npath: y\nversion: {written}") == [f"x.yml:3 version: {said}"]


@pytest.mark.parametrize("written", ["1.0", "1.10", "2.50"])
def test_a_version_with_a_point_stays_what_was_written(written: str) -> None:
    assert loaded("data", f"name: x\npath: y\nversion: {written}")["version"] == written
    job = f"command: x\nenvironment: azureml:e:1\noutputs: {{m: {{name: a, version: {written}}}}}\n"
    assert loaded("job", job)["outputs"]["m"]["version"] == written


@pytest.mark.parametrize("written", ["7", "1.0", "0.10", "1e3", "2024-01-31"])
def test_the_version_of_a_component_is_what_was_written(written: str) -> None:
    text = f"name: c\ncommand: x\nenvironment: azureml:e:1\nversion: {written}"
    assert loaded("command-component", text)["version"] == written
    step = f"{{type: command, version: {written}, command: x, environment: 'azureml:e:1'}}"
    pipeline = f"type: pipeline\nsettings: {{default_compute: azureml:c}}\njobs: {{a: {{component: {step}}}}}"
    assert loaded("pipeline-job", pipeline)["jobs"]["a"]["component"]["version"] == written


@pytest.mark.parametrize("written", ["true", "[1]", "{a: b}"])
def test_the_version_of_a_component_is_no_flag_and_no_list(written: str) -> None:
    text = f"name: c\ncommand: x\nenvironment: azureml:e:1\nversion: {written}"
    (said,) = problems("command-component", text)
    assert said.startswith("x.yml:4 version: expected text; got ")


def test_words_of_yaml_1_1_are_flags_where_a_literal_stands() -> None:
    step = "{type: command, command: echo, environment: 'azureml:e:1', inputs: {f: on}}"
    text = f"type: pipeline\nsettings: {{default_compute: azureml:c}}\ninputs: {{p: no}}\njobs: {{a: {step}}}"
    pipeline = loaded("pipeline-job", text)
    assert (pipeline["inputs"], pipeline["jobs"]["a"]["inputs"]) == ({"p": False}, {"f": True})
    assert loaded("pipeline-job", text, "inputs.p=no")["inputs"] == {"p": "no"}
    component = "name: c\ncommand: x\nenvironment: azureml:e:1\ninputs: {f: {type: boolean, default: Yes}}"
    assert loaded("command-component", component)["inputs"]["f"]["default"] is True


def test_an_input_that_is_called_version_keeps_its_number() -> None:
    text = "command: x ${{inputs.version}}\nenvironment: azureml:e:1\ninputs: {version: 1.50}\n"
    assert loaded("job", text)["inputs"] == {"version": 1.5}


def test_the_version_of_an_output_and_of_an_inline_model_has_to_be_quoted_too() -> None:
    job = "command: x\nenvironment: azureml:e:1\noutputs:\n  m: {name: a, version: 2024-01-31}\n"
    assert [said.partition(": ")[0] for said in problems("job", job)] == ["x.yml:4 outputs.m.version"]
    deployment = "name: blue\nendpoint_name: credit\nmodel: {path: x, version: true}\n"
    assert [said.partition(": ")[0] for said in problems("online-deployment", deployment)] == ["x.yml:3 model.version"]


@pytest.mark.parametrize(("assigned", "version"), [("1.10", "1.10"), ("2024-01-31", "2024-01-31"), ("3", "3")])
def test_a_version_from_the_command_line_needs_no_quotes(assigned: str, version: str) -> None:
    assert loaded("data", "name: x\npath: y\nversion: 1.0", f"version={assigned}")["version"] == version


def test_tags_properties_and_variables_keep_what_was_written() -> None:
    text = "name: x\npath: y\ntags: {a: 1.10, b: yes, c: true, d: 0x1f, e: 2024-01-31, f: , g: '2'}\nproperties: {p: 1}"
    spec = loaded("data", text)
    assert spec["tags"] == {"a": "1.10", "b": "yes", "c": "true", "d": "0x1f", "e": "2024-01-31", "f": "", "g": "2"}
    assert spec["properties"] == {"p": "1"}
    job = "command: x\nenvironment: azureml:e:1\nenvironment_variables: {PORT: 8080, ON: on, R: 1.0}"
    assert loaded("job", job, "environment_variables.X=1.50")["environment_variables"] == {
        "PORT": "8080", "ON": "on", "R": "1.0", "X": "1.50",
    }  # fmt: skip


def test_values_of_json_become_text_as_well() -> None:
    spec = load("data", document_of({"name": "x", "path": "y", "tags": {"a": 1, "b": True, "c": None, "d": 0.5}}))
    assert spec.to_document()["tags"] == {"a": "1", "b": "true", "c": "", "d": "0.5"}


@pytest.mark.parametrize("value", ["[1]", "{a: b}"])
def test_a_tag_is_one_value(value: str) -> None:
    (said,) = problems("data", f"name: x\npath: y\ntags: {{a: {value}}}")
    assert said.startswith("x.yml:3 tags.a: expected text; got a ")


@pytest.mark.parametrize(("word", "flag"), [("true", True), ("yes", True), ("On", True), ("no", False), ("OFF", False)])
def test_a_flag_takes_the_words_of_older_yaml(word: str, flag: bool) -> None:
    assert loaded("workspace", f"name: team-a\nhbi_workspace: {word}")["hbi_workspace"] is flag


@pytest.mark.parametrize("word", ["1", "maybe", "[true]", "'y'"])
def test_what_is_no_flag_is_refused(word: str) -> None:
    (said,) = problems("workspace", f"name: team-a\nhbi_workspace: {word}")
    assert said.startswith("x.yml:2 hbi_workspace: expected true or false; got")


def test_a_text_that_is_a_number_has_to_be_quoted() -> None:
    assert problems("data", "name: 3\npath: y") == ['x.yml:1 name: expected text; got 3 (quote it: name: "3")']


@pytest.mark.parametrize("key", ["description:", "tags:", "version: ~", "type: null"])
def test_a_key_without_a_value_is_refused_as_on_azure(key: str) -> None:
    name = key.partition(":")[0]
    said = f"x.yml:3 {name}: expected a value; got nothing (remove the key, or give it a value)"
    assert problems("data", f"name: x\npath: y\n{key}\n") == [said]


def test_a_key_without_a_value_is_refused_in_the_depth_too() -> None:
    text = "command: x\nenvironment: azureml:e:1\nresources:\n  instance_count:\noutputs:\n  m:\n"
    assert [said.partition(": ")[0] for said in problems("job", text)] == ["x.yml:4 resources.instance_count"]


def test_a_key_that_a_program_or_the_command_line_leaves_empty_says_nothing() -> None:
    spec = load("data", document_of({"name": "x", "path": "y", "description": None, "tags": None}))
    assert spec.to_document()["tags"] == {}
    assert "description" not in loaded("data", "name: x\npath: y\ndescription: z\n", "description=null")


@pytest.mark.parametrize("kind", ["job", "command-component", "workspace", "amlcompute", "blob-datastore"])
def test_where_azure_takes_text_only_a_tag_that_is_a_number_has_to_be_quoted(kind: str) -> None:
    found = problems(kind, "tags:\n  release: 1.10\n")
    assert 'x.yml:2 tags.release: expected text; got 1.10 (quote it: "1.10")' in found


# --- own settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["tags", "properties"])
def test_an_unknown_setting_of_ours_is_an_error(place: str) -> None:
    assert problems("data", f"name: x\npath: y\n{place}: {{pratique.digst: z}}") == [
        f"x.yml:3 {place}: there is no setting pratique.digst (did you mean pratique.digest?)"
    ]


def test_settings_of_others_are_their_own_business() -> None:
    assert loaded("data", "name: x\npath: y\ntags: {azureml.x: 1, pratique: 2}")["tags"] == {
        "azureml.x": "1", "pratique": "2",
    }  # fmt: skip


# --- the command line ----------------------------------------------------------------------------------------------


def test_an_override_is_checked_like_the_file_and_named_as_such() -> None:
    assert problems("online-endpoint", "name: credit\nauth_mode: key", "auth_mode=kye", "trafic.blue=100") == [
        "--set auth_mode: expected one of key, aml_token, aad_token; got kye (did you mean key?)",
        "--set trafic: unknown key (did you mean traffic?)",
    ]


# --- documentation and planned keys --------------------------------------------------------------------------------


def parts(of: type[Part], seen: set[type[Part]]) -> set[type[Part]]:
    """`of` and every mapping inside it."""
    if of in seen:
        return seen
    seen.add(of)
    for field in of.model_fields.values():
        for inner in classes_in(field.annotation, *field.metadata):
            parts(inner, seen)
    return seen


def classes_in(*annotations: Any) -> list[type[Part]]:
    found: list[type[Part]] = []
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, Part):
            found.append(annotation)
        found += classes_in(*getattr(annotation, "__args__", ()))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_says_what_it_means(kind: str) -> None:
    for part in parts(class_of(kind), set()):
        for name, field in part.model_fields.items():
            assert (field.description or "").endswith("."), f"{part.__name__}.{name}"
        assert part.__doc__, part.__name__


@pytest.mark.parametrize("kind", KINDS)
def test_a_planned_key_has_no_default_so_that_it_is_only_said_when_used(kind: str) -> None:
    for part in parts(class_of(kind), set()):
        for field in part.model_fields.values():
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("planned"):
                assert field.default is None


# --- anything at all -----------------------------------------------------------------------------------------------

KEYS = sorted({key for kind in KINDS for part in parts(class_of(kind), set()) for key in part.keys()})  # noqa: SIM118 - not a mapping.
TEXTS = ("", "x", "azureml:x:1", "../x", "key", "command")
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.just(0.5) | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(KEYS), anything, max_size=8))
def test_any_document_is_a_spec_or_refused_with_keys(kind: str, noise: dict[str, Any]) -> None:
    try:
        spec: Spec = load(kind, document_of(SMALL[kind] | noise))
    except InvalidInput as error:
        refused = error
    else:
        document = spec.to_document()
        assert load(kind, document_of(document)).to_document() == document
        return
    assert refused.problems
    assert all(problem.message for problem in refused.problems)
