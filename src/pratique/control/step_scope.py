"""What the steps of one pipeline can bind to.

What another step will make stays a binding, which `control.pipelines` resolves
when it is there:

    {"from": [STEP, OUTPUT], "type", "mode"}    an output of another step of the same pipeline
    {"of": INPUT, "type", "mode"}               an input of the pipeline around it that is not known yet
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pratique.base.errors import InvalidInput
from pratique.control.inputs import Given


@dataclass(frozen=True)
class Scope:
    """What a step of one pipeline can bind to."""

    inputs: Mapping[str, Given]
    outputs: dict[str, dict[str, Any]]
    """Of the pipeline; a step that makes one is written down there."""

    @classmethod
    def of(cls, inputs: Mapping[str, Given], outputs: Mapping[str, Mapping[str, Any]]) -> "Scope":
        """What there is before any step is looked at."""
        return cls(inputs, {port: dict(value) for port, value in outputs.items()})

    def value(self, parts: tuple[str, ...]) -> Given:
        """What ``${{parent.…}}`` leads to; None for an optional input that was left out."""
        match parts:
            case ("parent", "inputs", name, *_) if name in self.inputs:
                given = self.inputs[name]
                if given is not None and ("from" in given or "of" in given):
                    return {"of": name, "type": given.get("type"), "mode": given.get("mode")}
                return given
            case ("parent", "jobs", step, "outputs", output):
                return {"from": [step, output], "mode": "ro_mount"}
        shown = ".".join(parts)
        raise InvalidInput(f"${{{{{shown}}}}} leads nowhere in this pipeline")
