"""Values with their `${{ }}` replaced and their directives carried out, wherever they stand in a file."""

from collections.abc import Iterator
from collections.abc import Mapping as Mappable
from dataclasses import dataclass, replace
from typing import Final

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.evaluation import Context, evaluate
from pratique.delivery.expressions.functions import COMPILE_TIME
from pratique.delivery.expressions.parser import parse
from pratique.delivery.expressions.values import Array, Record, Value, to_boolean, to_text
from pratique.delivery.nodes import Mapping, Node, Place, Scalar, Sequence, kind_of
from pratique.delivery.templates.conversion import node_of
from pratique.delivery.templates.directives import OPEN, Directive, Piece, directive_of, is_directive, pieces_of
from pratique.delivery.trouble import Refused, Trouble, Troubles
from pratique.specs.words import did_you_mean

MAX_WORK: Final = 250_000
"""Values and evaluations of one expansion."""
MAX_TEXT: Final = 20_000_000
"""Characters of all values of the result."""

_OF_SOME_RUNS: Final = ("build.", "system.")
"""The beginnings of variables that the platform knows before some runs, such as those of pull requests."""


@dataclass(frozen=True)
class Scope:
    """What `${{ }}` sees at one point of the files."""

    parameters: Record
    variables: Record
    """Grows while a level is expanded; a level has its own copy."""
    loops: Mappable[str, Value]
    is_typed: bool
    """Whether the parameters are declared with types: then an unknown one is an error."""

    def inner(self) -> "Scope":
        """The scope of a level within."""
        return replace(self, variables=self.variables.copy())

    def loop(self, name: str, value: Value) -> "Scope":
        """The scope of one round of a loop."""
        return replace(self, loops={**self.loops, name: value})


class Substitution:
    """Replaces what stands in `${{ }}`, for one expansion: it counts the work, and what is wrong goes to `troubles`."""

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles
        self._work = 0
        self._text = 0

    # --- values ---------------------------------------------------------------------------------------------------

    def value(self, node: Node, scope: Scope) -> Node:
        """`node` with every expression in it replaced."""
        match node:
            case Scalar():
                return self.scalar(node, scope)
            case Sequence():
                items = tuple(self.value(item, inner) for item, inner in self.items(node, scope))
                return Sequence(items, node.place)
            case Mapping():
                pairs = ((key, self.value(value, inner)) for key, value, inner in self.pairs(node, scope))
                return Mapping(tuple(pairs), node.place)

    def scalar(self, node: Scalar, scope: Scope) -> Node:
        """The value of a text; an expression alone gives what it gives, among text it is text."""
        self._spend(len(node.text), node.place)
        if node.is_expanded:
            return node
        if OPEN not in node.text:
            return replace(node, is_expanded=True)
        try:
            pieces = pieces_of(node.text)
            if len(pieces) == 1:
                return node_of(self._evaluated(pieces[0].text, scope, node.place), node.place)
        except ExpressionError as error:
            self._complain(error, node.place)
            return Scalar("", node.place, is_expanded=True)
        text = "".join(self._piece(piece, scope, node.place_of(piece.offset)) for piece in pieces)
        self._spend(len(text), node.place)
        return Scalar(text, node.place, is_expanded=True)

    def _piece(self, piece: Piece, scope: Scope, place: Place) -> str:
        """The text of one piece of a text; an expression that fails is noted, and is empty."""
        if not piece.is_expression:
            return piece.text
        try:
            return to_text(self._evaluated(piece.text, scope, place))
        except ExpressionError as error:
            self._complain(error, place)
            return ""

    def _evaluated(self, text: str, scope: Scope, place: Place) -> Value:
        """The value of an expression; raises `ExpressionError`."""
        self._spend(0, place)

        def missing(name: str, key: str) -> None:
            if name.lower() == "parameters" and scope.is_typed:
                names = [known for known, _ in scope.parameters.items()]
                hint = did_you_mean(key, names) or f"declared: {', '.join(names) or 'none'}"
                self._troubles.refuse(f"there is no parameter {key}", place, hint=hint)
            elif name.lower() == "variables" and not key.lower().startswith(_OF_SOME_RUNS):
                hint = f"a variable of a group or of a script is known only to the run: $({key})"
                self._troubles.warn(f"the variable {key} has no value before the run, so it is empty", place, hint=hint)

        names = {"parameters": scope.parameters, "variables": scope.variables, **scope.loops}
        return evaluate(text, Context(names, COMPILE_TIME, missing))

    def _complain(self, error: ExpressionError, place: Place) -> None:
        at = f" (at character {error.position} of the expression)" if error.position else ""
        self._troubles.refuse(f"{error.message}{at}", place, hint=error.hint)

    def _spend(self, characters: int, place: Place) -> None:
        self._work += 1
        self._text += characters
        if self._work > MAX_WORK or self._text > MAX_TEXT:
            raise Refused(Trouble(f"it expands to more than {MAX_WORK:,} values or {MAX_TEXT:,} characters", place))

    # --- directives -----------------------------------------------------------------------------------------------

    def _directive(self, key: Node) -> Directive | None:
        if not isinstance(key, Scalar) or key.is_expanded or OPEN not in key.text:
            return None
        try:
            found = directive_of(key.text)
            if found is not None and found.expression:
                parse(found.expression)  # A branch that is not taken must be well formed as well.
            return found
        except ExpressionError as error:
            self._complain(error, key.place)
            return Directive("if", "false")

    def pairs(self, node: Mapping, scope: Scope) -> Iterator[tuple[Scalar, Node, Scope]]:
        """Keys and values with directives carried out; keys are expanded, values are not."""
        chain = _Chain(self, scope)
        for key, value in node.pairs:
            directive = self._directive(key)
            if directive is None:
                chain.end()
                name = self.scalar(key, scope)
                if isinstance(name, Scalar):
                    yield name, value, scope
                else:
                    self._troubles.refuse(f"a key is text; got {kind_of(name)}", key.place)
                continue
            for inner in chain.scopes(directive, key):
                given = self.value(value, inner) if isinstance(value, Scalar) else value
                if isinstance(given, Mapping):
                    yield from self.pairs(given, inner)
                elif not isinstance(given, Scalar) or given.text:
                    hint = "a list stands behind - ${{ … }}:" if isinstance(given, Sequence) else ""
                    said = f"expected keys and values behind ${{{{ {directive.word} }}}}; got {kind_of(given)}"
                    self._troubles.refuse(said, key.place, hint=hint)

    def items(self, node: Sequence, scope: Scope) -> Iterator[tuple[Node, Scope]]:
        """Items with directives carried out and lists that expressions give put in; items are not expanded."""
        chain = _Chain(self, scope)
        for item in node.items:
            if isinstance(item, Scalar):
                chain.end()
                yield from self._spliced(item, scope)
                continue
            first = item.pairs[0][0] if isinstance(item, Mapping) and item.pairs else item
            if not isinstance(item, Mapping) or self._directive(first) is None or _is_one_mapping(item):
                chain.end()
                yield item, scope
                continue
            for key, value in item.pairs:
                directive = self._directive(key)
                if directive is None:
                    self._troubles.refuse(f"{key.text} stands beside a directive of a list", key.place)
                    continue
                for inner in chain.scopes(directive, key):
                    yield from self._behind(value, inner)

    def _behind(self, value: Node, scope: Scope) -> Iterator[tuple[Node, Scope]]:
        """The items that stand behind a directive of a list."""
        match value:
            case Sequence():
                yield from self.items(value, scope)
            case Mapping():
                yield value, scope
            case Scalar():
                yield from self._spliced(value, scope)

    def _spliced(self, item: Scalar, scope: Scope) -> Iterator[tuple[Node, Scope]]:
        """A scalar of a list: a list that its expression gives takes its place."""
        given = self.scalar(item, scope)
        if isinstance(given, Sequence):
            yield from self.items(given, scope)
        else:
            yield given, scope

    def holds(self, directive: Directive, scope: Scope, place: Place) -> bool:
        """Whether the condition of `directive` is true."""
        try:
            return to_boolean(self._evaluated(directive.expression, scope, place))
        except ExpressionError as error:
            self._complain(error, place)
            return False

    def loops(self, directive: Directive, scope: Scope, place: Place) -> Iterator[Scope]:
        """A scope for each round of `each`."""
        try:
            value = self._evaluated(directive.expression, scope, place)
        except ExpressionError as error:
            self._complain(error, place)
            return
        if isinstance(value, Array):
            rounds = list(value.items)
        elif isinstance(value, Record):
            rounds = [Record((("key", name), ("value", inner))) for name, inner in value.items()]
        else:
            if value not in (None, ""):
                self._troubles.refuse("each goes through a list or a mapping; got text", place)
            return
        for one in rounds:
            self._spend(0, place)
            yield scope.loop(directive.variable, one)

    def misplaced(self, word: str, place: Place) -> None:
        """Tell of a branch without its beginning."""
        self._troubles.refuse(f"{word} without an if before it", place)


class _Chain:
    """Which branch of an if, elseif, else is taken, from one key or item to the next."""

    def __init__(self, substitution: Substitution, scope: Scope) -> None:
        self._substitution = substitution
        self._scope = scope
        self._state = "none"
        """none: no if before; open: none was true yet; taken."""

    def end(self) -> None:
        """Something else stands between."""
        self._state = "none"

    def scopes(self, directive: Directive, key: Scalar) -> Iterator[Scope]:
        """A scope for each time that what is behind `directive` counts."""
        match directive.word:
            case "each":
                self.end()
                yield from self._substitution.loops(directive, self._scope, key.place)
            case "insert":
                self.end()
                yield self._scope
            case "if":
                self._state = "taken" if self._substitution.holds(directive, self._scope, key.place) else "open"
                if self._state == "taken":
                    yield self._scope
            case _ if self._state == "none":
                self._substitution.misplaced(directive.word, key.place)
            case "elseif":
                if self._state == "open" and self._substitution.holds(directive, self._scope, key.place):
                    self._state = "taken"
                    yield self._scope
            case _:
                is_taken, self._state = self._state == "open", "none"
                if is_taken:
                    yield self._scope


def _is_one_mapping(item: Mapping) -> bool:
    """Whether an item that begins with a directive is one mapping made of parts, and not a piece of the list.

    `- ${{ each pair in step }}:` with keys behind it makes one item of all
    pairs, and so does a directive with a plain key beside it; an `if` alone
    with keys behind it is an item or none.
    """
    if not all(is_directive(key.text) for key, _ in item.pairs):
        return True
    if any(isinstance(value, Sequence) for _, value in item.pairs):
        return False
    if len(item.pairs) > 1:
        return any(isinstance(value, Mapping) for _, value in item.pairs)
    key, value = item.pairs[0]
    return isinstance(value, Mapping) and key.text.partition(OPEN)[2].split()[:1] in (["each"], ["insert"])
