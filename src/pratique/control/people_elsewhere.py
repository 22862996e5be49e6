"""People who log in at an OpenID provider: which user of this home a person of that provider is.

A claim of the provider's token is the user's name here; the user has to be
there already, so that nobody comes in whom an Owner has not let in. An address
of mail counts only when the provider says that it has verified it.
"""

from collections.abc import Mapping
from typing import Any, Final

from pratique.base.errors import Unauthenticated
from pratique.store import principals
from pratique.store.database import Transaction
from pratique.store.principals import Principal

_EMAIL: Final = "email"


def user_of(tx: Transaction, claims: Mapping[str, Any], claim: str) -> Principal:
    """The user whom verified `claims` mean; raises `Unauthenticated` when there is none."""
    name = claims.get(claim)
    if not isinstance(name, str) or not name or not name.isprintable() or len(name) > 128:
        raise Unauthenticated(f"the provider's token says nothing of its {claim!r}")
    if claim == _EMAIL and claims.get("email_verified") is not True:
        raise Unauthenticated("the provider has not verified the address of mail in its token")
    found = principals.named(tx, name)
    if found is None or found.kind != "user":
        raise Unauthenticated(
            f"there is no user {name!r} here",
            hint=f"an Owner can make one: pratique ad user create --user-principal-name {name} --display-name NAME",
        )
    return found
