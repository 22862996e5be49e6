"""Vaults: a role decides about the vault, a policy about what is in it, and each value that is read is written down."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pratique.base.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound
from pratique.control import principals, secrets, vaults
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.credentials import Credential
from pratique.control.secrets import NewSecret
from pratique.store import events
from pratique.store import vaults as rows

CANARY = "canary-Zq7$\"'-value"


@pytest.fixture
def somebody(world: Any) -> Callable[..., Actor]:
    def make(name: str, *grants: Grant) -> Actor:
        with world.database.write() as tx:
            made = principals.create_user(
                tx, PLATFORM, name, display_name="", credential=Credential("", "$unused", world.now), now=world.now
            )
        return Actor(made.id, name, "user", grants)

    return make


@pytest.fixture
def vault(world: Any) -> str:
    with world.database.write() as tx:
        vaults.create(tx, world.owner, "kv-dev", group="team", now=world.now)
    return "kv-dev"


def put(world: Any, actor: Actor, name: str = "api-key", value: str = CANARY, **said: Any) -> secrets.Found:
    with world.database.write() as tx:
        return secrets.put(tx, actor, "kv-dev", name, NewSecret(value, **said), sealer=world.sealer, now=world.now)


def value(world: Any, actor: Actor, name: str = "api-key", version: str = "") -> str:
    with world.database.write() as tx:
        return secrets.get(tx, actor, "kv-dev", name, version, sealer=world.sealer, now=world.now).value


def allow(world: Any, who: Actor, *permissions: str) -> None:
    with world.database.write() as tx:
        vaults.set_policy(tx, world.owner, "kv-dev", who.name, permissions, now=world.now)


def told(world: Any) -> list[events.StoredEvent]:
    with world.database.read() as tx:
        return events.after(tx, 0, limit=1000)


def test_every_version_can_be_read_and_the_newest_is_the_current_one(world: Any, vault: str) -> None:
    first = put(world, world.owner, value="one")
    second = put(world, world.owner, "API-KEY", value="two")
    assert value(world, world.owner) == "two"
    assert value(world, world.owner, version=first.version.version) == "one"
    with world.database.read() as tx:
        known = secrets.versions(tx, world.owner, vault, "Api-Key")
    assert [one.version.version for one in known] == [second.version.version, first.version.version]
    assert {one.secret.name for one in known} == {"api-key"}


def test_the_value_lies_sealed_and_bound_to_its_version(world: Any, vault: str) -> None:
    first, second = put(world, world.owner, value="one"), put(world, world.owner, value=CANARY)
    assert CANARY not in repr(second)
    with world.database.write() as tx:
        swapped = rows.version(tx, first.secret, first.version.version)
        assert swapped is not None
        rows.change_version(tx, rows.SecretVersion(**{**vars(swapped), "value": second.version.value}))
    with pytest.raises(Exception, match="cannot be opened"):
        value(world, world.owner, version=first.version.version)


@pytest.mark.parametrize("role", ["Owner", "Contributor", "Reader", "Approver"])
def test_no_role_reads_a_secret_without_a_policy(
    world: Any, vault: str, somebody: Callable[..., Actor], role: str
) -> None:
    put(world, world.owner)
    bob = somebody("bob", Grant(role, "/"))
    for name in ("api-key", "absent"):
        with pytest.raises(Forbidden, match="may not get secrets") as refused:
            value(world, bob, name)
        assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("permission", "verb"),
    [
        ("get", lambda tx, world, who: secrets.get(tx, who, "kv-dev", "k", sealer=world.sealer, now=world.now)),
        ("list", lambda tx, _world, who: secrets.every(tx, who, "kv-dev")),
        ("list", lambda tx, _world, who: secrets.versions(tx, who, "kv-dev", "k")),
        (
            "set",
            lambda tx, world, who: secrets.put(
                tx, who, "kv-dev", "k", NewSecret("v"), sealer=world.sealer, now=world.now
            ),
        ),
        ("delete", lambda tx, world, who: secrets.delete(tx, who, "kv-dev", "k", now=world.now)),
        ("recover", lambda tx, world, who: secrets.recover(tx, who, "kv-dev", "gone", now=world.now)),
        ("purge", lambda tx, world, who: secrets.purge(tx, who, "kv-dev", "gone", now=world.now)),
    ],
)
def test_each_permission_allows_its_verbs_and_no_other(
    world: Any, vault: str, somebody: Callable[..., Actor], permission: str, verb: Callable[..., Any]
) -> None:
    put(world, world.owner, "k")
    put(world, world.owner, "gone")
    with world.database.write() as tx:
        secrets.delete(tx, world.owner, "kv-dev", "gone", now=world.now)
    bob = somebody("bob")
    allow(world, bob, *(one for one in vaults.PERMISSIONS if one != permission))
    with pytest.raises(Forbidden), world.database.write() as tx:
        verb(tx, world, bob)
    allow(world, bob, permission)
    with world.database.write() as tx:
        verb(tx, world, bob)


def test_only_an_owner_says_what_others_may(world: Any, vault: str, somebody: Callable[..., Actor]) -> None:
    bob = somebody("bob", Grant("Contributor", "/"))
    with pytest.raises(Forbidden), world.database.write() as tx:
        vaults.set_policy(tx, bob, vault, "bob", ["get"], now=world.now)


def test_a_vault_that_one_may_not_see_is_not_there(world: Any, vault: str, somebody: Callable[..., Actor]) -> None:
    bob = somebody("bob", Grant("Contributor", "/workspaces/dev"))
    for name in (vault, "absent"):
        with pytest.raises(NotFound, match=f"there is no vault '{name}'"), world.database.read() as tx:
            vaults.get(tx, bob, name)
    allow(world, bob, "get")
    with world.database.read() as tx:
        assert vaults.get(tx, bob, "KV-DEV").name == vault
        assert [one.name for one in vaults.every(tx, bob)] == [vault]


def test_every_read_names_who_what_and_which_version_and_never_the_value(world: Any, vault: str) -> None:
    made = put(world, world.owner)
    value(world, world.owner)
    read = told(world)[-1]
    assert (read.type, read.source, read.subject) == (
        "Pratique.SecretRead", "/vaults/kv-dev", "vaults/kv-dev/secrets/api-key",
    )  # fmt: skip
    assert read.actor["name"] == "ann"
    assert read.data == {"vault": "kv-dev", "name": "api-key", "version": made.version.version}
    assert CANARY not in json.dumps([str(vars(one)) for one in told(world)])


def test_a_deleted_secret_can_be_recovered_until_it_is_purged_or_its_days_are_over(world: Any, vault: str) -> None:
    put(world, world.owner)
    with world.database.write() as tx:
        gone = secrets.delete(tx, world.owner, vault, "api-key", now=world.now)
    assert gone.secret.purge_at == world.now + timedelta(days=90)
    with pytest.raises(NotFound):
        value(world, world.owner)
    with pytest.raises(Conflict, match="can be recovered"):
        put(world, world.owner)
    with world.database.write() as tx:
        assert [one.secret.name for one in secrets.every(tx, world.owner, vault, deleted=True)] == ["api-key"]
        secrets.recover(tx, world.owner, vault, "api-key", now=world.now)
    assert value(world, world.owner) == CANARY
    with world.database.write() as tx:
        secrets.delete(tx, world.owner, vault, "api-key", now=world.now - timedelta(days=90))
        with pytest.raises(NotFound, match="no deleted secret"):
            secrets.recover(tx, world.owner, vault, "api-key", now=world.now)
    put(world, world.owner, value="anew")
    with world.database.read() as tx:
        assert len(secrets.versions(tx, world.owner, vault, "api-key")) == 1


def test_what_was_deleted_long_ago_is_purged(world: Any, vault: str) -> None:
    put(world, world.owner)
    with world.database.write() as tx:
        secrets.delete(tx, world.owner, vault, "api-key", now=world.now)
        assert vaults.purge_due(tx, PLATFORM, now=world.now + timedelta(days=89)) == 0
        assert vaults.purge_due(tx, PLATFORM, now=world.now + timedelta(days=90)) == 1
        vaults.delete(tx, world.owner, vault, now=world.now)
        assert vaults.purge_due(tx, PLATFORM, now=world.now + timedelta(days=90)) == 1
        assert rows.get(tx, vault) is None


def test_a_deleted_vault_comes_back_with_its_secrets(world: Any, vault: str) -> None:
    put(world, world.owner)
    with world.database.write() as tx:
        vaults.delete(tx, world.owner, vault, now=world.now)
        assert vaults.every(tx, world.owner) == []
        assert [one.name for one in vaults.every(tx, world.owner, deleted=True)] == [vault]
    with pytest.raises(NotFound):
        value(world, world.owner)
    with pytest.raises(Conflict, match="recover"), world.database.write() as tx:
        vaults.create(tx, world.owner, vault, group="team", now=world.now)
    with world.database.write() as tx:
        vaults.recover(tx, world.owner, vault, now=world.now)
    assert value(world, world.owner) == CANARY


def test_a_disabled_secret_is_not_read(world: Any, vault: str) -> None:
    put(world, world.owner, is_enabled=False)
    with pytest.raises(Forbidden, match="disabled"):
        value(world, world.owner)
    with world.database.write() as tx:
        secrets.change(tx, world.owner, vault, "api-key", changes={"is_enabled": True}, now=world.now)
    assert value(world, world.owner) == CANARY


def test_a_policy_goes_with_its_principal(world: Any, vault: str, somebody: Callable[..., Actor]) -> None:
    bob = somebody("bob")
    allow(world, bob, "get")
    with world.database.write() as tx:
        principals.delete(tx, PLATFORM, "bob", kind="user", now=world.now)
        assert [one.holder for one in rows.policies(tx, vault)] == [world.owner.id]


@pytest.mark.parametrize("text", ["", "a\0b", "x" * 25_601, "\ud800"], ids=["empty", "nul", "long", "surrogate"])
def test_a_value_that_cannot_be_kept_is_refused_without_being_shown(world: Any, vault: str, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        put(world, world.owner, value=text)
    assert "xxx" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "a_b", "../x", "a/b", "x" * 128, "ä", "a b"])
def test_a_secret_has_a_name_as_in_azure(world: Any, vault: str, name: str) -> None:
    with pytest.raises(InvalidInput):
        put(world, world.owner, name)


@pytest.mark.parametrize("name", ["kv", "1kv", "k--v", "kv-", "x" * 25, "kv_dev"])
def test_a_vault_has_a_name_as_in_azure(world: Any, name: str) -> None:
    with pytest.raises(InvalidInput), world.database.write() as tx:
        vaults.create(tx, world.owner, name, group="team", now=world.now)


def test_a_vault_exists_once_in_any_case_and_in_a_group_that_is_there(world: Any, vault: str) -> None:
    with pytest.raises(AlreadyExists), world.database.write() as tx:
        vaults.create(tx, world.owner, "KV-Dev", group="team", now=world.now)
    with pytest.raises(NotFound, match="resource group"), world.database.write() as tx:
        vaults.create(tx, world.owner, "kv-qa", group="absent", now=world.now)


@pytest.mark.parametrize("permissions", [["read"], ["get", "backup"], ["all", "get", "x"]])
def test_a_permission_that_is_none_is_refused(world: Any, vault: str, permissions: list[str]) -> None:
    with pytest.raises(InvalidInput, match="not a permission"), world.database.write() as tx:
        vaults.set_policy(tx, world.owner, vault, "ann", permissions, now=world.now)
