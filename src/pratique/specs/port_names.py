"""Names of inputs, outputs and steps: what a program can use, and what nobody mixes up."""

from collections.abc import Iterable

from pratique.specs.keys import Found


def problems_with_names(kind: str, names: Iterable[str]) -> Iterable[Found]:
    """Names that no program could use, and those that only their case tells apart."""
    seen: dict[str, str] = {}
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            yield Found((kind, name), "expected a name of letters, digits and _, not beginning with a digit")
        if (other := seen.setdefault(name.lower(), name)) != name:
            yield Found((kind, name), f"only the case of letters tells it from {other}", "choose another name")
