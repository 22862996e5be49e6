"""Who asks: everything that a verb knows about its caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pratique.base.errors import Forbidden

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
    job: str = ""
    """The job, WORKSPACE/NAME, that asks with a token of whom it acts as."""

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
        if self.run is not None:
            document["run"] = self.run
        return {**document, "job": self.job} if self.job else document


def check_is_itself(actor: Actor, what: str) -> None:
    """Raise `Forbidden` when a job asks in the name of a person or a program for `what` only they may do."""
    if actor.job:
        raise Forbidden(
            f"the job {actor.job} acts as {actor.name}, and may not {what}",
            hint=f"{actor.name} may, with a login of their own",
        )


PLATFORM = Actor("platform", "pratique", "platform", (Grant("Owner", "/"),))
"""The engine itself, for what moves without anybody asking."""
