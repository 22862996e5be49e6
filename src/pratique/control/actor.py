"""Who asks: everything that a verb knows about its caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Kind = Literal["user", "service_principal", "managed_identity", "job", "unit", "platform"]


@dataclass(frozen=True)
class Grant:
    """One role at one scope."""

    role: str
    scope: str
    actions: frozenset[str] = frozenset()
    """What a role that somebody defined grants; those of the table are known by their names."""


@dataclass(frozen=True)
class Actor:
    """A caller whose identity was proven, with the roles that it has now."""

    id: str
    name: str
    kind: Kind
    grants: tuple[Grant, ...] = ()
    run: int | None = None
    """The run of a delivery whose unit asks, by the token of a service connection; nobody else can say so."""

    @cached_property
    def grants_at(self) -> Mapping[str, tuple[Grant, ...]]:
        """The grants by their scopes: whoever has roles in a thousand places is asked about few of them."""
        found: dict[str, tuple[Grant, ...]] = {}
        for grant in self.grants:
            found[grant.scope] = (*found.get(grant.scope, ()), grant)
        return found

    def to_document(self) -> Mapping[str, Any]:
        """The actor as events and `creation_context` show it."""
        document: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.kind}
        return document if self.run is None else {**document, "run": self.run}


PLATFORM = Actor("platform", "pratique", "platform", (Grant("Owner", "/"),))
"""The engine itself, for what moves without anybody asking."""
