"""The issuers that the operator trusts, with their keys as they were last seen.

fresh     ten minutes: nobody is asked
a key that is not known   the issuer is asked at once, and then not again for half a minute
gone      its keys count for a day; what is not among them gets nowhere
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from pratique.base.errors import InvalidInput, Unauthenticated
from pratique.base.logging import get_logger
from pratique.base.settings import Settings
from pratique.control import foreign_tokens
from pratique.engine import key_sets, outbound

_log = get_logger(__name__)

FRESH: Final = timedelta(minutes=10)
AGAIN: Final = timedelta(seconds=30)

Keys = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class _Seen:
    """The keys of one issuer."""

    keys: Keys
    fetched_at: datetime
    tried_at: datetime


def issuers_of(setting: str) -> frozenset[str]:
    """The issuers that a setting names, separated by commas, each as it writes itself."""
    return frozenset(one.strip() for one in setting.split(",") if one.strip())


class ForeignIssuers:
    """Checks tokens of issuers that are not ours."""

    def __init__(self, settings: Settings, fetch: Callable[..., Any] = key_sets.fetch) -> None:
        self.trusted: Final = issuers_of(f"{settings.trusted_issuers},{settings.login_issuer}")
        hosts = (urlsplit(one).hostname for one in self.trusted)
        self._allowed: Final = outbound.hosts_of(settings.check_hosts) | {host for host in hosts if host}
        self._fetch = fetch
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def verify(self, token: str, *, audience: str, now: datetime) -> Mapping[str, Any]:
        """The claims of `token`; raises `Unauthenticated` unless an issuer that is trusted made it for `audience`."""
        issuer = foreign_tokens.issuer_of(token)
        if issuer not in self.trusted:
            raise Unauthenticated(
                f"the issuer {issuer[:200]!r} is not trusted here",
                hint="the operator names those that are in the setting trusted_issuers",
            )
        keys = self._keys(issuer, foreign_tokens.key_of(token), now)
        return foreign_tokens.checked(token, keys, issuer=issuer, audience=audience, now=now)

    def _keys(self, issuer: str, kid: str, now: datetime) -> Keys:
        with self._lock:  # One asks, the others wait for what it hears.
            seen = self._seen.get(issuer)
            if seen is None or self._is_due(seen, kid, now):
                seen = self._asked(issuer, seen, now)
                self._seen[issuer] = seen
        return seen.keys if now - seen.fetched_at <= key_sets.KEPT else ()

    @staticmethod
    def _is_due(seen: _Seen, kid: str, now: datetime) -> bool:
        if now - seen.tried_at < AGAIN:
            return False
        is_known = not kid or any(key.get("kid") == kid for key in seen.keys)
        return not is_known or now - seen.fetched_at >= FRESH

    def _asked(self, issuer: str, seen: _Seen | None, now: datetime) -> _Seen:
        url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
        try:
            found = self._fetch(url, allowed=self._allowed, now=now)
            if found.issuer != issuer:
                raise InvalidInput(f"{url} speaks for {found.issuer[:200]!r}")
        except InvalidInput as error:
            _log.warning("issuer.not_asked", issuer=issuer, reason=error.message)
            return _Seen(seen.keys, seen.fetched_at, now) if seen else _Seen((), now, now)
        return _Seen(found.key_set["keys"], now, now)
