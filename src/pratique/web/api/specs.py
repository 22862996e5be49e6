"""How the API reads a spec: again and in full, because a client may be anybody's."""

from collections.abc import Mapping
from typing import Any

from pratique.specs.kinds import load
from pratique.specs.reader import document_of
from pratique.specs.references import check_uploaded


def read_spec(kind: str, body: Mapping[str, Any], **known: str) -> dict[str, Any]:
    """The values of ``body["spec"]`` after defaults; `known` are keys that the path of the route has fixed.

    Raises `InvalidInput` with every problem, one for each field that still names a path of the client's disk among
    them.
    """
    given = body.get("spec")
    spec = load(kind, document_of({**given, **known} if isinstance(given, Mapping) else given))
    check_uploaded(spec)
    return spec.to_document()
