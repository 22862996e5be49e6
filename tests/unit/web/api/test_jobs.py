"""Jobs over the API: their fields, their long polls, their live log."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pratique.base.errors import InvalidInput
from pratique.store import jobs, workspaces
from pratique.web import bell as bells
from pratique.web.platform import Platform

JOBS = "/workspaces/dev/jobs"


def change(platform: Platform, name: str, **values: Any) -> None:
    """What the engine does to a job."""
    with platform.database.write() as tx:
        job = jobs.get(tx, "dev", name)
        assert job
        jobs.change(tx, job.id, **values)


def log_of(platform: Platform, name: str) -> Any:
    """The log of the job, in a folder that is there."""
    with platform.database.read() as tx:
        job = jobs.get(tx, "dev", name)
    assert job
    folder = platform.home.job_attempt(job.id, job.attempt)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "stream.log"


def test_a_job_has_the_fields_of_azure(api: Any) -> None:
    made = api.ok(
        "POST",
        JOBS,
        json={
            "spec": {
                "name": "train",
                "command": "echo ${{inputs.rate}}",
                "environment": {"conda_file": {"dependencies": ["python=3.11"]}},
                "inputs": {"rate": 0.1},
                "outputs": {"model": {"type": "custom_model"}},
                "tags": {"a": "b"},
                "properties": {"mine": "1"},
            },
            "git": {"mlflow.source.git.commit": "abc"},
        },
    )
    assert {"name", "type", "status", "display_name", "command", "environment", "inputs", "outputs", "compute"} <= {
        *made
    }
    assert (made["name"], made["type"], made["status"], made["display_name"]) == ("train", "command", "Queued", "train")
    assert (made["inputs"], made["tags"]) == ({"rate": 0.1}, {"a": "b"})
    assert made["properties"] == {"mine": "1", "mlflow.source.git.commit": "abc"}
    assert made["creation_context"]["created_by"] == "ann"
    assert made["services"]["Studio"]["endpoint"] is None
    assert made["services"]["Tracking"]["endpoint"] == "http://127.0.0.1:7070/mlflow/dev"
    assert api.ok("GET", f"{JOBS}/train") == made
    assert [job["name"] for job in api.ok("GET", JOBS)] == ["train"]


def test_an_ended_job_tells_its_run_its_outputs_and_its_error(api: Any, platform: Platform) -> None:
    api.job(name="train")
    output = {"type": "custom_model", "manifest": "ab" * 32, "name": "model", "mode": None}
    error = {"message": "the command ended with exit code 1", "hint": "", "log_tail": ["boom"]}
    change(platform, "train", status="Failed", run_id="r1", experiment_id="5", outputs={"model": output}, error=error)
    job = api.ok("GET", f"{JOBS}/train")
    assert job["services"]["Studio"]["endpoint"] == "http://127.0.0.1:7070/mlflow/dev/#/experiments/5/runs/r1"
    assert (job["error"], job["run_id"]) == (error, "r1")
    assert job["outputs"]["model"]["path"] == "azureml://jobs/train/outputs/model"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"spec": {"command": "x", "environment": "azureml:e:1"}, "git": {"a": 1}}, "git.a"),
        ({"spec": {"command": "x", "environment": "azureml:e:1"}, "more": {}}, "more"),
        ({"git": {}}, "spec"),
        ({"spec": {"command": "${{inputs.x}}", "environment": "azureml:e:1"}}, "command"),
        ({"spec": {"comand": "x", "command": "x", "environment": "azureml:e:1"}}, "comand"),
        ({"spec": {"command": "x", "environment": "azureml:e:1", "code": "./src"}}, "code"),
    ],
)
def test_a_job_that_cannot_be_is_not_made(api: Any, body: dict[str, Any], key: str) -> None:
    assert api.keys("POST", JOBS, json=body) == [key]
    assert api.ok("GET", JOBS) == []


def test_a_job_of_another_type_is_refused_by_name(api: Any) -> None:
    assert api.refused(400, "POST", JOBS, json={"spec": {"type": "sweep", "trial": {}}})["code"] == "NotYet"


def test_words_about_a_job_change_and_unknown_keys_do_not(api: Any) -> None:
    api.job(name="train")
    body = {"tags": {"n": 1}, "display_name": "First", "description": "words"}
    changed = api.ok("PATCH", f"{JOBS}/train", json=body)
    assert (changed["tags"], changed["display_name"], changed["description"]) == ({"n": "1"}, "First", "words")
    assert api.ok("PATCH", f"{JOBS}/train", json={"display_name": None})["display_name"] == "train"
    assert set(api.keys("PATCH", f"{JOBS}/train", json={"status": "Completed", "command": "x"})) == {
        "status",
        "command",
    }
    assert api.keys("PATCH", f"{JOBS}/train", json={"is_archived": "perhaps"}) == ["is_archived"]
    assert api.ok("PATCH", f"{JOBS}/train", json={"is_archived": True})["is_archived"] is True
    assert api.ok("GET", JOBS) == []
    assert len(api.ok("GET", JOBS, params={"archived": "true"})) == 1


def test_a_job_is_canceled_once_and_not_after_its_end(api: Any, platform: Platform) -> None:
    api.job(name="train")
    assert api.ok("POST", f"{JOBS}/train/cancel")["cancel_requested"] is True
    change(platform, "train", status="Canceled")
    assert api.refused(409, "POST", f"{JOBS}/train/cancel")["code"] == "Conflict"
    api.refused(404, "POST", f"{JOBS}/other/cancel")


def test_a_long_poll_answers_when_the_job_ends(api: Any, bell: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Woken by the commit: the net is out of reach."""
    monkeypatch.setattr(bells, "_NET", 3600.0)
    api.job(name="train")

    async def wait_and_end() -> Any:
        bell.bell.attach()
        waiting = asyncio.create_task(api.ask("GET", f"{JOBS}/train", params={"wait": 50}))
        await asyncio.sleep(0)
        await asyncio.to_thread(change, bell, "train", status="Running")
        await asyncio.to_thread(change, bell, "train", status="Completed")
        return (await waiting).json()

    assert api.run(wait_and_end())["status"] == "Completed"


def test_a_long_poll_ends_with_its_bound_and_one_for_nothing_at_once(api: Any, platform: Platform) -> None:
    api.job(name="train")
    assert api.ok("GET", f"{JOBS}/train", params={"wait": 0.05})["status"] == "Queued"
    change(platform, "train", status="Completed")
    assert api.ok("GET", f"{JOBS}/train", params={"wait": 50})["status"] == "Completed"
    api.refused(404, "GET", f"{JOBS}/nothing", params={"wait": 50})
    for wait in ("-1", "51", "nan", "inf", "x"):
        assert api.keys("GET", f"{JOBS}/train", params={"wait": wait}) == ["wait"]


async def pieces(api: Any, path: str) -> AsyncIterator[bytes]:
    """The body of an answer, a piece at a time as the server sends it."""
    sent: asyncio.Queue[bytes | None] = asyncio.Queue()
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/v1{path}",
        "raw_path": f"/api/v1{path}".encode(),
        "query_string": b"",
        "headers": [(b"authorization", api.headers["Authorization"].encode())],
    }

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await sent.put(message.get("body", b"") if message.get("more_body") else None)

    serving = asyncio.create_task(api.app(scope, receive, send))
    while piece := await sent.get():
        yield piece
    await serving


def test_the_log_is_followed_to_the_end_of_the_job(api: Any, bell: Platform) -> None:
    api.job(name="train")
    log = log_of(bell, "train")
    log.write_bytes(b"one\n")

    async def follow_and_write() -> list[bytes]:
        bell.bell.attach()
        read = []
        lines = iter(["zwei \u00fc\n".encode(), b"last\n"])
        async for piece in pieces(api, f"{JOBS}/train/stream"):
            read.append(piece)
            if line := next(lines, None):
                with log.open("ab") as stream:
                    stream.write(line)
                await asyncio.to_thread(change, bell, "train", status="Running")
            else:
                await asyncio.to_thread(change, bell, "train", status="Completed")
        return read

    assert api.run(follow_and_write()) == [b"one\n", "zwei \u00fc\n".encode(), b"last\n"]


def test_what_a_job_wrote_before_it_ended_is_in_the_stream(api: Any, bell: Platform) -> None:
    api.job(name="train")
    log = log_of(bell, "train")
    log.write_bytes(b"one\n")

    async def follow_and_end() -> list[bytes]:
        read: list[bytes] = []
        async for piece in pieces(api, f"{JOBS}/train/stream"):
            if not read:
                with log.open("ab") as stream:
                    stream.write(b"x" * 100_000)
                await asyncio.to_thread(change, bell, "train", status="Failed")
            read.append(piece)
        return read

    assert b"".join(api.run(follow_and_end())) == b"one\n" + b"x" * 100_000


def test_a_log_ends_when_its_job_cannot_be_seen_any_more(api: Any, bell: Platform) -> None:
    api.job(name="train")
    log_of(bell, "train").write_bytes(b"one\n")

    def remove_workspace() -> None:
        with bell.database.write() as tx:
            workspaces.remove(tx, "dev")

    async def follow() -> list[bytes]:
        read = []
        async for piece in pieces(api, f"{JOBS}/train/stream"):
            read.append(piece)
            await asyncio.to_thread(remove_workspace)
        return read

    assert api.run(follow()) == [b"one\n"]


def test_the_log_of_an_ended_job_is_read_from_an_offset(api: Any, platform: Platform) -> None:
    api.job(name="train")
    change(platform, "train", status="Failed")
    assert api("GET", f"{JOBS}/train/stream").content == b""
    log_of(platform, "train").write_bytes(b"x" * 200_000 + b"end")
    answer = api("GET", f"{JOBS}/train/stream", params={"offset": 199_999})
    assert answer.content == b"xend"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert api("GET", f"{JOBS}/train/stream", params={"offset": 10**9}).content == b""
    for offset in ("-1", "x", str(2**64)):
        assert api.keys("GET", f"{JOBS}/train/stream", params={"offset": offset}) == ["offset"]


def test_nothing_of_a_job_is_seen_from_another_workspace(api: Any, reader: Any, platform: Platform) -> None:
    api.job(name="train")
    log_of(platform, "train").write_bytes(b"secret")
    change(platform, "train", status="Completed")
    elsewhere = "/workspaces/qa-1/jobs"
    for path in ("train", "train/stream", "train/outputs/artifacts"):
        api.refused(404, "GET", f"{elsewhere}/{path}")
        reader.refused(403, "GET", f"{elsewhere}/{path}")
    assert reader("GET", f"{JOBS}/train/stream").content == b"secret"
    reader.refused(403, "POST", f"{JOBS}/train/cancel")
    reader.refused(403, "PATCH", f"{JOBS}/train", json={"tags": {}})


@pytest.mark.parametrize("name", ["..%2f..%2fkeys", "%2e%2e", "train%00", "a%2fb", "train;x", "x" * 300])
def test_a_crooked_name_reads_no_log(api: Any, name: str) -> None:
    api.job(name="train")
    for path in (f"{JOBS}/{name}/stream", f"{JOBS}/{name}", f"{JOBS}/train/outputs/{name}"):
        assert api("GET", path).status_code in (400, 404), path


def test_an_output_is_named_by_its_manifest(api: Any, platform: Platform) -> None:
    digest = api.upload({"a": b"1"}, "model")[7:71]
    api.job(name="train")
    change(platform, "train", status="Completed", outputs={"model": {"type": "x", "manifest": digest, "name": "model"}})
    assert api.ok("GET", f"{JOBS}/train/outputs/model") == {"manifest": digest}
    assert (
        "has no output 'other'; it has artifacts, model"
        in api.refused(404, "GET", f"{JOBS}/train/outputs/other")["message"]
    )


def test_a_job_whose_environment_this_machine_cannot_make_is_not_made(api: Any, app: Any, platform: Platform) -> None:
    def check(spec: Mapping[str, Any]) -> None:
        if "openmpi" in spec["conda_file"]["dependencies"]:
            raise InvalidInput("openmpi: no Python package", hint="install conda")

    app.state.platform = replace(platform, check_environment=check)
    job = {"command": "true", "environment": {"conda_file": {"dependencies": ["openmpi"]}}}
    pipeline = {"type": "pipeline", "jobs": {"first": {"type": "command", **job}}}
    for spec in (job, pipeline):
        refusal = api("POST", JOBS, json={"spec": spec})
        assert (refusal.status_code, "openmpi: no Python package" in refusal.text) == (400, True)
    assert api.ok("GET", JOBS) == []
