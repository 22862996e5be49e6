"""The command table: what a verb is, and how verbs are found without importing them all.

An *index* is a tuple of `Row`s. A row names a group of verbs (``ml job``) or a
single verb (``login``), says it in one sentence, and names the module that
knows more. Only the module of the row that was typed is imported; the others
are their sentences.

That module has a `TABLE`, which its functions enter:

    TABLE = Table("ml job")

    @TABLE.verb("show", arguments=(NAME, WEB), examples={"Show a job": "pratique ml job show -n brave_lantern"})
    def show(place: Place, *, name: str, web: bool) -> Document:
        \"\"\"Show one job.\"\"\"

The first paragraph of the docstring is the help, what follows is its long
form. Each keyword parameter is one `Argument`. A first parameter `place` gives
the verb the door, the workspace and the group, and the flags that choose them
(-w, -g, --subscription); `in_group` leaves out -w, `platform` leaves out -g as
well. A parameter `edits` gives what --set, --add and --remove change, and those
flags. What a verb returns goes to stdout through --query and -o; a `Text` is
printed as it is, None prints nothing. Errors are raised as `PratiqueError`.

A layer above adds verbs by handing rows to `pratique.cli.main.run`:

    run(argv, extra_tables=[
        Row("up", "pratique.app.up", "Start the platform."),
        Row("events", "pratique.app.events", "What happened.", is_group=True),
    ])

A single verb's module enters it under an empty name:

    TABLE = Table("up")

    @TABLE.verb("", arguments=(...), examples={...})
    def up(...) -> None:
        \"\"\"Start the platform.\"\"\"
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])
Document: TypeAlias = dict[str, Any]
"""What the platform answers, and most verbs return: a mapping of what JSON has."""


@dataclass(frozen=True)
class Row:
    """One line of the index."""

    path: str
    """The words of the group, such as ``ml job``, or of a single verb, such as ``login``."""
    module: str
    summary: str
    is_group: bool = False


class Text(str):
    """A result for people, such as a log: printed as it is unless -o asks for a format."""

    __slots__ = ()


class Report(Text):
    """A result that people read as text and that -o and --query see as `values`.

    `exit_code` is for a verb that has looked at everything and found
    something wrong, which is an answer and no error.
    """

    __slots__ = ("exit_code", "values")

    values: Any
    exit_code: int

    def __new__(cls, text: str, *, values: Any, exit_code: int = 0) -> "Report":
        made = super().__new__(cls, text)
        made.values, made.exit_code = values, exit_code
        return made


@dataclass(frozen=True, slots=True)
class Plain:
    """A long result, fetched in the form in which it is wanted."""

    values: Callable[[], Any]
    """Made of what `json.loads` makes."""
    text: Callable[[], str]
    """As -o json prints it, so that nobody looks at every value again."""


@dataclass(frozen=True)
class Argument:
    """One flag: the parameter it becomes, how it is written and what it means."""

    name: str
    flags: tuple[str, ...]
    help: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What argparse is told: required, action, nargs, type, choices, default, metavar."""

    @property
    def is_positional(self) -> bool:
        return not self.flags[0].startswith("-")

    def required(self) -> "Argument":
        """The same flag where a verb cannot do without it."""
        return Argument(self.name, self.flags, self.help, {**self.settings, "required": True})

    def saying(self, words: str) -> "Argument":
        """The same flag where it means something more exact."""
        return Argument(self.name, self.flags, words, self.settings)


def flag(name: str, *flags: str, help: str, **settings: Any) -> Argument:  # noqa: A002 - argparse's word.
    """An argument; without `flags` it is written ``--name``."""
    return Argument(name, flags or (f"--{name.replace('_', '-')}",), help, settings)


def switch(name: str, *flags: str, help: str) -> Argument:  # noqa: A002 - argparse's word.
    """An argument that takes no value."""
    return flag(name, *flags, help=help, action="store_true", default=False)


@dataclass(frozen=True)
class Verb:
    """One command."""

    path: str
    """All its words: ``ml job show``."""
    handler: Callable[..., Any]
    arguments: tuple[Argument, ...]
    examples: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)
    """For -o table: heading to JMESPath of one item; empty lets the output choose."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the handler's parameters."""
        return tuple(inspect.signature(self.handler).parameters)

    @property
    def summary(self) -> str:
        return _paragraphs(self.handler)[0]

    @property
    def details(self) -> str:
        return "\n".join(_paragraphs(self.handler)[1:])


class Table:
    """The verbs of one module."""

    def __init__(self, group: str) -> None:
        self.group: Final = group
        self.verbs: dict[str, Verb] = {}

    def verb(
        self,
        name: str,
        *,
        arguments: tuple[Argument, ...] = (),
        examples: Mapping[str, str],
        columns: Mapping[str, str] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Enter a function as the verb `name`; an empty name makes the group's own words a verb."""

        def enter(handler: Handler) -> Handler:
            path = f"{self.group} {name}".strip()
            self.verbs[path] = Verb(path, handler, arguments, examples, columns or {})
            return handler

        return enter

    def include(self, other: "Table") -> None:
        """Take in the verbs of another module that are of the same group."""
        self.verbs.update(other.verbs)


def _paragraphs(handler: Callable[..., Any]) -> list[str]:
    text = inspect.getdoc(handler) or ""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
