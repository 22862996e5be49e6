"""The tasks, each in a worker that is a real process."""

import os
import stat
from pathlib import Path

from pratique.delivery.message import Connection, PipelineRun
from pratique.delivery.records import Coverage, Suite

from .conftest import Worker

SECRET = "pr1ncipal-s3cret"
DEV = Connection("aml-dev", "dev", "rg", "app-id", "tenant-id", SECRET)


def test_an_azure_cli_step_is_logged_in_and_nothing_stays(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - task: AzureCLI@1
            displayName: inside
            inputs:
              azureSubscription: AML-dev
              scriptLocation: inlineScript
              inlineScript: |
                cat $AZURE_CONFIG_DIR/pratique-profile.json
                echo "<$servicePrincipalId> <$servicePrincipalKey>" $1
                command -v az
                echo "$AZURE_CONFIG_DIR" > $(Agent.TempDirectory)/where
              workingDirectory: new/folder
              scriptArguments: "'first word' second"
          - task: AzureCLI@2
            displayName: with its secret
            inputs:
              azureSubscription: aml-dev
              scriptType: bash
              scriptLocation: scriptPath
              scriptPath: $(Agent.TempDirectory)/script.sh
              addSpnToEnvironment: true
            condition: false
          - bash: ls -A $(cat $(Agent.TempDirectory)/where); pwd; echo "<$AZURE_CONFIG_DIR>"
            displayName: after
        """,
        connections=(DEV,),
    )
    inside = platform.log("inside")
    assert platform.result == "Succeeded", platform.whole_log
    assert '"client_id": "app-id"' in inside
    assert '"client_secret": "***"' in inside
    assert '"token": "***"' in inside
    assert "<> <> first word\n" in inside
    assert "/work/tools/bin/az\n" in inside
    assert platform.log("after").splitlines()[1].endswith("work/1/s")
    assert platform.log("after").endswith("<>\n")


def test_a_script_gets_the_principal_where_that_is_asked(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - task: AzureCLI@2
            displayName: one
            inputs:
              azureSubscription: aml-dev
              scriptType: bash
              scriptLocation: inlineScript
              inlineScript: echo $servicePrincipalId ${#servicePrincipalKey} $servicePrincipalKey $tenantId
              addSpnToEnvironment: true
        """,
        connections=(DEV,),
    )
    assert f"app-id {len(SECRET)} *** tenant-id\n" in platform.log("one")


def test_a_connection_that_the_run_has_not_fails_the_step(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - task: AzureCLI@2
            displayName: one
            inputs: { azureSubscription: other, scriptType: bash, scriptLocation: inlineScript, inlineScript: echo }
        """
    )
    assert platform.result == "Failed"
    assert "no service connection 'other'" in platform.step("one").reason


def test_files_are_copied_by_patterns_and_published_with_their_folders(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              mkdir -p a/src/deploy .hidden
              echo 1 > a/src/deploy/x.yml; echo 2 > a/src/y.py; echo 3 > .hidden/z
          - task: CopyFiles@2
            inputs:
              SourceFolder: $(Build.SourcesDirectory)
              Contents: |
                **/*
                !**/*.py
              TargetFolder: $(Build.ArtifactStagingDirectory)
          - task: PublishBuildArtifacts@1
            inputs: { PathtoPublish: $(Build.ArtifactStagingDirectory), ArtifactName: drop }
          - publish: a/src/y.py
            artifact: single
          - task: PublishPipelineArtifact@1
            displayName: again
            inputs: { targetPath: a, artifact: drop }
            continueOnError: true
        """
    )
    assert platform.files("drop") == {".hidden/z": "3\n", "a/src/deploy/x.yml": "1\n"}
    assert platform.files("single") == {"y.py": "2\n"}
    assert "an artifact drop already" in platform.step("again").reason
    assert platform.result == "SucceededWithIssues"


def test_artifacts_arrive_where_each_way_of_downloading_puts_them(worker: Worker) -> None:
    worker.platform.keep("drop", {"deploy/a.yml": "a", "b.txt": "b"})
    platform = worker.run(
        """
        steps:
          - checkout: none
          - download: current
            artifact: drop
          - task: DownloadPipelineArtifact@2
            inputs: { artifact: drop, path: $(Pipeline.Workspace)/here, patterns: "**/*.yml" }
          - task: DownloadBuildArtifacts@0
            inputs: { buildType: current, downloadType: single, artifactName: drop }
          - bash: cd $(Pipeline.Workspace); find drop here a -type f | sort
            displayName: list
        """
    )
    listed = [line for line in platform.log("list").splitlines() if not line.startswith("##")]
    assert listed == ["a/drop/b.txt", "a/drop/deploy/a.yml", "drop/b.txt", "drop/deploy/a.yml", "here/deploy/a.yml"]


def test_artifacts_of_a_pipeline_resource_lie_below_its_alias(worker: Worker) -> None:
    worker.platform.keep("drop", {"a.txt": "content"})
    platform = worker.run(
        """
        resources: { pipelines: [{ pipeline: upstream, source: train }] }
        steps:
          - checkout: none
          - download: upstream
          - bash: cat $(Pipeline.Workspace)/upstream/drop/a.txt
            displayName: look
        """,
        pipelines=(PipelineRun("upstream", 3),),
    )
    assert platform.log("look").endswith("content\n")


def test_artifacts_of_a_run_that_a_task_asks_for_are_those_that_the_platform_chose(worker: Worker) -> None:
    worker.platform.keep("drop", {"a.txt": "content"})
    platform = worker.run(
        """
        variables: { of: up, branch: refs/heads/x }
        steps:
          - checkout: none
          - task: DownloadPipelineArtifact@2
            displayName: get
            inputs:
              source: specific
              project: credit
              pipeline: $(of)
              runVersion: latestFromBranch
              runBranch: $(branch)
              tags: "a, b"
              allowPartiallySucceededBuilds: true
              preferTriggeringPipeline: true
              artifact: drop
              path: $(Pipeline.Workspace)/here
            name: got
          - task: DownloadBuildArtifacts@1
            inputs: { buildType: specific, project: credit, definition: 4, buildVersionToDownload: specific,
              buildId: 3, artifactName: drop }
          - bash: cd $(Pipeline.Workspace); cat here/a.txt a/drop/a.txt; echo $(got.BuildNumber)
            displayName: look
        """
    )
    assert platform.log("look").endswith("contentcontent3\n")
    assert "from run 3 of the pipeline up" in platform.log("get")
    first, second = platform.asked
    assert first == {
        "project": "credit", "pipeline": "up", "version": "latestFromBranch", "branch": "refs/heads/x", "run": "",
        "tags": ["a", "b"], "allows_partial": True, "allows_failed": False, "prefers_triggering": True,
    }  # fmt: skip
    assert (second["pipeline"], second["version"], second["run"]) == ("4", "specific", "3")


def test_an_artifact_leaves_out_what_its_ignore_file_names(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: mkdir -p a/b && touch a/x.log a/b/y.log a/z.txt && echo '*.log' > a/.artifactignore
          - publish: a
            artifact: drop
        """
    )
    assert set(platform.files("drop")) == {".artifactignore", "z.txt"}


def test_an_artifact_that_is_not_there_is_named_with_those_that_are(worker: Worker) -> None:
    worker.platform.keep("drop", {"a": "a"})
    platform = worker.run("steps: [{ checkout: none }, { download: current, artifact: other, displayName: get }]")
    assert "no artifact other (it has: drop)" in platform.step("get").reason


def test_a_deployment_begins_with_the_artifacts_and_without_the_sources(worker: Worker) -> None:
    worker.platform.keep("drop", {"a.txt": "content"})
    platform = worker.run(
        """
        jobs:
          - deployment: D
            environment: qa
            strategy:
              runOnce:
                deploy:
                  steps:
                    - bash: cat $(Pipeline.Workspace)/drop/a.txt; cd $(Build.SourcesDirectory) && ls -A | wc -l
                      displayName: look
        """
    )
    assert platform.log("look").endswith("content0\n")


def test_archives_are_made_and_extracted_and_files_deleted(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              mkdir -p out/sub && echo a > out/a.txt && echo b > out/sub/b.sh && chmod 755 out/sub/b.sh
              echo 'import zipfile; zipfile.ZipFile("bad.zip", "w").writestr("../up.txt", "x")' > bad.py
          - task: ArchiveFiles@2
            inputs: { rootFolderOrFile: out, archiveFile: $(Build.ArtifactStagingDirectory)/whole.zip }
          - task: ArchiveFiles@2
            inputs: { rootFolderOrFile: out, includeRootFolder: false, archiveType: tar, archiveFile: flat.tar.gz }
          - task: ExtractFiles@1
            inputs: { archiveFilePatterns: $(Build.ArtifactStagingDirectory)/*.zip, destinationFolder: z }
          - task: ExtractFiles@1
            inputs: { archiveFilePatterns: "*.gz", destinationFolder: t }
          - task: PythonScript@0
            inputs: { scriptPath: bad.py }
          - task: ExtractFiles@1
            inputs: { archiveFilePatterns: bad.zip, destinationFolder: t/u, overwriteExistingFiles: false }
          - task: DeleteFiles@1
            inputs: { SourceFolder: out, Contents: "sub" }
          - bash: find . -type f | sort; test -x z/out/sub/b.sh && test -x t/sub/b.sh && test ! -e out/sub
            displayName: look
          - task: ExtractFiles@1
            displayName: again
            inputs: { archiveFilePatterns: "*.gz", destinationFolder: t, cleanDestinationFolder: false }
        """
    )
    assert platform.log("look").splitlines()[1:] == [
        "./bad.py", "./bad.zip", "./flat.tar.gz", "./out/a.txt", "./t/a.txt", "./t/sub/b.sh", "./t/u/up.txt",
        "./z/out/a.txt", "./z/out/sub/b.sh",
    ]  # fmt: skip
    assert platform.step("look").result == "Succeeded"
    assert "a.txt is there already" in platform.log("again")


def test_a_python_script_gets_its_arguments(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - task: PythonScript@0
            displayName: inline
            inputs:
              scriptSource: inline
              script: "import sys; print(sys.argv[1:])"
              arguments: --name 'my model' $(Build.BuildId)
          - task: PythonScript@0
            displayName: none
            inputs: { scriptPath: nothing.py }
        """
    )
    assert platform.log("inline").endswith("['--name', 'my model', '7']\n")
    assert "there is no script" in platform.step("none").reason


def test_python_and_pip_are_there_for_steps_that_choose_none(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: ls $(Agent.ToolsDirectory)/Python 2>/dev/null; echo none yet
            displayName: before
          - bash: python -c 'import sys; print(sys.prefix)' & python3 -c 'import sys; print(sys.prefix)' & wait
            displayName: both
          - bash: |
              folder=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
              echo 'print("installed")' > $folder/ours.py
              pip --version | cut -d' ' -f1
              python3 -m ours
              python -c 'import pytest, sys; print(sys.prefix != pytest.__file__[:len(sys.prefix)])'
            displayName: used
        """
    )
    assert platform.log("before").endswith("\nnone yet\n")
    first, second = platform.log("both").splitlines()[-2:]
    assert first == second
    assert first.endswith("/work/tools/Python/default")
    assert platform.log("used").splitlines()[-3:] == ["pip", "installed", "True"]


def test_python_is_chosen_and_packages_of_it_are_the_jobs_own(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - task: UsePythonVersion@0
            inputs: { versionSpec: ">= 3.8" }
          - bash: |
              command -v python
              python -c 'import sys; print(sys.prefix == "$(pythonLocation)", sys.version_info >= (3, 8))'
              pip --version
            displayName: look
          - task: UsePythonVersion@0
            displayName: none
            inputs: { versionSpec: "2.7" }
            continueOnError: true
        """
    )
    assert "work/tools/Python/3." in platform.log("look")
    assert "True True\n" in platform.log("look")
    assert "/site-packages/pip (python 3." in platform.log("look")
    assert "no Python 2.7 on this machine (there is: 3." in platform.step("none").reason


def test_test_results_and_coverage_are_counted(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              cat > TEST-unit.xml <<X
              <testsuites><testsuite><testcase classname="a" name="ok" time="0.5"/>
              <testcase classname="a" name="bad"><failure/></testcase>
              <testcase name="left"><skipped/></testcase></testsuite></testsuites>
              X
              counts='lines-covered="3" lines-valid="4" branches-covered="1" branches-valid="2"'
              echo "<coverage $counts/>" > coverage.xml
              echo '<!DOCTYPE a [<!ENTITY b "c">]><testsuites>&b;</testsuites>' > TEST-evil.txt
          - task: PublishTestResults@2
            displayName: tests
            inputs: { testRunTitle: unit, failTaskOnFailedTests: true }
          - task: PublishCodeCoverageResults@2
            displayName: coverage
            condition: always()
            inputs: { summaryFileLocation: $(System.DefaultWorkingDirectory)/**/coverage.xml }
          - task: PublishTestResults@2
            displayName: evil
            condition: always()
            inputs: { testResultsFiles: TEST-evil.txt }
        """
    )
    assert platform.step("tests").tests == (Suite("unit", 3, 1, 1, 1, 0.5, ("a.bad",)),)
    assert platform.results()["tests"] == "Failed"
    assert platform.step("coverage").coverage == Coverage(3, 4, 1, 2)
    assert "declares entities" in platform.step("evil").reason


def test_secrets_of_a_vault_become_secret_variables(worker: Worker) -> None:
    worker.platform.vault |= {"db-password": "pa55-of-the-database", "other": "0ther-secret"}
    platform = worker.run(
        """
        steps:
          - checkout: none
          - task: AzureKeyVault@2
            inputs: { azureSubscription: aml-dev, KeyVaultName: kv, SecretsFilter: db-password }
          - bash: echo "$(db-password) <$DB_PASSWORD> $(other)"; printf '%s' '$(db-password)' | wc -c
            displayName: look
        """,
        connections=(DEV,),
    )
    assert "*** <> \n" in platform.log("look")
    assert "\n20\n" in platform.log("look")


def test_a_cache_is_a_miss_and_says_so(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - task: Cache@2
            inputs: { key: pip, path: $(Agent.TempDirectory)/pip, cacheHitVar: HIT }
          - bash: echo "<$(HIT)>"
            displayName: look
        """
    )
    assert "nothing is cached" in platform.log("Cache")
    assert platform.log("look").endswith("<false>\n")


def test_pwsh_runs_what_powershell_steps_say(worker: Worker, tmp_path: Path) -> None:
    """With a stand-in for pwsh, which prints the script that it was given."""
    program = tmp_path / "bin" / "pwsh"
    program.parent.mkdir()
    program.write_text('#!/bin/bash\nfile="${@: -1}"; file="${file#". \'"}"; cat "${file%"\'"}"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    worker.path = f"{program.parent}:{os.environ['PATH']}"
    platform = worker.run("steps: [{ checkout: none }, { pwsh: Write-Host hi, displayName: one }]")
    assert platform.results()["one"] == "Succeeded"
    assert "$ErrorActionPreference = 'stop'\n" in platform.log("one")
    assert "Write-Host hi\n" in platform.log("one")
