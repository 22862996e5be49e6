"""Settings: one table, from the environment, the file, the default, in this order."""

from pathlib import Path

import pytest

from pratique.base.errors import InvalidInput
from pratique.base.settings import SETTINGS, Settings, load_settings


def test_without_anything_the_defaults_are_in_force(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}) == Settings()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('door_port = 8000\nlog_level = "debug"\n')
    found = load_settings(tmp_path, {"PRATIQUE_DOOR_PORT": "9000"})
    assert (found.door_port, found.log_level) == (9000, "debug")


def test_every_wrong_setting_is_named_at_once_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('dor_port = 1\nlog_level = "loud"\n')
    with pytest.raises(InvalidInput) as refused:
        load_settings(tmp_path, {"PRATIQUE_CORES": "-1", "PRATIQUE_DOORPORT": "1"})
    said = str(refused.value)
    assert "config.toml dor_port: there is no such setting (did you mean door_port?)" in said
    assert "config.toml log_level: expected debug, info, warning or error; got 'loud'" in said
    assert "\n  PRATIQUE_CORES: expected a whole number, 0 or more; got '-1'" in said
    assert "\n  PRATIQUE_DOORPORT: there is no such setting (did you mean PRATIQUE_DOOR_PORT?)" in said


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("door_port = \n")
    with pytest.raises(InvalidInput, match=r"config\.toml"):
        load_settings(tmp_path, {})


def test_variables_of_the_command_line_are_no_settings(tmp_path: Path) -> None:
    variables = dict.fromkeys(("PRATIQUE_HOME", "PRATIQUE_TOKEN", "PRATIQUE_URL", "PRATIQUE_CONFIG_DIR"), "x")
    assert load_settings(tmp_path, variables) == Settings()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_says_what_it_means(setting: object) -> None:
    assert len(getattr(setting, "meaning", "")) > 20


@pytest.mark.parametrize("port", ["-1", "65536", "x", "7070.0"])
def test_a_port_is_a_port(tmp_path: Path, port: str) -> None:
    with pytest.raises(InvalidInput, match="PRATIQUE_DOOR_PORT: expected a port from 0 to 65535; got"):
        load_settings(tmp_path, {"PRATIQUE_DOOR_PORT": port})
