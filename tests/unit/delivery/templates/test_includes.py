"""Variables, the files that a pipeline includes, and how much of them may be."""

from collections.abc import Mapping

import pytest
import yaml

from .expanding import expanded, steps_of, tree_of


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
