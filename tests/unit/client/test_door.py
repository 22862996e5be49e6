"""Which door, with which token: a token goes only to the door that gave it."""

import time
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, StorageFailed, Unavailable
from pratique.base.home import Home
from pratique.client.account import renewed, token_end
from pratique.client.door import check_url, find_door
from pratique.client.login import Profile, load_profile, save_profile


def profile(url: str) -> Profile:
    return Profile(url, "app", "secret", "tenant", "profile-token", int(time.time()) + 3600)


def test_the_running_platform_is_found_with_its_owner_s_token(platform: Any) -> None:
    door = find_door()
    assert (door.url, door.token, door.profile) == (platform.url, "owner-token", None)


def test_a_login_counts_before_the_running_platform(platform: Any) -> None:
    save_profile(profile("https://mlops.example.com"))
    door = find_door()
    assert (door.url, door.token) == ("https://mlops.example.com", "profile-token")


def test_the_environment_counts_before_both(platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile(profile("https://mlops.example.com"))
    monkeypatch.setenv("PRATIQUE_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PRATIQUE_TOKEN", "env-token")
    door = find_door()
    assert (door.url, door.token) == ("http://127.0.0.1:9", "env-token")


def test_another_door_gets_nobody_s_token(platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile(profile("https://mlops.example.com"))
    monkeypatch.setenv("PRATIQUE_URL", "https://evil.example.com")
    assert find_door().token == ""
    monkeypatch.setenv("PRATIQUE_URL", platform.url)
    assert find_door().token == "owner-token"


def test_no_platform_is_said(nowhere: Path) -> None:
    with pytest.raises(Unavailable, match="no platform runs for the home"):
        find_door()


@pytest.mark.parametrize("url", ["http://mlops.example.com", "ftp://x", "127.0.0.1:7070", "http://127.0.0.1.evil.com"])
def test_a_token_never_travels_readable(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(url)


def test_a_runtime_folder_that_others_can_write_is_not_believed(platform: Any) -> None:
    Home.from_environment().runtime.chmod(0o777)
    with pytest.raises(StorageFailed, match="not a private folder"):
        find_door()


def test_a_broken_profile_is_named(nowhere: Path) -> None:
    (nowhere / "config").mkdir()
    (nowhere / "config/pratique-profile.json").write_text("{}")
    with pytest.raises(InvalidInput, match="is not a profile"):
        load_profile()


def test_a_token_that_lasts_is_not_renewed(platform: Any) -> None:
    save_profile(profile(platform.url))
    door = find_door()
    assert renewed(door) is door
    assert not platform.requests


def test_the_end_of_a_token_is_read_from_it() -> None:
    claims = "eyJleHAiOiAxNzAwMDAwMDAwfQ"
    assert token_end(f"head.{claims}.sign") == 1700000000
    assert token_end("opaque") > time.time()
    assert token_end("a.b.c") > time.time()


def test_a_folder_that_cannot_be_written_is_said(nowhere: Path) -> None:
    (nowhere / "config").write_text("a file")
    with pytest.raises(StorageFailed, match="cannot be written"):
        save_profile(profile("https://x"))
