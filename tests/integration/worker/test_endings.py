"""How units end that do not end by themselves: cancelled, too slow, or with something left running."""

import os
import signal
import time

from .conftest import LIMIT, Worker

SLOW = """
steps:
  - checkout: none
  - bash: |
      trap 'echo asked to end; exit 5' INT
      echo begun
      while sleep 1; do echo on; done
    displayName: slow
  - { bash: echo no, displayName: next }
  - { bash: "echo is $(Agent.JobStatus)", displayName: cleanup, condition: always() }
  - { bash: echo told, displayName: told, condition: canceled() }
"""


def test_a_cancelled_job_ends_its_step_and_runs_what_always_runs(worker: Worker) -> None:
    process = worker.start(SLOW)
    worker.wait_for("slow", "begun")
    worker.platform.canceled.set()
    process.communicate(timeout=LIMIT)
    platform = worker.platform
    assert platform.result == "Canceled"
    assert platform.results() == {
        "Checkout none": "Succeeded",
        "slow": "Canceled",
        "next": "Skipped",
        "cleanup": "Succeeded",
        "told": "Succeeded",
    }
    assert "asked to end" in platform.log("slow")
    assert platform.log("cleanup").endswith("is Canceled\n")


def test_a_signal_cancels_as_well(worker: Worker) -> None:
    process = worker.start(SLOW)
    worker.wait_for("slow", "begun")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LIMIT)
    assert worker.platform.result == "Canceled"
    assert worker.platform.results()["cleanup"] == "Succeeded"


def test_what_a_step_leaves_running_serves_the_next_one_and_ends_with_the_job(worker: Worker) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: none
          - bash: |
              setsid sleep 1234 > /dev/null 2>&1 &
              echo $! > $(Agent.TempDirectory)/pid
            displayName: begin
          - bash: pid=$(cat $(Agent.TempDirectory)/pid); kill -0 $pid && echo "alive $pid"
            displayName: use
        """
    )
    line = next(line for line in platform.log("use").splitlines() if line.startswith("alive"))
    assert not _lives(int(line.split()[1]))
    assert not (worker.folder / "work").exists()


def test_the_platform_may_be_away_while_a_unit_runs(worker: Worker) -> None:
    process = worker.start(
        "steps: [{ checkout: none }, { bash: 'echo begun; sleep 1; echo ##vso[task.setvariable variable=a]b',"
        " displayName: one }, { bash: echo end, displayName: two }]"
    )
    worker.wait_for("one", "begun")
    worker.platform.away.set()
    time.sleep(2)
    worker.platform.away.clear()
    process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert worker.platform.result == "Succeeded"
    assert worker.platform.log("two").endswith("end\n")
    sequences = [record.sequence for record in worker.platform.records]
    assert sequences == sorted(set(sequences))


def test_a_worker_that_the_platform_knows_no_more_ends_its_step_and_says_why(worker: Worker) -> None:
    process = worker.start(SLOW)
    worker.wait_for("slow", "begun")
    worker.platform.has_forgotten.set()
    said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "this unit has ended" in said.decode()


def test_a_message_that_was_taken_is_not_taken_twice(worker: Worker) -> None:
    worker.platform.has_forgotten.set()
    process = worker.start(SLOW)
    said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert said.decode().startswith("error: this unit has ended")


def test_nothing_is_left_on_the_disk(worker: Worker) -> None:
    worker.run("steps: [{ checkout: none }, { bash: mkdir -p x/y && touch x/y/z && chmod 500 x/y x }]")
    assert list(worker.folder.rglob("*")) == []


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
