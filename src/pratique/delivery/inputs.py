"""The inputs of each task: names and aliases, defaults, what must be given, what is not run here.

One table, read before a run (`problems_with_inputs`) and when a step begins
(`Inputs`). Names count in any case. An input that no task of that name knows is
passed over by the hosted service; here it is told. Source: the tasks' reference.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pratique.delivery.templates.parameters import BOOLEANS
from pratique.specs.words import did_you_mean

_Given = Mapping[str, str]


@dataclass(frozen=True)
class Input:
    """One input of a task."""

    name: str
    aliases: tuple[str, ...] = ()
    default: str = ""
    is_required: bool = False
    needed_with: tuple[str, str] = ("", "")
    """Required only where the input of this name has this value."""
    choices: tuple[str, ...] = ()
    is_switch: bool = False
    runs: tuple[str, ...] = ()
    """Of `choices`: those that are run here; empty: all."""
    note: str = ""
    """Taken, and changes nothing here: why. It is said when the step runs."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class InputProblem:
    """What is wrong with an input of a step."""

    message: str
    hint: str = ""
    is_not_yet: bool = False
    is_warning: bool = False


def _switch(name: str, *aliases: str, default: str = "false", note: str = "") -> Input:
    return Input(name, aliases, default, is_switch=True, note=note)


_NOTHING: Final = "it changes nothing here"
_AZURE: Final = Input("azureSubscription", ("connectedServiceNameARM", "connectedServiceName"), is_required=True)
_FOLDER: Final = Input("workingDirectory", ("cwd",))
_FAIL_ON_STDERR: Final = _switch("failOnStderr")
_PREFERENCES: Final = tuple(
    Input(name, default=default)
    for name, default in (
        ("errorActionPreference", "stop"),
        ("warningPreference", "default"),
        ("informationPreference", "default"),
        ("verbosePreference", "default"),
        ("debugPreference", "default"),
        ("progressPreference", "silentlyContinue"),
    )
)
_SCRIPT_OR_FILE: Final = (
    Input("targetType", default="filePath", choices=("filePath", "inline")),
    Input("filePath", needed_with=("targetType", "filePath")),
    Input("arguments"),
    Input("script", needed_with=("targetType", "inline")),
)
_AZURE_SCRIPT: Final = (
    _AZURE,
    Input("scriptLocation", default="scriptPath", choices=("inlineScript", "scriptPath")),
    Input("scriptPath", needed_with=("scriptLocation", "scriptPath")),
    Input("inlineScript", needed_with=("scriptLocation", "inlineScript")),
    Input("arguments", ("scriptArguments", "args")),
    _switch("addSpnToEnvironment"),
    _switch("useGlobalConfig"),
    _FOLDER,
    _switch("failOnStandardError", "failOnStderr"),
)
_OTHER_RUN: Final = (
    Input("buildType", ("source", "runSource"), "current", choices=("current", "specific")),
    Input("project", needed_with=("buildType", "specific")),
    Input("pipeline", ("definition",), needed_with=("buildType", "specific")),
    _switch("specificBuildWithTriggering", "preferTriggeringPipeline"),
    Input(
        "buildVersionToDownload",
        ("runVersion",),
        "latest",
        choices=("latest", "latestFromBranch", "specific"),
    ),
    Input("branchName", ("runBranch",), "refs/heads/master"),
    Input("pipelineId", ("runId", "buildId"), needed_with=("buildVersionToDownload", "specific")),
    Input("tags"),
    _switch("allowPartiallySucceededBuilds"),
    _switch("allowFailedBuilds"),
)
_VALIDATION: Final = (
    Input("notifyUsers", is_required=True, note="nobody is written to: pipelines approval list shows what waits"),
    Input("instructions"),
    Input("onTimeout", default="reject", choices=("reject", "resume")),
)
_PARALLEL: Final = (
    _switch("parallel", note="files travel as fast as they can"),
    Input("parallelCount", note="files travel as fast as they can"),
)

INPUTS: Final[Mapping[str, tuple[Input, ...]]] = {
    "ArchiveFiles@2": (
        Input("rootFolderOrFile", default="$(Build.BinariesDirectory)"),
        _switch("includeRootFolder", default="true"),
        Input("archiveType", default="zip", choices=("zip", "7z", "tar", "wim"), runs=("zip", "tar")),
        Input("tarCompression", default="gz", choices=("gz", "bz2", "xz", "none")),
        Input("archiveFile", default="$(Build.ArtifactStagingDirectory)/$(Build.BuildId).zip"),
        _switch("replaceExistingArchive", default="true"),
        Input("sevenZipCompression", note=_NOTHING),
        _switch("verbose", note="the log names the archive and counts its files"),
        _switch("quiet", note="the log names the archive and counts its files"),
    ),
    "AzureCLI@1": _AZURE_SCRIPT,
    "AzureCLI@2": (
        *_AZURE_SCRIPT,
        Input("scriptType", is_required=True, choices=("bash", "pscore", "ps", "batch"), runs=("bash", "pscore")),
        Input("powerShellErrorActionPreference", default="stop"),
        _switch("powerShellIgnoreLASTEXITCODE"),
        _switch("visibleAzLogin", default="true", note="the login is always told, without its secret"),
        _switch("keepAzSessionActive", note="a login lasts as long as its step"),
        _switch("allowNoSubscriptions", note="there is one subscription here"),
    ),
    "AzureKeyVault@2": (
        _AZURE,
        Input("keyVaultName", is_required=True),
        Input("secretsFilter", default="*"),
        _switch("runAsPreJob", note="secrets are read when the step runs"),
    ),
    "AzurePowerShell@5": (
        _AZURE,
        Input("scriptType", default="filePath", choices=("filePath", "inlineScript")),
        Input("scriptPath", needed_with=("scriptType", "filePath")),
        Input("inline", ("inlineScript",), needed_with=("scriptType", "inlineScript")),
        Input("scriptArguments"),
        *(one for one in _PREFERENCES if one.name == "errorActionPreference"),
        _switch("failOnStandardError"),
        Input("azurePowerShellVersion", ("targetAzurePs",), note="no Az module is set up here"),
        Input("preferredAzurePowerShellVersion", ("customTargetAzurePs",), note="no Az module is set up here"),
        _switch("pwsh", note="the PowerShell here is pwsh"),
        _switch("validateScriptSignature", note=_NOTHING),
        _FOLDER,
    ),
    "Bash@3": (*_SCRIPT_OR_FILE, _FOLDER, _FAIL_ON_STDERR, Input("bashEnvValue")),
    "Cache@2": tuple(
        Input(name, is_required=name in ("key", "path"), note="nothing is cached")
        for name in ("key", "path", "restoreKeys", "cacheHitVar")
    ),
    "CmdLine@2": (Input("script", is_required=True), _FOLDER, _FAIL_ON_STDERR),
    "CopyFiles@2": (
        Input("sourceFolder"),
        Input("contents", default="**"),
        Input("targetFolder", is_required=True),
        _switch("cleanTargetFolder"),
        _switch("overWrite"),
        _switch("flattenFolders"),
        _switch("preserveTimestamp"),
        Input("retryCount", note="files of this machine are copied or not"),
        Input("delayBetweenRetries", note="files of this machine are copied or not"),
        _switch("ignoreMakeDirErrors"),
    ),
    "DeleteFiles@1": (
        Input("sourceFolder"),
        Input("contents", default="myFileShare"),
        _switch("removeSourceFolder"),
        _switch("removeDotFiles"),
    ),
    "Delay@1": (Input("delayForMinutes", default="0", is_required=True),),
    "DownloadBuildArtifacts@0": (),
    "DownloadBuildArtifacts@1": (
        *_OTHER_RUN,
        Input("downloadType", default="single", choices=("single", "specific")),
        Input("artifactName", needed_with=("downloadType", "single")),
        Input("itemPattern", default="**"),
        Input("downloadPath", default="$(System.ArtifactsDirectory)"),
        _switch("cleanDestinationFolder"),
        Input("parallelizationLimit", note="files travel as fast as they can"),
        _switch("checkDownloadedFiles", note="every file is checked"),
        Input("retryDownloadCount", note="a download goes on until the platform answers"),
        _switch("extractTars", note="artifacts are never tars here"),
    ),
    "DownloadPipelineArtifact@2": (
        *_OTHER_RUN,
        Input("artifactName", ("artifact",)),
        Input("itemPattern", ("patterns",), "**"),
        Input("targetPath", ("path", "downloadPath"), "$(Pipeline.Workspace)"),
    ),
    "ExtractFiles@1": (
        Input("archiveFilePatterns", default="**/*.zip"),
        Input("destinationFolder", is_required=True),
        _switch("cleanDestinationFolder", default="true"),
        _switch("overwriteExistingFiles"),
        Input("pathToSevenZipTool", note="nothing but zip and tar files is extracted here"),
    ),
    "InvokeRESTAPI@1": (
        Input(
            "connectionType",
            ("connectedServiceNameSelector",),
            "connectedServiceName",
            choices=("connectedServiceName", "connectedServiceNameARM"),
        ),
        Input(
            "serviceConnection",
            ("connectedServiceName", "genericService"),
            needed_with=("connectionType", "connectedServiceName"),
        ),
        Input(
            "azureServiceConnection",
            ("connectedServiceNameARM",),
            needed_with=("connectionType", "connectedServiceNameARM"),
        ),
        Input("method", default="POST", choices=("OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "PATCH")),
        Input("headers", default='{"Content-Type":"application/json"}'),
        Input("body"),
        Input("urlSuffix"),
        Input("waitForCompletion", default="false", choices=("false", "true"), runs=("false",)),
        Input("successCriteria"),
    ),
    "ManualValidation@0": _VALIDATION,
    "ManualValidation@1": (
        *_VALIDATION,
        Input("approvers"),
        _switch("allowApproversToApproveTheirOwnRuns", default="true"),
    ),
    "PowerShell@2": (
        *_SCRIPT_OR_FILE,
        *_PREFERENCES,
        _FAIL_ON_STDERR,
        _switch("showWarnings"),
        _switch("ignoreLASTEXITCODE"),
        _switch("pwsh", note="the PowerShell here is pwsh"),
        _FOLDER,
        _switch("runScriptInSeparateScope"),
    ),
    "PublishBuildArtifacts@1": (
        Input("pathToPublish", default="$(Build.ArtifactStagingDirectory)"),
        Input("artifactName", default="drop"),
        Input(
            "publishLocation", ("artifactType",), "Container", choices=("Container", "FilePath"), runs=("Container",)
        ),
        Input("maxArtifactSize", note="the disk is the limit"),
        Input("targetPath"),
        Input("fileCopyOptions"),
        *_PARALLEL,
        _switch("storeAsTar", note="files are kept as they are"),
    ),
    "PublishCodeCoverageResults@1": (
        Input("codeCoverageTool", default="JaCoCo", choices=("Cobertura", "JaCoCo")),
        Input("summaryFileLocation", is_required=True),
        Input("pathToSources", note="the counts are kept, not the sources"),
        Input("reportDirectory"),
        Input("additionalCodeCoverageFiles"),
        _switch("failIfCoverageEmpty"),
    ),
    "PublishCodeCoverageResults@2": (
        Input("summaryFileLocation", is_required=True),
        Input("pathToSources", note="the counts are kept, not the sources"),
        _switch("failIfCoverageEmpty"),
    ),
    "PublishPipelineArtifact@0": (
        Input("artifactName", default="drop"),
        Input("targetPath", is_required=True),
    ),
    "PublishPipelineArtifact@1": (
        Input("targetPath", ("path",), "$(Pipeline.Workspace)"),
        Input("artifactName", ("artifact",)),
        Input("artifactType", ("publishLocation",), "pipeline", choices=("pipeline", "filepath"), runs=("pipeline",)),
        Input("fileSharePath"),
        *_PARALLEL,
        Input("properties", note=_NOTHING),
    ),
    "PublishTestResults@2": (
        Input(
            "testResultsFormat",
            ("testRunner",),
            "JUnit",
            choices=("JUnit", "NUnit", "VSTest", "XUnit", "CTest"),
            runs=("JUnit", "NUnit", "VSTest", "XUnit"),
        ),
        Input("testResultsFiles", default="**/TEST-*.xml"),
        Input("searchFolder", default="$(System.DefaultWorkingDirectory)"),
        _switch("mergeTestResults"),
        _switch("failTaskOnFailedTests"),
        _switch("failTaskOnFailureToPublishResults"),
        _switch("failTaskOnMissingResultsFile"),
        Input("testRunTitle"),
        Input("buildPlatform", ("platform",), note=_NOTHING),
        Input("buildConfiguration", ("configuration",), note=_NOTHING),
        _switch("publishRunAttachments", default="true", note="the counts are kept, not the files"),
    ),
    "PythonScript@0": (
        Input("scriptSource", ("targetType",), "filePath", choices=("filePath", "inline")),
        Input("scriptPath", ("filePath",), needed_with=("scriptSource", "filePath")),
        Input("script", needed_with=("scriptSource", "inline")),
        Input("arguments"),
        Input("pythonInterpreter"),
        _FOLDER,
        _FAIL_ON_STDERR,
    ),
    "UsePythonVersion@0": (
        Input("versionSpec", default="3.x"),
        _switch("addToPath", default="true"),
        Input("architecture", default="x64", choices=("x64", "x86", "arm64"), runs=("x64", "arm64")),
        _switch("disableDownloadFromRegistry", note="nothing is downloaded"),
        _switch("allowUnstable", note="only finished versions are found"),
        Input("githubToken", note="nothing is downloaded"),
    ),
}
_SAME: Final = {"DownloadBuildArtifacts@0": "DownloadBuildArtifacts@1"}


def inputs_of(task: str) -> tuple[Input, ...]:
    """The inputs that `task`, as the table of tasks writes it, takes."""
    return INPUTS[_SAME.get(task, task)]


class Inputs:
    """The inputs of one step, under their own names, with defaults and macros put in."""

    def __init__(self, task: str, given: _Given, expand: Callable[[str], str]) -> None:
        known = inputs_of(task)
        self._values = {one.name: expand(_given(one, given) or one.default) for one in known}
        self.notes = tuple(f"{one.name}: {one.note}" for one in known if one.note and _given(one, given))
        """What was given and changes nothing."""

    def text(self, name: str) -> str:
        return self._values[name]

    def word(self, name: str) -> str:
        """A choice, in lower case."""
        return self._values[name].strip().lower()

    def is_on(self, name: str) -> bool:
        """A switch; what is no boolean is off."""
        return BOOLEANS.get(self._values[name].strip().lower(), False)

    def lines(self, name: str) -> list[str]:
        """The lines that are not empty."""
        return [line.strip() for line in self._values[name].splitlines() if line.strip()]


def problems_with_inputs(task: str, given: _Given) -> Iterator[InputProblem]:
    """What is wrong with the inputs of a step, as far as it shows before they are expanded."""
    known = inputs_of(task)
    names = {name.lower(): name for one in known for name in one.names}
    for name in given:
        if name.lower() not in names:
            hint = did_you_mean(name, names) or f"known: {', '.join(one.name for one in known)}"
            yield InputProblem(f"{task} has no input {name}; it is passed over", hint, is_warning=True)
    for one in known:
        yield from _problems(task, one, given, known)


def _problems(task: str, one: Input, given: _Given, known: tuple[Input, ...]) -> Iterator[InputProblem]:
    value = _given(one, given).strip()
    other, wanted = one.needed_with
    switch = next((each for each in known if each.name == other), None)
    if switch is not None:
        is_needed = (_given(switch, given) or switch.default).strip().lower() == wanted.lower()
    else:
        is_needed = one.is_required
    if is_needed and not any(name.lower() in map(str.lower, given) for name in one.names):
        hint = f"because {switch.name} is {wanted}, given or by default" if switch else ""
        yield InputProblem(f"{task} needs the input {one.name}", hint)
    elif not value or "$(" in value:
        return
    elif one.choices and value.lower() not in (choice.lower() for choice in one.choices):
        yield InputProblem(f"{one.name} of {task}: expected one of {', '.join(one.choices)}; got {value:.60}")
    elif one.runs and value.lower() not in (choice.lower() for choice in one.runs):
        hint = f"run here: {', '.join(one.runs)}"
        yield InputProblem(f"{one.name} of {task}: {value} is not run here", hint, is_not_yet=True)
    elif one.is_switch and value.lower() not in BOOLEANS:
        yield InputProblem(f"{one.name} of {task}: expected true or false; got {value:.60}")


def _given(one: Input, given: _Given) -> str:
    """What was given under any of the names; empty for nothing."""
    folded = {name.lower(): value for name, value in given.items()}
    return next((folded[name.lower()] for name in one.names if folded.get(name.lower())), "")
