"""Template expansion: one tree out of the pipeline's file and all it includes.

What is left has no templates, no directives and no `${{ }}`: stages, jobs,
steps and variables as the run will have them, every value text with the place
it was written at. `$[ ]` and `$( )` stay; they belong to the run.

Within a level (root, stage, job) `variables` come first, one after the other,
each visible to the ones below it and to everything inside the level. A
template sees its parameters and the variables of where it is included.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Mappable
from dataclasses import dataclass, replace
from typing import Final

from pratique.delivery.expressions.values import Record
from pratique.delivery.nodes import Mapping, Node, Place, Scalar, Sequence, Source, kind_of
from pratique.delivery.reader import parse_pipeline
from pratique.delivery.templates.directives import OPEN
from pratique.delivery.templates.files import Files, ReadFile
from pratique.delivery.templates.parameters import Declared, bound, declared
from pratique.delivery.templates.substitution import Scope, Substitution
from pratique.delivery.trouble import Refused, Trouble, Troubles
from pratique.specs.words import did_you_mean

_BODIES: Final = ("stages", "jobs", "steps")
_HOOKS: Final = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")
_STRATEGIES: Final = ("runOnce", "rolling", "canary")
_TEMPLATE_KEYS: Final = ("template", "parameters")

Pairs = list[tuple[Scalar, Node, Scope]]


@dataclass(frozen=True)
class Expansion:
    """A pipeline as one tree."""

    root: Mapping | None
    """None when so little could be read that there is no tree."""
    declared: Declared
    """The parameters of the pipeline's own file."""
    parameters: Record
    sources: tuple[Source, ...]
    """Every file that was read."""


def expand(
    read: ReadFile,
    source: Source,
    *,
    troubles: Troubles,
    parameters: Mappable[str, str] | None = None,
    variables: Mappable[str, str] | None = None,
) -> Expansion:
    """Expand the pipeline in `source`.

    `parameters` are the values that whoever starts the run gives, as text
    (YAML for objects and lists). `variables` are those known before any file
    is read: the predefined ones, such as Build.SourceBranchName. What is wrong
    goes to `troubles`, and expansion goes on with what it can.
    """
    expander = _Expander(Files(read, troubles), troubles)
    try:
        return expander.expansion(source, parameters or {}, variables or {})
    except Refused as refused:
        troubles.errors.append(refused.trouble)
    except RecursionError:
        troubles.refuse("templates and values are nested too deeply", Place(source, 1, 0))
    return Expansion(None, Declared(), Record(), expander.files.sources)


class _Expander:
    def __init__(self, files: Files, troubles: Troubles) -> None:
        self.files = files
        self._troubles = troubles
        self._replaced = Substitution(troubles)

    # --- the pipeline's own file ---------------------------------------------------------------------------------

    def expansion(self, source: Source, given: Mappable[str, str], variables: Mappable[str, str]) -> Expansion:
        node = self.files.root(source)
        if not isinstance(node, Mapping):
            raise Refused(Trouble(f"a pipeline is a mapping; got {kind_of(node)}", node.place))
        names = declared(node.get("parameters"), self._troubles)
        arguments = self._arguments(given, names, node.place)
        values = bound(names, arguments, node.place, self._troubles)
        scope = Scope(values, Record(variables.items()), {}, names.is_typed)
        return Expansion(self._root(node, scope), names, values, self.files.sources)

    def _arguments(self, given: Mappable[str, str], names: Declared, place: Place) -> Mapping:
        """What whoever starts the run gives, as nodes; text of an object or list is YAML."""
        types = {parameter.name.lower(): parameter.type for parameter in names.parameters}
        pairs: list[tuple[Scalar, Node]] = []
        for name, text in given.items():
            node: Node = Scalar(text, place, is_expanded=True)
            if types.get(name.lower(), "string") not in ("", "string", "number", "boolean"):
                node = _parsed_argument(name, text, self._troubles)
            pairs.append((Scalar(name, place, is_expanded=True), node))
        return Mapping(tuple(pairs), place)

    def _root(self, node: Mapping, scope: Scope) -> Mapping:
        """The root of the pipeline's own file, or of one that it extends."""
        resources = node.get("resources")
        if isinstance(resources, Mapping) and node.place.via is None:
            self.files.know(_aliases(self._replaced.value(resources, scope)))
        pairs, scope = self._level(node, scope)
        done: list[tuple[Scalar, Node]] = []
        for key, value, inner in pairs:
            match key.text:
                case "parameters":
                    continue
                case "extends":
                    self._merge(done, self._extended(key, value, inner))
                case "variables":
                    self._merge(done, [(key, value)])
                case "stages" | "jobs" | "steps":
                    self._merge(done, [(key, self._list(value, inner, key.text))])
                case "strategy":
                    self._merge(done, [(key, self._strategy(value, inner))])
                case _:
                    self._merge(done, [(key, self._replaced.value(value, inner))])
        return Mapping(tuple(done), node.place)

    def _merge(self, done: list[tuple[Scalar, Node]], pairs: Iterable[tuple[Scalar, Node]]) -> None:
        known = {key.text for key, _ in done}
        for key, value in pairs:
            if key.text in known:
                self._troubles.refuse(f"{key.text} is already defined", key.place)
            else:
                done.append((key, value))

    def _extended(self, key: Scalar, value: Node, scope: Scope) -> Iterable[tuple[Scalar, Node]]:
        """The root of the file that `extends` names."""
        given = self._replaced.value(value, scope)
        if not isinstance(given, Mapping):
            self._troubles.refuse("extends is a mapping with template and parameters", key.place)
            return ()
        try:
            file, inner = self._entered(list(given.pairs), scope, given.place)
        except Refused as refused:
            self._troubles.errors.append(refused.trouble)
            return ()
        return self._root(file, inner).pairs

    # --- levels: variables first ---------------------------------------------------------------------------------

    def _level(self, node: Mapping, scope: Scope) -> tuple[Pairs, Scope]:
        """The pairs of a root, stage or job, `variables` expanded, and the scope of what is inside."""
        inner = scope.inner()
        direct = node.get("variables")
        known: dict[str, Sequence] = {}
        if direct is not None and (key := node.key("variables")):
            known[key.text] = self._variables(direct, inner)
        pairs: Pairs = []
        for key, value, at in self._replaced.pairs(node, inner):
            if key.text == "variables":
                done = known.pop("variables", None) or self._variables(value, at)
                pairs.append((key, done, at))
            else:
                pairs.append((key, value, at))
        return pairs, inner

    def _variables(self, node: Node, scope: Scope) -> Sequence:
        """`variables` as a list, whatever the form; each is put into `scope` as soon as it is known."""
        if isinstance(node, Scalar):
            node = self._replaced.value(node, scope)
        done: list[Node] = []
        if isinstance(node, Mapping):
            for key, value, inner in self._replaced.pairs(node, scope):
                given = self._replaced.value(value, inner)
                self._set(key, given, scope)
                done.append(_variable(key, given))
        elif isinstance(node, Sequence):
            for item, inner in self._replaced.items(node, scope):
                done += self._variable(item, inner)
        elif node.text:
            self._troubles.refuse("variables are a mapping or a list; got text", node.place)
        return Sequence(tuple(done), node.place)

    def _set(self, key: Scalar, value: Node, scope: Scope) -> None:
        if isinstance(value, Scalar):
            scope.variables.put(key.text, value.text)
        else:
            self._troubles.refuse(f"the variable {key.text} is text; got {kind_of(value)}", value.place)

    def _variable(self, item: Node, scope: Scope) -> list[Node]:
        """One item of a list of variables."""
        if isinstance(item, Scalar):
            if item.text:
                self._troubles.refuse("a variable has a name and a value", item.place, hint="write - name: …")
            return []
        if isinstance(item, Sequence):
            self._troubles.refuse("a variable is a mapping; got a list", item.place)
            return []
        pairs = [(key, value, inner) for key, value, inner in self._replaced.pairs(item, scope)]
        if not pairs:
            return []
        if any(key.text == "template" for key, _, _ in pairs):
            return self._included(pairs, scope, "variables", item.place)
        done = Mapping(tuple((key, self._replaced.value(value, inner)) for key, value, inner in pairs), item.place)
        name = done.get("name")
        if isinstance(name, Scalar):
            self._set(name, done.get("value") or Scalar("", name.place), scope)
        return [done]

    # --- lists of stages, jobs and steps ----------------------------------------------------------------------------

    def _list(self, node: Node, scope: Scope, kind: str) -> Sequence:
        if isinstance(node, Scalar):
            node = self._replaced.value(node, scope)
        if isinstance(node, Mapping):
            # A template may give its whole list behind one `${{ if }}`, which YAML reads as a mapping.
            node = Sequence((node,), node.place)
        if isinstance(node, Scalar):
            if node.text:
                self._troubles.refuse(f"{kind} is a list; got text", node.place)
            return Sequence((), node.place)
        done: list[Node] = []
        for item, inner in self._replaced.items(node, scope):
            done += self._item(item, inner, kind)
        return Sequence(tuple(done), node.place)

    def _item(self, item: Node, scope: Scope, kind: str) -> list[Node]:
        if isinstance(item, Scalar):
            if item.text:
                self._troubles.refuse(f"expected a mapping in {kind}; got text", item.place)
            return []
        if isinstance(item, Sequence):
            self._troubles.refuse(f"expected a mapping in {kind}; got a list", item.place)
            return []
        if kind == "steps":
            pairs = [(key, value, inner) for key, value, inner in self._replaced.pairs(item, scope)]
        else:
            pairs, scope = self._level(item, scope)
        if not pairs:
            return []
        if any(key.text == "template" for key, _, _ in pairs):
            return self._included(pairs, scope, kind, item.place)
        return [Mapping(tuple(self._inside(key, value, inner) for key, value, inner in pairs), item.place)]

    def _inside(self, key: Scalar, value: Node, scope: Scope) -> tuple[Scalar, Node]:
        """A key of a stage, a job or a step."""
        match key.text:
            case "jobs" | "steps":
                return key, self._list(value, scope, key.text)
            case "strategy":
                return key, self._strategy(value, scope)
            case "variables":
                return key, value
            case _:
                return key, self._replaced.value(value, scope)

    def _strategy(self, node: Node, scope: Scope) -> Node:
        """A strategy, whose hooks hold steps."""
        if not isinstance(node, Mapping):
            return self._replaced.value(node, scope)
        done: list[tuple[Scalar, Node]] = []
        for key, value, inner in self._replaced.pairs(node, scope):
            if key.text == "steps":
                done.append((key, self._list(value, inner, "steps")))
            elif key.text in (*_STRATEGIES, *_HOOKS, "on", "failure", "success"):
                done.append((key, self._strategy(value, inner)))
            else:
                done.append((key, self._replaced.value(value, inner)))
        return Mapping(tuple(done), node.place)

    # --- templates ------------------------------------------------------------------------------------------------

    def _included(self, pairs: Pairs, scope: Scope, kind: str, place: Place) -> list[Node]:
        """What the template that `pairs` name gives for a list of `kind`."""
        given = [(key, self._replaced.value(value, inner)) for key, value, inner in pairs]
        try:
            file, inner = self._entered(given, scope, place)
            return self._body(file, inner, kind, place)
        except Refused as refused:
            self._troubles.errors.append(refused.trouble)
            return []

    def _entered(self, given: list[tuple[Scalar, Node]], scope: Scope, place: Place) -> tuple[Mapping, Scope]:
        """The file that is included, and the scope within it; raises `Refused`."""
        keys = {key.text: value for key, value in given}
        for key, _ in given:
            if key.text not in _TEMPLATE_KEYS:
                hint = did_you_mean(key.text, _TEMPLATE_KEYS) or "known: template, parameters"
                self._troubles.refuse(f"unknown key {key.text} beside template", key.place, hint=hint)
        reference, arguments = keys.get("template"), keys.get("parameters")
        if not isinstance(reference, Scalar) or not reference.text:
            raise Refused(Trouble("a template needs the path of a file", place))
        if isinstance(arguments, Scalar) and not arguments.text:
            arguments = None
        if arguments is not None and not isinstance(arguments, Mapping):
            raise Refused(Trouble(f"parameters are a mapping; got {kind_of(arguments)}", arguments.place))
        file = self.files.include(reference)
        if not isinstance(file, Mapping):
            raise Refused(Trouble(f"a template is a mapping; got {kind_of(file)}", file.place))
        names = declared(file.get("parameters"), self._troubles)
        values = bound(names, arguments, reference.place, self._troubles)
        return file, Scope(values, scope.variables, {}, names.is_typed)

    def _body(self, file: Mapping, scope: Scope, kind: str, place: Place) -> list[Node]:
        done: list[Node] = []
        keys: list[str] = []
        for key, value, inner in self._replaced.pairs(file, scope):
            keys.append(key.text)
            if key.text == kind == "variables":
                done += self._variables(value, inner).items
            elif key.text == kind:
                done += self._list(value, inner, kind).items
            elif key.text in _BODIES or key.text == "variables":
                said = f"the template {file.place.source} has {key.text}; here it must have {kind}"
                raise Refused(Trouble(said, place, f"include it under {key.text}:"))
            elif key.text not in ("parameters", "resources"):
                hint = did_you_mean(key.text, (kind, "parameters"))
                self._troubles.refuse(f"unknown key {key.text} of a template of {kind}", key.place, hint=hint)
        if kind not in keys and OPEN not in "".join(file.names()):
            self._troubles.refuse(f"the template {file.place.source} has no {kind}", place)
        return done


def _variable(key: Scalar, value: Node) -> Mapping:
    """``name: value`` of the short form as an item of the long one."""
    name = Scalar("name", key.place, is_expanded=True)
    return Mapping(((name, key), (Scalar("value", key.place, is_expanded=True), value)), key.place)


def _aliases(resources: Node) -> Iterator[str]:
    repositories = resources.get("repositories") if isinstance(resources, Mapping) else None
    for item in repositories.items if isinstance(repositories, Sequence) else ():
        alias = item.get("repository") if isinstance(item, Mapping) else None
        if isinstance(alias, Scalar) and alias.text:
            yield alias.text


def _parsed_argument(name: str, text: str, troubles: Troubles) -> Node:
    """A parameter that is given as YAML; nothing in it is evaluated."""
    source = Source("self", f"--parameters {name}")
    try:
        return _finished(parse_pipeline(text, source=source, troubles=troubles))
    except Refused as refused:
        troubles.errors.append(refused.trouble)
        return Scalar("", Place(source, 1, 0), is_expanded=True)


def _finished(node: Node) -> Node:
    """`node` as text that no expression is looked for in."""
    match node:
        case Scalar():
            return replace(node, is_expanded=True)
        case Sequence():
            return Sequence(tuple(_finished(item) for item in node.items), node.place)
        case Mapping():
            pairs = ((replace(key, is_expanded=True), _finished(value)) for key, value in node.pairs)
            return Mapping(tuple(pairs), node.place)
