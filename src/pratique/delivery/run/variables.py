"""The variables of a stage or a job: every source in its order, expressions evaluated, secrets kept apart.

    lowest   given by whoever queued the run
             the pipeline's   (within one list the last of a name counts, groups included)
             the stage's
             the job's
             of the leg or the strategy
    highest  the platform's own: Build.…, System.…, Agent.…

Macros within values are expanded when everything is known
(`pratique.delivery.expressions.macros.expanded`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.evaluation import Context, evaluate
from pratique.delivery.expressions.functions import BASIC
from pratique.delivery.expressions.macros import Variable, expanded, replaced
from pratique.delivery.expressions.parser import Expression, Index, Name
from pratique.delivery.expressions.values import Record, Value, folded, to_text
from pratique.delivery.pipeline import Group, Number, Setting, Switch, VariableItem
from pratique.delivery.run.masking import masked
from pratique.delivery.run.status import Counter, counter_function
from pratique.delivery.templates.parameters import BOOLEANS

_NOT_IN_NAMES: Final = re.compile(r"[. ]")


@dataclass(frozen=True)
class RunInputs:
    """What a run is given from outside; the same every time that its plan is made."""

    system: Mapping[str, str] = field(default_factory=dict)
    """The platform's variables, such as Build.SourceBranch; read-only."""
    queued: tuple[Variable, ...] = ()
    """Given by whoever queued the run, or kept with the pipeline."""
    groups: Mapping[str, tuple[Variable, ...]] = field(default_factory=dict)
    """The variable groups that exist, by name."""
    started: datetime | None = None
    counter: Counter = lambda _, seed: seed
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The machines of environments, by the environment's name, for rolling deployments."""
    left_out: frozenset[str] = frozenset()
    """Stages that whoever queued the run left out; what depends on them goes on without them."""


class VariableError(ValueError):
    """A variable has no value: its expression fails, or its group is not there."""


class Variables:
    """The variables as they are put together, the later over the earlier."""

    def __init__(self, inputs: RunInputs, names: Mapping[str, Value]) -> None:
        self._inputs = inputs
        self._names = names
        """What `$[ ]` can name beside the variables."""
        self._found: dict[str, Variable] = {}
        for variable in inputs.queued:
            self.put(variable)

    def put(self, variable: Variable) -> None:
        """Set a variable, whatever it was."""
        self._found[folded(variable.name)] = variable

    def adopt(self, others: "Variables") -> None:
        """Take over what `others` has, as evaluated there."""
        self._found |= others._found

    def take(self, items: Iterable[VariableItem]) -> None:
        """Add the items of one list; raises `VariableError`."""
        for item in items:
            match item:
                case Setting():
                    self.put(self._evaluated(item))
                case Group():
                    for variable in self._group(item):
                        self.put(variable)

    def take_texts(self, values: Mapping[str, str]) -> None:
        """Add variables that are not secret."""
        for name, value in values.items():
            self.put(Variable(name, value))

    def done(self) -> "RunVariables":
        """Everything, with the platform's own on top."""
        whole = dict(self._found)
        for name, value in self._inputs.system.items():
            whole[folded(name)] = Variable(name, value, is_readonly=True)
        found, warnings = expanded(whole.values())
        return RunVariables(found, tuple(warnings))

    def _group(self, group: Group) -> tuple[Variable, ...]:
        """The variables of a group; its name may hold macros of what is known already."""
        so_far, _ = expanded([*self._found.values(), *_system(self._inputs)])
        name = replaced(group.name, lambda asked: _value(so_far, asked))
        found = next((one for known, one in self._inputs.groups.items() if folded(known) == folded(name)), None)
        if found is None:
            raise VariableError(f"there is no variable group {name}")
        return found

    def _evaluated(self, setting: Setting) -> Variable:
        text = setting.value.strip()
        if not (text.startswith("$[") and text.endswith("]")):
            return Variable(setting.name, setting.value, is_readonly=setting.is_readonly)
        value, is_secret = self.evaluated(text[2:-1], what=f"the variable {setting.name}")
        return Variable(setting.name, value, is_secret, setting.is_readonly)

    def evaluated(self, text: str, *, what: str) -> tuple[str, bool]:
        """The text that an expression gives, and whether a secret went into it; raises `VariableError`."""
        known = {**self._found, **{folded(one.name): one for one in _system(self._inputs)}}
        is_secret = False

        def note(part: Expression, value: Value) -> None:
            nonlocal is_secret
            if isinstance(part, Index) and isinstance(part.target, Name) and folded(part.target.name) == "VARIABLES":
                is_secret = is_secret or any(
                    variable.is_secret and variable.value and variable.value == value for variable in known.values()
                )

        variables = Record((variable.name, variable.value) for variable in known.values())
        pipeline = Record((("startTime", self._inputs.started),))
        names = {**self._names, "variables": variables, "pipeline": pipeline}
        try:
            context = Context(names, BASIC | counter_function(self._inputs.counter))
            return to_text(evaluate(text, context, observer=note)), is_secret
        except ExpressionError as error:
            secrets = [variable.value for variable in known.values() if variable.is_secret]
            raise VariableError(f"{what}: {masked(error.message, secrets)}") from error


def _system(inputs: RunInputs) -> list[Variable]:
    return [Variable(name, value, is_readonly=True) for name, value in inputs.system.items()]


def _value(variables: Mapping[str, Variable], name: str) -> str | None:
    found = variables.get(folded(name))
    return found.value if found else None


@dataclass(frozen=True)
class RunVariables:
    """Variables that are complete."""

    found: Mapping[str, Variable] = field(default_factory=dict)
    """By folded name."""
    warnings: tuple[str, ...] = ()

    def get(self, name: str) -> Variable | None:
        """The variable of that name, in any case."""
        return self.found.get(folded(name))

    def text(self, name: str) -> str:
        """Its value; empty when there is none."""
        return _value(self.found, name) or ""

    def replaced(self, text: str) -> str:
        """`text` with its macros put in."""
        return replaced(text, lambda name: _value(self.found, name))

    def record(self) -> Record:
        """As expressions see them."""
        return Record((variable.name, variable.value) for variable in self.found.values())

    def secrets(self) -> frozenset[str]:
        """The values that must be masked."""
        return frozenset(one.value for one in self.found.values() if one.is_secret and one.value)

    def environment(self) -> dict[str, str]:
        """What a process gets: every variable that is no secret, under its name for the environment."""
        return {environment_name(one.name): one.value for one in self.found.values() if not one.is_secret}

    def number(self, value: Number, default: int) -> int:
        """A number that may have been written as a macro; `default` when it is none."""
        text = value if isinstance(value, int) else self.replaced(value).strip()
        try:
            return max(0, int(text))
        except ValueError:
            return default

    def switch(self, value: Switch, *, default: bool) -> bool:
        """A boolean that may have been written as a macro; `default` when it is none."""
        return value if isinstance(value, bool) else BOOLEANS.get(self.replaced(value).strip().lower(), default)


def environment_name(name: str) -> str:
    """The name of a variable in the environment of a process: upper case, dots and spaces as _."""
    return _NOT_IN_NAMES.sub("_", name).upper()
