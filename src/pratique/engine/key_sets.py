"""Keys of OpenID providers: fetched by us, kept, and handed to Envoy as they are.

    an OpenID configuration ──► its issuer, the address of its keys ──► the keys

Every minute each configuration that a policy names is asked again, and at once
when the door has seen a token that names a key which nobody here knows; then
not again for some seconds, because anybody can write such a token. A provider that does not answer
changes nothing: what it said last counts for a day. Then it counts no more,
because keys are withdrawn for reasons.

Addresses are those of loopback, or of hosts that the operator has named.
"""

import json
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput, PratiqueError
from pratique.base.logging import get_logger
from pratique.control import policy_texts
from pratique.control.actor import PLATFORM
from pratique.control.policy_texts import Row
from pratique.engine import outbound
from pratique.engine.apis import Policies
from pratique.engine.workbench import Workbench
from pratique.specs.policy_scopes import PolicyDocument
from pratique.store import apim, events
from pratique.store.apim import ApiKeySet, ApiNamedValue
from pratique.store.database import Transaction
from pratique.store.events import Event

_log = get_logger(__name__)

EVERY: Final = timedelta(minutes=1)
AGAIN: Final = timedelta(seconds=5)
"""The least time between two questions, however many unknown keys are seen."""
KEPT: Final = timedelta(hours=24)
"""How long keys count while their provider does not answer."""
_WRITTEN_EVERY: Final = timedelta(hours=1)
"""That nothing has changed is written down so often: every write wakes all loops."""
_MOST_KEYS: Final = 100
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
_KINDS: Final[Mapping[str, Any]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_CURVES: Final = frozenset({"P-256", "P-384", "P-521", "Ed25519"})
_LEAST_BITS: Final = 2048


def fetch(url: str, *, allowed: Collection[str], now: datetime) -> ApiKeySet:
    """What the OpenID configuration at `url` says now; raises `InvalidInput` when it cannot be had or is none."""
    document = _document(url, allowed)
    issuer, place = document.get("issuer"), document.get("jwks_uri")
    if not isinstance(issuer, str) or not issuer or not isinstance(place, str):
        raise _unusable(url, "it names no issuer and jwks_uri")
    found = _document(place, allowed).get("keys")
    keys = _usable(found if isinstance(found, list) else [])
    if not keys:
        raise _unusable(url, f"{place} has no key that a signature can be checked with")
    return ApiKeySet(url, issuer, {"keys": keys}, fetched_at=now, error="", tried_at=now)


class Turns:
    """When each configuration is asked: every so often, and sooner when somebody is in a hurry."""

    def __init__(self, *, every: timedelta, again: timedelta) -> None:
        self._every = every.total_seconds()
        self._again = again.total_seconds()
        self._asked_at: dict[str, float] = {}
        self._hurried: frozenset[str] = frozenset()
        self._is_hurried = threading.Event()

    def hurry(self) -> bool:
        """Let everybody's turn come as soon as it may; False when that was said already. From any thread."""
        is_news = not self._is_hurried.is_set()
        self._is_hurried.set()
        return is_news

    def due(self, urls: Collection[str], *, now: float) -> list[str]:
        """Those of `urls` whose turn it is, which then have had it; `now` is of a clock that goes forward."""
        if self._is_hurried.is_set():
            self._is_hurried.clear()
            self._hurried = frozenset(urls)
        found = [url for url in sorted(urls) if self._is_due(url, now)]
        self._hurried -= {*found}
        before = {url: moment for url, moment in self._asked_at.items() if url in urls}
        self._asked_at = before | dict.fromkeys(found, now)
        return found

    def _is_due(self, url: str, now: float) -> bool:
        asked_at = self._asked_at.get(url)
        return asked_at is None or now - asked_at >= (self._again if url in self._hurried else self._every)


class KeySets:
    """Asks the configurations of all policies, again and again."""

    def __init__(self, bench: Workbench, *, every: timedelta = EVERY, again: timedelta = AGAIN) -> None:
        self._bench = bench
        self._turns = Turns(every=every, again=again)
        self._policies = Policies(bench.sealer)
        self._allowed = outbound.hosts_of(bench.settings.check_hosts)

    def hurry(self) -> bool:
        """Let the next step ask whoever was not asked just now; False when that was said already."""
        return self._turns.hurry()

    def step(self) -> bool:
        """Ask those whose time has come; never finds more to do."""
        with self._bench.database.read() as tx:
            known, named = apim.key_sets(tx), self._named(tx)
        due = self._turns.due(named, now=time.monotonic())
        news = [found for url in due if (found := self._asked(url, known.get(url)))]
        gone = [url for url in known if url not in named]
        if news or gone:
            with self._bench.database.write() as tx:
                for found in news:
                    self._keep(tx, found, known.get(found.url))
                for url in gone:
                    apim.remove_key_set(tx, url)
        return False

    def _named(self, tx: Transaction) -> set[str]:
        """Every configuration that a policy names."""
        named: dict[str, list[ApiNamedValue]] = {}
        for row in apim.every_named_value(tx):
            named.setdefault(row.service, []).append(apim.followed(tx, row))
        rows: tuple[Row, ...] = (*apim.services(tx), *apim.every_api(tx), *apim.every_operation(tx))
        urls: set[str] = set()
        for stood_at in rows:
            if "openid-config" not in stood_at.policy:
                continue
            [source] = policy_texts.texts(stood_at)
            values = named.get(policy_texts.scope_of(stood_at).service, ())
            try:
                document: PolicyDocument | None = self._policies.document(source, values)
            except PratiqueError:  # Whoever makes its routes says so.
                document = self._policies.document_before(source)
            urls |= set(document.configurations) if document else set()
        return urls

    def _asked(self, url: str, known: ApiKeySet | None) -> ApiKeySet | None:
        """What is new to write of `url`; None when nothing is."""
        now = utc_now()
        try:
            found = fetch(url, allowed=self._allowed, now=now)
        except InvalidInput as error:
            return _failed(url, known, error.message, now)
        is_same = known and (known.issuer, known.key_set, known.error) == (found.issuer, found.key_set, "")
        return None if known and is_same and now - known.fetched_at < _WRITTEN_EVERY else found

    def _keep(self, tx: Transaction, found: ApiKeySet, known: ApiKeySet | None) -> None:
        apim.put_key_set(tx, found)
        if known is None or found.key_set != known.key_set:
            data = {"url": found.url, "issuer": found.issuer, "keys": [_name(key) for key in found.key_set["keys"]]}
            event = Event("Pratique.OpenIdKeysChanged", "apim/key-sets", "/", PLATFORM.to_document(), data)
            events.append(tx, event, now=found.tried_at)
        if found.error:
            _log.warning("key-set.not_fetched", url=found.url, reason=found.error)


def _failed(url: str, known: ApiKeySet | None, reason: str, now: datetime) -> ApiKeySet | None:
    """What to write of a configuration that could not be had."""
    if known is None:
        return ApiKeySet(url, "", {"keys": []}, fetched_at=now, error=reason, tried_at=now)
    is_old = now - known.fetched_at > KEPT and bool(known.key_set["keys"])
    if known.error == reason and not is_old:
        return None
    return replace(known, error=reason, tried_at=now, key_set={"keys": []} if is_old else known.key_set)


def _document(url: str, allowed: Collection[str]) -> dict[str, Any]:
    try:
        answer = outbound.call("GET", url, headers={"Accept": "application/json"}, body=b"", allowed=allowed)
    except outbound.RefusedError as error:
        raise _unusable(url, f"it may not be asked: {error}") from error
    except OSError as error:
        raise _unusable(url, f"it does not answer: {error}") from error
    if answer.status != 200:
        raise _unusable(url, f"it answers {answer.status}")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise _unusable(url, "its answer is no JSON") from error
    if not isinstance(found, dict):
        raise _unusable(url, "its answer is no JSON object")
    return found


def _usable(keys: list[Any]) -> list[dict[str, Any]]:
    """The public keys that sign, as far as Envoy can use them."""
    found = (_public(key) for key in keys[:_MOST_KEYS] if isinstance(key, dict))
    return [key for key in found if key]


def _public(key: dict[str, Any]) -> dict[str, Any] | None:
    kind = _KINDS.get(str(key.get("kty")))
    if kind is None or key.get("use", "sig") != "sig" or _PRIVATE & set(key):
        return None
    try:
        made = kind.import_key({name: value for name, value in key.items() if isinstance(value, str)})
        public: dict[str, Any] = made.as_dict(private=False)
    except (JoseError, ValueError, TypeError):
        return None
    if public["kty"] == "RSA" and made.raw_value.key_size < _LEAST_BITS:
        return None
    if public["kty"] != "RSA" and public.get("crv") not in _CURVES:
        return None
    kept = ("kty", "kid", "alg", "use", "n", "e", "crv", "x", "y")
    return {name: str(value) for name in kept if (value := public.get(name) or key.get(name))}


def _name(key: Mapping[str, Any]) -> str:
    return str(key.get("kid", ""))


def _unusable(url: str, reason: str) -> InvalidInput:
    return InvalidInput(f"the OpenID configuration {url[:200]} cannot be used: {reason}")
