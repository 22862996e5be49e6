"""Policies of several scopes, put together as API Management does it.

    all APIs of a service  ◄── <base/> ──  an API  ◄── <base/> ──  an operation

The document of the narrowest scope is carried out, and in each of its sections
``<base />`` stands for what the document above says there. Without one nothing
of that is inherited. A document that leaves a section out has nothing to say of
it: it inherits. Above all APIs nothing stands but the call itself.

What comes last counts where there can be one: the backend, the path, the value
of a header. Checks and limits add up. What callers of the gateway do not see is
the order between statements of different names, which is the gateway's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.policy import (
    AddressFilter,
    Cors,
    HeaderChange,
    NamedValue,
    Policy,
    RateLimit,
    TokenCheck,
)
from pratique.specs.policy_reader import DocumentReader, EndpointKey, Placed, Sections
from pratique.specs.policy_statements import BASE
from pratique.specs.policy_xml import parse_xml

Value = TypeVar("Value")


@dataclass(frozen=True)
class PolicyText:
    """One document as somebody wrote it."""

    text: str
    file: str = "policy"
    """What it is called where something is wrong with it."""
    scope: str = ""
    """What its limits are told from those of others by."""
    allow_any_audience: bool = False
    """Whether a `validate-jwt` without an audience, which takes every token of its provider, is meant."""


@dataclass(frozen=True)
class PolicyDocument:
    """One document as it was read."""

    sections: Sections
    file: str = "policy"
    scope: str = ""
    named_values: frozenset[str] = frozenset()

    def all(self, kind: type[Value]) -> list[Value]:
        """What its own statements of `kind` say."""
        placed = (one for section in self.sections.values() for one in section)
        return [one.value for one in placed if isinstance(one.value, kind)]

    @property
    def configurations(self) -> tuple[str, ...]:
        """The OpenID configurations of whoever it trusts."""
        return tuple(dict.fromkeys(url for check in self.all(TokenCheck) for url in check.configurations))

    @property
    def backends(self) -> tuple[str, ...]:
        """The addresses of the endpoints that it leads calls to."""
        placed = self.sections.get("inbound", ())
        return tuple(str(one.value) for one in placed if one.name == "set-backend-service")


@dataclass(frozen=True)
class _Inherited:
    """A statement, and the document that it is from."""

    placed: Placed
    document: PolicyDocument

    @property
    def place(self) -> str:
        """Where somebody finds it."""
        return f"{self.document.file}:{self.placed.line}"


_ABOVE: Final[Mapping[str, tuple[_Inherited, ...]]] = {
    "backend": (_Inherited(Placed("forward-request", 0, 0), PolicyDocument({})),),
}
"""What stands above all APIs."""


def read_policy(
    text: str, *, file: str = "policy", named: Mapping[str, NamedValue] | None = None, allow_any_audience: bool = False
) -> Policy:
    """The policy of one document, with nothing above it; raises `InvalidInput` as `read_document` and `composed` do."""
    return composed([read_document(PolicyText(text, file, allow_any_audience=allow_any_audience), named or {})])


def read_document(source: PolicyText, named: Mapping[str, NamedValue]) -> PolicyDocument:
    """The document in `source`; raises `InvalidInput` with every problem, each with its line and what it is about.

    `named` are the named values of the service.
    """
    reader = DocumentReader(source.file, named, source.allow_any_audience)
    sections = reader.read(parse_xml(source.text, file=source.file))
    if reader.problems:
        raise _refused(reader.problems)
    return PolicyDocument(sections, source.file, source.scope, reader.named_values)


def composed(documents: Sequence[PolicyDocument]) -> Policy:
    """What `documents` mean together, the widest scope first; raises `InvalidInput` for what does not go together."""
    inbound, outbound = _Section(documents, "inbound"), _Section(documents, "outbound")
    tokens = inbound.all(TokenCheck)
    policy = Policy(
        tokens=tuple(tokens),
        addresses=tuple(inbound.all(AddressFilter)),
        cors=next(iter(inbound.all(Cors)), None),
        limits=tuple(inbound.limits()),
        request_headers=_in_effect(inbound.all(HeaderChange)),
        response_headers=_in_effect(outbound.all(HeaderChange)),
        backend=inbound.last("set-backend-service", ""),
        backend_key=inbound.last("set-header", EndpointKey("")).text,
        rewrite=inbound.last("rewrite-uri", ""),
        seconds=_Section(documents, "backend").last("forward-request", 0),
        named_values=frozenset(name for document in documents for name in document.named_values),
    )
    if problems := [*_clashes(inbound), *_nobody_to_count(inbound, documents)]:
        raise _refused(problems)
    return policy


class _Section:
    """What one section says when everything is inherited."""

    def __init__(self, documents: Sequence[PolicyDocument], name: str) -> None:
        found = _ABOVE.get(name, ())
        for document in documents:
            if (own := document.sections.get(name)) is not None:
                found = tuple(
                    one for placed in own for one in (found if placed.name == BASE else (_Inherited(placed, document),))
                )
        self.statements = found

    def all(self, kind: type[Value]) -> list[Value]:
        """The values of `kind`, in their order."""
        return [one.placed.value for one in self.statements if isinstance(one.placed.value, kind)]

    def last(self, name: str, default: Value) -> Value:
        """The last value of the statement `name` that is of the kind of `default`, which it is without one."""
        found = [
            one.placed.value
            for one in self.statements
            if one.placed.name == name and isinstance(one.placed.value, type(default))
        ]
        return found[-1] if found else default

    def limits(self) -> list[RateLimit]:
        """Every limit, each with where it stands."""
        return [
            replace(one.placed.value, scope=one.document.scope)
            for one in self.statements
            if isinstance(one.placed.value, RateLimit)
        ]


def _in_effect(changes: Sequence[HeaderChange]) -> tuple[HeaderChange, ...]:
    """`changes` in an order in which all that is taken away may go first: what is deleted later is not set before."""
    found: list[HeaderChange] = []
    for change in changes:
        if change.action == "delete":
            found = [one for one in found if one.name.lower() != change.name.lower()]
        found.append(change)
    return tuple(found)


def _clashes(inbound: _Section) -> list[Problem]:
    """What one call cannot have twice."""
    cors = [one for one in inbound.statements if one.placed.name == "cors"]
    checks = [(one, one.placed.value) for one in inbound.statements if isinstance(one.placed.value, TokenCheck)]
    other_headers = [one for one, check in checks if check.header.lower() != checks[0][1].header.lower()]
    return [
        *(_problem(one, f"<cors> stands in {cors[0].place} as well, and one is carried out") for one in cors[1:]),
        *(
            _problem(
                one, f"<validate-jwt> reads another header than that of {checks[0][0].place}: {checks[0][1].header}"
            )
            for one in other_headers
        ),
    ]


def _nobody_to_count(inbound: _Section, documents: Sequence[PolicyDocument]) -> list[Problem]:
    """Limits by the subject of a token that nobody checks, neither in their document nor above."""
    depth = {id(document): number for number, document in enumerate(documents)}
    checks = [
        (depth[id(one.document)], {"", one.placed.value.variable})
        for one in inbound.statements
        if isinstance(one.placed.value, TokenCheck)
    ]
    return [
        _problem(one, "counter-key asks for the subject of a token, and no validate-jwt here or above checks one")
        for one in inbound.statements
        if isinstance(one.placed.value, RateLimit)
        and (counted := one.placed.value.counted).by == "subject"
        and not any(at <= depth[id(one.document)] and counted.variable in names for at, names in checks)
    ]


def _problem(one: _Inherited, said: str) -> Problem:
    return Problem(said, key=one.placed.name, file=one.document.file, line=one.placed.line)


def _refused(problems: Sequence[Problem]) -> InvalidInput:
    in_order = sorted(problems, key=lambda one: (one.file or "", one.line))
    return InvalidInput.of(in_order, what=in_order[0].file or "policy")
