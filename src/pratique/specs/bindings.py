"""Bindings: ``${{inputs.x}}`` and its kin inside the command of a job.

    ${{inputs.NAME}}     the value of a literal, or the path or URI of a data input
    ${{outputs.NAME}}    the path of an output
    ${{name}}            the name of the job
    $[[ … ]]             a part that drops out when an input in it has no value

Values are put in as they are and are not quoted for the shell: Azure does
not either, and commands are written with that in mind (``--cols ${{inputs.cols}}``
passes several words). Whoever may set an input may therefore run anything in
the job, which whoever may create the job can do anyway. A value is never
looked at again: a ``${{…}}`` inside it stays text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.words import did_you_mean

# Braces end the search, so that no command, however odd, takes more than one pass.
_BINDING: Final = re.compile(r"\$\{\{([^{}]*)\}\}")
_PIPELINE_ONLY: Final = ("parent", "search_space", "default_datastore")
_SHOWN: Final = 100  # Problems of one command; more would help nobody.


@dataclass(frozen=True)
class Binding:
    """One ``${{…}}``: the words in it, split at dots."""

    text: str
    is_optional: bool
    """Whether it stands inside ``$[[ … ]]``."""

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.text.split("."))


def text_of(value: str | int | float) -> str:
    """A literal as a command sees it; booleans as Python writes them, as on Azure."""
    return str(value)


def bindings_of(command: str) -> Iterator[Binding]:
    """Every binding in `command`, in order."""
    for part, is_optional in _parts(command):
        for found in _BINDING.finditer(part):
            yield Binding(found[1].strip(), is_optional)


def problems_with_command(command: str, inputs: Mapping[str, object], outputs: Mapping[str, object]) -> list[Problem]:
    """Each binding in `command` that names nothing, or needs an input that has no value (None)."""
    found = (_problem(binding, inputs, outputs) for binding in dict.fromkeys(bindings_of(command)))
    return [*islice(dict.fromkeys(problem for problem in found if problem), _SHOWN)]


def bind_command(command: str, *, inputs: Mapping[str, str | None], outputs: Mapping[str, str], name: str) -> str:
    """`command` with every binding replaced; an input that is None has no value.

    Raises `InvalidInput` with every binding that cannot be replaced.
    """
    if problems := problems_with_command(command, inputs, outputs):
        raise InvalidInput.of(problems, what="command")

    def value(found: re.Match[str]) -> str:
        kind, _, key = found[1].strip().partition(".")
        return name if kind == "name" else outputs[key] if kind == "outputs" else inputs[key] or ""

    wanted = (part for part, is_optional in _parts(command) if not is_optional or _has_values(part, inputs))
    return "".join(_BINDING.sub(value, part) for part in wanted)


def _has_values(part: str, inputs: Mapping[str, str | None]) -> bool:
    """Whether every input that `part` binds has a value."""
    needed = (binding.parts for binding in bindings_of(part))
    return all(inputs[key] is not None for kind, *(key,) in needed if kind == "inputs")


def _parts(command: str) -> Iterator[tuple[str, bool]]:
    """`command` cut into what always stays and what stands inside ``$[[ … ]]``, in order."""
    at = 0
    while (start := command.find("$[[", at)) >= 0 and (end := command.find("]]", start)) >= 0:
        yield command[at:start], False
        yield command[start + 3 : end], True
        at = end + 2
    yield command[at:], False


def _problem(binding: Binding, inputs: Mapping[str, object], outputs: Mapping[str, object]) -> Problem | None:
    shown = f"${{{{{binding.text}}}}}"
    match binding.parts:
        case ("name",):
            return None
        case ("inputs", key) if key in inputs:
            if inputs[key] is not None or binding.is_optional:
                return None
            hint = f"give it one, or write $[[ {shown} ]] to leave this part out"
            return Problem(f"{shown} has no value", key="command", hint=hint)
        case ("outputs", key) if key in outputs:
            return None
        case (("inputs" | "outputs") as kind, key):
            known = [*(inputs if kind == "inputs" else outputs)]
            return Problem(f"{shown} is not one of the job's {kind}", key="command", hint=_near(key, known, kind))
        case (first, *_) if first in _PIPELINE_ONLY:
            return Problem(f"{shown} has no value in the command of a single job", key="command")
        case _:
            hint = "known: ${{inputs.NAME}}, ${{outputs.NAME}}, ${{name}}"
            return Problem(f"{shown} is no binding", key="command", hint=hint)


def _near(key: str, known: list[str], kind: str) -> str:
    listed = f"{kind}: {', '.join(known)}" if known else f"the job has no {kind}"
    return did_you_mean(key, known) or listed
