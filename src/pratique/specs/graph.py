"""How the steps of a pipeline hang together: what they bind to, and in which order they can run.

    ${{parent.inputs.NAME}}                an input of the pipeline
    ${{parent.jobs.STEP.outputs.NAME}}     an output of another step, which then runs first
    ${{parent.outputs.NAME}}               in a step's outputs: the output of the pipeline that it becomes

Everything here looks at the raw values of a file, so that a misspelt key does
not hide a binding that leads nowhere. A step whose component is only referred
to has ports that are not known here; the platform looks at them when it has
the component.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pratique.specs.bindings import bindings_of
from pratique.specs.component import is_required, mapping_at, problems_with_value
from pratique.specs.job import DATA_TYPES
from pratique.specs.keys import Found, Key
from pratique.specs.port_names import problems_with_names
from pratique.specs.words import did_you_mean, shown

PARENT: Final = "parent"
IMPLICIT_OUTPUTS: Final = ("default", "artifacts")
_MAY_BIND: Final = ("inputs", "compute", "environment_variables", "resources", "identity", "limits", "distribution")
"""Keys of a step in which a binding to the pipeline has a value."""


def problems_with_steps(value: Mapping[str, Any]) -> Iterable[Found]:
    """Every binding between the steps of `value` that leads nowhere or in a circle."""
    steps = mapping_at(value, "jobs")
    yield from problems_with_names("jobs", steps)
    for name in steps:
        if name.isidentifier() and name != name.lower():
            said = f"expected lower-case letters, digits and _; got {shown(name)}"
            yield Found(("jobs", name), said, f"write {name.lower()}")
    for name, step in steps.items():
        if isinstance(step, Mapping):
            yield from _problems_with_inputs(name, step, value)
            yield from _problems_with_outputs(name, step, value)
    yield from _problems_with_circles(steps)


def dependencies(step: Mapping[str, Any]) -> dict[str, Key]:
    """The steps whose outputs `step` needs, and the key below it where it says so first."""
    found: dict[str, Key] = {}
    for key, text in _texts(step):
        for parts in _bound(text):
            if len(parts) > 2 and parts[:2] == (PARENT, "jobs"):
                found.setdefault(parts[2], key)
    return found


def order_of(steps: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of `steps`, each after those that it needs; raises `ValueError` for a circle."""
    order: list[str] = []
    waiting = {name: {other for other in dependencies(step) if other in steps} for name, step in steps.items()}
    while waiting:
        ready = [name for name, needs in waiting.items() if needs <= {*order}]
        if not ready:
            raise ValueError(f"steps wait for each other: {', '.join(waiting)}")
        order += ready
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
    return order


# --- bindings ------------------------------------------------------------------------------------------------------


def _problems_with_inputs(name: str, step: Mapping[str, Any], pipeline: Mapping[str, Any]) -> Iterable[Found]:
    for key, text in _texts(step):
        for parts in dict.fromkeys(_bound(text)):
            if parts[:1] == (PARENT,) and (said := _unknown(parts, pipeline)):
                yield Found(("jobs", name, *key), *said)
    ports = ports_of(step, "inputs")
    if ports is None:
        return
    given = mapping_at(step, "inputs")
    for port in given:
        if port not in ports:
            hint = did_you_mean(port, ports) or f"inputs: {', '.join(ports) or 'none'}"
            yield Found(("jobs", name, "inputs", port), "the component has no such input", hint)
            continue
        kind = str(ports[port].get("type")).lower() if isinstance(ports[port], Mapping) else ""
        literal = given[port].get("value") if isinstance(given[port], Mapping) else given[port]
        for found in problems_with_value(kind, literal):
            yield Found(("jobs", name, "inputs", port), found.message, found.hint)
        if kind in DATA_TYPES and "component" in step and isinstance(literal, bool | int | float):
            yield Found(("jobs", name, "inputs", port), f"expected a path or a binding; got {shown(literal)}")
    for port, declared in ports.items():
        if is_required(declared) and given.get(port) is None:
            yield Found(("jobs", name, "inputs"), f"the component needs the input {port}")


def _problems_with_outputs(name: str, step: Mapping[str, Any], pipeline: Mapping[str, Any]) -> Iterable[Found]:
    ports = ports_of(step, "outputs")
    for port, given in mapping_at(step, "outputs").items():
        here = ("jobs", name, "outputs", port)
        if ports is not None and port not in ports and port not in IMPLICIT_OUTPUTS and "component" in step:
            hint = did_you_mean(port, ports) or f"outputs: {', '.join(ports) or 'none'}"
            yield Found(here, "the component has no such output", hint)
        text = given.get("path") if isinstance(given, Mapping) else given
        for parts in _bound(text) if isinstance(text, str) else ():
            match parts:
                case ("parent", "outputs", wanted) if wanted in mapping_at(pipeline, "outputs"):
                    pass
                case ("parent", "outputs", wanted):
                    known = [*mapping_at(pipeline, "outputs")]
                    yield Found(here, f"{_shown(parts)} is not one of the pipeline's outputs", _near(wanted, known))
                case ("parent", *_):
                    yield Found(here, f"{_shown(parts)} is no output", "an output binds to ${{parent.outputs.NAME}}")


def _unknown(parts: tuple[str, ...], pipeline: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a binding of an input, and a remedy."""
    inputs, steps = mapping_at(pipeline, "inputs"), mapping_at(pipeline, "jobs")
    match parts[1:]:
        case ("inputs", name, *_):
            known = [*inputs]
            return (
                None if name in inputs else (f"{_shown(parts)} is not one of the pipeline's inputs", _near(name, known))
            )
        case ("jobs", step, ("outputs" | "inputs") as side, port):
            if step not in steps:
                return f"{_shown(parts)} names no step", _near(step, [*steps])
            ports = ports_of(steps[step], side)
            if ports is None or port in ports or (side == "outputs" and port in IMPLICIT_OUTPUTS):
                return None
            return f"{_shown(parts)} is not one of the {side} of {step}", _near(port, [*ports])
        case _:
            hint = "known: ${{parent.inputs.NAME}}, ${{parent.jobs.STEP.outputs.NAME}}"
            return f"{_shown(parts)} is no binding", hint


def ports_of(step: Any, side: str) -> Mapping[str, Any] | None:
    """The ports of a step; None when its component is elsewhere."""
    if not isinstance(step, Mapping):
        return None
    component = step.get("component")
    if isinstance(component, Mapping):
        return mapping_at(component, side)
    # A command of the step's own has the inputs and outputs that the step gives it.
    return None if "component" in step or "command" not in step else mapping_at(step, side)


def _texts(step: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """Every text of a step that may bind to the pipeline, and where below the step it stands."""
    for name in _MAY_BIND:
        yield from _texts_in(step.get(name), (name,))


def _texts_in(value: Any, key: Key) -> Iterator[tuple[Key, str]]:
    if isinstance(value, str) and "${{" in value:
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts_in(inner, (*key, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts_in(inner, (*key, index))


def _bound(text: str) -> Iterator[tuple[str, ...]]:
    return (binding.parts for binding in bindings_of(text))


def _shown(parts: tuple[str, ...]) -> str:
    return f"${{{{{shown('.'.join(parts))}}}}}"


def _near(name: str, known: list[str]) -> str:
    return did_you_mean(name, known) or (f"known: {', '.join(known)}" if known else "there are none")


# --- circles -------------------------------------------------------------------------------------------------------


def _problems_with_circles(steps: Mapping[str, Any]) -> Iterable[Found]:
    """Each circle once, at the binding by which its first step waits."""
    needs = {name: dependencies(step) for name, step in steps.items() if isinstance(step, Mapping)}
    done: set[str] = set()
    for start in needs:
        circle = _circle_from(start, needs, done)
        if circle:
            key = needs[circle[0]][circle[1 % len(circle)]]
            path = " → ".join([*circle, circle[0]])
            said = f"{circle[0]} waits for itself" if len(circle) == 1 else f"steps wait for each other: {path}"
            yield Found(("jobs", circle[0], *key), said)


def _circle_from(start: str, needs: Mapping[str, Mapping[str, Key]], done: set[str]) -> list[str]:
    """The first circle that is met on the way from `start`, without recursion; what was walked is `done`."""
    if start in done:
        return []
    way: list[tuple[str, Iterator[str]]] = [(start, iter(needs[start]))]
    on_way = [start]
    while way:
        name, rest = way[-1]
        following = next((other for other in rest if other in needs and other not in done), None)
        if following is None:
            done.add(name)
            way.pop()
            on_way.pop()
        elif following in on_way:
            done.update(on_way)
            return on_way[on_way.index(following) :]
        else:
            way.append((following, iter(needs[following])))
            on_way.append(following)
    return []
