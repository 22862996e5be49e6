"""Where the doors listen: plain HTTP on loopback and nowhere else."""

from pathlib import Path

import pytest

from pratique.app.layout import doors_of, tls_doors
from pratique.base.errors import InvalidInput
from pratique.base.home import Home
from pratique.base.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_nothing_is_open_to_others_until_somebody_says_so(home: Home) -> None:
    doors = doors_of(home, Settings())
    assert doors.tls is None
    assert doors.names == ("127.0.0.1", "localhost", "[::1]")
    assert tls_doors(Settings()) == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(tls_address="0.0.0.0"), "plain HTTP stays on loopback"),  # noqa: S104 - refused.
        (Settings(tls_door_port=7443, tls_address="everywhere"), "is no address"),
        (Settings(tls_door_port=7443, tls_address="0.0.0.0"), "call this machine by a name"),  # noqa: S104
        (Settings(tls_door_port=7443, tls_names="a b"), "no name of a machine"),
        (Settings(tls_door_port=7443, tls_names="*"), "no name of a machine"),
        (Settings(tls_door_port=7443, tls_certificate="/x.pem"), "go together"),
    ],
)
def test_settings_that_contradict_one_another_are_refused_by_name(home: Home, settings: Settings, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        doors_of(home, settings)


def test_others_reach_what_was_opened_by_the_names_that_were_given(home: Home) -> None:
    settings = Settings(tls_door_port=7443, tls_address="0.0.0.0", tls_names="ml.example.org, 10.0.0.7")  # noqa: S104
    tls = doors_of(home, settings).tls
    assert tls
    assert (tls.door_port, tls.endpoints_port, tls.names, tls.is_own) == (
        7443, None, ("ml.example.org", "10.0.0.7"), True,
    )  # fmt: skip
    assert tls_doors(settings) == {"door": "https://ml.example.org:7443"}
