"""A job cannot spoil another: what it does to its input, its environment, the home and its neighbours."""

import http.server
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pratique.base.settings import Settings
from pratique.compute.sandbox import Sandbox, why_not

from .conftest import House

needs_bubblewrap = pytest.mark.skipif(
    bool(why_not()), reason=f"processes cannot be kept apart on this machine: {why_not()}"
)


@pytest.fixture
def confined(house: House) -> House:
    """A house whose jobs and replicas are kept to their views."""
    house.compute.sandbox = Sandbox("require", hidden=(house.home.root, house.home.runtime))
    return house


def run(house: House, command: str, **spec: object) -> str:
    """Run a job to its end; its log."""
    name = house.submit(command, **spec)
    house.worker().step()
    assert house.job(name).status == "Completed", house.log(name)
    return house.log(name)


def rows(house: House, mode: str = "ro_mount") -> dict[str, object]:
    """Inputs with a folder of two files that dev holds."""
    path = house.upload({"a.csv": "1,2\n", "deep/b.csv": "3\n"}, "rows")
    return {"rows": {"type": "uri_folder", "path": path, "mode": mode}}


SPOIL = "rm -rf ${{inputs.rows}}/*; echo spoiled > ${{inputs.rows}}/a.csv; chmod -R u+w ${{inputs.rows}}; true"
READ = "cat ${{inputs.rows}}/a.csv ${{inputs.rows}}/deep/b.csv"


@pytest.mark.parametrize("mode", ["ro_mount", "rw_mount", "download"])
def test_what_a_job_does_to_its_input_no_other_job_sees(house: House, mode: str) -> None:
    inputs = rows(house, mode)
    run(house, f"{SPOIL}; ln -f ${{{{inputs.rows}}}}/deep/b.csv out; echo spoiled > out; true", inputs=inputs)
    assert "1,2\n3\n" in run(house, READ, inputs=inputs)


@needs_bubblewrap
@pytest.mark.parametrize("mode", ["ro_mount", "rw_mount", "download"])
def test_what_a_confined_job_does_to_its_input_no_other_job_sees(confined: House, mode: str) -> None:
    inputs = rows(confined, mode)
    run(confined, SPOIL, inputs=inputs)
    assert "1,2\n3\n" in run(confined, READ, inputs=inputs)


@needs_bubblewrap
def test_a_confined_job_reads_a_mounted_input_and_cannot_change_it_and_may_change_a_copy(confined: House) -> None:
    mounted = run(confined, f"{SPOIL}; {READ}", inputs=rows(confined))
    assert "Read-only file system" in mounted
    assert "1,2\n3\n" in mounted
    assert "spoiled" in run(confined, f"{SPOIL}; cat ${{{{inputs.rows}}}}/a.csv", inputs=rows(confined, "rw_mount"))


@needs_bubblewrap
def test_a_confined_job_cannot_change_its_environment(confined: House) -> None:
    packages = next(Path(sys.prefix).glob("lib/python3*/site-packages"))
    before = sorted(path.name for path in packages.iterdir())
    said = run(
        confined, f"touch {packages}/evil.py; rm -rf {packages}/packaging; echo > {packages}/_virtualenv.py; true"
    )
    assert said.count("Read-only file system") >= 3
    assert sorted(path.name for path in packages.iterdir()) == before


@needs_bubblewrap
def test_a_confined_job_finds_nothing_of_the_platform_and_nothing_of_another_job(confined: House) -> None:
    (confined.home.keys / "signing.key").write_text("secret")
    other = confined.submit("echo other")
    confined.worker().step()
    home = confined.home
    places = [home.database, home.keys, home.blobs, confined.attempt(other)]
    looks = "; ".join(f"ls -d {place} && echo FOUND" for place in [*places, home.runtime, home.logs, home.mlflow])
    said = run(confined, f"{looks}; rm -rf {home.root} {home.runtime}; true")
    assert "FOUND" not in said
    assert home.database.is_file()
    assert (home.keys / "signing.key").read_text() == "secret"
    assert confined.attempt(other).is_dir()


@needs_bubblewrap
def test_a_confined_job_has_a_home_and_a_tmp_of_its_own(confined: House) -> None:
    stray = Path("/tmp/pratique-stray-of-a-job")
    script = f"echo mine > ~/file; rm -rf {Path.home()}/.bashrc; echo hello > {stray}; cat ~/file {stray}; ls /tmp"
    assert "mine\nhello\n" in run(confined, f"{script}; true")
    assert not stray.exists()
    assert f"{stray}: No such file" in run(confined, f"cat {stray} || true").replace("cat: ", "")


@needs_bubblewrap
def test_a_confined_job_leaves_its_outputs_and_its_logs(confined: House) -> None:
    outputs = {"made": {"type": "uri_folder"}, "one": {"type": "uri_file"}}
    name = confined.submit(
        "echo 1 > ${{outputs.made}}/a; echo 2 > ${{outputs.one}}; echo 3 > outputs/kept; echo said", outputs=outputs
    )
    confined.worker().step()
    job = confined.job(name)
    assert job.status == "Completed", confined.log(name)
    assert set(job.outputs) == {"made", "one"}


@needs_bubblewrap
def test_a_confined_replica_answers_and_cannot_change_its_model(confined: House) -> None:
    script = f"""
import os, json
def init(): pass
def run(_):
    seen = {{"home": os.path.exists({str(confined.home.root / "keys")!r})}}
    for name, place in (("code", os.environ["AML_APP_ROOT"]), ("tmp", "/tmp"), ("cwd", ".")):
        try:
            open(os.path.join(place, "file"), "w").close(); seen[name] = "written"
        except OSError as error:
            seen[name] = error.strerror
    return seen
"""
    confined.make_endpoint()
    confined.deploy(script)
    confined.deployer.step()
    assert confined.deployment().provisioning_state == "Succeeded", confined.deployment()
    assert confined.score() == {
        "home": False, "code": "Read-only file system", "tmp": "written", "cwd": "written",
    }  # fmt: skip


REACHES = """
import os, socket
def init(): pass
def run(_):
    try:
        socket.create_connection(("127.0.0.1", {port}), timeout=2).close()
        return "reached"
    except OSError as error:
        return error.strerror
"""


@needs_bubblewrap
def test_a_replica_has_a_network_only_if_it_asks(confined: House) -> None:
    confined.make_endpoint()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = REACHES.format(port=listener.getsockname()[1])
        confined.deploy(script)
        confined.deployer.step()
        assert confined.score() == "Connection refused", confined.deployment()
        confined.deploy(script, tags={"pratique.network": "machine"})
        confined.deployer.step()
        assert confined.score(revision=2) == "reached"


LOOK = "(echo > /dev/tcp/127.0.0.1/{port}) 2> /dev/null && echo reached || echo away"
CALL = """python -c "
import os, urllib.request
door = os.environ['MLFLOW_TRACKING_URI']
asked = urllib.request.Request(door, headers={'Authorization': 'Bearer ' + os.environ['MLFLOW_TRACKING_TOKEN']})
print(urllib.request.urlopen(asked, timeout=20).read().decode())
" """


class Door(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """What stands for the front door: it tells whom it has seen."""

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, _ = super().get_request()
        return connection, ("inside", 0)


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        has_token = len(self.headers["Authorization"].split(".")) == 3
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.headers['Host']} {self.path} {has_token}".encode())

    def log_message(self, *_: object) -> None:
        """Keep the test's output to the test."""


@pytest.fixture
def door(confined: House) -> Iterator[None]:
    """Something listens where jobs without a network find the door."""
    with standing(confined.home.inside_door):
        yield


@contextmanager
def standing(path: Path) -> Iterator[None]:
    """Something listens at the socket `path`."""
    path.parent.mkdir(mode=0o700)
    with Door(str(path), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield
        server.shutdown()
        thread.join()


@needs_bubblewrap
def test_a_job_has_the_machines_network_unless_it_wants_none(confined: House, door: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        look = LOOK.format(port=listener.getsockname()[1])
        assert "reached" in run(confined, f"{look}; true")
        name = confined.submit(f"{look}; {CALL}; sleep 1 & wait; exit 7", tags={"pratique.network": "none"})
        confined.worker().step()
        said = confined.log(name).splitlines()
        assert "[pratique] network: none but the platform's door" in said
        assert "away" in said
        assert "127.0.0.1:7070 /mlflow/dev True" in said
        assert "ended with exit code 7" in str(confined.job(name).error)


@needs_bubblewrap
def test_a_home_gives_its_jobs_no_network_and_one_of_them_asks_for_it(confined: House, door: None) -> None:
    confined.bench = replace(confined.bench, settings=Settings(job_network="none"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        look = LOOK.format(port=listener.getsockname()[1])
        assert "away" in run(confined, f"{look}; true")
        assert "reached" in run(confined, f"{look}; true", tags={"pratique.network": "machine"})


@needs_bubblewrap
def test_the_steps_of_a_pipeline_have_its_network_unless_they_say_another(confined: House, door: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        look = f"{LOOK.format(port=listener.getsockname()[1])}; true"
        name = confined.submit_pipeline(
            {"plain": look, "asks": {"command": look, "tags": {"pratique.network": "machine"}}},
            tags={"pratique.network": "none"},
        )
        assert confined.run_pipeline(name).status == "Completed"
        said = {step: confined.log(job.name).splitlines() for step, job in confined.steps(name).items()}
    assert ("away" in said["plain"], "reached" in said["asks"]) == (True, True)


TOKEN = """
import os, urllib.error, urllib.request
def init(): pass
def run(_):
    asked = urllib.request.Request(
        os.environ["IDENTITY_ENDPOINT"] + "?resource=x", headers={"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]}
    )
    asked.add_header("Authorization", asked.headers["X-identity-header"])
    try:
        return urllib.request.urlopen(asked, timeout=20).read().decode()
    except urllib.error.URLError as error:
        return error.reason.strerror
"""


@needs_bubblewrap
def test_a_replica_with_an_identity_reaches_tokens_of_it_without_a_network(confined: House) -> None:
    confined.make_endpoint()
    with standing(confined.home.identity_door), socket.create_server(("127.0.0.1", 0)) as listener:
        confined.deploy(TOKEN)
        confined.deployer.step()
        assert confined.score() == "Connection refused", "an identity that may do nothing anywhere needs no token"
        confined.make_endpoint(identity={"type": "system_assigned"})
        confined.deploy(TOKEN, tags={"a": "b"}, environment_variables={"TURN": "2"})
        confined.deployer.step()
        assert confined.score(revision=2) == "127.0.0.1:7070 /identity/token?resource=x True", confined.deployment()
        confined.deploy(REACHES.format(port=listener.getsockname()[1]))
        confined.deployer.step()
        assert confined.score(revision=3) == "Connection refused"


@needs_bubblewrap
def test_a_job_whose_door_is_away_for_a_moment_is_told(confined: House) -> None:
    confined.home.inside_door.parent.mkdir(mode=0o700)
    name = confined.submit(f"{CALL} 2>&1 | tail -1", tags={"pratique.network": "none"})
    confined.worker().step()
    assert "Remote end closed connection" in confined.log(name) or "reset by peer" in confined.log(name)


def test_what_wants_no_network_does_not_run_where_nothing_keeps_it_from_one(house: House) -> None:
    name = house.submit("echo ran", tags={"pratique.network": "none"})
    house.worker().step()
    said = "the tag pratique.network: none keeps it from the network, and nothing here can"
    assert said in str(house.job(name).error)
    assert "ran" not in house.log(name).splitlines()
    house.make_endpoint()
    house.deploy("def init(): pass\ndef run(_): return 1\n", tags={"pratique.network": "none"})
    house.deployer.step()
    assert "the setting sandbox is off" in str(house.deployment().error)
