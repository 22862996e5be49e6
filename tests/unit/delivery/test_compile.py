"""From files to a pipeline: what is in the model, and what is warned of."""

from collections.abc import Mapping

import pytest

from pratique.base.errors import NotYet
from pratique.delivery.compile import recompiled
from pratique.delivery.pipeline import (
    DEFAULT_JOB,
    DEFAULT_STAGE,
    Deploy,
    Filter,
    Group,
    Matrix,
    Pipeline,
    PushTrigger,
    Setting,
    Slices,
)

from .conftest import Compile, problems, warnings

# --- shapes -----------------------------------------------------------------------------------------------------------


def test_bare_steps_are_one_job_in_one_stage(compile_files: Compile) -> None:
    found = compile_files("pool: {vmImage: ubuntu-latest}\nsteps:\n- script: a\n").pipeline
    (stage,) = found.stages
    (job,) = stage.jobs
    assert (stage.name, job.name, job.pool.image) == (DEFAULT_STAGE, DEFAULT_JOB, "ubuntu-latest")
    assert (job.steps[0].task, job.steps[0].inputs) == ("CmdLine@2", {"script": "a"})
    assert found.name == "$(Date:yyyyMMdd).$(Rev:r)"


def test_keys_of_the_implicit_job_stand_at_the_root(compile_files: Compile) -> None:
    text = "timeoutInMinutes: 5\nstrategy: {parallel: 2}\nsteps: [{script: a}]"
    job = compile_files(text).pipeline.stages[0].jobs[0]
    assert (job.timeout, job.strategy) == (5, Slices(2))
    assert "unknown key timeoutInMinutes" in problems(compile_files, "timeoutInMinutes: 5\njobs: [{job: A}]")


def test_stages_and_jobs_without_a_name_get_one(compile_files: Compile) -> None:
    text = (
        "stages:\n- stage:\n  jobs:\n  - job:\n    steps: [{script: a}]\n  - job: B\n- stage: Two\n  jobs: [{job: A}]"
    )
    one, two = compile_files(text).pipeline.stages
    assert (one.name, [job.name for job in one.jobs], two.depends_on) == ("Stage1", ["Job1", "B"], ("Stage1",))


FULL = """
name: $(Date:yyyyMMdd)$(Rev:.r)
trigger:
  batch: true
  branches: {include: [main, releases/*], exclude: [releases/old*]}
  paths: {exclude: [docs]}
  tags: [v*]
pr: {branches: [main], autoCancel: false, drafts: false}
schedules:
- {cron: '0 3 * * Mon-Fri', displayName: nightly, branches: {include: [main]}, always: true}
resources:
  repositories:
  - {repository: tmpl, type: git, name: p/t, ref: refs/tags/v1}
  pipelines:
  - pipeline: up
    source: Upstream
    trigger: {branches: [main], stages: [Build]}
  containers:
  - {container: c, image: x}
variables:
- {name: a, value: '1', readonly: true}
- group: g
lockBehavior: sequential
stages:
- stage: Dev
  displayName: To dev
  jobs:
  - job: Train
    displayName: $(a)
    timeoutInMinutes: 0
    cancelTimeoutInMinutes: 2
    continueOnError: true
    workspace: {clean: all}
    strategy:
      maxParallel: 2
      matrix: {one: {x: '1'}, two: {x: '2'}}
    steps:
    - checkout: self
      path: s/
      persistCredentials: true
      fetchDepth: 1
    - task: azurecli@2
      name: t
      displayName: Train
      condition: succeededOrFailed()
      continueOnError: yes
      enabled: $(on)
      timeoutInMinutes: 3
      retryCountOnTaskFailure: 2
      env: {K: $(a)}
      inputs: {azureSubscription: aml-dev, scriptType: bash, scriptPath: run.sh}
    - pwsh: Get-Date
    - bash: echo
      failOnStderr: true
      workingDirectory: x
    - publish: $(Build.ArtifactStagingDirectory)
      artifact: drop
    - download: current
      artifact: drop
    - download: none
  - job: Wait
    pool: server
    dependsOn: [Train]
    steps:
    - task: ManualValidation@0
      inputs: {notifyUsers: ""}
- stage: Qa
  dependsOn: Dev
  condition: and(succeeded(), eq(variables.a, '1'))
  isSkippable: false
  trigger: manual
  jobs:
  - deployment: D
    environment: {name: qa, resourceName: vm1}
    strategy:
      canary:
        increments: [10, 20]
        deploy: {steps: [{script: a}]}
        on: {failure: {steps: [{script: b}]}}
"""


def test_everything_is_in_the_model(compile_files: Compile) -> None:
    found = compile_files(FULL).pipeline
    assert found.trigger == PushTrigger(
        is_batched=True,
        branches=Filter(("main", "releases/*"), ("releases/old*",)),
        paths=Filter((), ("docs",)),
        tags=Filter(("v*",)),
    )
    assert (found.pull_requests.branches.include, found.pull_requests.cancels_older) == (("main",), False)
    assert (found.schedules[0].cron, found.schedules[0].is_always) == ("0 3 * * Mon-Fri", True)
    assert found.resources.repositories[0].ref == "refs/tags/v1"
    assert (found.resources.pipelines[0].is_triggering, found.resources.pipelines[0].trigger_stages) == (
        True,
        ("Build",),
    )
    assert [type(item) for item in found.variables] == [Setting, Group]
    dev, qa = found.stages
    train, wait = dev.jobs
    assert isinstance(train.strategy, Matrix)
    assert (train.strategy.max_parallel, dict(train.strategy.legs)) == (2, {"one": {"x": "1"}, "two": {"x": "2"}})
    assert (train.timeout, train.cancel_timeout, train.continue_on_error, train.workspace_clean) == (0, 2, True, "all")
    checkout, task, pwsh, bash, publish, download, none = train.steps
    assert checkout.inputs == {"repository": "self", "path": "s/", "persistCredentials": "true", "fetchDepth": "1"}
    assert (task.task, task.name, task.retries, task.timeout, task.is_enabled) == ("AzureCLI@2", "t", 2, 3, "$(on)")
    assert (pwsh.task, pwsh.inputs["pwsh"], bash.inputs["failOnStderr"]) == ("PowerShell@2", "true", "true")
    assert (publish.inputs["artifact"], download.inputs["source"], none.inputs["source"]) == ("drop", "current", "none")
    assert (wait.pool.is_server, wait.depends_on) == (True, ("Train",))
    assert (qa.is_manual, qa.is_skippable, qa.depends_on) == (True, False, ("Dev",))
    deploy = qa.jobs[0].strategy
    assert isinstance(deploy, Deploy)
    assert (deploy.increments, [hook.name for hook in deploy.hooks]) == ((10, 20), ["deploy", "on.failure"])
    assert qa.jobs[0].environment is not None
    assert (qa.jobs[0].environment.name, qa.jobs[0].environment.resource) == ("qa", "vm1")


def test_the_expanded_text_makes_the_same_pipeline_again(compile_files: Compile) -> None:
    first = compile_files(FULL)
    again = recompiled(first.text, file="expanded.yml")
    assert _without_places(again) == _without_places(first.pipeline)


def test_text_that_looks_like_an_expression_stays_text_in_the_expanded_file(compile_files: Compile) -> None:
    variables = "variables: {v: '${{ parameters.a }}', w: 0001}"
    text = f"parameters:\n- {{name: a}}\n{variables}\nsteps:\n- script: |\n    a\n\n    b\n"
    found = compile_files(text, parameters={"a": "${{ nosuch() }} # 'x'"})
    again = recompiled(found.text, file="expanded.yml")
    values = [item.value for item in again.variables if isinstance(item, Setting)]
    assert values == ["${{ nosuch() }} # 'x'", "0001"]
    assert again.stages[0].jobs[0].steps[0].inputs["script"] == "a\n\nb\n"


def _without_places(pipeline: Pipeline) -> str:
    words = repr(pipeline).split("Place(source=Source(")
    return words[0] + "".join(word.partition("via=None)")[2] for word in words[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", PushTrigger()),
        ("trigger: none\n", PushTrigger(is_enabled=False)),
        ("trigger: main\n", PushTrigger(branches=Filter(("main",)))),
        ("trigger: [main, dev]\n", PushTrigger(branches=Filter(("main", "dev")))),
        ("trigger: [none]\n", PushTrigger(branches=Filter(("none",)))),
        ("trigger: {branches: {exclude: [x]}}\n", PushTrigger(branches=Filter((), ("x",)))),
    ],
)
def test_a_trigger_takes_the_branches_that_it_names(compile_files: Compile, text: str, expected: PushTrigger) -> None:
    assert compile_files(f"{text}steps: [{{script: a}}]").pipeline.trigger == expected


def test_resources_have_names_with_dashes(compile_files: Compile) -> None:
    text = """
resources:
  repositories: [{repository: mlops-templates, type: git, name: mlops-templates, ref: main}]
  pipelines: [{pipeline: train-v2, source: train}]
steps:
- checkout: mlops-templates
- download: train-v2
"""
    found = compile_files(text).pipeline.resources
    aliases = [one.alias for one in found.repositories] + [one.alias for one in found.pipelines]
    assert aliases == ["mlops-templates", "train-v2"]
    nameless = "resources: {repositories: [{name: a}]}\nsteps: []"
    assert "a repository needs repository" in problems(compile_files, nameless)


def test_a_target_says_what_the_output_of_a_step_may_ask_for(compile_files: Compile) -> None:
    text = """
steps:
- script: a
  target: host
- script: b
  target: {settableVariables: none}
- script: c
  target: {commands: restricted, settableVariables: [x, y]}
- script: d
"""
    steps = compile_files(text).pipeline.stages[0].jobs[0].steps
    assert [(step.settable, step.is_restricted) for step in steps] == [
        (None, False), ((), False), (("x", "y"), True), (None, False),
    ]  # fmt: skip


def test_what_is_disabled_is_not_refused_for_its_task(compile_files: Compile) -> None:
    text = "steps: [{task: Docker@2, enabled: false, inputs: {command: build}}, {script: make}]"
    found = compile_files(text)
    assert [step.task for step in found.pipeline.stages[0].jobs[0].steps] == ["", "CmdLine@2"]
    assert "Docker@2 is not known here; it is disabled" in str(found.warnings[0])
    assert recompiled(found.text, file="a.yml").stages[0].jobs[0].steps[0].is_enabled is False


@pytest.mark.parametrize(
    "text",
    [
        "variables: {image: windows-latest}\npool: {vmImage: $(image)}\nsteps: [{script: make}]",
        "variables: {os: macOS}\n"
        "jobs: [{job: A, variables: {v: $(os)-14}, pool: {vmImage: $(v)}, steps: [{script: x}]}]",
        "jobs:\n- job: A\n  strategy: {matrix: {a: {image: ubuntu-latest}, b: {image: windows-2022}}}\n"
        "  pool: {vmImage: $(image)}\n  steps: [{script: x}]",
    ],
)
def test_an_image_of_another_system_is_refused_also_where_variables_name_it(compile_files: Compile, text: str) -> None:
    with pytest.raises(NotYet, match="jobs run on Linux here"):
        compile_files(text)


def test_an_image_that_only_the_run_knows_is_let_pass(compile_files: Compile) -> None:
    assert compile_files("variables: [{group: g}]\npool: {vmImage: $(image)}\nsteps: [{script: make}]").warnings == ()


def test_a_step_without_what_it_is_about_is_refused(compile_files: Compile) -> None:
    said = problems(compile_files, "steps:\n- publish:\n- download:\n- checkout:\n")
    assert [line.rpartition("needs ")[2] for line in said.splitlines()] == [
        "the path of what is published", "a source, such as current", "a repository, such as self",
    ]  # fmt: skip


def test_switches_that_users_set_are_not_warned_of(compile_files: Compile) -> None:
    assert compile_files("variables: {System.Debug: true}\nsteps: [{script: make}]").warnings == ()


def test_a_branch_called_none_is_warned_of(compile_files: Compile) -> None:
    assert "write trigger: none" in warnings(compile_files, "trigger: [none]\nsteps: [{script: a}]")


@pytest.mark.parametrize(
    ("depends_on", "expected"), [("[]", ()), ("''", ()), ("A", ("A",)), ("[A, B]", ("A", "B")), ("a", ("a",))]
)
def test_depends_on_names_one_job_several_or_none(
    compile_files: Compile, depends_on: str, expected: tuple[str, ...]
) -> None:
    jobs = f"jobs: [{{job: A}}, {{job: B}}, {{job: C, dependsOn: {depends_on}}}]"
    assert compile_files(jobs).pipeline.stages[0].jobs[2].depends_on == expected


# --- output variables that read nothing -------------------------------------------------------------------------------

PRODUCERS = """
- stage: Dev
  jobs:
  - job: Train
    steps: [{script: a, name: check}]
  - deployment: D
    environment: dev
    strategy: {runOnce: {deploy: {steps: [{script: a, name: dep}]}}}
  - deployment: H
    environment: dev
    strategy: {runOnce: {preDeploy: {steps: [{script: a, name: pre}]}, deploy: {steps: [{script: a, name: dep}]}}}
"""


@pytest.mark.parametrize(
    ("where", "expression", "hint"),
    [
        ("stage", "dependencies.Dev.outputs['Train.check.v']", ""),
        ("stage", "dependencies.Dev.outputs['check.v']", "write dependencies.Dev.outputs['Train.check.v']"),
        ("stage", "dependencies.Train.outputs['check.v']", "write dependencies.Dev.outputs['Train.check.v']"),
        ("stage", "stageDependencies.Dev.Train.outputs['nope.v']", "needs a name"),
        ("stage", "dependencies.Dev.outputs['D.D.dep.v']", ""),
        ("stage", "dependencies.Dev.outputs['D.dep.v']", "write dependencies.Dev.outputs['D.D.dep.v']"),
        ("stage", "dependencies.Dev.outputs['H.preDeploy.pre.v']", ""),
        ("stage", "dependencies.Dev.result", ""),
        ("job", "stageDependencies.Dev.Train.outputs['check.v']", ""),
        ("job", "dependencies.Dev.outputs['Train.check.v']", "stageDependencies.Dev.Train.outputs['check.v']"),
        ("job", "dependencies.Train.outputs['check.v']", "stageDependencies.Dev.Train.outputs['check.v']"),
        ("job", "stageDependencies.Dev.Train.outputs['Train.check.v']", "Dev.Train.outputs['check.v']"),
        ("job", "stageDependencies.Dev.D.outputs['dep.v']", "stageDependencies.Dev.D.outputs['D.dep.v']"),
        ("job", "stageDependencies.Dev.D.outputs['deploy.dep.v']", ""),
        ("job", "stageDependencies.Dev.H.outputs['H.dep.v']", "outputs['deploy.dep.v']"),
        ("job", "stageDependencies.Dve.Train.outputs['check.v']", "stageDependencies.Dev.Train.outputs['check.v']"),
        ("variable", "stageDependencies.Dev.Train.outputs['check.v']", ""),
        ("variable", "dependencies.Nope.outputs['x.v']", "it depends on: nothing"),
        ("same", "dependencies.P.outputs['s.v']", ""),
        ("same", "dependencies.P.outputs['P.s.v']", "write dependencies.P.outputs['s.v']"),
        ("same", "dependencies.Q.outputs['s.v']", "write dependencies.P.outputs['s.v']"),
    ],
)
def test_an_output_that_reads_nothing_is_warned_of_with_the_right_spelling(
    compile_files: Compile, where: str, expression: str, hint: str
) -> None:
    condition = f"condition: \"eq({expression}, 'x')\""
    consumer = {
        "stage": f"- stage: Qa\n  {condition}\n  jobs: [{{job: A}}]\n",
        "job": f"- stage: Qa\n  jobs:\n  - job: A\n    {condition}\n",
        "variable": f"- stage: Qa\n  jobs:\n  - job: A\n    variables:\n      x: \"$[ {expression} ]\"\n",
        "same": "- stage: Qa\n  jobs:\n  - job: P\n    steps: [{script: a, name: s}]\n  - job: Q\n"
        f"  - job: A\n    dependsOn: P\n    {condition}\n",
    }  # fmt: skip
    found = warnings(compile_files, f"stages:{PRODUCERS}{consumer[where]}")
    assert ("reads nothing" in found) == bool(hint)
    assert hint in found


def test_a_macro_in_a_condition_is_warned_of(compile_files: Compile) -> None:
    found = warnings(compile_files, "jobs:\n- job: A\n  condition: \"eq('$(a)', 'b')\"\n")
    assert "is not replaced inside an expression" in found


def test_a_pipeline_of_fifty_templates_is_read(compile_files: Compile) -> None:
    files: Mapping[str, str] = {
        f"t{n}.yml": "parameters:\n- {name: x, default: y}\nsteps:\n"
        + "- script: echo ${{ parameters.x }} $(b)\n  displayName: step\n" * 20
        for n in range(50)
    }
    text = "steps:\n" + "".join(f"- template: t{n}.yml\n  parameters: {{x: {n}}}\n" for n in range(50))
    found = compile_files(text, files=files)
    assert len(found.sources) == 51
    assert len(found.pipeline.stages[0].jobs[0].steps) == 1000
