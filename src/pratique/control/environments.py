"""Environments: what is said about one when it is registered, and what an `environment:` means."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotFound, NotYet, Problem
from pratique.control import assets
from pratique.control.actor import Actor
from pratique.specs import curated, translation
from pratique.specs.references import Asset, parse_reference
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction

REFUSED: Final = "pratique.refused"
"""The property of a version that cannot run here, such as an image that is not known: why."""
_KEY: Final = "environment"


def create(tx: Transaction, actor: Actor, workspace: str, spec: Mapping[str, Any], *, now: datetime) -> AssetVersion:
    """Make the version that `spec` describes; how it was translated is part of it. Builds nothing.

    What this version cannot run is registered all the same, because it may be
    meant for another platform, and says why; whoever uses it here is refused.
    """
    try:
        facts = translation.facts(spec)
    except NotYet as refusal:
        facts = {REFUSED: str(refusal)}
    return assets.create(tx, actor, workspace, "environments", spec, now=now, facts=facts)


def resolve(tx: Transaction, workspace: str, wanted: str | Mapping[str, Any]) -> dict[str, Any]:
    """The environment that a spec wants: a reference to a registered or a curated one, or its values inline.

    Returns {"name", "version", "spec"}; name and version are those of a registered one, and the spec has a conda
    file in any case. Raises `NotFound` for a reference to nothing, `NotYet` for what cannot be built here.
    """
    if not isinstance(wanted, str):
        return {"name": "", "version": "", "spec": _buildable(wanted)}
    if found := _curated(tx, workspace, wanted):
        return found
    version = assets.referenced(tx, workspace, ("environments",), wanted, key=_KEY)
    return {"name": version.name, "version": version.version, "spec": _buildable(version.spec)}


def _curated(tx: Transaction, workspace: str, text: str) -> dict[str, Any] | None:
    """The curated environment that `text` names; one that the workspace has itself comes first."""
    reference = parse_reference(text)
    if not isinstance(reference, Asset) or reference.noun not in (None, "environments"):
        return None
    is_azures = reference.registry == curated.REGISTRY
    if not is_azures and (reference.registry or not reference.name.lower().startswith(_PREFIX)):
        return None
    if not is_azures and assets.version_of(tx, workspace, "environments", reference):
        return None
    one = curated.curated(reference.name)
    if one is None:
        said = f"{text!r} is no curated environment that is known here"
        hint = "register one of your own with a conda file, or name one that the documentation of environments lists"
        error = NotYet if is_azures else NotFound
        raise error(said, hint=hint, problems=[Problem(said, key=_KEY, hint=hint)])
    return {"name": "", "version": "", "spec": translation.filled_by(one, reference.name)}


_PREFIX: Final = curated.WORKSPACE_PREFIX.lower()


def _buildable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` with a conda file that can be translated; raises what `translate` raises, at its key."""
    try:
        translation.translate(spec)
    except InvalidInput as refusal:
        if refusal.problems:
            raise
        raise type(refusal)(str(refusal), hint=refusal.hint, problems=[Problem(str(refusal), key=_KEY)]) from None
    return translation.fill(spec)
