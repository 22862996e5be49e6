"""Parameters, expressions and directives become one tree, or every problem at once."""

from collections.abc import Mapping

import pytest

from .expanding import expanded, steps_of, tree_of

# --- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = """
parameters:
- {name: text, type: string, default: '0001'}
- {name: number, type: number, default: 3.10}
- {name: flag, type: boolean, default: yes}
- {name: object, type: object, default: {a: 1, list: [x, y]}}
steps:
- script: "'${{ parameters.text }}' '${{ parameters.number }}' '${{ parameters.flag }}' '${{ parameters.object.a }}'"
- ${{ each one in parameters.object.list }}:
  - script: ${{ one }}
"""


def test_defaults_of_parameters_become_values_of_their_types() -> None:
    assert steps_of(PARAMETERS) == ["'0001' '3.1' 'True' '1'", "x", "y"]


def test_parameters_that_are_given_become_values_of_their_types() -> None:
    given = {"TEXT": "on", "number": "-.5", "flag": "N", "object": "{a: [1], list: [z]}"}
    text = PARAMETERS.replace("parameters.object.a", "parameters.object.a[0]")
    assert steps_of(text, parameters=given) == ["'on' '-0.5' 'False' '1'", "z"]


@pytest.mark.parametrize(
    ("declared", "given", "words"),
    [
        ("{name: a}", {}, "a value for the parameter a must be provided"),
        ("{name: a, default: x}", {"b": "1"}, "unexpected parameter b"),
        ("{name: a, type: number}", {"a": "x"}, "the parameter a is a number; got x"),
        ("{name: a, type: number, default: ''}", {}, "a number; got nothing"),
        ("{name: a, type: boolean}", {"a": "maybe"}, "a boolean; got maybe"),
        ("{name: a, values: [x, y]}", {"a": "z"}, "expected one of x, y"),
        ("{name: a, type: nope, default: x}", {}, "there is no type nope"),
        ("{name: a, tpe: string, default: x}", {}, "did you mean type"),
        ("{default: x}", {}, "a parameter needs a name"),
        ("{name: a, default: {b: c}}", {}, "the parameter a is text; got a mapping"),
        ("{name: a, type: stepList, default: {b: c}}", {}, "a list; got a mapping"),
        ("{name: a, type: step, default: x}", {}, "a mapping; got x"),
        ("{name: a, type: object}", {"a": "[1"}, ""),
    ],
)
def test_a_parameter_is_refused(declared: str, given: Mapping[str, str], words: str) -> None:
    _, errors, _ = expanded(f"parameters:\n- {declared}\nsteps: []", parameters=given)
    assert len(errors) >= 1
    assert words in errors[0]


def test_a_parameter_declared_twice_is_refused() -> None:
    _, errors, _ = expanded("parameters:\n- {name: a, default: x}\n- {name: A, default: y}\nsteps: []")
    assert ["declared twice" in error for error in errors] == [True]


def test_an_empty_list_for_text_is_empty_and_said() -> None:
    tree, errors, warnings = expanded(
        "parameters:\n- {name: after, type: string, default: []}\n"
        "jobs:\n- job: A\n  dependsOn: ${{ parameters.after }}\n"
    )
    assert (tree["jobs"][0]["dependsOn"], errors) == ("", [])
    assert "an empty list counts as empty" in warnings[0]


def test_the_older_form_takes_any_name_and_every_scalar_is_text() -> None:
    files = {"pipelines/t.yml": "parameters: {a: 0001, b: true}\nsteps:\n- script: ${{ parameters.a }} ${{ "
             "parameters.b }} ${{ parameters.other }} [${{ parameters.none }}]"}  # fmt: skip
    text = "steps:\n- template: t.yml\n  parameters: {b: no, other: x}"
    assert steps_of(text, files) == ["0001 no x []"]


def test_a_typed_parameter_that_is_not_declared_is_an_error() -> None:
    _, errors, _ = expanded("parameters:\n- {name: env, default: x}\nsteps:\n- script: ${{ parameters.evn }}")
    assert "there is no parameter evn" in errors[0]
    assert "did you mean env?" in errors[0]


def test_lists_of_steps_are_parameters() -> None:
    files = {
        "pipelines/t.yml": "parameters:\n- {name: before, type: stepList, default: []}\n- {name: one, type: step}\n"
        "steps:\n- ${{ parameters.before }}\n- ${{ parameters.one }}\n- script: last",
        "pipelines/other.yml": "steps:\n- script: other",
    }
    text = """
variables: {v: 1}
steps:
- template: t.yml
  parameters:
    before:
    - script: ${{ variables.v }}
    - template: other.yml
    - ${{ if eq(1, 2) }}:
      - script: never
    one: {script: one}
"""
    assert steps_of(text, files) == ["1", "other", "one", "last"]


# --- expressions and directives ------------------------------------------------------------------------------------


def test_a_whole_scalar_may_be_an_object_and_a_part_is_text() -> None:
    text = """
parameters:
- {name: env, type: object, default: {A: 1, B: two}}
- {name: flag, type: boolean, default: true}
steps:
- script: ${{ parameters.flag }} and ${{ format('{0}', parameters.flag) }}
  env: ${{ parameters.env }}
- script: x
  env:
    ${{ insert }}: ${{ parameters.env }}
    C: c
"""
    first, second = tree_of(text)["steps"]
    assert first == {"script": "True and True", "env": {"A": "1", "B": "two"}}
    assert second["env"] == {"A": "1", "B": "two", "C": "c"}


def test_an_object_within_text_is_an_error() -> None:
    _, errors, _ = expanded(
        "parameters:\n- {name: o, type: object, default: [a]}\nsteps:\n- script: a ${{ parameters.o }}"
    )
    assert "cannot convert from Array to String" in errors[0]
    assert "main.yml:4" in errors[0]


def test_what_an_expression_gave_is_not_evaluated_again() -> None:
    text = "parameters:\n- {name: a, default: x}\nsteps:\n- script: ${{ parameters.a }}"
    assert steps_of(text, parameters={"a": "${{ parameters.a }} $(b) ##vso[x]"}) == [
        "${{ parameters.a }} $(b) ##vso[x]"
    ]


def test_if_elseif_else_in_lists_and_mappings() -> None:
    text = """
parameters:
- {name: n, type: number}
steps:
- ${{ if eq(parameters.n, 1) }}:
  - script: one
- ${{ elseif eq(parameters.n, 2) }}:
  - script: two
- ${{ else }}:
  - script: many
- script: s
  ${{ if eq(parameters.n, 1) }}:
    name: one
  ${{ elseif eq(parameters.n, 2) }}:
    name: two
  ${{ else }}:
    name: many
"""
    for number, word in (("1", "one"), ("2", "two"), ("7", "many")):
        steps = tree_of(text, parameters={"n": number})["steps"]
        assert steps == [{"script": word}, {"script": "s", "name": word}]


def test_equal_ifs_in_one_mapping_all_count() -> None:
    text = "steps:\n- script: a\n  env:\n    ${{ if true }}:\n      X: 1\n    ${{ if true }}:\n      Y: 2\n"
    assert tree_of(text)["steps"][0]["env"] == {"X": "1", "Y": "2"}


@pytest.mark.parametrize("word", ["else", "elseif true"])
def test_an_else_without_an_if_is_an_error(word: str) -> None:
    _, errors, _ = expanded(f"steps:\n- script: a\n- ${{{{ {word} }}}}:\n  - script: b")
    assert "without an if" in errors[0]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [("''", False), ("null", False), ("0", False), ("'false'", True), ("'x'", True), ("1", True), ("false", False)],
)
def test_only_what_is_empty_is_false(condition: str, holds: bool) -> None:
    text = f"steps:\n- ${{{{ if {condition} }}}}:\n  - script: a"
    assert steps_of(text) == (["a"] if holds else [])


def test_each_goes_through_lists_mappings_and_steps() -> None:
    files = {
        "pipelines/t.yml": """
parameters:
- {name: steps, type: stepList}
steps:
- ${{ each step in parameters.steps }}:
  - ${{ each pair in step }}:
      ${{ if ne(pair.key, 'displayName') }}:
        ${{ pair.key }}: ${{ pair.value }}
    displayName: checked
"""
    }
    text = """
steps:
- template: t.yml
  parameters:
    steps:
    - script: a
      displayName: mine
    - script: b
      env: {K: v}
"""
    assert tree_of(text, files)["steps"] == [
        {"script": "a", "displayName": "checked"},
        {"script": "b", "env": {"K": "v"}, "displayName": "checked"},
    ]


def test_each_may_stand_within_each_and_make_jobs() -> None:
    text = """
parameters:
- {name: envs, type: object, default: {dev: [a, b], qa: [c]}}
stages:
- ${{ each env in parameters.envs }}:
  - stage: ${{ env.key }}
    jobs:
    - ${{ each name in env.value }}:
      - job: ${{ env.key }}_${{ name }}
        steps: []
"""
    found = tree_of(text)["stages"]
    assert [[job["job"] for job in stage["jobs"]] for stage in found] == [["dev_a", "dev_b"], ["qa_c"]]


def test_a_directive_with_plain_keys_beside_it_makes_one_item_of_all() -> None:
    text = """
parameters:
- name: stages
  type: stageList
  default:
  - stage: A
    displayName: first
    jobs: [{job: J, dependsOn: K, steps: [{script: own}]}, {job: K, steps: [{script: other}]}]
stages:
- ${{ each stage in parameters.stages }}:
  - ${{ each pair in stage }}:
      ${{ if ne(pair.key, 'jobs') }}:
        ${{ pair.key }}: ${{ pair.value }}
    jobs:
    - ${{ each job in stage.jobs }}:
      - ${{ each pair in job }}:
          ${{ if ne(pair.key, 'steps') }}:
            ${{ pair.key }}: ${{ pair.value }}
        steps:
        - script: before
        - ${{ job.steps }}
"""
    (stage,) = tree_of(text)["stages"]
    assert (stage["stage"], stage["displayName"]) == ("A", "first")
    assert [(job["job"], job.get("dependsOn")) for job in stage["jobs"]] == [("J", "K"), ("K", None)]
    assert [step["script"] for step in stage["jobs"][0]["steps"]] == ["before", "own"]


def test_variables_of_runs_that_this_is_none_of_are_empty_without_a_word() -> None:
    text = "steps: [{script: \"<${{ variables['System.PullRequest.TargetBranch'] }}>\"}]"
    assert expanded(text) == ({"steps": [{"script": "<>"}]}, [], [])


def test_a_branch_that_is_not_taken_must_be_well_formed_and_no_more() -> None:
    text = "steps:\n- ${{ if false }}:\n  - script: ${{ nosuch() }}\n- script: a"
    assert steps_of(text) == ["a"]
    _, errors, _ = expanded("steps:\n- ${{ if and(false, }}:\n  - script: a")
    assert "expected" in errors[0]


def test_keys_may_be_expressions() -> None:
    text = "parameters:\n- {name: k, default: NAME}\nsteps:\n- script: a\n  env:\n    ${{ parameters.k }}_X: 1"
    assert tree_of(text)["steps"][0]["env"] == {"NAME_X": "1"}


def test_braces_within_a_string_do_not_end_an_expression() -> None:
    assert steps_of("steps:\n- script: ${{ format('{{{0}}}', 'a}}') }}") == ["{a}}}"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("${{ }}", "an expression is expected"),
        ("${{ a", "not closed"),
        ("${{ nosuch }}", "nosuch is not known"),
        ("${{ eq(1) }}", "2 parameters"),
        ("${{ succeeded() }}", "no function succeeded"),
        ("${{ dependencies.A }}", "dependencies is not known"),
    ],
)
def test_a_broken_expression_is_told_with_its_place(script: str, words: str) -> None:
    _, errors, _ = expanded(f"steps:\n- script: a\n- script: '{script}'")
    assert words in errors[0]
    assert "main.yml:3 column 11" in errors[0]


def test_an_error_within_a_block_names_its_line() -> None:
    _, errors, _ = expanded("steps:\n- script: |\n    a\n\n    b ${{ nosuch }}\n    ${{ other }}\n")
    assert [error.partition(":")[2].partition(":")[0] for error in errors] == ["5", "6"]
