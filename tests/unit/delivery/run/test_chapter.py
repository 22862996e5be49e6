"""A file in the style of a book's MLOps chapter: train in dev, promote to qa when the model is better."""

from collections.abc import Callable

import pytest

from pratique.delivery.compile import Compiled
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.run.needs import Kind, needs_of, resolved
from pratique.delivery.run.outcomes import Result, RunState, UnitState
from pratique.delivery.run.plan import Action, applied, plan, settled
from pratique.delivery.run.steps import job_status, retry_delay, step_verdict
from pratique.delivery.run.variables import RunInputs, environment_name

CHAPTER = """
trigger:
  branches: {include: [main]}
variables:
- group: devops-variable-group-dev
- group: devops-variable-group-qa
- name: modelname
  value: titanic
stages:
- stage: DevRunPipeline
  variables:
  - group: devops-variable-group-dev
  jobs:
  - job: TrainingPipeline
    timeoutInMinutes: 120
    steps:
    - checkout: self
    - task: AzureCLI@1
      name: setversion
      inputs:
        azureSubscription: aml-dev
        scriptLocation: inlineScript
        inlineScript: |
          echo "##vso[task.setvariable variable=modelversion;isOutput=true]$(az ml model list -w $(wsName) -o tsv)"
    - task: AzureCLI@1
      name: checkversions
      inputs:
        azureSubscription: aml-dev
        scriptLocation: inlineScript
        inlineScript: echo $(setversion.modelversion) `date`
    - task: AzureCLI@1
      displayName: deploy $(setversion.modelversion)
      condition: eq(variables['checkversions.runme'], 'true')
      env: {KEY: $(endptKey)}
      inputs: {azureSubscription: aml-dev, scriptLocation: inlineScript, inlineScript: 'echo $DEV_ENDPT_NAME'}
    - bash: echo
      name: setfinalversion
    - task: CopyFiles@2
      inputs: {Contents: 'Chapter09/src/deploy/**', TargetFolder: $(Build.ArtifactStagingDirectory)}
    - task: PublishBuildArtifacts@1
      inputs: {PathtoPublish: $(Build.ArtifactStagingDirectory), ArtifactName: drop}
- stage: QAPromoteModel
  dependsOn: DevRunPipeline
  condition: eq(dependencies.DevRunPipeline.outputs['TrainingPipeline.checkversions.runme'], 'true')
  jobs:
  - deployment: Promote
    environment: qa
    variables:
      devWsName: $[ stageDependencies.DevRunPipeline.TrainingPipeline.outputs['setfinalversion.devWsName'] ]
      version: $[ stageDependencies.DevRunPipeline.TrainingPipeline.outputs['setversion.modelversion'] ]
    strategy:
      runOnce:
        deploy:
          steps:
          - download: current
            artifact: drop
          - task: AzureCLI@1
            inputs:
              azureSubscription: aml-qa
              scriptLocation: inlineScript
              workingDirectory: $(Build.SourcesDirectory)
              inlineScript: az ml model download -n $(modelname) --version $(version) -w $(devWsName)
"""

INPUTS = RunInputs(
    system={"Build.SourceBranch": "refs/heads/main"},
    groups={
        "devops-variable-group-dev": (
            Variable("wsName", "dev-ws"),
            Variable("dev_endpt_name", "ep-dev"),
            Variable("endptKey", "k-dev", is_secret=True),
        ),
        "devops-variable-group-qa": (Variable("wsName", "qa-ws"),),
    },
)


def _through(compiled: Compiled, runme: str) -> RunState:
    """The state after training said `runme`."""
    state = RunState()
    state, found, _ = settled(compiled.pipeline, state, INPUTS)
    (check,) = found.of(Action.CHECK)
    assert check.stage == "DevRunPipeline"
    outputs = {"checkversions.runme": runme, "setfinalversion.devWsName": "dev-ws", "setversion.modelversion": "7"}
    return state.with_unit("DevRunPipeline", "TrainingPipeline", "", UnitState(Result.SUCCEEDED, outputs))


@pytest.fixture
def chapter(compile_files: Callable[..., Compiled]) -> Compiled:
    found = compile_files(CHAPTER)
    assert found.warnings == ()
    return found


def test_a_better_model_asks_for_qa_and_carries_its_version(chapter: Compiled) -> None:
    state = _through(chapter, "true")
    (check,) = plan(chapter.pipeline, state, INPUTS).decisions
    assert (check.action, check.stage) == (Action.CHECK, "QAPromoteModel")
    assert check.verdict is not None
    assert check.verdict.trace[0].endswith("→ 'true'")
    needs, unknown = resolved(needs_of(chapter.pipeline, chapter.pipeline.stages[1]), check.variables)
    assert (Kind.ENVIRONMENT, "qa") in needs
    assert (Kind.CONNECTION, "aml-qa") in needs
    assert unknown == ()


def test_what_was_skipped_or_started_is_not_decided_again(chapter: Compiled) -> None:
    state = _through(chapter, "false")
    state, found, recorded = settled(chapter.pipeline, state, INPUTS)
    assert [(one.action, one.stage) for one in recorded] == [(Action.SKIP, "QAPromoteModel")]
    assert found.result is Result.SUCCEEDED
    assert plan(chapter.pipeline, state, INPUTS) == found
    assert applied(state, recorded[0]) == state


def test_the_groups_of_the_root_are_qa_s_and_those_of_the_stage_dev_s(chapter: Compiled) -> None:
    (check,) = plan(chapter.pipeline, RunState(), INPUTS).of(Action.CHECK)
    assert check.variables.text("wsName") == "dev-ws"
    state = _through(chapter, "true")
    (check,) = plan(chapter.pipeline, state, INPUTS).decisions
    assert check.variables.text("wsName") == "qa-ws"


def test_steps_see_variables_and_outputs_but_no_secret_in_their_environment(chapter: Compiled) -> None:
    (check,) = plan(chapter.pipeline, RunState(), INPUTS).of(Action.CHECK)
    variables = check.variables
    script = chapter.pipeline.stages[0].jobs[0].steps[1].inputs["inlineScript"]
    assert "$(az ml model list -w dev-ws -o tsv)" in variables.replaced(script)
    assert variables.environment()["DEV_ENDPT_NAME"] == "ep-dev"
    assert "ENDPTKEY" not in variables.environment()
    assert variables.secrets() == {"k-dev"}
    assert environment_name("setversion.model version") == "SETVERSION_MODEL_VERSION"


@pytest.mark.parametrize(("runme", "holds"), [("true", True), ("TRUE", True), ("false", False), ("", False)])
def test_a_step_condition_reads_an_output_of_the_same_job(chapter: Compiled, runme: str, holds: bool) -> None:
    step = chapter.pipeline.stages[0].jobs[0].steps[3]
    inputs = RunInputs(system={"checkversions.runme": runme}, groups=INPUTS.groups)
    (check,) = plan(chapter.pipeline, RunState(), inputs).of(Action.CHECK)
    assert step_verdict(step, check.variables, Result.SUCCEEDED, is_canceled=False).holds is holds


@pytest.mark.parametrize(
    ("condition", "status", "is_canceled", "holds"),
    [
        ("", Result.SUCCEEDED, False, True),
        ("", Result.SUCCEEDED_WITH_ISSUES, False, True),
        ("", Result.FAILED, False, False),
        ("", Result.SUCCEEDED, True, False),
        ("failed()", Result.FAILED, False, True),
        ("failed()", Result.FAILED, True, False),
        ("succeededOrFailed()", Result.FAILED, False, True),
        ("succeededOrFailed()", Result.CANCELED, True, False),
        ("always()", Result.CANCELED, True, True),
        ("canceled()", Result.CANCELED, True, True),
        ("canceled()", Result.SUCCEEDED, False, False),
        ("eq(variables['Agent.JobStatus'], 'Failed')", Result.FAILED, True, True),
        ("eq(variables['agent.jobstatus'], 'failed')", Result.SUCCEEDED, False, False),
    ],
)
def test_a_step_runs_by_the_status_of_its_job(
    compile_files: Callable[..., Compiled], condition: str, status: Result, is_canceled: bool, holds: bool
) -> None:
    found = compile_files(f"steps:\n- script: a\n  condition: {condition}\n").pipeline
    step = found.stages[0].jobs[0].steps[0]
    (check,) = plan(found, RunState(), RunInputs()).of(Action.CHECK)
    assert step_verdict(step, check.variables, status, is_canceled=is_canceled).holds is holds


def test_a_step_that_is_not_enabled_does_not_run(compile_files: Callable[..., Compiled]) -> None:
    found = compile_files("variables: {off: 'false'}\nsteps:\n- script: a\n  enabled: $(off)\n").pipeline
    (check,) = plan(found, RunState(), RunInputs()).of(Action.CHECK)
    step = found.stages[0].jobs[0].steps[0]
    assert not step_verdict(step, check.variables, Result.SUCCEEDED, is_canceled=False).holds


@pytest.mark.parametrize(
    ("before", "step", "continues", "after"),
    [
        (Result.SUCCEEDED, Result.SUCCEEDED, False, Result.SUCCEEDED),
        (Result.SUCCEEDED, Result.SKIPPED, False, Result.SUCCEEDED),
        (Result.SUCCEEDED, Result.FAILED, False, Result.FAILED),
        (Result.SUCCEEDED, Result.FAILED, True, Result.SUCCEEDED_WITH_ISSUES),
        (Result.SUCCEEDED_WITH_ISSUES, Result.SUCCEEDED, False, Result.SUCCEEDED_WITH_ISSUES),
        (Result.FAILED, Result.SUCCEEDED, False, Result.FAILED),
        (Result.FAILED, Result.CANCELED, False, Result.CANCELED),
        (Result.CANCELED, Result.FAILED, False, Result.CANCELED),
    ],
)
def test_results_of_steps_merge(before: Result, step: Result, continues: bool, after: Result) -> None:
    assert job_status(before, step, continues_on_error=continues) is after


def test_retries_wait_longer_each_time() -> None:
    assert [retry_delay(attempt) for attempt in range(4)] == [1, 4, 9, 16]
