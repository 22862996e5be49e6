"""Who may sign, who decides whom to believe, and what a workspace that demands signatures lets in."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pratique.base.errors import AlreadyExists, Forbidden, InvalidInput, NotFound
from pratique.content.manifest import Manifest
from pratique.content.signatures import PrivateKey
from pratique.control import assets, demands, signatures, workspaces
from pratique.control.actor import Actor, Grant
from pratique.store import holdings
from pratique.store.assets import AssetVersion

CONTRIBUTOR = Actor("5", "con", "user", (Grant("Contributor", "/"),))


def new_key() -> PrivateKey:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return PrivateKey.read(pem)


KEY, OTHER = new_key(), new_key()


def manifest_of(world: Any, version: AssetVersion) -> Manifest:
    with world.database.read() as tx:
        found = holdings.manifest(tx, version.workspace, version.manifest or "")
    assert found is not None
    return found


def sign(world: Any, version: AssetVersion, key: PrivateKey = KEY, actor: Any = None) -> None:
    with world.database.write() as tx:
        signatures.keep(tx, actor or world.owner, version, key.public, "d" * 64, 10, now=world.now)


def trust(world: Any, name: str = "ada", key: PrivateKey = KEY, actor: Any = None) -> None:
    with world.database.write() as tx:
        signatures.trust(tx, actor or world.owner, "dev", name, key.public.pem, now=world.now)


def demand(world: Any, actor: Any = None, **tags: str) -> None:
    named = {demands.SIGNED: tags.get("signed"), demands.PICKLES: tags.get("pickles")}
    with world.database.write() as tx:
        given = {key: value for key, value in named.items() if value is not None}
        workspaces.update(tx, actor or world.owner, "dev", {"tags": given}, now=world.now)


def shown(world: Any, version: AssetVersion) -> list[tuple[str, str]]:
    with world.database.read() as tx:
        return [(one.signature.fingerprint, one.trusted_as) for one in signatures.of_version(tx, version)]


def test_a_signature_is_proven_before_it_is_kept(world: Any) -> None:
    version = world.asset("models", "credit")
    manifest = manifest_of(world, version)
    assert signatures.prove(manifest, KEY.sign(manifest, "credit"), KEY.public.pem) == KEY.public
    with pytest.raises(InvalidInput, match="was signed by key"):
        signatures.prove(manifest, KEY.sign(manifest, "credit"), OTHER.public.pem)
    others = manifest_of(world, world.asset("models", "credit", text="other"))
    with pytest.raises(InvalidInput, match=r"of other files: file\.txt is another"):
        signatures.prove(manifest, KEY.sign(others, "credit"), KEY.public.pem)


def test_it_is_shown_with_the_version_and_told_in_the_journal(world: Any) -> None:
    version = world.asset("models", "credit")
    sign(world, version)
    assert shown(world, version) == [(KEY.public.fingerprint, "")]
    trust(world)
    assert shown(world, version) == [(KEY.public.fingerprint, "ada")]
    told = [one for one in world.told() if one.type in ("Pratique.ModelSigned", "Pratique.KeyTrusted")]
    assert [one.data["key"] for one in told] == [KEY.public.fingerprint] * 2


def test_it_belongs_to_the_files_so_another_version_of_them_has_it_too(world: Any) -> None:
    sign(world, world.asset("models", "credit"))
    assert shown(world, world.asset("models", "champion")) == [(KEY.public.fingerprint, "")]
    assert shown(world, world.asset("models", "credit", workspace="qa-1")) == []


def test_signing_again_takes_the_place_of_the_first(world: Any) -> None:
    version = world.asset("models", "credit")
    sign(world, version)
    sign(world, version)
    sign(world, version, OTHER)
    assert len(shown(world, version)) == 2


def test_a_reader_signs_nothing(world: Any) -> None:
    version = world.asset("models", "credit")
    with pytest.raises(Forbidden), world.database.read() as tx:
        signatures.to_sign(tx, world.reader, "dev", "credit", "1")
    with pytest.raises(Forbidden):
        sign(world, version, actor=world.reader)


def test_only_whoever_gives_roles_decides_whom_to_believe(world: Any) -> None:
    with pytest.raises(Forbidden):
        trust(world, actor=CONTRIBUTOR)
    trust(world)
    with pytest.raises(Forbidden), world.database.write() as tx:
        signatures.distrust(tx, CONTRIBUTOR, "dev", "ada", now=world.now)


def test_a_key_has_one_name_and_a_name_one_key(world: Any) -> None:
    trust(world)
    trust(world)
    for name, key in (("ada", OTHER), ("eve", KEY)):
        with pytest.raises(AlreadyExists):
            trust(world, name, key)
    with world.database.write() as tx:
        signatures.distrust(tx, world.owner, "dev", "ada", now=world.now)
        assert signatures.trusted(tx, world.owner, "dev") == []
        with pytest.raises(NotFound):
            signatures.distrust(tx, world.owner, "dev", "ada", now=world.now)


@pytest.mark.parametrize("name", ["../x", "", "a b", "x" * 300])
def test_a_key_is_not_called_anything(world: Any, name: str) -> None:
    with pytest.raises(InvalidInput):
        trust(world, name)


def deploy(world: Any, **spec: Any) -> None:
    world.deployment(**spec)


def test_a_workspace_that_demands_signatures_takes_no_other_model(world: Any) -> None:
    version = world.asset("models", "credit", type="mlflow_model")
    world.endpoint()
    demand(world, signed="true")
    wanted = {"model": "azureml:credit:1"}
    with pytest.raises(Forbidden, match="is not signed by a key that workspace 'dev' trusts") as refused:
        deploy(world, **wanted)
    assert "pratique ml model sign credit:1 --key" in refused.value.hint
    sign(world, version, OTHER)
    trust(world)
    with pytest.raises(Forbidden, match=f"signed by {OTHER.public.fingerprint[:12]}, not by a key"):
        deploy(world, **wanted)
    sign(world, version)
    deploy(world, **wanted)


def test_a_deployment_without_a_model_has_nothing_to_be_signed(world: Any) -> None:
    world.endpoint()
    demand(world, signed="true")
    code = world.upload({"score.py": b""}, "code")
    with pytest.raises(Forbidden, match="it names no model"):
        deploy(
            world, model=None, code_configuration={"code": code, "scoring_script": "score.py"},
            environment={"conda_file": {"dependencies": ["python=3.11"]}},
        )  # fmt: skip


def test_only_an_owner_takes_a_demand_back_and_anybody_who_may_write_adds_one(world: Any) -> None:
    demand(world, CONTRIBUTOR, signed="true", pickles="scan")
    demand(world, CONTRIBUTOR, signed="true", pickles="refuse")
    for less in ({"signed": "true", "pickles": "scan"}, {"pickles": "refuse"}, {}):
        with pytest.raises(Forbidden):
            demand(world, CONTRIBUTOR, **less)
    in_a_run = Actor("6", "run", "service_principal", (Grant("Owner", "/"),), run=7)
    with pytest.raises(Forbidden, match="a task of a run"):
        demand(world, in_a_run)
    demand(world)


@pytest.mark.parametrize(("key", "value"), [(demands.SIGNED, "yes"), (demands.PICKLES, "warn")])
def test_a_word_that_means_nothing_is_no_guard(world: Any, key: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused, world.database.write() as tx:
        workspaces.update(tx, world.owner, "dev", {"tags": {key: value}}, now=world.now)
    assert refused.value.problems[0].key == f"tags.{key}"


def test_a_deleted_version_of_the_same_files_takes_no_signature_with_it(world: Any) -> None:
    version = world.asset("models", "credit")
    world.asset("models", "champion")
    sign(world, version)
    with world.database.write() as tx:
        assets.delete(tx, world.owner, "dev", "models", "credit", "1", now=world.now)
    with world.database.read() as tx:
        champion = assets.get(tx, world.owner, "dev", "models", "champion", "1")
    assert shown(world, champion) == [(KEY.public.fingerprint, "")]


def test_tags_that_mean_nothing_demand_everything() -> None:
    """They cannot be written by a verb; whoever wrote them otherwise has opened nothing."""
    assert demands.demanded({demands.SIGNED: "perhaps"}) == demands.Demands(signed=True, pickles="refuse")
    assert demands.demanded({}) == demands.Demands()
