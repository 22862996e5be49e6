"""Versions of data, environments and models: what they are for ever, and what about them may change."""

from typing import Any

import pytest

from pratique.base.errors import AlreadyExists, Conflict, InvalidInput, NotFound, NotYet
from pratique.control import assets
from pratique.control.assets import DIGEST, Kind
from pratique.store import assets as rows
from pratique.store.assets import AssetVersion

KINDS: tuple[Kind, ...] = ("data", "environments", "models")


def get(world: Any, name: str, version: str, *, kind: Kind = "models", workspace: str = "dev") -> AssetVersion:
    with world.database.read() as tx:
        return assets.get(tx, world.owner, workspace, kind, name, version)


def update(world: Any, version: str, **changes: Any) -> AssetVersion:
    with world.database.write() as tx:
        return assets.update(tx, world.owner, "dev", "models", "credit", version, changes, now=world.now)


def listed(world: Any, archived: Any = "no") -> list[str]:
    with world.database.read() as tx:
        found = assets.newest_of_each(tx, world.owner, "dev", "models", archived=archived)
    return [f"{row.value.name}:{row.value.version}" for row in found]


@pytest.mark.parametrize("kind", KINDS)
def test_version_7_of_a_new_name_is_version_7_and_the_next_is_8(world: Any, kind: Kind) -> None:
    assert world.asset(kind, "credit", version="7").version == "7"
    assert world.asset(kind, "credit", text="other").version == "8"


def test_the_first_version_is_1_and_numbers_are_never_given_again(world: Any) -> None:
    assert world.asset("models", "credit").version == "1"
    with world.database.write() as tx:
        assets.delete(tx, world.owner, "dev", "models", "credit", "1", now=world.now)
    assert world.asset("models", "credit").version == "2"


def test_workspaces_count_for_themselves(world: Any) -> None:
    world.asset("models", "credit", version="7")
    assert world.asset("models", "credit", workspace="qa-1").version == "1"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_content_again_changes_nothing_and_tells_nothing(world: Any, kind: Kind) -> None:
    first = world.asset(kind, "credit", version="7", tags={"a": "b"})
    before = len(world.told())
    assert world.asset(kind, "credit", version="7", tags={"c": "d"}, description="other words") == first
    assert len(world.told()) == before


def test_another_content_under_the_same_version_is_refused(world: Any) -> None:
    world.asset("models", "credit", version="7")
    with pytest.raises(AlreadyExists, match="credit:7 exists with another content"):
        world.asset("models", "credit", version="7", text="other")
    with pytest.raises(AlreadyExists):
        world.asset("models", "credit", version="7", type="mlflow_model")


@pytest.mark.parametrize("name", ["", ".", "a/b", "a b", "ü", "a\0", "x" * 256])
def test_a_crooked_name_or_version_makes_nothing(world: Any, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        world.asset("models", name, version="a/b")
    assert [problem.key for problem in caught.value.problems] == ["name", "version"]
    assert listed(world) == []


def test_the_digest_is_that_of_the_files_whatever_a_client_says(world: Any) -> None:
    made = world.asset("models", "credit", properties={DIGEST: "0" * 64, "mine": "1"})
    assert made.properties == {"mine": "1", DIGEST: made.manifest}
    assert update(world, "1", properties={"mine": "2"}).properties == {"mine": "2", DIGEST: made.manifest}
    with pytest.raises(InvalidInput) as caught:
        update(world, "1", properties={DIGEST: "0" * 64})
    assert [problem.key for problem in caught.value.problems] == [f"properties.{DIGEST}"]
    with pytest.raises(InvalidInput):
        update(world, "1", properties={"pratique.other": "x"})


def test_the_digest_of_an_environment_is_that_of_its_values_not_of_the_words_about_it(world: Any) -> None:
    first = world.asset("environments", "sk", tags={"a": "b"}, description="words", properties={"p": "q"})
    assert world.asset("environments", "other").properties[DIGEST] == first.properties[DIGEST]
    changed = world.asset("environments", "sk", conda_file={"dependencies": ["python=3.12"]})
    assert changed.properties[DIGEST] != first.properties[DIGEST]


def test_latest_is_the_newest_that_is_not_archived(world: Any) -> None:
    for number in range(1, 4):
        world.asset("models", "credit", text=str(number))
    assert get(world, "credit", "@latest").version == "3"
    update(world, "3", is_archived=True)
    assert get(world, "credit", "@latest").version == "2"
    assert get(world, "credit", "3").is_archived


def test_a_label_leads_to_its_version_and_goes_with_it(world: Any) -> None:
    world.asset("models", "credit")
    with world.database.write() as tx:
        rows.set_label(tx, "dev", "models", "credit", "champion", "1")
    assert get(world, "credit", "@champion").version == "1"
    with world.database.write() as tx:
        assets.delete(tx, world.owner, "dev", "models", "credit", "1", now=world.now)
    with pytest.raises(NotFound, match="no model credit@champion"):
        get(world, "credit", "@champion")


@pytest.mark.parametrize("version", ["2", "@latest", "@", "@nobody", "latest", "", "1 ", "../1", "1\0"])
def test_what_is_not_there_is_not_found(world: Any, version: str) -> None:
    world.asset("models", "credit", workspace="qa-1")
    world.asset("data", "credit")
    with pytest.raises(NotFound) as caught:
        get(world, "credit", version)
    assert caught.value.hint.startswith("pratique ml model list")


def test_lists_leave_archived_names_out_or_show_them_when_asked(world: Any) -> None:
    for name in ("all", "none", "some"):
        world.asset("models", name, text="1")
        world.asset("models", name, text="2")
    with world.database.write() as tx:
        for name, version in (("all", "1"), ("all", "2"), ("some", "2")):
            assets.update(tx, world.owner, "dev", "models", name, version, {"is_archived": True}, now=world.now)
    assert listed(world) == ["none:2", "some:1"]
    assert listed(world, "only") == ["all:2"]
    assert listed(world, "include") == ["all:2", "none:2", "some:1"]


def test_the_versions_of_an_unknown_name_are_an_error_those_of_an_empty_one_are_none(world: Any) -> None:
    world.asset("models", "credit")
    with world.database.write() as tx:
        with pytest.raises(NotFound):
            assets.versions(tx, world.owner, "dev", "models", "nothing")
        assets.delete(tx, world.owner, "dev", "models", "credit", "1", now=world.now)
        assert assets.versions(tx, world.owner, "dev", "models", "credit") == []


def test_an_update_refuses_every_key_that_cannot_change_at_once(world: Any) -> None:
    made = world.asset("models", "credit")
    with pytest.raises(InvalidInput) as caught:
        update(world, "1", tags={"a": "b"}, path="upload:x", ordinal=2, created_by={})
    assert [problem.key for problem in caught.value.problems] == ["path", "ordinal", "created_by"]
    assert "changeable: description" in caught.value.problems[0].hint
    assert get(world, "credit", "1") == made


def test_an_update_that_changes_nothing_tells_nothing(world: Any) -> None:
    world.asset("models", "credit", tags={"a": "b"})
    before = len(world.told())
    update(world, "1", tags={"a": "b"}, is_archived=False, stage="None")
    assert len(world.told()) == before
    update(world, "1", tags={"a": "c"}, is_archived=False)
    assert [(event.type, event.data["changed"]) for event in world.told()[before:]] == [
        ("Pratique.AssetUpdated", ["tags"])
    ]


def test_words_about_one_version_are_not_words_about_another(world: Any) -> None:
    world.asset("models", "credit", text="1")
    world.asset("models", "credit", text="2")
    update(world, "1", tags={"a": "b"}, description="first")
    assert (get(world, "credit", "2").tags, get(world, "credit", "2").description) == ({}, "")


@pytest.mark.parametrize(("kind", "key"), [("models", "model"), ("environments", "environment")])
def test_what_a_deployment_uses_cannot_be_deleted(world: Any, kind: Kind, key: str) -> None:
    used, spare = world.asset(kind, "used", type="mlflow_model"), world.asset(kind, "spare")
    world.endpoint()
    world.deployment(**{key: f"azureml:used:{used.version}"})
    with world.database.write() as tx:
        with pytest.raises(Conflict, match="is used by deployment credit/blue") as caught:
            assets.delete(tx, world.owner, "dev", kind, "used", "@latest", now=world.now)
        assert "online-deployment delete --name blue --endpoint-name credit" in caught.value.hint
        assets.delete(tx, world.owner, "dev", kind, "spare", spare.version, now=world.now)


def test_a_namesake_of_another_kind_or_workspace_is_not_in_use(world: Any) -> None:
    world.asset("models", "used", type="mlflow_model")
    world.asset("models", "used", workspace="qa-1")
    world.asset("data", "used")
    world.endpoint()
    world.deployment(model="azureml:used:1")
    with world.database.write() as tx:
        assets.delete(tx, world.owner, "qa-1", "models", "used", "1", now=world.now)
        assets.delete(tx, world.owner, "dev", "data", "used", "1", now=world.now)


@pytest.mark.parametrize(
    ("text", "version"), [("azureml:credit:1", "1"), ("azureml:credit@latest", "2"), ("azureml:credit", "2")]
)
def test_a_reference_means_a_version(world: Any, text: str, version: str) -> None:
    world.asset("models", "credit", text="1")
    world.asset("models", "credit", text="2")
    with world.database.read() as tx:
        assert assets.referenced(tx, "dev", ("models",), text, key="model").version == version


AZURE_ID = "azureml:/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("azureml://registries/azureml/models/credit/versions/1", NotYet),
        (f"{AZURE_ID}/qa-1/models/credit/versions/1", NotYet),
        (f"{AZURE_ID}/dev/data/credit/versions/1", InvalidInput),
        ("azureml://jobs/j/outputs/o", InvalidInput),
        ("./credit", InvalidInput),
        ("https://example.org/credit", InvalidInput),
        ("azureml:credit:2", NotFound),
        ("azureml:other@latest", NotFound),
        ("azureml:credit@champion", NotFound),
    ],
)
def test_a_reference_to_something_else_is_never_taken_for_a_namesake_here(
    world: Any, text: str, error: type[Exception]
) -> None:
    world.asset("models", "credit")
    with world.database.read() as tx, pytest.raises(error) as caught:
        assets.referenced(tx, "dev", ("models",), text, key="model")
    assert type(caught.value) is error
    with world.database.read() as tx:
        found = assets.referenced(tx, "dev", ("models",), f"{AZURE_ID}/dev/models/credit/versions/1", key="model")
    assert found.version == "1"
