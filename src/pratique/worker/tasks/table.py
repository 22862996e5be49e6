"""Which function runs which task. Those of `pool: server` run in the engine and are not here."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pratique.worker.step import Outcome
from pratique.worker.tasks import (
    archives,
    artifacts,
    azure_scripts,
    caching,
    copying,
    key_vault,
    measures,
    python_version,
    scripts,
)
from pratique.worker.tasks.work import Work

Task: TypeAlias = Callable[[Work], Outcome]
"""Runs one attempt; raises `PratiqueError` or `OSError` for what fails it."""

TASKS: Final[Mapping[str, Task]] = {
    "ArchiveFiles@2": archives.archive_files,
    "AzureCLI@1": azure_scripts.azure_cli_1,
    "AzureCLI@2": azure_scripts.azure_cli_2,
    "AzureKeyVault@2": key_vault.read_vault,
    "AzurePowerShell@5": azure_scripts.azure_powershell,
    "Bash@3": scripts.bash,
    "Cache@2": caching.no_cache,
    "CmdLine@2": scripts.command_line,
    "CopyFiles@2": copying.copy_files,
    "DeleteFiles@1": archives.delete_files,
    "DownloadBuildArtifacts@0": artifacts.download_build_artifacts,
    "DownloadBuildArtifacts@1": artifacts.download_build_artifacts,
    "DownloadPipelineArtifact@2": artifacts.download_pipeline_artifact,
    "ExtractFiles@1": archives.extract_files,
    "PowerShell@2": scripts.powershell,
    "PublishBuildArtifacts@1": artifacts.publish_build_artifact,
    "PublishCodeCoverageResults@1": measures.publish_coverage_results_1,
    "PublishCodeCoverageResults@2": measures.publish_coverage_results,
    "PublishPipelineArtifact@0": artifacts.publish_pipeline_artifact,
    "PublishPipelineArtifact@1": artifacts.publish_pipeline_artifact,
    "PublishTestResults@2": measures.publish_test_results,
    "PythonScript@0": scripts.python_script,
    "UsePythonVersion@0": python_version.use_python,
}
"""By name and version, as `pratique.delivery.tasks` writes them."""
