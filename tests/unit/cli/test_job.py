"""`ml job`, from the file to the end of the log."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import NotFound, Problem
from pratique.cli.job_files import JobFile, read_job
from pratique.specs.edits import Edits

JOB = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
display_name: train
code: ./src
command: python train.py --lr ${{inputs.lr}}
environment: azureml:sklearn@latest
inputs:
  lr: 0.1
"""


@pytest.fixture
def job_file(platform: Any) -> Path:
    Path("src").mkdir()
    Path("src/train.py").write_text("print('hi')\n")
    Path("job.yml").write_text(JOB)
    return Path("job.yml")


def test_create_uploads_the_code_and_sends_the_spec(platform: Any, pratique: Any, job_file: Path) -> None:
    ran = pratique("ml", "job", "create", "-f", str(job_file), "--set", "inputs.lr=0.2", "--query", "name", "-o", "tsv")

    assert (ran.code, ran.out) == (0, "brave_lantern\n")
    [sent] = platform.sent("POST", "workspaces/ws/jobs")
    kind, _, rest = sent["spec"]["code"].partition(":")
    digest, _, name = rest.partition("/")
    assert (kind, name) == ("upload", "src")
    assert [entry["path"] for entry in platform.manifests[digest]["entries"]] == ["train.py"]
    assert b"print('hi')\n" in platform.blobs.values()
    assert "0.2" in json.dumps(sent["spec"]["inputs"])


def test_what_the_server_has_is_not_sent_again(platform: Any, pratique: Any, job_file: Path) -> None:
    pratique("ml", "job", "create", "-f", str(job_file))
    pratique("ml", "job", "create", "-f", str(job_file))

    assert platform.packs == [1], "one pack with one file"


def test_the_commit_goes_along_without_the_remote_s_password(platform: Any, pratique: Any, job_file: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://u:topsecret@example.com/r.git"], check=True)

    pratique("ml", "job", "create", "-f", str(job_file))

    [sent] = platform.sent("POST", "workspaces/ws/jobs")
    assert sent["git"]["mlflow.source.git.repoURL"] == "https://example.com/r.git"
    assert sent["git"]["mlflow.source.git.branch"] == "main"
    assert sent["git"]["azureml.git.dirty"] == "False"
    assert len(sent["git"]["mlflow.source.git.commit"]) == 40
    assert "topsecret" not in json.dumps(sent)


def test_a_wrong_key_names_its_line_and_nothing_is_sent(platform: Any, pratique: Any, job_file: Path) -> None:
    job_file.write_text(JOB + "comand: oops\n")

    ran = pratique("ml", "job", "create", "-f", str(job_file))

    assert (ran.code, ran.out) == (1, "")
    assert "job.yml:8" in ran.err
    assert "comand" in ran.err
    assert not platform.sent("POST", "workspaces/ws/jobs")


def test_a_file_that_is_not_there_is_said(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "job", "create", "-f", "absent.yml")

    assert ran.code != 0
    assert ran.err.startswith("error: absent.yml")


def test_stream_puts_the_log_on_stdout_and_the_status_on_stderr(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Running"}
    platform.log = "epoch 1\nepoch 2 ä done\n".encode()

    ran = pratique("ml", "job", "stream", "-n", "j")

    assert (ran.code, ran.out) == (0, "epoch 1\nepoch 2 ä done\n")
    assert "j: Completed" in ran.err


def test_a_stream_that_is_cut_goes_on_where_it_stopped(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Running"}
    platform.log = "".join(f"line {number} ä\n" for number in range(200)).encode()
    platform.cuts = [7, 100, 0, 1000]

    ran = pratique("ml", "job", "stream", "-n", "j")

    assert ran.code == 0
    assert ran.out == platform.log.decode()


def test_a_failed_job_exits_1_with_its_error_and_last_lines(platform: Any, pratique: Any, job_file: Path) -> None:
    tail = [f"Traceback {number}" for number in range(30)]
    platform.job_ends = {
        "status": "Failed",
        "error": {"message": "the command ended with 1", "hint": "mend train.py", "log_tail": tail},
    }

    ran = pratique("ml", "job", "create", "-f", str(job_file), "--stream")

    assert (ran.code, ran.out) == (1, "")
    assert "error: the job brave_lantern is Failed: the command ended with 1" in ran.err
    assert ran.err.count("  | Traceback") == 20
    assert "  | Traceback 29" in ran.err
    assert ran.err.rstrip().endswith("hint: mend train.py")


def test_create_with_stream_keeps_stdout_for_the_document(platform: Any, pratique: Any, job_file: Path) -> None:
    platform.log = b"the log\n"

    ran = pratique("ml", "job", "create", "-f", str(job_file), "--stream")

    assert json.loads(ran.out)["status"] == "Completed"
    assert "the log\n" in ran.err


def test_web_prints_the_page_and_a_way_in(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {
        "name": "j",
        "status": "Running",
        "services": {"Studio": {"endpoint": "http://door/run#here"}},
    }

    ran = pratique("ml", "job", "show", "-n", "j", "--web")

    assert "Web View: http://door/run" in ran.err
    assert f"{platform.url}/open/once?next=/run#here" in ran.err


def test_cancel_waits_until_it_is_so(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Running"}

    ran = pratique("ml", "job", "cancel", "-n", "j", "--query", "status", "-o", "tsv")

    assert (ran.code, ran.out) == (0, "Canceled\n")


def test_list_filters_by_tag(platform: Any, pratique: Any) -> None:
    platform.jobs["a"] = {"name": "a", "status": "Failed", "tags": {"keep": "yes"}}
    platform.jobs["b"] = {"name": "b", "status": "Failed", "tags": {}}

    assert pratique("ml", "job", "list", "--tag", "keep=yes", "--query", "[].name", "-o", "tsv").out == "a\n"
    assert pratique("ml", "job", "list", "--tag", "keep=no", "-o", "json").out == "[]\n"


def test_list_shows_archived_jobs_when_asked(platform: Any, pratique: Any) -> None:
    platform.jobs["a"] = {"name": "a", "status": "Failed", "is_archived": True}
    platform.jobs["b"] = {"name": "b", "status": "Failed"}
    names = ("--query", "[].name", "-o", "tsv")
    assert pratique("ml", "job", "list", *names).out == "b\n"
    assert pratique("ml", "job", "list", "--archived-only", *names).out == "a\n"
    assert pratique("ml", "job", "list", "--include-archived", *names).out == "a\nb\n"
    assert pratique("ml", "job", "list", "--include-archived", "-r", "1", *names).out == "a\n"
    assert pratique("ml", "job", "list", "--include-archived", "--archived-only").code == 2


def test_what_is_said_about_a_job_can_be_changed(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Completed", "command": "true", "tags": {"old": "x"}}
    argv = ["ml", "job", "update", "-n", "j"]

    assert pratique(*argv, "--set", "tags.build=010", "display_name=Baseline", "--remove", "tags.old").code == 0

    job = platform.jobs["j"]
    assert (job["tags"], job["display_name"], job["command"]) == ({"build": "010"}, "Baseline", "true")


def test_what_a_job_runs_cannot_be_changed(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Queued", "command": "true"}
    ran = pratique("ml", "job", "update", "-n", "j", "--set", "command=false")
    assert (ran.code, platform.jobs["j"]["command"]) == (2, "true")
    assert "'command' cannot be changed" in ran.err
    assert pratique("ml", "job", "update", "-n", "j").code == 2


def test_archive_and_restore_are_said_to_the_server(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Completed"}

    pratique("ml", "job", "archive", "-n", "j")
    assert platform.jobs["j"]["is_archived"] is True
    pratique("ml", "job", "restore", "-n", "j")
    assert platform.jobs["j"]["is_archived"] is False


def test_download_brings_artifacts_and_outputs(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Completed", "outputs": {"model": {}}}
    platform.outputs["j", "artifacts"] = platform.keep_tree({"report.txt": b"fine"})
    platform.outputs["j", "model"] = platform.keep_tree({"a/MLmodel": b"yaml"})

    assert pratique("ml", "job", "download", "-n", "j", "--all", "--download-path", "got").code == 0

    assert Path("got/artifacts/report.txt").read_bytes() == b"fine"
    assert Path("got/named-outputs/model/a/MLmodel").read_bytes() == b"yaml"


def test_a_job_without_artifacts_says_what_it_has(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Completed", "outputs": {"model": {}}}
    platform.outputs["j", "model"] = platform.keep_tree({"MLmodel": b"yaml"})
    ran = pratique("ml", "job", "download", "-n", "j")
    assert (ran.code, ran.out) == (3, "")
    assert "hint: it has model: give --output-name or --all" in ran.err
    assert pratique("ml", "job", "download", "-n", "j", "--all", "--download-path", "got").code == 0
    assert [path.name for path in Path("got").iterdir()] == ["named-outputs"]


def test_an_output_s_name_cannot_lead_out_of_the_folder(platform: Any, pratique: Any) -> None:
    platform.jobs["j"] = {"name": "j", "status": "Completed", "outputs": {"../../x": {}}}
    platform.outputs["j", "artifacts"] = platform.keep_tree({"report.txt": b"fine"})
    platform.outputs["j", "../../x"] = platform.keep_tree({"evil": b"x"})

    ran = pratique("ml", "job", "download", "-n", "j", "--all", "--download-path", "got")

    assert ran.code != 0
    assert not list(Path.cwd().parent.rglob("evil"))


def test_an_unknown_job_exits_3_with_an_empty_stdout(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "job", "show", "-n", "absent")

    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: there is no job 'absent'")


def test_a_path_that_leads_nowhere_is_named_with_its_line_before_anything_is_sent(
    platform: Any, pratique: Any, job_file: Path
) -> None:
    job_file.write_text(JOB.replace("./src", "./nowhere"))
    before = len(platform.requests)

    ran = pratique("ml", "job", "create", "-f", str(job_file))

    assert ran.code == 1
    assert "job.yml:3 code: there is no file or folder nowhere" in ran.err
    assert platform.requests[before:] == []


def test_a_job_without_an_experiment_is_of_its_folder(platform: Any, pratique: Any, job_file: Path) -> None:
    Path("credit").mkdir()
    Path("credit/job.yml").write_text(JOB.replace("./src", "../src"))
    pratique("ml", "job", "create", "-f", "credit/job.yml")
    pratique("ml", "job", "create", "-f", "credit/job.yml", "--set", "experiment_name=own")
    sent = platform.sent("POST", "workspaces/ws/jobs")
    assert [one["spec"]["experiment_name"] for one in sent] == ["credit", "own"]


@pytest.fixture
def read(job_file: Path) -> JobFile:
    return read_job(str(job_file), name=None, edits=Edits())


def test_what_the_platform_finds_wrong_has_its_line(read: JobFile) -> None:
    told = [Problem("no such place", key="inputs.lr"), Problem("lr: no such place", key="inputs.lr"), Problem("odd")]
    with pytest.raises(NotFound) as caught, read.placing_problems():
        raise NotFound("job: 3 problems", problems=told)
    assert [str(one) for one in caught.value.problems] == [
        "job.yml:7 inputs.lr: no such place", "job.yml:7 inputs.lr: no such place", "odd",
    ]  # fmt: skip


def test_a_single_problem_has_its_line_as_well(read: JobFile) -> None:
    for said, shown in (
        ("environment: there is no environment 'sklearn'", "job.yml:5 environment: there is no environment 'sklearn'"),
        ("there is no workspace: none", "there is no workspace: none"),
        ("the platform: is down", "the platform: is down"),
    ):
        with pytest.raises(NotFound) as caught, read.placing_problems():
            raise NotFound(said)
        assert str(caught.value) == shown
