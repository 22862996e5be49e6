"""APIs as the doors route them, made of rows: policy read, keys opened, endpoint put behind.

Each of these costs something and seldom changes, so it is remembered by what
it was made of.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger
from pratique.control import apim as verbs
from pratique.control import policy_texts
from pratique.control.policy_texts import Row
from pratique.gateway.apis import ApiRoute, KeySet, Operation, Treatment
from pratique.gateway.model import EndpointRoute
from pratique.specs.policy import NO_POLICY, Policy, backend_of
from pratique.specs.policy_scopes import PolicyDocument, PolicyText, composed, read_document
from pratique.store import apim
from pratique.store.apim import Api, ApiKeySet, ApiNamedValue, ApiOperation, ApiService, SubscriptionKeys
from pratique.store.database import Transaction
from pratique.store.sealing import Sealer

_log = get_logger(__name__)


@dataclass(frozen=True)
class ApiRows:
    """Everything that is written about APIs."""

    services: Mapping[str, ApiService]
    apis: Sequence[Api]
    operations: Mapping[tuple[str, ...], Sequence[ApiOperation]]
    named_values: Mapping[str, Sequence[ApiNamedValue]]
    subscriptions: Mapping[tuple[str, ...], Sequence[SubscriptionKeys]]
    """By service and scope."""
    key_sets: Mapping[str, ApiKeySet]

    @classmethod
    def of(cls, tx: Transaction) -> "ApiRows":
        """What is written now."""
        found = apim.every_api(tx)
        if not found:
            return cls({}, (), {}, {}, {}, {})
        current = [apim.followed(tx, one) for one in apim.every_named_value(tx)]
        return cls(
            {one.name: one for one in apim.services(tx)},
            found,
            _grouped(apim.every_operation(tx), "service", "api"),
            {key[0]: rows for key, rows in _grouped(current, "service").items()},
            _grouped(apim.subscription_keys(tx), "service", "scope"),
            apim.key_sets(tx),
        )


def _grouped(rows: Iterable[Any], *names: str) -> dict[tuple[str, ...], list[Any]]:
    found: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        found.setdefault(tuple(getattr(row, name) for name in names), []).append(row)
    return found


@dataclass
class Policies:
    """Policies, each read once: everybody who needs them looks whenever anything changes."""

    sealer: Sealer
    _documents: dict[str, tuple[object, PolicyDocument]] = field(default_factory=dict)
    """By the scope of each, with what it was made of."""
    _composed: dict[str, tuple[Sequence[PolicyDocument], Policy]] = field(default_factory=dict)

    def of(self, rows: Sequence[Row], named: Sequence[ApiNamedValue]) -> Policy:
        """What the policies of `rows` mean together, the widest scope first, with these named values.

        Raises `InvalidInput` when one of them cannot be read any more.
        """
        found = [self.document(source, named) for source in policy_texts.texts(*rows)]
        if not found:
            return NO_POLICY
        label = policy_texts.scope_of(rows[-1]).label
        known = self._composed.get(label)
        if known is None or [*map(id, known[0])] != [*map(id, found)]:
            known = self._composed[label] = (found, composed(found))
        return known[1]

    def document(self, source: PolicyText, named: Sequence[ApiNamedValue]) -> PolicyDocument:
        """One document; raises `InvalidInput` when it cannot be read any more."""
        made_of = (source, tuple((row.display_name, row.value, row.sealed) for row in named))
        known = self._documents.get(source.scope)
        if known is None or known[0] != made_of:
            document = read_document(source, verbs.opened_values(named, self.sealer))
            known = self._documents[source.scope] = (made_of, document)
        return known[1]

    def before(self, row: Row) -> Policy | None:
        """What the policies of `row` and above it meant when they could be read last."""
        known = self._composed.get(policy_texts.scope_of(row).label)
        return known[1] if known else None

    def document_before(self, source: PolicyText) -> PolicyDocument | None:
        """What could be read last where `source` stands."""
        known = self._documents.get(source.scope)
        return known[1] if known else None


@dataclass
class ApiRoutes:
    """Makes routes of rows."""

    sealer: Sealer
    broken: dict[str, str] = field(default_factory=dict)
    """Why a policy of an API, by its label, cannot be read any more; it goes on with the one before."""
    _told: dict[str, str] = field(default_factory=dict)
    _policies: Policies = field(init=False)
    _keys: dict[tuple[str, str], tuple[object, tuple[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._policies = Policies(self.sealer)

    def made(self, rows: ApiRows, endpoints: Mapping[str, EndpointRoute]) -> list[ApiRoute]:
        """The routes of every API over `endpoints`, by ``workspace/name``."""
        roots = {api.service: api.name for api in rows.apis if not api.path}
        routes = [self._route(api, rows, endpoints) for api in rows.apis]
        return [
            replace(route, is_beside_root=True) if roots.get(route.service, route.name) != route.name else route
            for route in routes
        ]

    def _route(self, api: Api, rows: ApiRows, endpoints: Mapping[str, EndpointRoute]) -> ApiRoute:
        chain = (rows.services[api.service], api)
        label = policy_texts.scope_of(api).label
        self.broken.pop(label, None)
        treatment = self._treatment(chain, api, rows, endpoints)
        operations = tuple(
            Operation(
                one.name,
                one.method,
                one.url_template,
                self._treatment((*chain, one), api, rows, endpoints) if one.policy else None,
            )
            for one in rows.operations.get((api.service, api.name), ())
        )
        if label not in self.broken:
            self._told.pop(label, None)
        treatments = (treatment, *(one.treatment for one in operations if one.treatment))
        urls = dict.fromkeys(url for one in treatments for url in one.policy.configurations)
        return ApiRoute(
            service=api.service,
            name=api.name,
            path=api.path,
            operations=operations,
            treatment=treatment,
            needs_key=api.subscription_required,
            keys=self._subscribers(api, rows),
            key_sets={
                url: KeySet(known.issuer, _text(known.key_set))
                for url in urls
                if (known := rows.key_sets.get(url)) and known.key_set.get("keys")
            },
        )

    def _treatment(
        self, chain: tuple[Row, ...], api: Api, rows: ApiRows, endpoints: Mapping[str, EndpointRoute]
    ) -> Treatment:
        """What happens to the calls of the last of `chain`, which is `api` or an operation of it."""
        policy = self._policy(chain, api, rows.named_values.get(api.service, ()))
        target = backend_of(policy.backend or api.service_url)
        backend = endpoints.get(target.label) if target else None
        return Treatment(
            policy=policy,
            backend=backend,
            backend_label=target.label if target else "",
            backend_path=target.path if target else "",
            presents_wrong_key=bool(policy.backend_key and backend and policy.backend_key not in backend.keys),
        )

    def _policy(self, chain: tuple[Row, ...], api: Api, named: Sequence[ApiNamedValue]) -> Policy:
        try:
            return self._policies.of(chain, named)
        except PratiqueError as error:
            # Verbs keep this from happening; a secret that left its vault, and a home changed by hand, do not.
            label = policy_texts.scope_of(api).label
            if self._told.get(label) != str(error):
                _log.warning("policy.unreadable", api=api.name, service=api.service, reason=error.message)
            self.broken[label] = self._told[label] = str(error)
            return self._policies.before(chain[-1]) or replace(NO_POLICY, backend="closed")

    def _subscribers(self, api: Api, rows: ApiRows) -> tuple[tuple[str, str], ...]:
        if not api.subscription_required:
            return ()
        scopes = (apim.ALL_APIS, f"{apim.ALL_APIS}/{api.name}")
        found = [row for scope in scopes for row in rows.subscriptions.get((api.service, scope), ())]
        return tuple((row.name, key) for row in found if row.is_active for key in self._opened(row))

    def _opened(self, row: SubscriptionKeys) -> tuple[str, str]:
        """Both keys in clear, opened once."""
        sealed = (row.primary_key, row.secondary_key)
        known = self._keys.get((row.service, row.name))
        if known is None or known[0] != sealed:
            known = self._keys[row.service, row.name] = (sealed, verbs.opened_keys(row, self.sealer))
        return known[1]


def _text(key_set: Mapping[str, Any]) -> str:
    return json.dumps(key_set, sort_keys=True, separators=(",", ":"))
