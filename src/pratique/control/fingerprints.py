"""What a step does to what, as one digest: two steps of the same fingerprint would make the same.

It covers the command before its bindings are replaced, the code and every
input by the digest of its bytes, literals by type and value, how inputs and
outputs are laid out, the packages, the variables and the processes. It does
not cover names, words, tags, limits, the compute, or where results are kept
besides: none of these changes what comes out.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from pratique.specs.bindings import bindings_of

_FORMAT: Final = 1
"""Part of every fingerprint: raised when steps are run in another way."""


def fingerprint_of(spec: Mapping[str, Any], resolved: Mapping[str, Any]) -> str:
    """The fingerprint of a step all of whose inputs are known, 64 hex digits; empty when it must not be reused.

    A command that contains ``${{name}}`` does something else in every job.
    """
    command = str(spec["command"])
    if any(binding.parts == ("name",) for binding in bindings_of(command)):
        return ""
    code = resolved.get("code")
    covered = {
        "format": _FORMAT,
        "command": command,
        "code": code["manifest"] if code else None,
        "environment": _packages(resolved["environment"]),
        "environment_variables": spec.get("environment_variables") or {},
        "distribution": spec.get("distribution"),
        "instances": (spec.get("resources") or {}).get("instance_count") or 1,
        "inputs": {name: _input(given) for name, given in resolved["inputs"].items()},
        "outputs": {name: output.get("type") for name, output in resolved["outputs"].items()},
    }
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _packages(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What an environment installs; under which name it is registered changes nothing."""
    words = ("name", "version", "description", "tags", "properties", "$schema")
    return {key: value for key, value in environment["spec"].items() if key not in words and value is not None}


def _input(given: Mapping[str, Any] | None) -> Any:
    """An input by type, mode and bytes; a literal by its type too, because 1, 1.0 and True are written differently."""
    if given is None:
        return None
    if "literal" in given:
        return [type(given["literal"]).__name__, given["literal"]]
    layout = {key: given.get(key) for key in ("type", "mode", "manifest", "name", "is_file")}
    # A place that the job reads by itself is known by its URI. Of bytes that are laid out for it, the URI only says
    # which job made them, and the same bytes of another job are the same.
    return layout | ({"uri": given["uri"]} if given.get("mode") == "direct" else {})
