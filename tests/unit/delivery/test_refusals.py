"""What no pipeline may be: each problem by its name and place."""

import pytest

from pratique.base.errors import NotYet
from pratique.delivery.tasks import known_references

from .conftest import Compile, problems


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trigger: none", "there is nothing to run"),
        ("steps: []\njobs: []", "stand side by side"),
        ("- a", "a pipeline is a mapping"),
        ("", "a pipeline is a mapping"),
        ("stps: []", "did you mean steps?"),
        ("stages: [{stage: A}]", "a stage needs jobs"),
        ("stages: [{stage: a-b, jobs: [{job: A}]}]", "a-b cannot name a stage"),
        ("jobs: [{job: 1A}]", "1A cannot name a job"),
        ("jobs: [{job: A}, {job: a}]", "the job a is there twice"),
        ("jobs: [{job: A, dependsOn: B}]", "depends on B, which does not exist"),
        ("jobs: [{job: A, dependsOn: B}, {job: B, dependsOn: A}]", "a cycle: a → b → a"),
        ("jobs: [{job: A, dependsOn: A}]", "a cycle: a → a"),
        ("jobs: [{jb: A}]", "it is not clear what this job is"),
        ("jobs: [{job: A, timeoutInMinutes: long}]", "expected a whole number; got long"),
        ("jobs: [{job: A, continueOnError: perhaps}]", "expected true or false; got perhaps"),
        ("jobs: [{job: A, displayName: [a]}]", "expected text; got a list"),
        ("jobs: [{job: A, strategy: {matrix: [a]}}]", "a strategy has a matrix or parallel|expected a mapping"),
        ("jobs: [{job: A, strategy: {runOnce: {}}}]", "deployment"),
        ("jobs: [{deployment: A, strategy: {runOnce: {deploy: {steps: []}}}}]", "needs an environment"),
        ("jobs: [{deployment: A, environment: e}]", "a deployment needs a strategy"),
        ("jobs: [{deployment: A, strategy: {runOnce: {preDeploy: {steps: []}}}}]", "runOnce needs deploy"),
        ("jobs: [{deployment: A, strategy: {canary: {increments: [200], deploy: {steps: []}}}}]", "1 to 100"),
        ("jobs: [{deployment: A, strategy: {canary: {deploy: {steps: []}}}}]", "canary needs increments"),
        ("steps: [{checkout: tmpl}]", "there is no tmpl under resources.repositories"),
        ("steps: [{download: curent, artifact: a}]", "did you mean current?"),
        ("steps: [{scrpt: a}]", "it is not clear what this step does"),
        ("steps: [a]", "expected a mapping in steps"),
        ("steps: [{script: a, nam: b}]", "did you mean name?"),
        ("steps: [{script: a, name: b-c}]", "cannot name a script step"),
        ("steps: [{script: a, name: b}, {script: a, name: B}]", "the step name B is given twice"),
        ("steps: [{checkout: self}, {checkout: none}]", "beside another checkout"),
        ("steps: [{script: a, condition: eq(1)}]", "2 parameters; got 1 in the condition of the step"),
        ("steps: [{script: a, condition: \"eq(dependencies.A.result, 'x')\"}]", "dependencies is not known here"),
        ("steps: [{script: a, condition: \"succeeded('A')\"}]", "no parameters"),
        ("jobs: [{job: A, condition: \"eq(parameters.x, 'y')\"}]", "parameters is not known here"),
        ("jobs: [{job: A, condition: variables.a == 'x'}]", "not an operator"),
        ("variables: {a: '$[ eq(1 ]'}\nsteps: []", "expected ,"),
        ("variables: {a: '$[ x ] y'}\nsteps: []", "takes the whole value"),
        ("variables: {a: '$[ split(variables.b, 1) ]'}\nsteps: []", "no function split"),
        ("variables: [{name: a}]\nsteps: []", "the variable a has no value"),
        ("variables: [{value: a}]\nsteps: []", "needs a name"),
        ("variables: [{name: a, value: b, group: c}]\nsteps: []", "a name or a group"),
        ("schedules: [{cron: '* * *'}]\nsteps: []", "5 fields"),
        ("schedules: [{cron: '99 * * * *'}]\nsteps: []", "minute"),
        ("lockBehavior: queue\nsteps: []", "expected one of sequential, runLatest"),
        ("jobs:\n- job: A\n  pool: server\n  steps: [{script: a}]", "a script step needs an agent"),
        ("jobs:\n- job: A\n  pool: server\n  steps: [{task: Bash@3}]", "Bash@3 needs an agent"),
        ("steps: [{task: Delay@1}]", "Delay@1 runs on the server"),
        ("jobs: [{deployment: A, environment: $(e), variables: {e: qa}, strategy: {runOnce: {deploy: {steps: []}}}}]",
         "the environment $(e) must be known before the stage starts"),
        ("steps: [{task: AzureCLI@2, inputs: {azureSubscription: $(nope)}}]", "service connection $(nope) must be"),
    ],
)  # fmt: skip
def test_a_pipeline_is_refused(compile_files: Compile, text: str, words: str) -> None:
    found = problems(compile_files, text)
    assert any(word in found for word in words.split("|"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: [{task: Docker@2}]", "Docker@2"),
        ("steps: [{task: HelmDeploy@0}]", "HelmDeploy@0"),
        ("steps: [{task: TerraformTaskV2@2}]", "TerraformTaskV2@2"),
        ("steps: [{task: Bash@4}]", "known: Bash@3"),
        ("steps: [{task: Bash}]", "NAME@VERSION"),
        ("steps: [{task: a.b.c.Nope@1}]", "Nope@1"),
        ("jobs: [{job: A, container: c}]", "container"),
        ("jobs: [{job: A, services: {a: b}}]", "services"),
        ("pool: {vmImage: windows-latest}\nsteps: []", "windows-latest"),
        ("pool: {vmImage: macOS-13}\nsteps: []", "macOS-13"),
        ("steps: [{script: a, target: c}]", "container"),
        ("steps: [{getPackage: a}]", "getPackage"),
        ("resources: {webhooks: [{webhook: a}]}\nsteps: []", "webhooks"),
    ],
)
def test_what_is_not_run_here_is_refused_by_name(compile_files: Compile, text: str, words: str) -> None:
    with pytest.raises(NotYet) as caught:
        compile_files(text)
    assert words in str(caught.value)


def test_an_unknown_task_is_told_with_all_that_are_known(compile_files: Compile) -> None:
    found = problems(compile_files, "steps: [{task: AzureCLi2@2}]")
    assert "did you mean azurecli?" in found.lower()
    assert all(reference in found for reference in known_references())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CopyFILES@2", "CopyFiles@2"),
        ("copyfiles@2", "CopyFiles@2"),
        ("ms.ext.tasks.CopyFiles@2", "CopyFiles@2"),
        ("COPYFILES@02", "CopyFiles@2"),
    ],
)
def test_a_task_is_known_in_any_case_and_by_its_long_name(compile_files: Compile, written: str, meant: str) -> None:
    found = compile_files(f"steps: [{{task: {written}, inputs: {{TargetFolder: a}}}}]").pipeline
    assert found.stages[0].jobs[0].steps[0].task == meant


def test_names_that_a_group_may_hold_are_not_refused(compile_files: Compile) -> None:
    text = (
        "variables: [{group: g}]\nsteps:\n- task: AzureCLI@1\n"
        "  inputs: {azureSubscription: $(AZURE_RM_SVC_CONNECTION), scriptPath: run.sh}\n"
    )
    assert compile_files(text).warnings == ()


def test_every_problem_is_told_in_the_order_of_the_file(compile_files: Compile) -> None:
    text = "steps:\n- script: a\n  condition: eq(1)\n- task: Nope@1\n- script: ${{ x }}\n  foo: bar\n"
    found = problems(compile_files, text).splitlines()
    assert [line.partition(" ")[0] for line in found] == [f"azure-pipelines.yml:{n}" for n in (2, 4, 5, 6)]
