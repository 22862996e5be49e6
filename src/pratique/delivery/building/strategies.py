"""`strategy`: matrix and parallel of plain jobs; runOnce, rolling and canary of deployment jobs."""

from collections.abc import Iterator
from typing import Final

from pratique.delivery.building.fields import NAME, Fields
from pratique.delivery.building.pools import pool_of
from pratique.delivery.building.steps import steps_of
from pratique.delivery.nodes import Mapping, Scalar, kind_of
from pratique.delivery.pipeline import HOOKS, Deploy, Hook, Matrix, Pool, Slices, Strategy
from pratique.specs.words import shown

_DEPLOY: Final = ("runOnce", "rolling", "canary")


def plain_strategy(fields: Fields) -> Strategy | None:
    """The strategy of a plain job."""
    inner = fields.mapping("strategy", "a strategy", ("matrix", "maxParallel", "parallel"))
    if inner is None:
        return None
    if inner.has("parallel"):
        return Slices(inner.number("parallel", 1))
    if not inner.has("matrix"):
        hint = "a deployment job begins with - deployment:" if any(inner.has(kind) for kind in _DEPLOY) else ""
        fields.troubles.refuse("a strategy has a matrix or parallel", inner.node.place, hint=hint)
        return None
    return _matrix(inner)


def _matrix(fields: Fields) -> Matrix | None:
    value = fields.node.get("matrix")
    most = fields.number("maxParallel", 0)
    if isinstance(value, Scalar):
        if not value.text.strip().startswith("$["):
            fields.wrong("matrix", "a mapping of legs, or $[ ]", value)
            return None
        return Matrix({}, value.text.strip(), most)
    if not isinstance(value, Mapping):
        fields.wrong("matrix", "a mapping of legs", value or fields.node)
        return None
    legs: dict[str, dict[str, str]] = {}
    for key, leg in value.pairs:
        if not NAME.fullmatch(key.text):
            fields.troubles.refuse(f"{shown(key.text)} cannot name a leg of a matrix", key.place)
        if not isinstance(leg, Mapping):
            fields.troubles.refuse(f"a leg of a matrix is a mapping; got {kind_of(leg)}", leg.place)
            continue
        legs[key.text] = {name.text: inner.text for name, inner in leg.pairs if isinstance(inner, Scalar)}
    return Matrix(legs, "", most)


def deploy_strategy(fields: Fields, pool: Pool) -> Deploy | None:
    """The strategy of a deployment job."""
    inner = fields.mapping("strategy", "the strategy of a deployment", _DEPLOY)
    if inner is None:
        fields.troubles.refuse("a deployment needs a strategy", fields.node.place, hint="strategy: runOnce: deploy: …")
        return None
    given = [kind for kind in _DEPLOY if inner.node.get(kind) is not None]
    if len(given) != 1:
        said = f"a deployment has one of {', '.join(_DEPLOY)}"
        fields.troubles.refuse(said, inner.node.place)
        return None
    (kind,) = given
    own = {"runOnce": (), "rolling": ("maxParallel",), "canary": ("increments",)}[kind]
    hooks = inner.mapping(kind, kind, (*HOOKS, "on", *own))
    if hooks is None:
        fields.troubles.refuse(f"{kind} has no hooks", inner.place(kind), hint="it needs at least deploy: steps: …")
        return None
    if not hooks.has("deploy"):
        fields.troubles.refuse(f"{kind} needs deploy", hooks.node.place)
    if kind == "canary" and not hooks.texts("increments"):
        fields.troubles.refuse("canary needs increments", hooks.node.place, hint="increments: [10, 20] are per cents")
    return Deploy(
        kind,
        tuple(_hooks(hooks, pool)),
        tuple(_increments(hooks)) if kind == "canary" else (),
        hooks.text("maxParallel") if kind == "rolling" else "",
    )


def _hooks(fields: Fields, pool: Pool) -> Iterator[Hook]:
    for name in HOOKS:
        yield from _hook(fields, name, name, pool)
    outcome = fields.mapping("on", "on", ("failure", "success"))
    if outcome is not None:
        yield from _hook(outcome, "failure", "on.failure", pool)
        yield from _hook(outcome, "success", "on.success", pool)


def _hook(fields: Fields, key: str, name: str, pool: Pool) -> Iterator[Hook]:
    inner = fields.mapping(key, key, ("steps", "pool"))
    if inner is not None:
        own = pool_of(inner) if inner.has("pool") else None
        yield Hook(name, steps_of(inner.node.get("steps"), own or pool, fields.troubles), own)


def _increments(fields: Fields) -> Iterator[int]:
    for text in fields.texts("increments") or ():
        if text.isascii() and text.isdigit() and 0 < int(text[:4]) <= 100:
            yield int(text)
        else:
            said = f"increments are per cents from 1 to 100; got {shown(text)}"
            fields.troubles.refuse(said, fields.place("increments"))
