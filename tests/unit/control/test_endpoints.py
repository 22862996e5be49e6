"""Endpoints: what is wished of traffic and keys, and that nothing is lost on the way."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import Conflict, Forbidden, InternalError, InvalidInput, NotFound, Unauthenticated
from pratique.control import deployments, endpoints
from pratique.control.tokens import Issuer
from pratique.store import deployments as deployment_rows
from pratique.store import endpoints as rows
from pratique.store import replicas
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.replicas import Replica


def update(world: Any, name: str = "credit", **changes: Any) -> OnlineEndpoint:
    with world.database.write() as tx:
        return endpoints.update(tx, world.owner, "dev", name, changes, now=world.now)


def get(world: Any, name: str = "credit") -> OnlineEndpoint:
    with world.database.read() as tx:
        return endpoints.get(tx, world.owner, "dev", name)


def keys(world: Any) -> dict[str, str]:
    with world.database.write() as tx:
        return endpoints.keys(tx, world.owner, "dev", "credit", sealer=world.sealer, now=world.now)


@pytest.fixture
def split(world: Any) -> OnlineEndpoint:
    """credit with 90 per cent on blue and 10 on green."""
    world.endpoint(tags={"a": "b"}, description="words")
    world.deployment("blue")
    world.deployment("green")
    return update(world, traffic={"blue": 90, "green": 10})


def test_a_new_endpoint_has_two_keys_that_nobody_can_read_in_its_row(world: Any) -> None:
    made = world.endpoint()
    primary, secondary = endpoints.opened_keys(made, world.sealer)
    assert primary != secondary
    assert min(len(primary), len(secondary)) >= 43
    assert primary not in repr(made)
    assert secondary not in repr(made)
    assert keys(world) == {"primaryKey": primary, "secondaryKey": secondary}


def test_a_sealed_key_opens_in_its_own_row_and_slot_only(world: Any) -> None:
    one, two = world.endpoint("one"), world.endpoint("two")
    with world.database.write() as tx:
        rows.change(tx, two.id, primary_key=one.primary_key)
        rows.change(tx, one.id, primary_key=one.secondary_key)
    for name in ("one", "two"):
        with pytest.raises(InternalError):
            endpoints.opened_keys(get(world, name), world.sealer)


@pytest.mark.parametrize(("slot", "kept"), [("primary", "secondaryKey"), ("secondary", "primaryKey")])
def test_a_new_key_leaves_the_other_one(world: Any, slot: Any, kept: str) -> None:
    world.endpoint()
    before = keys(world)
    with world.database.write() as tx:
        changed = endpoints.regenerate_key(tx, world.owner, "dev", "credit", slot, sealer=world.sealer, now=world.now)
    after = keys(world)
    assert {name for name in after if after[name] == before[name]} == {kept}
    assert (changed.provisioning_state, changed.generation) == ("Updating", 2)


def test_no_key_is_in_the_journal(world: Any) -> None:
    world.endpoint()
    told = keys(world).values()
    with world.database.write() as tx:
        endpoints.regenerate_key(tx, world.owner, "dev", "credit", "primary", sealer=world.sealer, now=world.now)
    journal = repr(world.told())
    assert not any(key in journal for key in (*told, *keys(world).values()))


def test_the_same_file_again_changes_nothing(world: Any) -> None:
    made = world.endpoint(tags={"a": "b"})
    assert world.endpoint(tags={"a": "b"}) == made
    assert [event.type for event in world.told()] == ["Pratique.EndpointCreated"]


def test_a_file_that_says_nothing_of_traffic_keeps_it(world: Any, split: OnlineEndpoint) -> None:
    changed = world.endpoint(description="other", traffic={}, mirror_traffic={}, auth_mode="key")
    assert (changed.traffic, changed.primary_key) == (split.traffic, split.primary_key)
    assert (changed.spec["description"], changed.spec.get("tags")) == ("other", None)
    assert world.endpoint(traffic={"green": 100}).traffic == {"green": 100}


@pytest.mark.parametrize("mode", ["aml_token", "aad_token"])
def test_another_way_to_authenticate_keeps_the_keys_and_an_unknown_one_is_refused(world: Any, mode: str) -> None:
    made = world.endpoint(auth_mode="key")
    changed = world.endpoint(auth_mode=mode)
    assert (changed.primary_key, changed.spec["auth_mode"], changed.generation) == (made.primary_key, mode, 2)
    with pytest.raises(InvalidInput, match="expected key"):
        world.endpoint(auth_mode="none")
    with pytest.raises(InvalidInput, match="credit: 1 problem"):
        update(world, auth_mode="key")
    assert get(world) == changed


def test_a_token_is_made_for_an_endpoint_that_takes_such_tokens_and_for_who_may_score(
    world: Any, tmp_path: Path
) -> None:
    issuer = Issuer(tmp_path, "http://127.0.0.1:7070")
    made = world.endpoint(auth_mode="aml_token")

    def token(who: Any, name: str = "credit") -> Any:
        with world.database.write() as tx:
            return endpoints.token(tx, who, "dev", name, issuer=issuer, now=world.now)

    text, until = token(world.owner)
    claims = issuer.verify(text, now=world.now, audiences=[endpoints.token_audience(made)])
    assert (claims["sub"], claims["exp"], until) == (
        world.owner.id,
        int(until.timestamp()),
        world.now + timedelta(hours=1),
    )
    with pytest.raises(Unauthenticated):
        issuer.verify(text, now=world.now)
    with pytest.raises(Forbidden):
        token(world.reader)
    world.endpoint("keyed")
    with pytest.raises(Conflict, match="auth_mode key"):
        token(world.owner, "keyed")
    assert text not in repr(world.told())


def test_a_private_endpoint_is_made_so_by_its_file_or_later(world: Any) -> None:
    assert world.endpoint(public_network_access="disabled").spec["public_network_access"] == "disabled"
    assert update(world, public_network_access="enabled").spec["public_network_access"] == "enabled"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"traffic": {"blue": 60, "green": 60}}, "traffic"),
        ({"traffic": {"blue": -1, "green": 101}}, "traffic.blue"),
        ({"traffic": {"blue": 100.5}}, "traffic.blue"),
        ({"traffic": {"blue": True}}, "traffic.blue"),
        ({"traffic": {"red": 100}}, "traffic.red"),
        ({"traffic": {"blue": 100}, "mirror_traffic": {"blue": 10}}, "mirror_traffic.blue"),
        ({"mirror_traffic": {"green": 10}}, "mirror_traffic.green"),
        ({"traffic": {"blue": 100}, "mirror_traffic": {"green": 51}}, "mirror_traffic.green"),
        ({"mirror_traffic": {"red": 10}}, "mirror_traffic.red"),
    ],
)
def test_a_split_that_cannot_be_is_refused_and_nothing_moves(
    world: Any, split: OnlineEndpoint, changes: dict[str, Any], key: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        update(world, **changes)
    assert key in [problem.key for problem in caught.value.problems]
    assert get(world) == split


def test_a_new_endpoint_cannot_send_anything_anywhere_yet(world: Any) -> None:
    with pytest.raises(InvalidInput, match="no deployment blue"):
        world.endpoint(traffic={"blue": 100})
    assert world.endpoint(traffic={"blue": 0}).traffic == {"blue": 0}


def test_a_deployment_that_is_going_gets_no_traffic(world: Any, split: OnlineEndpoint) -> None:
    update(world, traffic={"blue": 100})
    with world.database.write() as tx:
        deployments.delete(tx, world.owner, "dev", "credit", "green", now=world.now)
    with pytest.raises(InvalidInput, match="no deployment green"):
        update(world, traffic={"blue": 50, "green": 50})


def test_each_wish_raises_the_generation_and_tells_the_split_before_and_after(
    world: Any, split: OnlineEndpoint
) -> None:
    changed = update(world, traffic={"blue": 100}, mirror_traffic={"green": 10})
    assert (changed.generation, changed.provisioning_state) == (split.generation + 1, "Updating")
    assert world.told()[-1].data == {
        "name": "credit",
        "traffic": {"blue": 100},
        "mirror_traffic": {"green": 10},
        "previous_traffic": {"blue": 90, "green": 10},
    }
    before = len(world.told())
    assert update(world, traffic={"blue": 100}) == changed
    assert len(world.told()) == before


def test_an_empty_split_takes_all_traffic_away(world: Any, split: OnlineEndpoint) -> None:
    assert update(world, traffic={}).traffic == {}


def test_an_update_refuses_every_key_that_cannot_change_at_once(world: Any) -> None:
    made = world.endpoint()
    with pytest.raises(InvalidInput) as caught:
        update(world, tags={"a": "b"}, primary_key="x", provisioning_state="Succeeded", generation=0)
    assert [problem.key for problem in caught.value.problems] == ["primary_key", "provisioning_state", "generation"]
    assert get(world) == made


def test_an_endpoint_goes_with_its_deployments_and_takes_no_more_wishes(world: Any, split: OnlineEndpoint) -> None:
    with world.database.write() as tx:
        gone = endpoints.delete(tx, world.owner, "dev", "credit", now=world.now)
        assert gone.provisioning_state == "Deleting"
        assert {row.provisioning_state for row in deployment_rows.of_endpoint(tx, gone.id)} == {"Deleting"}
    before = len(world.told())
    with world.database.write() as tx:
        assert endpoints.delete(tx, world.owner, "dev", "credit", now=world.now) == gone
    wishes = (
        lambda: world.endpoint(),
        lambda: update(world, traffic={}),
        lambda: world.deployment("red"),
        lambda: world.deployment("blue"),
    )
    for wish in wishes:
        with pytest.raises(Conflict, match="is being deleted") as caught:
            wish()
        assert caught.value.hint
    with world.database.write() as tx, pytest.raises(Conflict):
        endpoints.regenerate_key(tx, world.owner, "dev", "credit", "primary", sealer=world.sealer, now=world.now)
    assert len(world.told()) == before


def test_what_is_gone_is_not_found(world: Any) -> None:
    made = world.endpoint()
    with world.database.write() as tx:
        rows.remove(tx, made.id)
        with pytest.raises(NotFound, match="no online endpoint 'credit'"):
            endpoints.delete(tx, world.owner, "dev", "credit", now=world.now)


@pytest.mark.parametrize("name", ["", "a", "1abc", "a_b", "a/b", "a" * 33, "abc-", "ABC\n", "..", "a\0b"])
def test_a_crooked_name_makes_no_endpoint(world: Any, name: str) -> None:
    with pytest.raises(InvalidInput):
        world.endpoint(name)


def make_ready(world: Any, name: str, state: Any = "Ready") -> None:
    """Let a deployment of credit look as if it had been brought up."""
    with world.database.write() as tx:
        endpoint = rows.get(tx, "dev", "credit")
        assert endpoint is not None
        found = deployment_rows.get(tx, endpoint.id, name)
        assert found is not None
        deployment_rows.change(tx, found.id, provisioning_state="Succeeded", applied=found.revision)
        replicas.add(tx, Replica(found.id, found.revision, 0, 0, state, 0, 0, None, world.now))


def promote(world: Any, to: str, **options: Any) -> OnlineEndpoint:
    with world.database.write() as tx:
        return endpoints.promote(tx, world.owner, "dev", "credit", to, now=world.now, **options)


def retires(world: Any) -> dict[str, Any]:
    with world.database.read() as tx:
        return {row.name: row.retire_at for row in deployment_rows.of_endpoint(tx, get(world).id)}


def test_a_promotion_sends_everything_in_one_step_and_leaves_the_rest(world: Any, split: OnlineEndpoint) -> None:
    make_ready(world, "green")
    promoted = promote(world, "green")
    assert promoted.traffic == {"green": 100}
    assert retires(world) == {"blue": None, "green": None}
    again = promote(world, "green", seen=promoted.generation)
    assert again == promoted, "it is so already"


def test_a_promotion_takes_the_mirror_from_what_it_promotes(world: Any) -> None:
    world.endpoint()
    world.deployment("blue")
    world.deployment("green")
    update(world, traffic={"blue": 100}, mirror_traffic={"green": 10})
    make_ready(world, "green")
    assert promote(world, "green").mirror_traffic == {}


def test_of_two_promotions_that_saw_the_same_the_second_does_nothing(world: Any, split: OnlineEndpoint) -> None:
    for name in ("blue", "green"):
        make_ready(world, name)
    seen = split.generation
    promote(world, "green", seen=seen)
    with pytest.raises(Conflict, match=f"seen at generation {seen}"):
        promote(world, "blue", seen=seen)
    assert get(world).traffic == {"green": 100}


@pytest.mark.parametrize("state", ["Starting", "Unready", "Down"])
def test_nothing_is_promoted_that_could_not_answer(world: Any, split: OnlineEndpoint, state: str) -> None:
    with pytest.raises(Conflict, match="Creating"):
        promote(world, "green")
    make_ready(world, "green", state)
    with pytest.raises(Conflict, match="no replica"):
        promote(world, "green")
    with pytest.raises(NotFound):
        promote(world, "red")
    assert get(world) == split


def test_what_was_promoted_away_goes_after_a_while_unless_it_is_needed_again(world: Any, split: OnlineEndpoint) -> None:
    for name in ("blue", "green"):
        make_ready(world, name)
    promote(world, "green", keep_old=timedelta(minutes=10))
    assert retires(world) == {"blue": world.now + timedelta(minutes=10), "green": None}
    promote(world, "blue")
    assert retires(world) == {"blue": None, "green": None}
    promote(world, "green", keep_old=timedelta(0))
    with world.database.write() as tx:
        blue = deployment_rows.get(tx, get(world).id, "blue")
        assert blue is not None
        deployments.retire(tx, world.owner, blue.id, now=world.now - timedelta(seconds=1))
        assert not deployment_rows.by_id(tx, blue.id).is_going  # type: ignore[union-attr] # It is there.
        deployments.retire(tx, world.owner, blue.id, now=world.now)
        assert deployment_rows.by_id(tx, blue.id).is_going  # type: ignore[union-attr]
