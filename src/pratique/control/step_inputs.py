"""What the steps of a pipeline are given: bindings led home, values as the ports of a component have them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pratique.control import inputs
from pratique.control.inputs import Given
from pratique.control.step_scope import Scope
from pratique.control.workspace_lookups import WorkspaceLookups
from pratique.specs.bindings import bindings_of
from pratique.specs.job import DATA_TYPES, LITERAL_TYPES
from pratique.specs.literals import literal_of
from pratique.specs.words import shown


@dataclass(frozen=True)
class StepInputs:
    """Decides what inputs are worth; what is wrong with one is kept in `lookups`."""

    lookups: WorkspaceLookups

    # --- bindings

    def worth(self, name: str, key: str, question: Callable[[str], Given]) -> Given:
        """What the input `name` is worth; one that is wrong counts as given, so that nothing else is told of it."""
        known = len(self.lookups.failures)
        found = self.lookups.tried(key, question)
        return found if len(self.lookups.failures) == known else {"of": name}

    def input(self, value: Any, key: str) -> Given:
        """What a value without bindings gives."""
        return inputs.resolved(self.lookups.tx, self.lookups.workspace, key, value, now=self.lookups.now)

    def bound_all(self, step: Mapping[str, Any], scope: Scope, key: str) -> dict[str, Given]:
        """What the inputs of a step are worth."""
        return {
            name: self.worth(name, f"{key}.inputs.{name}", partial(self.bound, value, scope))
            for name, value in (step.get("inputs") or {}).items()
        }

    def bound(self, given: Any, scope: Scope, key: str) -> Given:
        """What one input of a step is worth."""
        said = given if isinstance(given, Mapping) else {"value": given}
        text = said.get("path", said.get("value"))
        if not isinstance(text, str) or not (bindings := [*bindings_of(text)]):
            return self.input(given, key)
        if text.replace(" ", "") != f"${{{{{bindings[0].text}}}}}":
            return {"literal": self.text(text, scope, key)}
        value = scope.value(bindings[0].parts)
        if value is None or "literal" in value:
            return value
        mode = said.get("mode")
        changed = {**value, **({"type": said["type"]} if said.get("type") else {})}
        if mode:
            changed |= {"mode": inputs.checked_mode(str(mode), key), "is_said": True}
        return changed

    def text(self, value: Any, scope: Scope, key: str) -> Any:
        """`value` with every binding in its texts replaced by the literal that it leads to."""
        if isinstance(value, Mapping):
            return {name: self.text(inner, scope, f"{key}.{name}") for name, inner in value.items()}
        if isinstance(value, list):
            return [self.text(inner, scope, key) for inner in value]
        if not isinstance(value, str) or "${{" not in value:
            return value
        for binding in bindings_of(value):
            found = scope.value(binding.parts)
            if found is None or "literal" not in found:
                self.lookups.wrong(key, f"${{{{{binding.text}}}}} is no value that can stand in a text")
                return value
            whole = f"${{{{{binding.text}}}}}"
            value = found["literal"] if value.strip() == whole else value.replace(whole, str(found["literal"]))
            if not isinstance(value, str):
                return value
        return value

    # --- ports

    def ports(self, component: Mapping[str, Any], given: Mapping[str, Given], key: str) -> dict[str, Given]:
        """What each input of `component` is worth: what is given, else its default, checked against its type."""
        ports = component.get("inputs") or {}
        for name in given:
            if name not in ports:
                self.lookups.wrong(
                    f"{key}.{name}", "the component has no such input", f"inputs: {', '.join(ports) or 'none'}"
                )
        found: dict[str, Given] = {}
        for name, port in ports.items():
            value = given.get(name)
            if value is None and port.get("default") is not None:
                value = {"literal": port["default"]}
            if value is None and port.get("optional") is not True:
                self.lookups.wrong(key, f"the component needs the input {name}")
            found[name] = self.fitted(value, port, f"{key}.{name}")
        return found

    def fitted(self, value: Given, port: Mapping[str, Any], key: str) -> Given:
        """`value` as the port has it: of its type, and seen in its mode unless the step says otherwise."""
        kind = str(port.get("type"))
        if value is None:
            return None
        if kind in LITERAL_TYPES:
            if "literal" not in value:
                self.lookups.wrong(key, f"expected a value of type {kind}; got {value.get('type', 'files')}")
                return None
            return {"literal": self.literal(value["literal"], port, kind, key)}
        if "literal" in value:
            if isinstance(value["literal"], str):
                path, mode = value["literal"], str(port.get("mode") or "ro_mount")
                return self.lookups.tried(
                    key,
                    partial(self.input, {"path": path, "type": kind, "mode": mode}),
                )
            self.lookups.wrong(key, f"expected files of type {kind}; got the value {value['literal']}")
            return None
        fitted = unmarked(value) or {}
        if kind in DATA_TYPES:
            fitted["type"] = kind
        if port.get("mode") and not value.get("is_said"):
            fitted["mode"] = (
                self.lookups.tried(key, lambda at: inputs.checked_mode(str(port["mode"]), at)) or "ro_mount"
            )
        return fitted

    def literal(self, value: Any, port: Mapping[str, Any], kind: str, key: str) -> Any:
        """A literal of the port's type; texts that pipelines carry for numbers are read."""
        try:
            read = literal_of(kind, value)
        except ValueError:
            self.lookups.wrong(key, f"expected a value of type {kind}; got {shown(value)}")
            return value
        if isinstance(read, int | float) and not isinstance(read, bool):
            low, high = port.get("min"), port.get("max")
            if (low is not None and read < float(low)) or (high is not None and read > float(high)):
                self.lookups.wrong(key, f"{read} is not between {low} and {high}")
        if port.get("enum") and read not in port["enum"]:
            self.lookups.wrong(key, f"{read!r} is not one of {', '.join(str(each) for each in port['enum'])}")
        return read


def unmarked(value: Given) -> Given:
    """`value` without the mark that the step itself said its mode."""
    return value and {name: inner for name, inner in value.items() if name != "is_said"}
