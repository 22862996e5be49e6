"""Datastores: four trees of content in every workspace, and sealed descriptions of places elsewhere."""

from typing import Any

import pytest

from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound, NotYet
from pratique.content.manifest import Entry, Manifest
from pratique.control import artifacts, assets, content, datastores
from pratique.specs.references import DatastorePath, parse_reference
from pratique.store import datastores as rows
from pratique.store import holdings, jobs

A, B = "ab" * 32, "cd" * 32
BLOB = {
    "name": "raw", "type": "azure_blob", "account_name": "acct", "container_name": "c",
    "credentials": {"account_key": "very-secret-key"},
}  # fmt: skip


def place(text: str) -> DatastorePath:
    found = parse_reference(text)
    assert isinstance(found, DatastorePath)
    return found


def put(world: Any, path: str, *files: str, digest: str = A, workspace: str = "dev") -> None:
    with world.database.write() as tx:
        manifest = Manifest(Entry(one, digest, 1) for one in files)
        datastores.put(tx, workspace, place(f"azureml://datastores/{path}"), manifest, now=world.now)


def found(world: Any, text: str, workspace: str = "dev") -> dict[str, str]:
    with world.database.read() as tx:
        manifest = datastores.resolve(tx, workspace, place(text))
    return {entry.path: entry.digest for entry in manifest.entries}


def write(world: Any, spec: dict[str, Any], actor: Any = None) -> rows.Datastore:
    with world.database.write() as tx:
        return datastores.write(tx, actor or world.owner, "dev", spec, sealer=world.sealer, now=world.now)


def test_every_workspace_has_azures_four_and_the_first_is_the_default(world: Any) -> None:
    with world.database.read() as tx:
        names = [one.name for one in datastores.every(tx, world.reader, "dev")]
    assert names == [
        "workspaceblobstore", "workspaceartifactstore", "workspaceworkingdirectory", "workspacefilestore",
    ]  # fmt: skip
    assert names[0] == datastores.DEFAULT


def test_what_was_laid_into_a_datastore_is_found_by_every_prefix(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in/2026", "a.csv", "b/c.csv")
    assert found(world, "azureml://datastores/workspaceblobstore/paths/in/2026/") == {"a.csv": A, "b/c.csv": A}
    assert found(world, "azureml://datastores/workspaceblobstore/paths/in") == {"2026/a.csv": A, "2026/b/c.csv": A}
    assert found(world, "azureml://datastores/workspaceblobstore/paths/in/2026/b/c.csv") == {"c.csv": A}
    assert len(found(world, "azureml://datastores/workspaceblobstore/paths/")) == 2
    long = "azureml://subscriptions/s/resourcegroups/g/workspaces/dev/datastores/workspaceblobstore/paths/in/2026/b"
    assert found(world, long) == {"c.csv": A}


def test_neither_another_datastore_nor_another_workspace_has_it(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in", "a.csv")
    for text, workspace in (
        ("azureml://datastores/workspacefilestore/paths/in", "dev"),
        ("azureml://datastores/workspaceblobstore/paths/in", "qa-1"),
        ("azureml://datastores/workspaceblobstore/paths/IN", "dev"),
        ("azureml://datastores/workspaceblobstore/paths/i", "dev"),
    ):
        with pytest.raises(NotFound, match="has nothing at"):
            found(world, text, workspace)


def test_another_workspaces_place_is_refused_in_words_and_not_read_here(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in", "a.csv")
    with pytest.raises(NotYet, match="belongs to workspace 'qa-1'"):
        found(
            world, "azureml://subscriptions/s/resourcegroups/g/workspaces/qa-1/datastores/workspaceblobstore/paths/in"
        )


def test_files_of_the_same_path_are_replaced_and_the_others_stay(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in", "a.csv", "b.csv")
    put(world, "workspaceblobstore/paths/in", "b.csv", digest=B)
    assert found(world, "azureml://datastores/workspaceblobstore/paths/in") == {"a.csv": A, "b.csv": B}


def test_a_file_is_no_folder_and_a_folder_no_file(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in", "a.csv", "f/x")
    with pytest.raises(Conflict, match=r"in/a\.csv is a file"):
        put(world, "workspaceblobstore/paths/in/a.csv", "inside")
    with pytest.raises(InvalidInput):
        put(world, "workspaceblobstore/paths/in", "f")


def test_names_that_differ_only_by_case_cannot_lie_side_by_side(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in", "a.csv")
    with pytest.raises(InvalidInput, match=r"A\.csv"):
        put(world, "workspaceblobstore/paths/in", "A.csv")


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "a//b", "/../x", "a\\..\\b", "a/./b", "x\0", "a%2f..", "a;b", "a?b"]
)
def test_a_path_that_is_not_plain_is_no_place(path: str) -> None:
    # What `%`, `;` and `?` mean is decided by nobody here: a path is a text that is compared.
    try:
        reference = parse_reference(f"azureml://datastores/workspaceblobstore/paths/{path}")
    except InvalidInput:
        return
    assert isinstance(reference, DatastorePath)
    assert reference.path == path
    assert ".." not in path.split("/")


def test_an_asset_pins_what_lay_there_when_it_was_made(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in", "a.csv")
    text = "azureml://datastores/workspaceblobstore/paths/in"
    with world.database.write() as tx:
        spec = {"name": "rows", "type": "uri_folder", "path": text}
        first = assets.create(tx, world.owner, "dev", "data", spec, now=world.now)
        again = assets.create(tx, world.owner, "dev", "data", spec | {"version": "1"}, now=world.now)
    assert (first.version, again.id, first.source) == ("1", first.id, text)
    put(world, "workspaceblobstore/paths/in", "a.csv", digest=B)
    with world.database.read() as tx:
        pinned = holdings.manifest(tx, "dev", first.manifest or "")
    assert pinned is not None
    assert [entry.digest for entry in pinned.entries] == [A]


def test_the_name_of_a_held_place_is_its_last_part(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in", "a.csv")
    with world.database.write() as tx:
        folder = content.resolve(tx, "dev", "azureml://datastores/workspaceblobstore/paths/in/", now=world.now)
        file = content.resolve(tx, "dev", "azureml://datastores/workspaceblobstore/paths/in/a.csv", now=world.now)
    assert (folder.name, folder.is_file, file.name, file.is_file) == ("in", False, "a.csv", True)


def test_the_artifact_store_shows_the_files_of_runs_and_takes_none(world: Any) -> None:
    job = world.job(name="train")
    with world.database.write() as tx:
        jobs.change(tx, job.id, run_id="r1", experiment_id="1")
        artifacts.add(tx, "dev", "1/r1/artifacts", Manifest([Entry("outputs/m.json", A, 3)]), now=world.now)
    root = "azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid"
    assert found(world, f"{root}.train/outputs") == {"m.json": A}
    assert found(world, f"{root}.r1") == {"outputs/m.json": A}
    with pytest.raises(NotFound, match="there is nothing at"):
        found(world, f"{root}.other")
    with pytest.raises(Forbidden, match="only the runs write"):
        put(world, "workspaceartifactstore/paths/ExperimentRun/dcid.train", "x")


def test_credentials_are_sealed_and_nowhere_else(world: Any) -> None:
    made = write(world, BLOB)
    assert "very-secret-key" not in repr(made)
    assert "very-secret-key" not in repr(world.told())
    assert "very-secret-key" in world.sealer.open(made.credentials, context=f"{made.id}/credentials")


def test_a_description_without_credentials_keeps_those_that_are_there(world: Any) -> None:
    made = write(world, BLOB)
    without = {key: value for key, value in BLOB.items() if key != "credentials"}
    assert write(world, without).credentials == made.credentials
    assert write(world, without | {"credentials": {}}).credentials == ""


def test_nothing_is_told_when_nothing_changes(world: Any) -> None:
    without = {key: value for key, value in BLOB.items() if key != "credentials"}
    write(world, without)
    before = len(world.told())
    write(world, without)
    assert len(world.told()) == before


def test_a_datastore_keeps_its_type(world: Any) -> None:
    write(world, BLOB)
    with pytest.raises(Conflict, match="is of type azure_blob"):
        write(world, {"name": "raw", "type": "azure_file", "account_name": "a", "file_share_name": "s"})


def test_what_lies_elsewhere_is_refused_with_the_way_out(world: Any) -> None:
    write(world, BLOB)
    with pytest.raises(NotYet, match="lies elsewhere") as caught:
        found(world, "azureml://datastores/raw/paths/x")
    assert "pratique ml data create" in caught.value.hint
    with pytest.raises(NotYet):
        put(world, "raw/paths/x", "a")
    with pytest.raises(NotFound, match="there is no datastore 'row'"):
        found(world, "azureml://datastores/row/paths/x")


def test_the_four_can_be_neither_changed_nor_deleted(world: Any) -> None:
    with pytest.raises(Conflict):
        write(world, BLOB | {"name": "workspaceblobstore"})
    with world.database.write() as tx, pytest.raises(Conflict):
        datastores.delete(tx, world.owner, "dev", "workspaceblobstore", now=world.now)
    with world.database.write() as tx, pytest.raises(Conflict):
        datastores.update(
            tx, world.owner, "dev", "workspaceblobstore", {"tags": {}}, sealer=world.sealer, now=world.now
        )


def test_a_reader_may_look_and_nothing_else(world: Any) -> None:
    write(world, BLOB)
    with world.database.write() as tx:
        assert datastores.get(tx, world.reader, "dev", "raw").name == "raw"
        with pytest.raises(Forbidden):
            datastores.delete(tx, world.reader, "dev", "raw", now=world.now)
    with pytest.raises(Forbidden):
        write(world, BLOB, world.reader)


def test_a_deleted_datastore_is_gone(world: Any) -> None:
    write(world, BLOB)
    with world.database.write() as tx:
        datastores.delete(tx, world.owner, "dev", "raw", now=world.now)
        with pytest.raises(NotFound):
            datastores.get(tx, world.owner, "dev", "raw")
    assert [event.type for event in world.told()] == ["Pratique.DatastoreCreated", "Pratique.DatastoreDeleted"]


def test_an_upload_can_be_laid_into_a_datastore_as_it_is_registered(world: Any) -> None:
    upload = world.upload({"a.csv": b"1", "b/c.csv": b"2"}, "rows")
    spec = {"name": "rows", "type": "uri_folder", "path": upload, "datastore": "azureml:workspaceworkingdirectory"}
    with world.database.write() as tx:
        made = assets.create(tx, world.owner, "dev", "data", spec, now=world.now)
        again = assets.create(tx, world.owner, "dev", "data", spec | {"version": "1"}, now=world.now)
    place = f"azureml://datastores/workspaceworkingdirectory/paths/LocalUpload/{made.manifest}/rows"
    assert (made.source, again.id) == (place, made.id)
    assert sorted(found(world, place)) == ["a.csv", "b/c.csv"]


def test_one_uploaded_file_lies_under_its_name(world: Any) -> None:
    upload = world.upload({"a.csv": b"1"}, "a.csv")
    spec = {"name": "rows", "type": "uri_file", "path": upload, "datastore": "workspaceblobstore"}
    with world.database.write() as tx:
        made = assets.create(tx, world.owner, "dev", "data", spec, now=world.now)
    assert [*found(world, made.source)] == ["a.csv"]


def test_only_an_upload_is_laid_into_a_datastore(world: Any) -> None:
    put(world, "workspaceblobstore/paths/in", "a.csv")
    spec = {
        "name": "rows",
        "path": "azureml://datastores/workspaceblobstore/paths/in",
        "datastore": "workspacefilestore",
    }
    with world.database.write() as tx, pytest.raises(InvalidInput, match="only files that are uploaded") as caught:
        assets.create(tx, world.owner, "dev", "data", spec, now=world.now)
    assert [problem.key for problem in caught.value.problems] == ["datastore"]
