"""Templates, parameters, directives and variables become one tree, or every problem at once."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from pratique.base.errors import NotFound
from pratique.delivery.nodes import SELF, Source, plain_data
from pratique.delivery.templates.expand import expand
from pratique.delivery.trouble import Troubles

MAIN = "pipelines/main.yml"


def expanded(
    text: str, files: Mapping[str, str] | None = None, **given: Mapping[str, str]
) -> tuple[Any, list[str], list[str]]:
    """The tree as plain data, the errors and the warnings; files are PATH or PATH@REPOSITORY."""
    known = {(SELF, MAIN): text}
    for name, other in (files or {}).items():
        path, _, alias = name.partition("@")
        known[(alias or SELF, path)] = other

    def read(repository: str, path: str) -> str:
        if (repository, path) not in known:
            raise NotFound(f"there is no file {path}")
        return known[(repository, path)]

    troubles = Troubles()
    found = expand(read, Source(SELF, MAIN), troubles=troubles, **given)
    tree = plain_data(found.root) if found.root is not None else None
    return (
        tree,
        [str(one.to_problem()) for one in troubles.errors],
        [str(one.to_problem()) for one in troubles.warnings],
    )


def tree_of(text: str, files: Mapping[str, str] | None = None, **given: Mapping[str, str]) -> Any:
    tree, errors, _ = expanded(text, files, **given)
    assert errors == []
    return tree


def steps_of(text: str, files: Mapping[str, str] | None = None, **given: Mapping[str, str]) -> list[Any]:
    """What the scripts of the steps are."""
    return [step.get("script", step) for step in tree_of(text, files, **given)["steps"]]


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


# --- variables -----------------------------------------------------------------------------------------------------


def test_variables_are_visible_below_one_another_and_in_what_is_inside() -> None:
    text = """
variables:
  a: 0001
  b: ${{ variables.a }}-b
stages:
- stage: S
  variables:
  - name: c
    value: ${{ variables.b }}-c
  jobs:
  - job: J
    displayName: ${{ variables.c }}
    variables: {a: job}
    steps:
    - script: ${{ variables.a }}
  - job: K
    steps:
    - script: ${{ variables.a }} ${{ variables.c }}
"""
    tree = tree_of(text)
    assert tree["variables"] == [{"name": "a", "value": "0001"}, {"name": "b", "value": "0001-b"}]
    one, two = tree["stages"][0]["jobs"]
    assert (one["displayName"], one["steps"][0]["script"]) == ("0001-b-c", "job")
    assert two["steps"][0]["script"] == "0001 0001-b-c"


def test_the_branch_decides_which_file_of_variables_counts() -> None:
    text = """
variables:
- ${{ if eq(variables['Build.SourceBranchName'], 'main') }}:
  - template: ../config-prod.yml
- ${{ if ne(variables['Build.SourceBranchName'], 'main') }}:
  - template: ../config-dev.yml
- name: both
  value: mlw-${{ variables.postfix }}
steps: []
"""
    files = {
        "config-prod.yml": "variables: {postfix: 0001, env: prod}",
        "config-dev.yml": "variables:\n- name: postfix\n  value: 0002",
    }
    for branch, postfix in (("main", "0001"), ("dev", "0002")):
        found = tree_of(text, files, variables={"Build.SourceBranchName": branch})["variables"]
        assert {"name": "both", "value": f"mlw-{postfix}"} in found


def test_groups_stay_and_are_not_known_before_the_run() -> None:
    text = "variables:\n- group: g\n- name: x\n  value: '[${{ variables.fromGroup }}]'\nsteps: []"
    tree, errors, warnings = expanded(text)
    assert tree["variables"] == [{"group": "g"}, {"name": "x", "value": "[]"}]
    assert errors == []
    assert "$(fromGroup)" in warnings[0]


@pytest.mark.parametrize("text", ["variables: x", "variables: [x]", "variables: {a: [b]}", "variables: [[a]]"])
def test_variables_of_another_shape_are_refused(text: str) -> None:
    assert expanded(f"{text}\nsteps: []")[1]


# --- templates --------------------------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_file_that_includes() -> None:
    files = {
        "templates/a.yml": "steps:\n- template: sub/b.yml\n- template: /root.yml\n- template: ..\\win.yml",
        "templates/sub/b.yml": "steps:\n- script: b\n- template: ../c.yml",
        "templates/c.yml": "steps:\n- script: c",
        "root.yml": "steps:\n- script: root",
        "win.yml": "steps:\n- script: win",
    }
    assert steps_of("steps:\n- template: ../templates/a.yml", files) == ["b", "c", "root", "win"]


REPOSITORIES = "resources:\n  repositories:\n  - {repository: Tmpl, type: git, name: p/t}\n"


def test_a_template_of_another_repository_stays_in_it() -> None:
    files = {
        "jobs/j.yml@Tmpl": "jobs:\n- job: J\n  steps:\n  - template: ../steps/s.yml\n  - template: own.yml@self",
        "steps/s.yml@Tmpl": "steps:\n- script: theirs",
        "own.yml": "steps:\n- script: ours",
    }
    tree = tree_of(f"{REPOSITORIES}jobs:\n- template: jobs/j.yml@tmpl", files)
    assert [step["script"] for step in tree["jobs"][0]["steps"]] == ["theirs", "ours"]


def test_a_repository_of_a_template_is_not_known() -> None:
    files = {"t.yml@Tmpl": "resources:\n  repositories:\n  - {repository: far, name: x}\nsteps:\n- template: x.yml@far"}
    _, errors, _ = expanded(f"{REPOSITORIES}steps:\n- template: t.yml@Tmpl", files)
    assert "there is no repository far" in errors[0]
    assert "included by pipelines/main.yml:5" in errors[0]


def test_a_path_may_be_made_of_variables_and_parameters() -> None:
    text = "variables: {version: v2}\nsteps:\n- template: ${{ variables.version }}/s.yml"
    assert steps_of(text, {"pipelines/v2/s.yml": "steps:\n- script: two"}) == ["two"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there is no file pipelines/t.yml"),
        ({"pipelines/t.yml": "jobs: []"}, "has jobs; here it must have steps"),
        ({"pipelines/t.yml": "- script: a"}, "a template is a mapping; got a list"),
        ({"pipelines/t.yml": "parameters: []"}, "has no steps"),
        ({"pipelines/t.yml": "steps: []\nstps: []"}, "unknown key stps"),
        ({"pipelines/t.yml": "steps:\n- template: t.yml"}, "includes itself"),
        ({"pipelines/t.yml": "steps:\n- template: u.yml", "pipelines/u.yml": "steps:\n- template: t.yml"}, "itself"),
        ({"pipelines/t.yml": "steps:\n- template: ../../x.yml"}, "leads out of the repository"),
        ({"pipelines/t.yml": "steps:\n- template: x.yml@nope"}, "there is no repository nope"),
        ({"pipelines/t.yml": "steps:\n- template: ''"}, "needs the path"),
        ({"pipelines/t.yml": "steps: [: 1"}, ""),
        (
            {"pipelines/t.yml": "steps:\n- template: u.yml\n  param: {}", "pipelines/u.yml": "steps: []"},
            "beside template",
        ),
    ],
)
def test_a_template_is_refused(files: Mapping[str, str], words: str) -> None:
    _, errors, _ = expanded("steps:\n- template: t.yml", files)
    assert words in "".join(errors)
    assert errors


def test_an_error_names_the_chain_of_includes() -> None:
    files = {
        "pipelines/a.yml": "steps:\n- script: x\n- template: b.yml",
        "pipelines/b.yml": "parameters:\n- {name: p}\nsteps:\n- script: ${{ nosuch() }}",
    }
    _, errors, _ = expanded("steps:\n\n- template: a.yml", files)
    assert errors == [
        "pipelines/a.yml:3 column 13: a value for the parameter p must be provided (give it, or add a default in "
        "pipelines/b.yml:2; included by pipelines/main.yml:3)",
        next(error for error in errors if "nosuch" in error),
    ]
    assert "pipelines/b.yml:4 column 11" in errors[1]
    assert "included by pipelines/a.yml:3, pipelines/main.yml:3" in errors[1]


def test_all_problems_are_told_at_once() -> None:
    files = {"pipelines/t.yml": "parameters:\n- {name: p}\nsteps:\n- script: ${{ a }}"}
    text = "steps:\n- template: t.yml\n- template: none.yml\n- script: ${{ b }} ${{ c }}\n- ${{ if d }}:\n  - script: e"
    assert len(expanded(text, files)[1]) == 6


def test_extends_takes_the_rest_from_a_template() -> None:
    files = {
        "pipelines/base.yml": "parameters:\n- {name: jobs, type: jobList}\n- {name: pool, default: ubuntu-latest}\n"
        "variables: {fromBase: 1}\nstages:\n- stage: S\n  pool: {vmImage: '${{ parameters.pool }}'}\n"
        "  jobs:\n  - ${{ parameters.jobs }}"
    }
    text = "trigger: none\nextends:\n  template: base.yml\n  parameters:\n    jobs:\n    - job: J\n      steps: []\n"
    tree = tree_of(text, files)
    assert list(tree) == ["trigger", "variables", "stages"]
    assert tree["stages"][0]["jobs"] == [{"job": "J", "steps": []}]
    assert tree["stages"][0]["pool"] == {"vmImage": "ubuntu-latest"}
    _, errors, _ = expanded(f"variables: {{a: b}}\n{text}", files)
    assert any("variables is already defined" in error for error in errors)


def test_extends_may_go_on() -> None:
    files = {
        "pipelines/a.yml": "extends:\n  template: b.yml\n  parameters: {x: 1}",
        "pipelines/b.yml": "parameters:\n- {name: x}\nsteps:\n- script: ${{ parameters.x }}",
    }
    assert steps_of("extends:\n  template: a.yml", files) == ["1"]


def test_hooks_of_a_deployment_include_templates() -> None:
    text = """
jobs:
- deployment: D
  environment: qa
  strategy:
    runOnce:
      deploy:
        steps:
        - template: t.yml
      on:
        failure:
          steps:
          - ${{ if true }}:
            - template: t.yml
"""
    strategy = tree_of(text, {"pipelines/t.yml": "steps:\n- script: t"})["jobs"][0]["strategy"]["runOnce"]
    assert strategy["deploy"]["steps"] == strategy["on"]["failure"]["steps"] == [{"script": "t"}]


# --- limits ----------------------------------------------------------------------------------------------------------


def test_a_pipeline_has_at_most_a_hundred_files() -> None:
    files = {f"pipelines/t{n}.yml": "steps: []" for n in range(100)}
    text = "steps:\n" + "".join(f"- template: t{n}.yml\n" for n in range(100))
    assert ["at most 100 files" in error for error in expanded(text, files)[1]] == [True]


def test_templates_may_be_nested_but_not_endlessly() -> None:
    def nested(count: int) -> list[str]:
        files = {f"pipelines/t{n}.yml": f"steps:\n- template: t{n + 1}.yml" for n in range(count)}
        files[f"pipelines/t{count}.yml"] = "steps:\n- script: end"
        return expanded("steps:\n- template: t0.yml", files)[1]

    assert nested(40) == []
    assert nested(98) == [] or "nested too deeply" in nested(98)[0]
    assert len(nested(150)) == 1


def test_a_result_cannot_grow_without_bound() -> None:
    loops = "".join(f"{'  ' * n}- ${{{{ each a{n} in parameters.l }}}}:\n" for n in range(9))
    text = f"parameters:\n- {{name: l, type: object, default: [{'a,' * 20}]}}\nsteps:\n{loops}{'  ' * 9}- script: x\n"
    tree, errors, _ = expanded(text)
    assert tree is None
    assert "expands to more than" in errors[0]


def test_a_doubling_object_is_bounded() -> None:
    double = "${{ format('{0}{0}', variables.%s) }}"
    lines = "".join(f"  v{n + 1}: {double % f'v{n}'}\n" for n in range(60))
    _, errors, _ = expanded(f"variables:\n  v0: 'aaaaaaaaaa'\n{lines}steps: []")
    assert errors


def test_what_comes_out_is_yaml_of_text_again() -> None:
    text = "variables: {a: 0001, b: on, c: '', d: 'x: y'}\nsteps:\n- script: |\n    one\n    two\n"
    tree = tree_of(text)
    assert yaml.safe_load(yaml.safe_dump(tree)) == tree
