"""The variables of a running job: set by steps, expanded before each step, secrets kept apart.

setvariable x            x, for the steps that follow
setvariable x isOutput   STEP.x and nothing else: read-only, and an output of the job
isSecret                 masked from this line on, and no process gets it by itself
"""

import os
from collections.abc import Iterable, Mapping
from typing import Final

from pratique.delivery.expressions.macros import Variable, expanded, is_from_outside
from pratique.delivery.expressions.values import folded
from pratique.delivery.masking import Masker
from pratique.delivery.records import Output
from pratique.delivery.run.variables import RunVariables
from pratique.worker.commands import deactivated

LARGEST: Final = 120_000
"""Bytes of one variable in an environment; Linux takes 131,072 with its name."""
_NOT_MAPPED: Final = frozenset({"PATH", "HOME"})
"""What a process needs as it is: a pipeline variable called path would hide every program."""


class ReadOnlyError(ValueError):
    """The variable cannot be set again."""


class JobVariables:
    """What the job knows by now."""

    def __init__(self, given: Iterable[Variable], masker: Masker) -> None:
        self._masker = masker
        self._raw: dict[str, Variable] = {}
        self._outputs: dict[str, Output] = {}
        self._complete: RunVariables | None = None
        self._path = ""
        for variable in given:
            self._put(_tamed(variable))

    def platform(self, values: Mapping[str, str]) -> None:
        """Set variables of the platform, such as the folders."""
        for name, value in values.items():
            self._put(Variable(name, value, is_readonly=True))

    def secret(self, variable: Variable) -> None:
        """Set a secret of the platform."""
        self._put(variable)

    def set(self, variable: Variable) -> None:
        """Set what a step gave; raises `ReadOnlyError`."""
        known = self._raw.get(folded(variable.name))
        if known is not None and known.is_readonly:
            raise ReadOnlyError(f"the variable {known.name} is read-only; it stays as it is")
        # What was secret once stays secret.
        is_secret = variable.is_secret or (known is not None and known.is_secret)
        self._put(Variable(variable.name, variable.value, is_secret, variable.is_readonly))

    def extend_path(self, variable: Variable, known: str) -> None:
        """Take a PATH that a step made of the one that it had, `known`; another one hides no program."""
        if set(variable.value.split(os.pathsep)) & set(known.split(os.pathsep)):
            self._path = variable.value

    @property
    def path(self) -> str:
        """The PATH that a step has set; empty when none did."""
        return self._path

    def set_output(self, step: str, name: str, value: str, *, is_secret: bool) -> None:
        """Set an output of the step called `step`; it can be set again by that step only."""
        self._put(Variable(f"{step}.{name}", value, is_secret, is_readonly=True))
        self._outputs[f"{step}.{name}"] = Output(value, is_secret)

    def outputs_of(self, step: str) -> dict[str, Output]:
        """The outputs that the step called `step` has given."""
        start = f"{step}."
        return {name: output for name, output in self._outputs.items() if step and name.startswith(start)}

    @property
    def now(self) -> RunVariables:
        """Everything with the macros inside it expanded; what embeds a secret is one, and masked."""
        if self._complete is None:
            found, warnings = expanded(self._raw.values())
            self._complete = RunVariables(found, tuple(warnings))
            self._masker.add(*self._complete.secrets())
        return self._complete

    def environment(self) -> dict[str, str]:
        """What a process gets of them."""
        found = self.now.environment()
        return {name: value for name, value in found.items() if name not in _NOT_MAPPED and is_mappable(name, value)}

    def unmapped(self) -> list[str]:
        """Why variables that are no secrets do not reach processes by themselves."""
        said = []
        for name, value in self.now.environment().items():
            if name in _NOT_MAPPED and (name != "PATH" or value != self._path):
                said.append(f"the variable {name} does not take the place of the machine's {name}; map it with env:")
            elif name not in _NOT_MAPPED and not is_mappable(name, value):
                said.append(f"the variable {name:.60} cannot be given to a process: it is too long, or no name for one")
        return said

    def _put(self, variable: Variable) -> None:
        self._raw[folded(variable.name)] = variable
        self._complete = None
        if variable.is_secret:
            self._masker.add(variable.value)


def is_mappable(name: str, value: str) -> bool:
    """Whether a process can be given this variable."""
    return bool(name) and "=" not in name and "\0" not in name + value and len(value.encode()) <= LARGEST


def mapped(env: Mapping[str, str], variables: RunVariables) -> dict[str, str]:
    """The `env` of a step with its macros put in; this is how a secret reaches a process."""
    return {name: variables.replaced(value) for name, value in env.items()}


def _tamed(variable: Variable) -> Variable:
    """`variable` so that its value can be printed: what strangers wrote holds no command."""
    if not is_from_outside(variable.name):
        return variable
    return Variable(variable.name, deactivated(variable.value), variable.is_secret, variable.is_readonly)
