"""The inputs of tasks: what is told before a run, and what a step reads."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, NotYet
from pratique.delivery.compile import Compiled
from pratique.delivery.inputs import Inputs, inputs_of, problems_with_inputs
from pratique.delivery.refusals import refusals
from pratique.delivery.tasks import known_references

Compile = Callable[..., Compiled]


def test_every_task_of_the_table_has_its_inputs() -> None:
    for task in known_references():
        names = [name.lower() for one in inputs_of(task) for name in one.names]
        assert names, task
        assert len(names) == len(set(names)), task


@pytest.mark.parametrize("task", known_references())
def test_defaults_are_among_the_choices(task: str) -> None:
    for one in inputs_of(task):
        assert not one.choices or not one.default or one.default.lower() in map(str.lower, one.runs or one.choices)
        assert set(one.runs) <= set(one.choices)


@pytest.mark.parametrize(
    ("task", "given", "said"),
    [
        ("AzureCLI@2", {"scriptType": "bash", "inlineScript": "a"}, "needs the input azureSubscription"),
        ("AzureCLI@2", {"azureSubscription": "a", "scriptPath": "x"}, "needs the input scriptType"),
        ("AzureCLI@2", {"azureSubscription": "a", "scriptType": "batch", "scriptPath": "x"}, "batch is not run here"),
        ("AzureCLI@2", {"azureSubscription": "a", "scriptType": "zsh", "scriptPath": "x"}, "expected one of bash"),
        ("AzureCLI@1", {"azureSubscription": "a", "inlineScript": "x"}, "needs the input scriptPath"),
        ("Bash@3", {"targetType": "inline"}, "needs the input script"),
        ("CopyFiles@2", {"Contents": "**"}, "needs the input targetFolder"),
        ("CopyFiles@2", {"TargetFolder": "a", "OverWrite": "perhaps"}, "expected true or false; got perhaps"),
        ("CopyFiles@2", {"TargetFolder": "a", "Overwite": "true"}, "has no input Overwite"),
        ("DownloadPipelineArtifact@2", {"source": "specific", "project": "p"}, "needs the input pipeline"),
        ("DownloadBuildArtifacts@0", {"buildType": "specific", "definition": "1"}, "needs the input project"),
        ("DownloadPipelineArtifact@2", {"runVersion": "specific"}, "needs the input pipelineId"),
        ("DownloadPipelineArtifact@2", {"runVersion": "newest"}, "latest, latestFromBranch, specific; got newest"),
    ],
)
def test_what_is_wrong_with_inputs_is_told(task: str, given: Mapping[str, str], said: str) -> None:
    assert any(said in problem.message for problem in problems_with_inputs(task, given))


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("AzureCLI@1", {"connectedServiceNameARM": "a", "scriptLocation": "InlineScript", "INLINESCRIPT": "x"}),
        ("AzureCLI@2", {"azureSubscription": "a", "scriptType": "$(shell)", "scriptPath": "x"}),
        ("PublishPipelineArtifact@1", {"path": "a", "artifact": "b"}),
        ("PublishBuildArtifacts@1", {"PathtoPublish": "a", "ArtifactName": "b", "publishLocation": "Container"}),
    ],
)
def test_names_count_in_any_case_and_macros_are_left_to_the_run(task: str, given: Mapping[str, str]) -> None:
    assert list(problems_with_inputs(task, given)) == []


def test_a_step_reads_names_aliases_defaults_and_macros() -> None:
    given = {"Path": "$(a)/b", "ARTIFACT": "drop", "parallel": "true"}
    inputs = Inputs("PublishPipelineArtifact@1", given, lambda text: text.replace("$(a)", "x"))
    assert (inputs.text("targetPath"), inputs.text("artifactName")) == ("x/b", "drop")
    assert inputs.word("artifactType") == "pipeline"
    assert inputs.notes == ("parallel: files travel as fast as they can",)
    lines = Inputs("CopyFiles@2", {"Contents": " a\n\n!b ", "OverWrite": "Yes"}, str)
    assert lines.lines("contents") == ["a", "!b"]
    assert lines.is_on("overWrite")
    assert not lines.is_on("flattenFolders")


def test_all_problems_are_told_at_once_with_their_places(compile_files: Compile) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_files("steps:\n- task: Bash@3\n- task: CopyFiles@2\n- checkout: self\n  lfs: true\n")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]


@pytest.mark.parametrize(
    "step",
    [
        "pwsh: Get-Date",
        "powershell: Get-Date",
        "task: PowerShell@2\n  inputs: {targetType: inline, script: a}",
        "task: AzurePowerShell@5\n  inputs: {azureSubscription: a, ScriptPath: b}",
        "task: AzureCLI@2\n  inputs: {azureSubscription: a, scriptType: pscore, scriptPath: b}",
    ],
)
def test_powershell_is_refused_before_the_run_where_there_is_none(compile_files: Compile, step: str) -> None:
    pipeline = compile_files(f"steps:\n- {step}\n- bash: echo\n").pipeline
    refusals(pipeline, has_pwsh=True).raise_if_any("azure-pipelines.yml")
    found: Any = refusals(pipeline, has_pwsh=False)
    assert [one.place.line for one in found.errors] == [2]
    with pytest.raises(NotYet):
        found.raise_if_any("azure-pipelines.yml")


def test_tasks_without_an_agent_run_on_any_machine(compile_files: Compile) -> None:
    step = "  - task: {}\n    inputs: {}\n"
    text = "jobs:\n- job: A\n  pool: server\n  steps:\n" + "".join(
        step.format(task, inputs)
        for task, inputs in (
            ("ManualValidation@0", "{notifyUsers: ''}"),
            ("Delay@1", "{delayForMinutes: 1}"),
            ("InvokeRESTAPI@1", "{serviceConnection: api, successCriteria: \"eq(root['a'], 1)\"}"),
        )
    )
    found = compile_files(text)
    assert found.warnings == ()
    refusals(found.pipeline, has_pwsh=False).raise_if_any("azure-pipelines.yml")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{task: InvokeRESTAPI@1, inputs: {serviceConnection: a, successCriteria: no(root)}}", "no function no"),
        ("{task: InvokeRESTAPI@1, inputs: {serviceConnection: a, successCriteria: 'eq(answer, 1)'}}", "answer"),
        ("{task: InvokeRESTAPI@1, inputs: {serviceConnection: a, waitForCompletion: true}}", "waitForCompletion"),
        ("{task: InvokeRESTAPI@1, inputs: {method: GET}}", "needs the input serviceConnection"),
        ("{task: InvokeRESTAPI@1, inputs: {connectionType: connectedServiceNameARM}}", "azureServiceConnection"),
        ("{task: ManualValidation@1}", "needs the input notifyUsers"),
        ("{task: Delay@1}", "needs the input delayForMinutes"),
    ],
)
def test_a_task_without_an_agent_is_checked_before_the_run(compile_files: Compile, step: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        compile_files(f"jobs:\n- job: A\n  pool: server\n  steps:\n  - {step}\n")


def test_no_task_without_an_agent_is_tried_again(compile_files: Compile) -> None:
    step = "{task: Delay@1, retryCountOnTaskFailure: 2, inputs: {delayForMinutes: 1}}"
    (warning,) = compile_files(f"jobs:\n- job: A\n  pool: server\n  steps:\n  - {step}\n").warnings
    assert "Delay@1 is not tried again" in warning.message
