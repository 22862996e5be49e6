"""Which tokens open an endpoint that takes tokens instead of keys.

aml_token   made for that endpoint by us, for whoever may score at it; nobody is asked again until it ends
aad_token   any token of our issuer for Azure ML's audience, of who may score there now
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pratique.control import endpoints as verbs
from pratique.control.grants import actor_for
from pratique.control.permissions import endpoint_scope, is_permitted
from pratique.control.tokens import Issuer
from pratique.gateway.model import EndpointTokens, Provider
from pratique.store import principals
from pratique.store.database import Transaction
from pratique.store.endpoints import OnlineEndpoint

AUDIENCES: Final = ("https://ml.azure.com", "https://ml.azure.com/")
"""Whom a token is meant for that opens endpoints with `auth_mode: aad_token`, as on Azure."""


def of_endpoints(
    tx: Transaction, rows: Sequence[OnlineEndpoint], issuer: Issuer, *, now: datetime
) -> Mapping[str, EndpointTokens]:
    """The tokens of the endpoints that take some, by id."""
    wanted = {row.id: row for row in rows if verbs.auth_mode(row) != "key"}
    if not wanted:
        return {}
    keys = json.dumps(issuer.jwks(now=now), sort_keys=True)
    by_role = [row for row in wanted.values() if verbs.auth_mode(row) == "aad_token"]
    may_score = _scorers(tx, by_role) if by_role else {}
    return {row.id: _tokens(row, issuer, keys, may_score) for row in wanted.values()}


def _tokens(
    row: OnlineEndpoint, issuer: Issuer, keys: str, may_score: Mapping[str, tuple[tuple[str, int], ...]]
) -> EndpointTokens:
    is_own = verbs.auth_mode(row) == "aml_token"
    audiences = (verbs.token_audience(row),) if is_own else AUDIENCES
    return EndpointTokens(Provider(issuer.issuer, audiences, "pratique", keys), None if is_own else may_score[row.id])


def _scorers(tx: Transaction, rows: Sequence[OnlineEndpoint]) -> dict[str, tuple[tuple[str, int], ...]]:
    """Who may score at each endpoint, with the generation of their tokens that is good."""
    people = [
        (actor_for(tx, one), one.token_generation)
        for kind in ("user", "service_principal", "managed_identity")
        for one in principals.every(tx, kind)
    ]
    return {
        row.id: tuple(
            (actor.id, generation)
            for actor, generation in people
            if is_permitted(actor, "endpoints/score", endpoint_scope(row.workspace, row.name))
        )
        for row in rows
    }
