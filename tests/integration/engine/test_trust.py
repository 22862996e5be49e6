"""What is loaded is what somebody vouched for, at every start of a process: one flipped byte starts nothing."""

import io
import os
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pratique.base.clock import utc_now
from pratique.base.errors import Forbidden, StorageFailed
from pratique.compute import pickle_scan
from pratique.compute.local import LocalCompute
from pratique.compute.sandbox import Sandbox, why_not
from pratique.compute.task import Running
from pratique.content.signatures import PrivateKey
from pratique.control import assets, demands, signatures, workspaces
from pratique.store import holdings
from pratique.store import signatures as rows
from pratique.store.assets import AssetVersion
from pratique.store.signatures import ModelSignature

from .conftest import LIMIT, OWNER, House, kill, until

SCRIPT = "def init():\n    pass\n\n\ndef run(_):\n    return 'fine'\n"


def new_key() -> PrivateKey:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return PrivateKey.read(pem)


KEY = new_key()


def register(house: House, **files: str) -> AssetVersion:
    """A version of the model credit with these files."""
    path = house.upload({name.replace("__", "."): text for name, text in files.items()}, "model")
    spec = {"name": "credit", "type": "custom_model", "path": path}
    with house.database.write() as tx:
        return assets.create(tx, OWNER, "dev", "models", spec, now=utc_now())


def demand(house: House, **tags: str) -> None:
    with house.database.write() as tx:
        workspaces.update(tx, OWNER, "dev", {"tags": tags}, now=utc_now())


def demand_signatures(house: House) -> None:
    demand(house, **{demands.SIGNED: "true"})
    with house.database.write() as tx:
        signatures.trust(tx, OWNER, "dev", "ada", KEY.public.pem, now=utc_now())


def sign(house: House, version: AssetVersion, key: PrivateKey = KEY) -> ModelSignature:
    with house.database.read() as tx:
        manifest = holdings.manifest(tx, "dev", version.manifest or "")
    assert manifest is not None
    blob, size = house.bench.blobs.put([key.sign(manifest, "credit").encode()])
    with house.database.write() as tx:
        return signatures.keep(tx, OWNER, version, key.public, blob, size, now=utc_now())


def deploy(house: House, version: AssetVersion | None = None) -> str:
    """Wish a deployment and work on it; its state."""
    model: dict[str, Any] = {"model": f"azureml:credit:{version.version}"} if version else {}
    house.deploy(SCRIPT, **model)
    while house.deployer.step():
        pass
    return house.deployment().provisioning_state


def refusal(house: House) -> str:
    """Kill the replica, let the watcher look until it says why it does not start it again, and say that."""
    folder = house.home.replica(house.deployment().id, house.deployment().applied, 0, house.replicas()[0].start)
    kill(house.pid())
    # Seen while it dies, it would be held by its shim, which asks nobody.
    assert not isinstance(house.compute.wait(folder, timedelta(seconds=LIMIT)), Running)

    def refused() -> bool:
        house.watcher.step()
        return "nothing was started" in str(house.replicas()[0].error)

    until(refused, "the refusal")
    assert not house.runs_anything()
    return str(house.replicas()[0].error)


def why(house: House) -> str:
    """Why a deployment is not there, with the remedy."""
    error = house.deployment().error or {}
    return f"{error.get('message')} | {error.get('hint')}"


def flip(path: Path) -> None:
    """Change one bit in the middle of a file, as a failing disk does, or somebody who should not."""
    path.chmod(0o600)
    data = path.read_bytes()
    place = len(data) // 2
    path.write_bytes(bytes([*data[:place], data[place] ^ 1, *data[place + 1 :]]))


def test_a_signed_model_is_loaded_and_a_key_that_is_trusted_no_more_is_the_end_of_it(house: House) -> None:
    house.make_endpoint()
    demand_signatures(house)
    version = register(house, weights="1")
    sign(house, version)
    assert deploy(house, version) == "Succeeded", why(house)
    with house.database.write() as tx:
        signatures.distrust(tx, OWNER, "dev", "ada", now=utc_now())
    assert "is not trusted" in refusal(house)


def test_what_was_signed_for_other_files_does_not_count(house: House) -> None:
    house.make_endpoint()
    demand_signatures(house)
    version, other = register(house, weights="1"), register(house, weights="2")
    mine, theirs = sign(house, version), sign(house, other)
    with house.database.write() as tx:  # What somebody who can write rows would try.
        rows.put(tx, ModelSignature(**{**vars(mine), "blob": theirs.blob}))
    assert deploy(house, version) == "Failed"
    assert "weights is another" in why(house)
    assert "pratique ml model sign" in why(house)


def test_a_flipped_byte_of_the_signature_is_named_with_where_the_sound_one_belongs(house: House, attack: Any) -> None:
    attack("flipped bytes", "signature")
    house.make_endpoint()
    demand_signatures(house)
    version = register(house, weights="1")
    place = house.bench.blobs.path(sign(house, version).blob)
    flip(place)
    assert deploy(house, version) == "Failed"
    assert f"bring {place} back from a backup" in why(house)


def test_an_unsigned_model_is_refused_when_it_is_wished(house: House, attack: Any) -> None:
    attack("signatures", "no signature")
    house.make_endpoint()
    demand_signatures(house)
    with pytest.raises(Forbidden, match="is not signed by a key"):
        deploy(house, register(house, weights="1"))
    attack("signatures", "a key that nobody trusts")
    version = register(house, weights="2")
    sign(house, version, new_key())
    with pytest.raises(Forbidden, match="is signed by"):
        deploy(house, version)


def test_a_demand_that_came_later_counts_at_the_next_start(house: House) -> None:
    house.make_endpoint()
    assert deploy(house, register(house, weights="1")) == "Succeeded", why(house)
    demand_signatures(house)
    assert "nobody has signed it" in refusal(house)


# --- jobs


def job_with(house: House, **given: Any) -> str:
    """Run a job that reads a model; its name."""
    name = house.submit("cat ${{inputs.model}}/* > /dev/null && echo read", inputs={"model": given})
    house.worker().step()
    return name


def why_of(house: House, name: str) -> str:
    """How a job ended, with the reason and the remedy."""
    job = house.job(name)
    return f"{job.status}: {(job.error or {}).get('message')} | {(job.error or {}).get('hint')}"


@pytest.mark.parametrize("kind", ["custom_model", "uri_folder"])
def test_a_job_reads_no_model_that_nobody_has_signed(house: House, attack: Any, kind: str) -> None:
    attack("signatures", f"a job that reads an unsigned model as {kind}")
    demand_signatures(house)
    version = register(house, weights="1")
    name = job_with(house, type=kind, path="azureml:credit:1")
    assert why_of(house, name).startswith("Failed: input model, model credit:1"), why_of(house, name)
    assert "nobody has signed it" in why_of(house, name)
    assert "pratique ml model sign" in why_of(house, name)
    assert "read" not in house.log(name).splitlines()
    sign(house, version)
    assert house.job(job_with(house, type=kind, path="azureml:credit:1")).status == "Completed"


def test_files_that_a_job_calls_a_model_are_one(house: House, attack: Any) -> None:
    attack("signatures", "a job that brings its unsigned model along")
    demand_signatures(house)
    path = house.upload({"weights": "1"}, "model")
    assert "nobody has signed it" in why_of(house, job_with(house, type="mlflow_model", path=path))
    assert house.job(job_with(house, type="uri_folder", path=path)).status == "Completed"


def test_what_a_step_has_made_is_read_by_the_next_without_a_signature(house: House) -> None:
    demand_signatures(house)
    name = house.submit_pipeline(
        {
            "train": {
                "command": "echo 1 > ${{outputs.model}}/weights",
                "outputs": {"model": {"type": "custom_model"}},
            },
            "judge": {
                "command": "cat ${{inputs.model}}/weights",
                "inputs": {"model": {"type": "custom_model", "path": "${{parent.jobs.train.outputs.model}}"}},
            },
        }
    )
    assert house.run_pipeline(name).status == "Completed"


def test_a_job_of_a_workspace_that_demands_nothing_reads_any_model(house: House) -> None:
    register(house, weights="1")
    assert house.job(job_with(house, type="custom_model", path="azureml:credit:1")).status == "Completed"


# --- one flipped byte


@pytest.mark.parametrize("what", ["model", "code"])
def test_a_flipped_byte_of_the_store_starts_nothing(house: House, attack: Any, what: str) -> None:
    attack("flipped bytes", f"stored {what}")
    house.make_endpoint()
    version = register(house, weights="1" * 100)
    house.deploy(SCRIPT, model="azureml:credit:1")
    resolved = house.deployment().resolved[what]
    with house.database.read() as tx:
        manifest = holdings.manifest(tx, "dev", resolved["manifest"])
    assert manifest is not None
    assert version.manifest
    place = house.bench.blobs.path(manifest.entries[0].digest)
    flip(place)
    house.deployer.step()
    assert house.deployment().provisioning_state == "Failed"
    assert f"the stored {what} was changed: {manifest.entries[0].path}" in why(house)
    assert f"bring {place} back from a backup" in why(house)


@pytest.mark.parametrize("file", ["model/model/weights", "code/score.py", "launch"])
def test_a_flipped_byte_of_what_was_written_out_starts_nothing_again(house: House, attack: Any, file: str) -> None:
    attack("flipped bytes", f"written out: {file}")
    house.make_endpoint()
    assert deploy(house, register(house, weights="1" * 100, more="2")) == "Succeeded", why(house)
    root = house.home.replicas / house.deployment().id / "files-of"
    flip(root / "1.json" if file == "launch" else root / "1" / file)
    said = refusal(house)
    assert (file.partition("/")[2] if file != "launch" else "1.json") in said
    assert "create the deployment again" in said
    house.new_engine()
    assert deploy(house, None if file == "launch" else house_version(house)) == "Succeeded", why(house)


def test_a_shim_starts_nothing_again_over_a_flipped_byte(house: House, attack: Any) -> None:
    attack("flipped bytes", "written out, before a shim starts its process again")
    house.make_endpoint()
    assert deploy(house, register(house, weights="1" * 100)) == "Succeeded", why(house)
    house.watcher.step()  # It tells the shim to start its lonely process again when that ends.
    flip(house.home.replicas / house.deployment().id / "files-of" / "1" / "model" / "model" / "weights")
    said = refusal(house)
    assert "model/weights" in said
    assert "create the deployment again" in said


def test_what_a_shim_started_again_is_asked_for_afterwards(house: House, attack: Any) -> None:
    attack("signatures", "a key that was distrusted just before a shim starts its process again")
    house.make_endpoint()
    assert deploy(house, register(house, weights="1")) == "Succeeded", why(house)
    house.watcher.step()
    demand_signatures(house)  # The watcher has no time to let the shim go before the process ends.
    kill(house.pid())
    until(lambda: house.falls() == 1, "the shim's own start")

    def refused() -> bool:
        house.watcher.step()
        return "nobody has signed it" in str(house.replicas()[0].error)

    until(refused, "the refusal")
    assert not house.runs_anything()


def house_version(house: House) -> AssetVersion:
    with house.database.read() as tx:
        return assets.get(tx, OWNER, "dev", "models", "credit", "1")


@pytest.mark.parametrize("what", ["code", "input"])
def test_a_job_does_not_run_a_flipped_byte(house: House, attack: Any, what: str) -> None:
    attack("flipped bytes", f"{what} of a job")
    code, data = house.upload({"train.py": "print('fine')\n"}, "code"), house.upload({"data.csv": "1,2\n"}, "data")
    name = house.submit(
        "python train.py && cat ${{inputs.data}}/data.csv && echo ran",
        code=code, inputs={"data": {"type": "uri_folder", "path": data}},
    )  # fmt: skip
    digest = (code if what == "code" else data).partition(":")[2].partition("/")[0]
    with house.database.read() as tx:
        manifest = holdings.manifest(tx, "dev", digest)
    assert manifest is not None
    place = house.bench.blobs.path(manifest.entries[0].digest)
    flip(place)
    house.worker().step()
    job = house.job(name)
    assert job.status == "Failed"
    assert manifest.entries[0].path in str(job.error)
    assert str(place) in str(job.error)
    assert "ran" not in house.log(name).splitlines()


def test_a_flipped_byte_of_a_manifest_is_no_other_model(house: House, attack: Any) -> None:
    attack("flipped bytes", "row of a manifest")
    house.make_endpoint()
    version = register(house, weights="1")
    other = register(house, weights="2")
    with house.database.write() as tx:
        found = holdings.manifest(tx, "dev", other.manifest or "")
        assert found is not None
        tx.exec_driver_sql(
            "UPDATE manifests SET document = (SELECT document FROM manifests WHERE digest = ?) WHERE digest = ?",
            (other.manifest, version.manifest),
        )
    with pytest.raises(StorageFailed, match="was changed in the database") as refused:
        deploy(house, version)
    assert "restore the home from a backup" in refused.value.hint


# --- pickles


class Marks:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.mark),)


def pickled(house: House, value: object) -> AssetVersion:
    folder = house.folder / f"pickled-{os.urandom(4).hex()}"
    folder.mkdir()
    out = io.BytesIO()
    pickle.dump(value, out)
    (folder / "model.pkl").write_bytes(out.getvalue())
    manifest = house.bench.blobs.put_folder(folder)
    with house.database.write() as tx:
        blobs = [(entry.digest, entry.size) for entry in manifest.entries]
        holdings.hold(tx, "dev", "blob", blobs, now=utc_now())
        holdings.add_manifest(tx, "dev", manifest, now=utc_now())
        spec = {"name": "credit", "type": "custom_model", "path": f"upload:{manifest.digest}/model"}
        return assets.create(tx, OWNER, "dev", "models", spec, now=utc_now())


needs_bubblewrap = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture
def confined(house: House) -> House:
    """Processes are kept to their views, as on a machine that can."""
    house.compute.sandbox = Sandbox("require", hidden=(house.home.root, house.home.runtime))
    return house


@needs_bubblewrap
def test_a_scan_finds_and_a_refusal_says_what_would_have_run(confined: House, attack: Any) -> None:
    attack("pickles", "registered by somebody, deployed where pickles are scanned")
    house, mark = confined, confined.folder / "mark"
    house.make_endpoint()
    demand(house, **{demands.PICKLES: "scan"})
    assert deploy(house, pickled(house, Marks(mark))) == "Failed"
    assert "loads no pickles that could run code: dangerous: model.pkl" in why(house)
    assert "posix.mkdir" in why(house)
    assert not mark.exists()
    kept = house_version(house)
    assert kept.properties["pratique.scan"].startswith("dangerous: model.pkl")
    assert [one.data["outcome"] for one in house.told("Pratique.ModelScanned")] == [kept.properties["pratique.scan"]]


@needs_bubblewrap
def test_a_job_reads_no_pickle_that_could_run_code_where_pickles_are_scanned(confined: House, attack: Any) -> None:
    attack("pickles", "registered by somebody, read by a job where pickles are scanned")
    demand(confined, **{demands.PICKLES: "scan"})
    pickled(confined, Marks(confined.folder / "mark"))
    said = why_of(confined, job_with(confined, type="custom_model", path="azureml:credit:1"))
    assert "loads no pickles that could run code: dangerous: model.pkl" in said
    pickled(confined, {"weights": [1.0]})
    name = job_with(confined, type="custom_model", path="azureml:credit:2")
    assert confined.job(name).status == "Completed", why_of(confined, name)


@needs_bubblewrap
def test_a_report_of_a_scan_that_somebody_changed_is_made_anew(confined: House, attack: Any) -> None:
    attack("flipped bytes", "report of a scan")
    house = confined
    house.make_endpoint()
    demand(house, **{demands.PICKLES: "scan"})
    version = pickled(house, Marks(house.folder / "mark"))
    assert deploy(house, version) == "Failed"
    (report,) = house.home.root.glob("scans/*/scan.json")
    report.write_text(report.read_text().replace('"dangerous"', '"harmless"'))
    assert deploy(house, version) == "Failed"
    assert "dangerous: model.pkl" in why(house)
    assert '"dangerous"' in report.read_text()


@needs_bubblewrap
def test_data_is_loaded_where_pickles_are_scanned_and_not_where_they_are_refused(confined: House) -> None:
    house = confined
    house.make_endpoint()
    demand(house, **{demands.PICKLES: "scan"})
    version = pickled(house, {"weights": [1.0]})
    assert deploy(house, version) == "Succeeded", why(house)
    demand(house, **{demands.PICKLES: "refuse"})
    assert deploy(house, version) == "Failed"
    assert "loads no pickles, and this model has some" in why(house)
    assert deploy(house, register(house, weights="no pickle")) == "Succeeded", why(house)


def test_a_scan_that_dies_is_a_finding(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dies.py"
    program.write_text("import os; os.abort()")
    monkeypatch.setattr(pickle_scan, "__file__", str(program))
    house.make_endpoint()
    demand(house, **{demands.PICKLES: "scan"})
    assert deploy(house, pickled(house, {"a": 1})) == "Failed"
    assert "the scan ended without a report" in why(house)
    assert isinstance(house.compute, LocalCompute)
