"""What a workspace demands of every model that it loads, by its tags.

    pratique.require-signed-models: true              a key that it trusts has signed exactly these files
    pratique.pickles: allow | scan | refuse           what it does with files that hold code: see `Pickles`

They are asked when a deployment is wished, as far as rows can tell, and again
by the engine whenever a process is about to load a model (`engine.trust`).
Only an Owner takes a demand back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from pratique.base.errors import Forbidden, InvalidInput, Problem
from pratique.store import signatures, workspaces
from pratique.store.database import Transaction

SIGNED: Final = "pratique.require-signed-models"
PICKLES: Final = "pratique.pickles"
Pickles = Literal["allow", "scan", "refuse"]
"""allow: pickles are loaded as they are. scan: those in which nothing is found. refuse: none."""
_YES_NO: Final = {"true": True, "false": False}


@dataclass(frozen=True)
class Demands:
    """The demands of one workspace; the default demands nothing."""

    signed: bool = False
    pickles: Pickles = "allow"

    def is_below(self, other: "Demands") -> bool:
        """Whether something that `other` demands is not demanded here."""
        order = get_args(Pickles)
        return (other.signed and not self.signed) or order.index(self.pickles) < order.index(other.pickles)


def demands_of(tags: Mapping[str, str]) -> Demands:
    """What these tags demand; raises `InvalidInput` for a word that means nothing: it must not look like a guard."""
    signed, pickles = str(tags.get(SIGNED, "false")).strip().lower(), str(tags.get(PICKLES, "allow")).strip().lower()
    problems = []
    if signed not in _YES_NO:
        problems.append(Problem(f"expected true or false; got {signed[:64]!r}", key=f"tags.{SIGNED}"))
    if pickles not in get_args(Pickles):
        problems.append(
            Problem(f"expected {', '.join(get_args(Pickles))}; got {pickles[:64]!r}", key=f"tags.{PICKLES}")
        )
    if problems:
        raise InvalidInput.of(problems, what="workspace")
    known: dict[str, Pickles] = {word: word for word in get_args(Pickles)}
    return Demands(_YES_NO[signed], known[pickles])


def demanded(tags: Mapping[str, str]) -> Demands:
    """What the tags of a workspace demand; everything, when somebody has written there what means nothing."""
    try:
        return demands_of(tags)
    except InvalidInput:
        return Demands(signed=True, pickles="refuse")


def of_workspace(tx: Transaction, workspace: str) -> Demands:
    """What a workspace demands."""
    found = workspaces.get(tx, workspace)
    return demanded(found.tags) if found else Demands()


def guarded(tx: Transaction) -> frozenset[str]:
    """The workspaces that demand anything of a model."""
    return frozenset(one.name for one in workspaces.every(tx) if demanded(one.tags) != Demands())


def check_deployed(tx: Transaction, workspace: str, model: Mapping[str, Any], *, what: str) -> None:
    """Raise `Forbidden` for a model without a signature that the workspace believes, where it demands one.

    Rows are asked, so a refusal is told at once; the files are read when the model is loaded.
    """
    if not of_workspace(tx, workspace).signed:
        return
    if not model.get("manifest"):
        raise Forbidden(
            f"{what}: it names no model, and workspace {workspace!r} loads only models that are signed",
            hint="register the model and sign it: pratique ml model sign",
        )
    trusted = {key.fingerprint: key.name for key in signatures.trusted(tx, workspace)}
    found = signatures.of_manifest(tx, workspace, str(model["manifest"]))
    if not any(one.fingerprint in trusted for one in found):
        raise unsigned(what, workspace, model, [one.fingerprint for one in found], sorted(trusted.values()))


def unsigned(what: str, workspace: str, model: Mapping[str, Any], signers: list[str], trusted: list[str]) -> Forbidden:
    """The refusal of a model that no trusted key has signed."""
    name = f"{model.get('name')}:{model.get('version')}" if model.get("name") else "the model"
    by = ", ".join(one[:12] for one in signers)
    return Forbidden(
        f"{what}: {name} ({str(model['manifest'])[:12]}) is {f'signed by {by}, not' if by else 'not signed'} by a key "
        f"that workspace {workspace!r} trusts ({', '.join(trusted) or 'it trusts none'})",
        hint=f"pratique ml model sign {model.get('name') or 'NAME'}:{model.get('version') or 'VERSION'} --key KEY.pem "
        f"--workspace-name {workspace}",
    )
