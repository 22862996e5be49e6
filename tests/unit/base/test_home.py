"""The home: private folders, short sockets, clear refusals."""

import os
from pathlib import Path

import pytest

from pratique.base.errors import StorageFailed
from pratique.base.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", str(tmp_path / "run"))
    return Home(tmp_path / "home")


def test_making_a_home_touches_nothing(home: Home) -> None:
    assert not home.root.exists()


def test_every_folder_is_for_its_owner_alone(home: Home) -> None:
    old = os.umask(0)
    try:
        home.prepare()
    finally:
        os.umask(old)
    folders = [home.root, *home.root.iterdir(), home.runtime]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_preparing_twice_is_preparing_once(home: Home) -> None:
    home.prepare()
    (home.blobs / "x").write_text("kept")
    home.prepare()
    assert (home.blobs / "x").read_text() == "kept"


def test_a_file_in_the_place_of_the_home_is_said(home: Home) -> None:
    home.root.parent.mkdir(parents=True, exist_ok=True)
    home.root.write_text("")
    with pytest.raises(StorageFailed, match="cannot be prepared") as refused:
        home.prepare()
    assert "PRATIQUE_HOME" in refused.value.hint


def test_a_runtime_folder_that_others_can_enter_is_refused(home: Home) -> None:
    home.runtime.mkdir(parents=True)
    home.runtime.chmod(0o755)
    with pytest.raises(StorageFailed, match="not a private folder"):
        home.prepare()


def test_a_linked_runtime_folder_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    home.runtime.parent.mkdir(parents=True)
    home.runtime.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed, match="not a private folder"):
        home.prepare()


def test_two_homes_never_share_sockets_or_subscriptions(tmp_path: Path) -> None:
    one, two = Home(tmp_path / "one"), Home(tmp_path / "two")
    assert one.socket("api") != two.socket("api")
    assert one.subscription != two.subscription
    assert one.subscription == Home(tmp_path / "one").subscription


def test_the_socket_of_a_deep_home_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRATIQUE_RUNTIME_DIR", raising=False)
    deep = Home(tmp_path.joinpath(*["folder"] * 40))
    assert len(os.fsencode(deep.socket("r0123456789abcdef-9999"))) <= 107


def test_every_login_of_a_user_finds_the_same_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRATIQUE_RUNTIME_DIR", raising=False)
    found = set()
    for session in ("", str(tmp_path / "one"), str(tmp_path / "two")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", session)
        found.add(Home(tmp_path / "home").runtime)
    assert len(found) == 1
