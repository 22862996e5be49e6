"""Secrets: hashed, checked at one speed, locked out after ten wrong ones."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from structlog.testing import capture_logs

from pratique.base.errors import InvalidInput, TooManyCalls, Unauthenticated
from pratique.base.logging import get_logger
from pratique.control import credentials, principals
from pratique.control.actor import PLATFORM
from pratique.control.credentials import Credential, SignIns, new_credential
from pratique.store.database import Database
from pratique.store.principals import Principal

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm with the smallest parameters: these tests check hundreds of secrets."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "_HASHER", cheap)
    monkeypatch.setattr(credentials, "_NOBODYS", cheap.hash("a" * 43))


@pytest.fixture
def credential(now: datetime) -> Credential:
    return new_credential(now=now)


@pytest.fixture
def robot(database: Database, credential: Credential, now: datetime) -> Principal:
    with database.write() as tx:
        return principals.create_service_principal(tx, PLATFORM, "robot", credential=credential, now=now)


@pytest.fixture
def hashings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was hashed to check a secret: the cost of an attempt, without a clock."""
    seen: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override] # noqa: A002
            seen.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(credentials, "_HASHER", Counting(time_cost=1, memory_cost=8, parallelism=1))
    return seen


def refuse(attempt: Callable[[], object]) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        attempt()
    return caught.value


def test_a_secret_is_random_and_good_for_a_year(now: datetime) -> None:
    one, two = new_credential(now=now), new_credential(now=now)
    assert one.secret != two.secret
    assert len(one.secret) == 44
    assert one.expires_at == now + timedelta(days=365)


def test_only_an_argon2_hash_is_kept(credential: Credential) -> None:
    assert credential.hash.startswith("$argon2id$")
    assert credential.secret not in credential.hash
    assert credential.secret not in repr(credential)


def test_a_chosen_password_is_taken_and_a_short_one_refused(now: datetime) -> None:
    assert new_credential(now=now, secret="correct horse battery").secret == "correct horse battery"
    for bad in ("", "short", "x" * 11, "x" * 1025):
        with pytest.raises(InvalidInput, match="12 to 1024") as caught:
            new_credential(now=now, secret=bad)
        assert not bad or bad not in str(caught.value)


def test_the_right_secret_signs_in_by_id_and_by_name(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    for client_id in (robot.id, robot.name):
        assert SignIns().authenticate(database, client_id, credential.secret, now=now).id == robot.id


def test_every_wrong_pair_gets_the_same_answer(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    pairs = [
        (robot.id, "wrong"),
        (robot.id, ""),
        (robot.id, credential.hash),
        (robot.id, credential.secret + " "),
        ("nobody", credential.secret),
        ("", ""),
        ("x" * 129, credential.secret),
        (robot.id, "x" * 1025),
        ("robot\x00", credential.secret),
    ]
    said = {
        str(refuse(lambda pair=pair: SignIns().authenticate(database, *pair, now=now)))  # type: ignore[misc]
        for pair in pairs
    }
    assert said == {"the client id or its secret is wrong"}


def test_an_id_that_nobody_has_costs_as_much_as_one_that_exists(
    database: Database, robot: Principal, hashings: list[str], now: datetime
) -> None:
    sign_ins = SignIns()
    refuse(lambda: sign_ins.authenticate(database, "nobody", "wrong", now=now))
    refuse(lambda: sign_ins.authenticate(database, robot.id, "wrong", now=now))
    assert len(hashings) == 2
    assert parameters(hashings[0]) == parameters(hashings[1])


def test_the_hash_that_nobody_has_costs_what_a_new_one_does(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.undo()
    assert parameters(credentials._NOBODYS) == parameters(new_credential(now=now).hash)


def parameters(hash: str) -> str:  # noqa: A002 - what it is.
    """Everything of a hash but its salt and digest."""
    return hash.rsplit("$", 2)[0]


def test_somebody_without_a_secret_cannot_sign_in(database: Database, now: datetime) -> None:
    with database.write() as tx:
        owner = principals.ensure_owner(tx, "ann", now=now)
    for secret in ("", "a" * 43, "None"):
        refuse(lambda secret=secret: SignIns().authenticate(database, owner.id, secret, now=now))  # type: ignore[misc]


def test_an_expired_secret_is_refused_and_said_only_to_who_has_it(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    later = now + timedelta(days=365)
    sign_ins = SignIns()
    assert "expired" in str(refuse(lambda: sign_ins.authenticate(database, robot.id, credential.secret, now=later)))
    assert "expired" not in str(refuse(lambda: sign_ins.authenticate(database, robot.id, "wrong", now=later)))
    sign_ins.authenticate(database, robot.id, credential.secret, now=later - MINUTE)


def test_ten_wrong_secrets_lock_out_even_the_right_one_for_a_minute(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    sign_ins = SignIns()
    for _ in range(10):
        refuse(lambda: sign_ins.authenticate(database, robot.id, "wrong", now=now))
    locked = refuse(lambda: sign_ins.authenticate(database, robot.name, credential.secret, now=now))
    assert "too many" in str(locked)
    assert "try again in" in locked.hint
    assert sign_ins.authenticate(database, robot.id, credential.secret, now=now + MINUTE).id == robot.id


def test_each_further_wrong_secret_doubles_the_wait_up_to_a_quarter_of_an_hour(
    database: Database, robot: Principal, now: datetime
) -> None:
    sign_ins = SignIns()
    for _ in range(10):
        refuse(lambda: sign_ins.authenticate(database, robot.id, "wrong", now=now))
    for minutes in (1, 2, 4, 8, 15, 15):
        just_before = now + minutes * MINUTE - timedelta(seconds=1)
        now = now + minutes * MINUTE
        assert "too many" in str(
            refuse(lambda at=just_before: sign_ins.authenticate(database, robot.id, "wrong", now=at))  # type: ignore[misc]
        )
        assert "is wrong" in str(
            refuse(lambda at=now: sign_ins.authenticate(database, robot.id, "wrong", now=at))  # type: ignore[misc]
        )


def test_a_right_secret_forgives_the_wrong_ones_before(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    sign_ins = SignIns()
    for moment in (now, now + 6 * MINUTE):
        for _ in range(9):
            refuse(lambda at=moment: sign_ins.authenticate(database, robot.id, "wrong", now=at))  # type: ignore[misc]
        sign_ins.authenticate(database, robot.id, credential.secret, now=moment)


def test_an_id_that_nobody_has_is_locked_out_as_well(database: Database, now: datetime) -> None:
    sign_ins = SignIns()
    for _ in range(10):
        refuse(lambda: sign_ins.authenticate(database, "nobody", "wrong", now=now))
    assert "too many" in str(refuse(lambda: sign_ins.authenticate(database, "nobody", "wrong", now=now)))


def test_locking_one_out_leaves_the_others_alone(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    sign_ins = SignIns()
    for _ in range(11):
        refuse(lambda: sign_ins.authenticate(database, "nobody", "wrong", now=now))
    assert sign_ins.authenticate(database, robot.id, credential.secret, now=now) == robot


def test_what_is_remembered_has_a_bound(
    database: Database, monkeypatch: pytest.MonkeyPatch, hashings: list[str], now: datetime
) -> None:
    monkeypatch.setattr(credentials, "_REMEMBERED", 3)
    sign_ins = SignIns()
    for number in range(6):
        refuse(lambda n=number: sign_ins.authenticate(database, f"nobody-{n}", "wrong", now=now))  # type: ignore[misc]
    assert len(sign_ins._failures) == 3


def test_a_secret_that_was_right_is_not_hashed_again_for_five_minutes(
    database: Database, robot: Principal, credential: Credential, hashings: list[str], now: datetime
) -> None:
    sign_ins = SignIns()
    for moment in (now, now + MINUTE, now + 4 * MINUTE):
        sign_ins.authenticate(database, robot.id, credential.secret, now=moment)
    assert len(hashings) == 1
    sign_ins.authenticate(database, robot.id, credential.secret, now=now + 5 * MINUTE)
    assert len(hashings) == 2


def test_a_secret_that_was_replaced_is_wrong_at_once(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    sign_ins = SignIns()
    sign_ins.authenticate(database, robot.id, credential.secret, now=now)
    another = new_credential(now=now)
    with database.write() as tx:
        principals.reset_credential(tx, PLATFORM, robot.id, credential=another, now=now)
    refuse(lambda: sign_ins.authenticate(database, robot.id, credential.secret, now=now))
    assert sign_ins.authenticate(database, robot.id, another.secret, now=now).id == robot.id


def test_a_deleted_principal_cannot_sign_in_though_it_just_did(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    sign_ins = SignIns()
    sign_ins.authenticate(database, robot.id, credential.secret, now=now)
    with database.write() as tx:
        principals.delete(tx, PLATFORM, robot.id, kind=robot.kind, now=now)
    refuse(lambda: sign_ins.authenticate(database, robot.id, credential.secret, now=now))


def test_neither_secret_nor_client_id_of_a_failure_is_logged(
    database: Database, robot: Principal, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People paste a secret where the id belongs."""
    # Another test of this process may have had the module's logger keep the place that it writes to.
    monkeypatch.setattr(credentials, "log", get_logger(credentials.__name__))
    with capture_logs() as events:
        refuse(lambda: SignIns().authenticate(database, "a-secret-as-id", "another-secret", now=now))
        refuse(lambda: SignIns().authenticate(database, robot.id, "another-secret", now=now))
    said = str(events)
    assert said.count("sign_in.refused") == 2
    assert "robot" in said
    assert "secret" not in said.replace("sign_in.refused", "")


def test_who_tries_one_secret_with_many_names_is_heard_no_more(
    database: Database, robot: Principal, credential: Credential, hashings: list[str], now: datetime
) -> None:
    sign_ins = SignIns(failures_per_minute=5)
    for number in range(5):
        refuse(lambda n=number: sign_ins.authenticate(database, f"n-{n}", "wrong", now=now, address="1.2.3.4"))  # type: ignore[misc]
    with pytest.raises(TooManyCalls) as flood:
        sign_ins.authenticate(database, "n-6", "wrong", now=now, address="1.2.3.4")
    assert "try again in 12 s" in flood.value.hint
    assert len(hashings) == 5
    assert sign_ins.authenticate(database, robot.id, credential.secret, now=now, address="5.6.7.8").id == robot.id
    later = now + timedelta(seconds=12)
    refuse(lambda: sign_ins.authenticate(database, "n-6", "wrong", now=later, address="1.2.3.4"))


def test_a_flood_does_not_shut_out_who_was_right_a_moment_ago(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    sign_ins = SignIns(failures_per_minute=2)
    sign_ins.authenticate(database, robot.id, credential.secret, now=now, address="1.2.3.4")
    for number in range(2):
        refuse(lambda n=number: sign_ins.authenticate(database, f"n-{n}", "wrong", now=now, address="1.2.3.4"))  # type: ignore[misc]
    assert sign_ins.authenticate(database, robot.id, credential.secret, now=now, address="1.2.3.4").id == robot.id
    with pytest.raises(TooManyCalls):
        sign_ins.authenticate(database, "somebody", credential.secret, now=now, address="1.2.3.4")


def test_right_secrets_are_no_failures(
    database: Database, robot: Principal, credential: Credential, now: datetime
) -> None:
    sign_ins = SignIns(failures_per_minute=1)
    for turn in range(5):
        moment = now + turn * 6 * MINUTE
        sign_ins.authenticate(database, robot.id, credential.secret, now=moment, address="1.2.3.4")
