"""Scripts with variables and logging commands, in a worker that is a real process."""

from pratique.delivery.expressions.macros import Variable
from pratique.delivery.records import Issue

from .conftest import Worker


def test_a_script_sees_macros_and_variables_and_sets_what_the_next_one_reads(worker: Worker) -> None:
    platform = worker.run(
        """
        variables: { my.name: world, deep: "$(my.name)!" }
        steps:
          - checkout: none
          - bash: |
              echo "hello $(my.name) $MY_NAME $(deep) $(pwd | wc -l) $(unknown)"
              echo "##vso[task.setvariable variable=color]blue"
            displayName: first
          - script: echo "$(color) $COLOR"
            displayName: second
        """
    )
    assert platform.result == "Succeeded"
    assert "hello world world world! 1 \n" in platform.log("first")
    assert platform.log("second").endswith("blue blue\n")


def test_an_output_belongs_to_its_step_and_to_the_record(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              echo "##vso[task.setvariable variable=runme;isOutput=true;]yes"
              echo "##vso[task.setvariable variable=key;isoutput=true;issecret=true]hidden-value"
            name: check
          - bash: echo "[$(runme)] [$(check.runme)] [$CHECK_RUNME] [$CHECK_KEY]"
            displayName: reader
          - bash: echo never
            condition: eq(variables['check.runme'], 'no')
            displayName: skipped
        """
    )
    outputs = {name: (one.value, one.is_secret) for name, one in platform.step("check").outputs.items()}
    assert outputs == {"check.runme": ("yes", False), "check.key": ("hidden-value", True)}
    assert "[] [yes] [yes] []" in platform.log("reader")
    assert platform.results()["skipped"] == "Skipped"
    assert "variables['check.runme'] → 'yes'" in platform.log("skipped")
    assert "eq(variables['check.runme'], 'no') is False" in platform.log("skipped")


def test_a_failure_skips_what_wants_success_and_runs_what_does_not(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: "false; exit 3"
            displayName: breaks
          - bash: echo no
            displayName: next
          - bash: echo "$AGENT_JOBSTATUS $(Agent.JobStatus)"
            displayName: after
            condition: failed()
          - bash: echo
            displayName: always
            condition: always()
        """
    )
    assert platform.result == "Failed"
    assert platform.results() == {
        "Checkout none": "Succeeded", "breaks": "Failed", "next": "Skipped", "after": "Succeeded", "always": "Succeeded"
    }  # fmt: skip
    assert platform.step("breaks").reason == "bash exited with code 3"
    assert "Failed Failed" in platform.log("after")


def test_the_exit_code_is_that_of_the_last_command(worker: Worker) -> None:
    platform = worker.run("steps: [{ checkout: none }, { bash: 'false; true', displayName: b }]")
    assert platform.results()["b"] == "Succeeded"


def test_continue_on_error_leaves_issues(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - { bash: exit 1, displayName: one, continueOnError: true }
          - { bash: echo on, displayName: two }
        """
    )
    assert platform.result == "SucceededWithIssues"
    assert platform.results()["two"] == "Succeeded"


def test_a_step_says_how_it_ended_and_what_is_wrong(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              echo '##vso[task.logissue type=warning;sourcepath=a.py;linenumber=3;columnnumber=1;code=W]look]here%0Anow'
              echo '##vso[task.logissue type=error]bad' >&2
              echo '##vso[task.complete result=SucceededWithIssues;]done'
              echo '##vso[build.addbuildtag]v1'
              echo '##vso[build.updatebuildnumber]2026.7'
              echo '##vso[no.such]x'
              echo '# Title' > $(Agent.TempDirectory)/summary.md
              echo "##vso[task.uploadsummary]$(Agent.TempDirectory)/summary.md"
              echo '##[group]inside'
            displayName: one
          - bash: echo $(Build.BuildNumber)
            displayName: two
        """
    )
    one = platform.step("one")
    assert platform.result == "SucceededWithIssues"
    assert one.issues[:2] == (
        Issue("warning", "look]here\nnow", "W", "a.py", 3, 1),
        Issue("error", "bad"),
    )
    assert "no.such" in one.issues[2].message
    assert one.tags == ("v1",)
    assert one.build_number == "2026.7"
    assert one.summaries == ("# Title\n",)
    assert "##[group]inside" in platform.log("one")
    assert "setvariable" not in platform.log("one")
    assert platform.log("two").endswith("2026.7\n")


def test_the_trace_of_a_shell_acts_not(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              set -x
              echo '##vso[task.setvariable variable=v]value'
          - bash: echo "<$(v)>"
            displayName: two
        """
    )
    assert "<value>\n" in platform.log("two")


def test_a_command_in_a_commit_message_acts_not(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              echo "$BUILD_SOURCEVERSIONMESSAGE"
              echo "$(Build.SourceBranchName)"
            displayName: "about $(Build.SourceVersionMessage)"
          - bash: echo "<$(v)>"
            displayName: two
        """,
        variables={
            "Build.SourceVersionMessage": "fix ##vso[task.setvariable variable=v]evil",
            "Build.SourceBranchName": "##vso[task.setvariable variable=v]evil",
        },
    )
    assert "<>\n" in platform.log("two").replace("$(v)", "")
    assert "**vso[task.setvariable variable=v]evil" in platform.whole_log


def test_errors_on_the_stream_count_only_where_that_is_wanted(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - { bash: echo oops >&2, displayName: lax }
          - { bash: echo oops >&2, displayName: strict, failOnStderr: true }
        """
    )
    assert platform.results() == {"Checkout none": "Succeeded", "lax": "Succeeded", "strict": "Failed"}
    assert "oops" in platform.log("strict")


def test_a_step_that_fails_is_tried_again(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              echo x >> $(Agent.TempDirectory)/tries
              test $(cat $(Agent.TempDirectory)/tries | wc -l) = 2
            displayName: flaky
            retryCountOnTaskFailure: 2
        """
    )
    assert platform.result == "Succeeded"
    assert platform.step("flaky").attempt == 2


def test_env_is_how_a_secret_reaches_a_process_and_nothing_of_the_worker_does(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              echo "<$KEY> <$MAPPED> ${#MAPPED}"
              env | grep -i token || echo none
              cat /proc/$PPID/environ > /dev/null 2>&1 && id -u
              git --version > /dev/null && echo $PRATIQUE_DELIVERY_RUN
            displayName: one
            env: { MAPPED: $(key) }
        """,
        variables={"key": Variable("key", "s3cret-value", is_secret=True)},
    )
    assert "<> <***> 12\nnone\n" in platform.log("one")
    assert "7/__default/Job/" in platform.log("one")
    assert all("s3cret" not in text.decode("latin-1") for text in platform.bodies)


def test_the_access_token_reaches_a_step_where_it_is_asked_for_and_no_log(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: env | grep -c acc3ss; exit 0
            displayName: by itself
          - bash: test "$TOKEN" = acc3ss-token && test $(System.AccessToken) = acc3ss-token && echo "the same $TOKEN"
            env: { TOKEN: $(System.AccessToken) }
            displayName: mapped
        """,
        access_token="acc3ss-token",
    )
    assert platform.log("by itself").endswith("0\n")
    assert platform.log("mapped").endswith("the same ***\n")
    assert "acc3ss-token" not in platform.whole_log


def test_a_script_by_its_path_lies_below_the_sources_wherever_the_step_works(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: mkdir -p scripts && echo 'pwd; echo "$0|$1|$2"' > scripts/x.sh
          - task: Bash@3
            displayName: one
            inputs: { filePath: scripts/x.sh, arguments: "'a b' c", workingDirectory: else/where }
          - task: Bash@3
            displayName: two
            inputs: { filePath: no.sh }
            condition: always()
        """
    )
    said = platform.log("one").splitlines()
    assert said[-2].endswith("/s/else/where")
    assert said[-1].endswith("/s/scripts/x.sh|a b|c")
    assert "there is no script" in platform.step("two").reason


def test_a_variable_called_path_hides_no_program_and_that_is_said(worker: Worker) -> None:
    platform = worker.run(
        "steps: [{ checkout: none, displayName: c }, { bash: ls / > /dev/null, displayName: one }]",
        variables={"path": "/nowhere"},
    )
    assert platform.result == "Succeeded"
    assert (
        sum("does not take the place" in issue.message for one in platform.last.values() for issue in one.issues) == 1
    )


def test_a_long_log_arrives_whole(worker: Worker) -> None:
    platform = worker.run(
        "steps: [{ checkout: none }, { bash: seq 1 200000, displayName: one }]",
        variables={"key": Variable("key", "199999", is_secret=True)},
    )
    lines = platform.log("one").splitlines()
    assert lines[-3:] == ["199998", "***", "200000"]
    assert len(lines) == 200_001


def test_a_target_keeps_the_output_of_a_step_from_setting_variables(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              echo "##vso[task.setvariable variable=one]1"
              echo "##vso[task.setvariable variable=two]2"
              echo "##vso[build.addbuildtag]tag"
            displayName: limited
            target: { commands: restricted, settableVariables: [one] }
          - bash: echo "<$ONE$TWO>"
            displayName: look
        """
    )
    assert platform.log("look").endswith("<1>\n")
    assert [issue.message.partition(":")[0] for issue in platform.step("limited").issues] == [
        "task.setvariable", "build.addbuildtag",
    ]  # fmt: skip
    assert platform.step("limited").tags == ()


def test_a_path_that_a_step_made_of_its_own_holds_and_any_other_hides_no_program(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              mkdir own && printf '#!/bin/sh\\necho ours' > own/ours && chmod +x own/ours
              echo "##vso[task.setvariable variable=PATH]$PWD/own:$PATH"
          - bash: ours && command -v az
            displayName: found
          - bash: echo "##vso[task.setvariable variable=PATH]models/x"
          - bash: ours
            displayName: still
        """
    )
    assert "ours\n" in platform.log("found")
    assert platform.log("found").endswith("/bin/az\n")
    assert platform.step("still").result == "Succeeded"
    assert [issue.message for issue in platform.step("found").issues] == []
