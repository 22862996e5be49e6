"""Named values of API management that have the value of a secret of a vault."""

from typing import Any, Final

import pytest

from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound
from pratique.control import apim, apis, policies, policy_texts, secrets, vaults
from pratique.control.actor import Actor, Grant
from pratique.control.policy_texts import PolicyScope
from pratique.control.secrets import NewSecret
from pratique.specs.policy_scopes import PolicyText
from pratique.store import apim as rows
from pratique.store import events

SECRET: Final = "http://127.0.0.1:7070/vaults/kv-dev/secrets/Api-Key"
AT_API: Final = PolicyScope("apim-dev", "credit")
POLICY: Final = """<policies><inbound>
<set-header name="x-key"><value>{{key}}</value></set-header></inbound></policies>"""


@pytest.fixture
def service(world: Any) -> str:
    with world.database.write() as tx:
        vaults.create(tx, world.owner, "kv-dev", group="team", now=world.now)
        apim.create(
            tx, world.owner, "apim-dev", group="team", location="local", publisher=("", ""), tags={}, now=world.now
        )
        apis.write(tx, world.owner, "apim-dev", "credit", {"path": "credit"}, now=world.now)
    say(world, "first")
    return "apim-dev"


def say(world: Any, value: str) -> str:
    """Write the next version of the secret; its name."""
    with world.database.write() as tx:
        made = secrets.put(tx, world.owner, "kv-dev", "Api-Key", NewSecret(value), sealer=world.sealer, now=world.now)
    return made.version.version


def put(world: Any, who: Actor | None = None, **changes: Any) -> rows.ApiNamedValue:
    with world.database.write() as tx:
        return apim.put_value(tx, who or world.owner, "apim-dev", "key", changes, sealer=world.sealer, now=world.now)


def header(world: Any) -> tuple[str, ...]:
    """What the policy of the API sets the header to now."""
    with world.database.read() as tx:
        api = rows.api(tx, "apim-dev", "credit")
        assert api is not None
        policy = policy_texts.read(
            policy_texts.texts(api), apim.opened_values(apim.current_values(tx, "apim-dev"), world.sealer)
        )
    return policy.request_headers[0].values


def test_a_named_value_follows_the_secret_of_a_vault(world: Any, service: str) -> None:
    made = put(world, vault_secret=SECRET)
    assert (made.is_secret, made.value, made.sealed, made.vault_secret) == (True, "", "", "kv-dev/api-key")
    with world.database.write() as tx:
        policies.put(tx, world.owner, AT_API, PolicyText(POLICY), sealer=world.sealer, now=world.now)
    assert header(world) == ("first",)
    say(world, "second")
    assert header(world) == ("second",)


def test_an_id_with_a_version_stays_with_it(world: Any, service: str) -> None:
    version = say(world, "pinned")
    put(world, vault_secret=f"{SECRET}/{version}")
    with world.database.write() as tx:
        policies.put(tx, world.owner, AT_API, PolicyText(POLICY), sealer=world.sealer, now=world.now)
    say(world, "later")
    assert header(world) == ("pinned",)


def test_a_secret_that_is_deleted_or_disabled_is_no_value(world: Any, service: str) -> None:
    put(world, vault_secret=SECRET)
    with world.database.write() as tx:
        policies.put(tx, world.owner, AT_API, PolicyText(POLICY), sealer=world.sealer, now=world.now)
        secrets.delete(tx, world.owner, "kv-dev", "Api-Key", now=world.now)
    with pytest.raises(InvalidInput, match="no named value 'key'"):
        header(world)
    with world.database.write() as tx:
        secrets.recover(tx, world.owner, "kv-dev", "Api-Key", now=world.now)
    assert header(world) == ("first",)


def test_who_may_not_read_the_secret_cannot_have_it_by_a_named_value(world: Any, service: str) -> None:
    builder = Actor("b", "bob", "user", (Grant("Contributor", "/resourceGroups/team"),))
    with pytest.raises((Forbidden, NotFound)):
        put(world, builder, vault_secret=SECRET)
    with world.database.read() as tx:
        assert rows.named_values_of(tx, service) == []


def test_that_a_named_value_was_bound_to_a_secret_is_written_down_as_reading_it(world: Any, service: str) -> None:
    put(world, vault_secret=SECRET)
    with world.database.read() as tx:
        told = [(one.type, one.data.get("vault_secret")) for one in events.newest(tx, limit=2)]
    assert told == [("Pratique.SecretRead", None), ("Pratique.ApiNamedValueSet", "kv-dev/api-key")]


def test_the_vault_decides_who_reads_it(world: Any, service: str) -> None:
    put(world, vault_secret=SECRET)
    with pytest.raises(Conflict, match="vault 'kv-dev'") as refused, world.database.write() as tx:
        apim.secret_value(tx, world.owner, service, "key", sealer=world.sealer, now=world.now)
    assert "keyvault secret show --vault-name kv-dev --name api-key" in refused.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"vault_secret": SECRET, "value": "own"},
        {"vault_secret": SECRET, "secret": False},
        {"vault_secret": "kv-dev/api-key"},
        {"vault_secret": "http://127.0.0.1:7070/vaults/kv-dev/secrets/../api-key"},
        {},
    ],
)
def test_what_is_no_reference_is_refused(world: Any, service: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        put(world, **changes)


def test_a_value_of_its_own_takes_the_place_of_the_secret_and_back(world: Any, service: str) -> None:
    put(world, vault_secret=SECRET)
    own = put(world, value="own")
    assert (own.vault_secret, own.is_secret, bool(own.sealed)) == ("", True, True)
    assert put(world, tags=["a"]).sealed
    assert put(world, vault_secret=SECRET).sealed == ""
    assert put(world, tags=["b"]).vault_secret == "kv-dev/api-key"
