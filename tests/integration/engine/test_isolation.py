"""A job cannot spoil another: what it does to its input, its environment, the home and its neighbours."""

import socket
import sys
from pathlib import Path

import pytest

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


@needs_bubblewrap
def test_a_job_has_the_machines_network_unless_it_wants_none(confined: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        look = f"(echo > /dev/tcp/127.0.0.1/{port}) 2> /dev/null && echo reached || echo away; env | grep -c MLFLOW"
        assert "reached" in run(confined, f"{look}; true")
        name = confined.submit(f"{look}; true", tags={"pratique.network": "none"})
        confined.worker().step()
        assert confined.log(name).splitlines()[-2:] == ["away", "0"]
