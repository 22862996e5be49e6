"""Who we are to the platform, in Azure's words: a subscription, a tenant, a token.

There is one subscription, the platform's home, and one tenant. The platform
derives their ids from the home, so that they are the same tomorrow.
"""

import base64
import binascii
import json
import os
import time
from dataclasses import replace
from typing import Final

from pratique.base.errors import InvalidInput, Unauthenticated
from pratique.client.connection import Connection, Document, path_of
from pratique.client.door import Door, check_url
from pratique.client.login import BROWSER, FEDERATED, IDENTITY, Profile, save_profile

SUBSCRIPTION_NAME: Final = "pratique"

_AGAIN: Final = {BROWSER: "--browser", FEDERATED: "--service-principal --federated-token TOKEN"}
_IDENTITY_PATH: Final = "/identity/token"
_UNKNOWN_LIFETIME: Final = 3600
"""Seconds that we vouch for a token which does not say when it ends."""

_MARGIN: Final = 60
"""Seconds before its end at which a token is renewed: what is started with it must still arrive."""


def read_account(connection: Connection) -> Document:
    """The API's answer: who we are (`id`, `name`, `kind`, `roles`), and where (`subscription_id`, `tenant_id`, …)."""
    found: Document = connection.get(path_of("account"))
    return found


def subscription(account: Document) -> Document:
    """The account in the shape of `az account show`."""
    kind = "servicePrincipal" if "service" in str(account.get("kind", "")).lower() else "user"
    tenant = account["tenant_id"]
    return {
        "environmentName": "AzureCloud",
        "homeTenantId": tenant,
        "id": account["subscription_id"],
        "isDefault": True,
        "managedByTenants": [],
        "name": SUBSCRIPTION_NAME,
        "state": "Enabled",
        "tenantId": tenant,
        "user": {"name": account.get("name", ""), "type": kind},
    }


def log_in(door: Door, *, client_id: str, client_secret: str, tenant: str) -> Profile:
    """Exchange the secret of a service principal for a token and keep both; raises `Unauthenticated`."""
    profile = sign_in(door.url, client_id=client_id, client_secret=client_secret, tenant=tenant)
    save_profile(profile)
    return profile


def sign_in(url: str, *, client_id: str, client_secret: str, tenant: str) -> Profile:
    """Exchange the secret of a service principal for a token and keep nothing; raises `Unauthenticated`."""
    return _with_new_token(Profile(url, client_id, client_secret, tenant, "", 0))


def log_in_by_token(door: Door, *, client_id: str, token: str, tenant: str) -> Profile:
    """Exchange a token of somebody else's issuer for one of ours and keep that; raises `Unauthenticated`."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": token,
    }
    answer: Document = Connection(Door(door.url, "", None)).post_form("/oauth2/token", form)
    ends = int(time.time()) + int(answer["expires_in"])
    profile = Profile(door.url, client_id, "", tenant, str(answer["access_token"]), ends, FEDERATED)
    save_profile(profile)
    return profile


def log_in_as_identity(client_id: str = "") -> Profile:
    """Log in as the managed identity of the job or deployment that this runs in, and keep the token."""
    profile = _with_identity_token(Profile(identity_door(), client_id, "", "", "", 0, IDENTITY))
    save_profile(profile)
    return profile


def identity_door() -> str:
    """The door of the platform that gave this process its identity; raises `InvalidInput` when none did."""
    place = os.environ.get("IDENTITY_ENDPOINT", "")
    if not place or not os.environ.get("IDENTITY_HEADER"):
        raise InvalidInput(
            "nothing gave this process a managed identity: IDENTITY_ENDPOINT and IDENTITY_HEADER are not set",
            hint="run it in a job with identity: {type: managed}",
        )
    return check_url(place.removesuffix(_IDENTITY_PATH))


def _with_identity_token(profile: Profile) -> Profile:
    if profile.url != identity_door():
        raise InvalidInput("the login was as the identity of another job", hint="pratique login --identity")
    query = {"resource": "pratique"} | ({"client_id": profile.client_id} if profile.client_id else {})
    headers = {"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]}
    answer = Connection(Door(profile.url, "", None)).get(_IDENTITY_PATH, query, headers=headers)
    return replace(profile, token=str(answer["access_token"]), expires_on=int(answer["expires_on"]))


def renewed(door: Door) -> Door:
    """`door`, with a new token when the profile's is about to end."""
    profile = door.profile
    if profile is None or profile.expires_on - _MARGIN > time.time():
        return door
    if profile.kind in (BROWSER, FEDERATED):
        if profile.expires_on > time.time():
            return door
        raise Unauthenticated("the login has ended", hint=f"log in again: pratique login {_AGAIN[profile.kind]}")
    profile = _with_identity_token(profile) if profile.kind == IDENTITY else _with_new_token(profile)
    save_profile(profile)
    return replace(door, token=profile.token, profile=profile)


def token_for(connection: Connection, audience: str) -> str:
    """Another token of whoever `connection` speaks for, meant for `audience`."""
    answer: Document = connection.post(path_of("tokens"), {"audience": audience})
    return str(answer["access_token"])


def token_end(token: str) -> int:
    """When `token` ends, in seconds since 1970: its ``exp``, or what we vouch for when it has none."""
    parts = token.split(".")
    if len(parts) == 3:
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            return int(claims["exp"])
        except (binascii.Error, ValueError, KeyError, TypeError):
            pass
    return int(time.time()) + _UNKNOWN_LIFETIME


def _with_new_token(profile: Profile) -> Profile:
    form = {
        "grant_type": "client_credentials",
        "client_id": profile.client_id,
        "client_secret": profile.client_secret,
    }
    answer = Connection(Door(profile.url, "", None)).post_form("/oauth2/token", form)
    if not isinstance(answer, dict) or "access_token" not in answer:
        raise InvalidInput("the platform gave no token", hint="see `pratique status`")
    ends = int(time.time()) + int(answer.get("expires_in", _UNKNOWN_LIFETIME))
    return replace(profile, token=str(answer["access_token"]), expires_on=ends)
