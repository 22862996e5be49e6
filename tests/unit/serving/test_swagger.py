"""The OpenAPI documents."""

from pathlib import Path

import pytest

from pratique_serving.errors import Refused
from pratique_serving.settings import Settings
from pratique_serving.swagger import describe, read_specifications


@pytest.mark.parametrize(
    ("version", "key", "value"),
    [("2", "swagger", "2.0"), ("2.0", "swagger", "2.0"), ("3", "openapi", "3.0.3"), ("3.1", "openapi", "3.1.0")],
)
def test_each_version_says_which_it_is(settings: Settings, version: str, key: str, value: str) -> None:
    document = describe(settings).of_version(version)
    assert document[key] == value
    assert document["paths"]["/score"]["post"]["operationId"] == "RunMLService"


def test_schemas_are_where_clients_look_for_them(settings: Settings) -> None:
    described = describe(settings, {"type": "array"}, {"type": "string"})
    assert described.of_version("2")["definitions"]["ServiceInput"] == {"type": "array"}
    assert described.of_version("3")["components"]["schemas"]["ServiceOutput"] == {"type": "string"}


def test_paths_carry_the_prefix_of_the_service(settings: Settings) -> None:
    paths = describe(settings._replace(service_path_prefix="a/b")).of_version("2")["paths"]
    assert set(paths) == {"/a/b/", "/a/b/score", "/a/b/swagger.json"}


@pytest.mark.parametrize(("version", "why"), [("9", "not valid"), ("", "not valid"), ("2", "not supported")])
def test_a_version_that_is_not_there_is_404_and_names_those_that_are(
    settings: Settings, version: str, why: str
) -> None:
    with pytest.raises(Refused, match=why) as caught:
        describe(settings, versions=("3", "3.0")).of_version(version)
    assert caught.value.status == 404
    assert caught.value.message.endswith("versions: [3].")


def test_a_users_own_document_is_taken_as_it_is(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "swagger.json").write_text('{"mine": 2}')
    (tmp_path / "swagger3.json").write_text('{"mine": 3}')
    described = describe(settings, own=read_specifications(str(tmp_path)))
    assert described.of_version("2") == {"mine": 2}
    assert described.of_version("3") == {"mine": 3}
    assert described.of_version("3.1")["openapi"] == "3.1.0"


def test_a_document_that_cannot_be_read_is_said_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "swagger.json").write_text("{")
    assert read_specifications(str(tmp_path)) == {}
    assert "swagger.json cannot be read" in capsys.readouterr().err
