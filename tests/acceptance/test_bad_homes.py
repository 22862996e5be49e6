"""Homes that cannot do what is asked: two commands at once, taken ports, newer schemas, no space, no network."""

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
from typing import Final

import pytest

from .conftest import NewInstallation
from .installation import LIMIT, PRATIQUE, Installation, write
from .storm import DEPLOYMENT, SCORE
from .test_bad_days import JOB


def test_two_ups_at_the_same_time_make_one_platform(new_installation: NewInstallation) -> None:
    platform = new_installation()
    with contextlib.ExitStack() as stack:
        commands = [stack.enter_context(platform.begin("up")) for _ in range(3)]
        ended = [(command.communicate()[1], command.returncode) for command in commands]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert len(platform.pids("pratique.app.server")) == 1
    assert len(platform.pids("shim", "/services/envoy/")) == 1
    assert len(list(platform.home.glob("services/server/*"))) == 1


@pytest.mark.parametrize("setting", ["PRATIQUE_DOOR_PORT", "PRATIQUE_ENDPOINTS_PORT"])
def test_a_taken_port_is_named_with_its_setting(new_installation: NewInstallation, setting: str) -> None:
    platform = new_installation()
    port = platform.door_port if "DOOR" in setting else platform.endpoints_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        error = platform.fail("up")
    assert str(port) in error
    assert setting in error
    assert platform.processes() == {}


def test_a_home_of_a_newer_schema_is_refused_and_left_alone(new_installation: NewInstallation) -> None:
    platform = new_installation()
    platform.up()
    platform.down()
    database = platform.home / "pratique.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
        connection.commit()
    error = platform.fail("up")
    assert "newer Pratique" in error
    assert "9999_from_the_future" in error
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999_from_the_future",)


def in_a_world_of_its_own(platform: Installation, what: str, before: str, script: str) -> tuple[int, str, str]:
    """Run a script where `what` (mounts, network) is its own and `before` has changed it; skip where that is refused.

    Processes are its own as well, so nothing that it starts outlives it.
    """
    command = [
        "unshare", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", f"--{what}",
        "bash", "-uo", "pipefail", "-c",
    ]  # fmt: skip
    if shutil.which("unshare") is None or subprocess.run([*command, before], capture_output=True).returncode:
        pytest.skip(f"NOT TESTED: this machine does not permit {' '.join(command[:9])} {before!r}")
    finished = subprocess.run(
        [*command, f"{before}\n{script}"],
        cwd=platform.folder, env={**platform.environment, "PATH": f"{PRATIQUE.parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * LIMIT, check=False,
    )  # fmt: skip
    return finished.returncode, finished.stdout, finished.stderr


def test_a_read_only_home_is_said(new_installation: NewInstallation) -> None:
    platform = new_installation()
    before = f"mount --bind {platform.home} {platform.home} && mount -o remount,ro,bind {platform.home}"
    code, out, error = in_a_world_of_its_own(platform, "mount", before, "pratique up")
    assert (code, out) == (1, ""), error
    assert "Read-only file system" in error
    assert str(platform.home) in error
    assert "hint: " in error
    assert "Traceback" not in error


@pytest.mark.parametrize("size", ["40k", "300k", "1m"])
def test_a_full_disk_is_said(new_installation: NewInstallation, platform: Installation, size: str) -> None:
    own = new_installation()
    before = f"mount -t tmpfs -o size={size},mode=700 none {own.home}"
    script = f"""
        ln -s {platform.home}/environments {own.home}/environments
        pratique up
        code=$?
        pratique down >/dev/null 2>&1
        exit $code
    """
    code, out, error = in_a_world_of_its_own(own, "mount", before, script)
    assert (code, out) == (1, ""), error
    assert "space" in error or "full" in error
    assert "Traceback" not in error


def test_a_disk_that_gets_full_refuses_and_lives_on(new_installation: NewInstallation, platform: Installation) -> None:
    own = new_installation()
    before = f"mount -t tmpfs -o size=30m,mode=700 none {own.home}"
    script = f"""
        set -e
        ln -s {platform.home}/environments {own.home}/environments
        pratique up >/dev/null 2>&1
        pratique group create -n g -l local -o none
        pratique ml workspace create -n full -g g -o none
        head -c 40000000 /dev/urandom > large.bin
        echo small > small.txt
        pratique ml data create -n large --type uri_file --path large.bin -w full -g g && exit 99
        pratique ml data create -n small --type uri_file --path small.txt -w full -g g --query name -o tsv
        pratique ml data list -w full -g g --query '[].name' -o tsv
        pratique down >/dev/null 2>&1
    """
    code, out, error = in_a_world_of_its_own(own, "mount", before, f"({script}); code=$?; pratique down; exit $code")
    assert code == 0, error
    assert out.split() == ["small", "small"], error
    assert "disk is full" in error or "No space left" in error


def test_without_a_network_everything_works_from_the_cache(
    new_installation: NewInstallation, platform: Installation
) -> None:
    own = new_installation()
    files = {"score/score.py": SCORE, "blue.yml": DEPLOYMENT, "job.yml": JOB.format(witness="/dev/null")}
    write(own.folder, {**files, "conda.yml": "dependencies: [pip]\n", "environment.yml": ENVIRONMENT})
    script = """
        export AZURE_DEFAULTS_GROUP=g AZURE_DEFAULTS_WORKSPACE=alone
        (
            set -e
            pratique up
            pratique group create -n g -l local
            pratique ml workspace create -n alone -g g
            pratique ml environment create -f environment.yml
            pratique ml job create -f job.yml --stream --query status >&3
            pratique ml online-endpoint create -n steady
            pratique ml online-deployment create -f blue.yml --all-traffic --query provisioning_state >&3
            echo '{}' > request.json
            pratique ml online-endpoint invoke -n steady -r request.json >&3
        ) 3>&1 >/dev/null
        code=$?
        pratique down >/dev/null
        exit $code
    """
    before = "ip link set lo up && ! ip route get 192.0.2.1 2>/dev/null"
    code, out, error = in_a_world_of_its_own(own, "net", before, script)
    assert code == 0, error
    assert [json.loads(line) for line in out.splitlines()] == ["Completed", "Succeeded", '"here"'], error


ENVIRONMENT: Final = "name: plain\nimage: ubuntu:22.04\nconda_file: conda.yml\n"
