"""What a thing may be called.

A name never becomes a path, yet it does travel in URLs, in Envoy's
configuration and in terminals; so the alphabet is small and known, and a name
is checked once, where it enters.
"""

import re
from typing import Final

from pratique.base.errors import InvalidInput, Problem

_SERVED = r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]", "3 to 32 letters, digits or hyphens, starting with a letter"
_RULES: Final = {
    # kind: (pattern, what to tell a person); the limits are Azure's.
    "workspace": (r"[a-z0-9][a-z0-9-]{1,31}[a-z0-9]", "3 to 33 lower-case letters, digits or hyphens"),
    "resource group": (
        r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9_.()-]{0,88}[A-Za-z0-9_()-]",
        "1 to 90 letters, digits, _ . ( ) -, not ending in a dot",
    ),
    "asset": (
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}",
        "1 to 255 letters, digits, _ . -, starting with a letter or digit",
    ),
    "version": (r"[A-Za-z0-9][A-Za-z0-9_.-]{0,29}", "1 to 30 letters, digits, _ . -"),
    "label": (r"[A-Za-z][A-Za-z0-9_.-]{0,99}", "1 to 100 letters, digits, _ . -, starting with a letter"),
    "job": (
        r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9_-]{0,253}[A-Za-z0-9]",
        "1 to 255 letters, digits, _ -, starting and ending with a letter or digit",
    ),
    "compute": (
        r"[A-Za-z][A-Za-z0-9-]{0,30}[A-Za-z0-9]",
        "2 to 32 letters, digits or hyphens, starting with a letter",
    ),
    "component": (
        r"[a-z][a-z0-9_]{0,254}",
        "1 to 255 lower-case letters, digits or _, starting with a letter",
    ),
    "endpoint": _SERVED,
    "deployment": _SERVED,
    "project": _SERVED,  # It names an endpoint, unless that has a name of its own.
    "delivery project": (
        r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-]",
        "1 to 64 letters, digits, _ . -, starting with a letter or digit, not ending in a dot",
    ),
    "repository": (
        r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-]",
        "1 to 64 letters, digits, _ . -, starting with a letter or digit, not ending in a dot",
    ),
    "stage environment": (
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
        "1 to 128 letters, digits, _ . -, starting with a letter or digit",
    ),
    "service connection": (
        r"[A-Za-z0-9](?:[A-Za-z0-9_. ()-]{0,126}[A-Za-z0-9_.()-])?",
        "1 to 128 letters, digits, spaces, _ . ( ) -, starting with a letter or digit",
    ),
    "variable group": (
        r"[A-Za-z0-9](?:[A-Za-z0-9_. ()-]{0,126}[A-Za-z0-9_.()-])?",
        "1 to 128 letters, digits, spaces, _ . ( ) -, starting with a letter or digit",
    ),
    "vault": (
        r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]",
        "3 to 24 letters, digits or single hyphens, starting with a letter",
    ),
    "collection": (
        r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}",
        "1 to 128 letters, digits, _ -, starting with a letter or digit",
    ),
    "header": (r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", "a name as HTTP has it"),
    "identity": (r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}", "3 to 128 letters, digits, _ -, starting with a letter or digit"),
    "secret": (r"[A-Za-z0-9-]{1,127}", "1 to 127 letters, digits or hyphens"),
    "API service": (r"[A-Za-z](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?", "1 to 50 letters, digits or hyphens"),
    "API": (r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_-])?", "1 to 80 letters, digits, _ . -"),
    "operation": (r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_-])?", "1 to 80 letters, digits, _ . -"),
    "named value": (r"[A-Za-z0-9_.-]{1,256}", "1 to 256 letters, digits, _ . -"),
    "subscription": (r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_-])?", "1 to 80 letters, digits, _ . -"),
    "artifact": (r"[^\x00-\x1f\x7f\"\\/:<>|*?]{1,255}", '1 to 255 characters, none of " \\ / : < > | * ?'),
    "principal": (r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}", "1 to 128 letters, digits, _ . @ + -"),
}
_COMPILED: Final = {kind: re.compile(pattern, re.ASCII) for kind, (pattern, _) in _RULES.items()}

RESERVED_WORKSPACES: Final = frozenset({"workspaces", "api", "ajax-api", "static-files", "default"})
"""MLflow and our own routes use these first path segments."""


def problem_with_name(kind: str, name: str) -> str:
    """Why `name` cannot be the name of a `kind`; empty when it can."""
    _, words = _RULES[kind]
    if not _COMPILED[kind].fullmatch(name):
        return f"{name!r} cannot name {_article(kind)} {kind}: expected {words}"
    if kind == "workspace" and name in RESERVED_WORKSPACES:
        return f"{name!r} is reserved and cannot name a workspace"
    return ""


def _article(kind: str) -> str:
    return "an" if kind[0] in "aeiouA" else "a"


def check_name(kind: str, name: str) -> str:
    """`name`, unchanged; raises `InvalidInput` when it cannot name a `kind`."""
    if said := problem_with_name(kind, name):
        raise InvalidInput(said, problems=[Problem(said, key="name")])
    return name
