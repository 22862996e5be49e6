"""The socket that is inherited, and those that are made."""

import os
import stat
from pathlib import Path

import pytest

from pratique_serving import listening
from pratique_serving.errors import Usage


def test_nothing_passed_is_a_question_of_usage() -> None:
    with pytest.raises(Usage, match="--socket PATH or --port"):
        listening.inherited({})


def test_a_socket_for_another_process_is_not_taken() -> None:
    environment = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid() + 1), "OTHER": "1"}
    with pytest.raises(Usage, match="process"):
        listening.inherited(environment)
    assert environment == {"OTHER": "1"}


def test_a_made_socket_is_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listening.at_path(str(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    listening.at_path(path).close()
    with listening.at_path(path), pytest.raises(Usage, match="another server is listening"):
        listening.at_path(path)


def test_a_file_in_the_way_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(Usage, match="is not a socket"):
        listening.at_path(str(path))
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="cannot listen on"):
        listening.at_path(str(tmp_path / "no" / "s"))


def test_a_port_is_on_loopback_only() -> None:
    with listening.at_port(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        with pytest.raises(Usage, match="cannot listen on port"):
            listening.at_port(listener.getsockname()[1])


@pytest.mark.parametrize("port", [65_536, 999_999])
def test_a_port_out_of_range_is_said(port: int) -> None:
    with pytest.raises(Usage, match="cannot listen on port"):
        listening.at_port(port)
