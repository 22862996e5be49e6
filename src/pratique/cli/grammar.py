"""Knack, fed from our table: commands, arguments, help, and errors that name what is near.

Knack wants a command for every group it shows. Rows of the index that were not
typed get one empty command each, so that `pratique --help` imports no verb;
the row that was typed gets the verbs of its module. A verb that was typed in
full stands alone: nobody looks at a parser of any other.
"""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import Any, Final, NoReturn

from knack.arguments import CLICommandArgument
from knack.commands import CLICommand, CLICommandsLoader
from knack.help import CLIHelp, CommandHelpFile, GroupHelpFile, HelpFile
from knack.parser import CLICommandParser

from pratique.base import reason
from pratique.cli import not_here
from pratique.cli.arguments import EDITS, ONLY_LOOKS, PLACES, REASON, SHOWS_SECRETS, edits_of
from pratique.cli.index import GROUPS
from pratique.cli.output import columns_of
from pratique.cli.table import Argument, Row, Table, Verb
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, nearest

ROWS: Final = "pratique rows"
"""Under this key the data of knack's context hold the index in force."""

VERB: Final = "pratique verb"
"""Under this key they hold the verb that was typed in full, or None."""

_UNSEEN: Final = "…"
"""The verb of a group that was not typed: it makes the group show, and nobody can type it by accident."""


def typed_words(argv: Sequence[str]) -> list[str]:
    """The words before the first flag: groups and verb."""
    words: list[str] = []
    for argument in argv:
        if argument.startswith("-"):
            break
        words.append(argument.lower())
    return words


def is_typed(row: Row, words: Sequence[str]) -> bool:
    """Whether `words` lead to the verbs of `row`."""
    path = row.path.split()
    return list(words[: len(path)]) == path


def verbs_of(row: Row) -> Mapping[str, Verb]:
    """The verbs of a row; imports its module."""
    table: Table = import_module(row.module).TABLE
    return table.verbs


def typed_verb(rows: Sequence[Row], words: Sequence[str]) -> Verb | None:
    """The verb that `words` begin with, if it is nothing that more words would lead on from."""
    typed = [row for row in rows if is_typed(row, words)]
    paths = [" ".join(words[:length]) for length in range(len(words), 0, -1)]
    found = [verb for path in paths for row in typed if (verb := verbs_of(row).get(path))]
    leads_on = bool(found) and any(row.path.startswith(f"{found[0].path} ") for row in rows)
    return found[0] if found and not leads_on else None


class Commands(CLICommandsLoader):  # type: ignore[misc] # knack publishes no types.
    """Knack's command table, filled from the index."""

    def load_command_table(self, args: list[str]) -> dict[str, Any]:
        words = typed_words(args)
        typed: Verb | None = self.cli_ctx.data[VERB]
        if typed:
            self._enter_verb(typed)
        for row in () if typed else self.cli_ctx.data[ROWS]:
            if is_typed(row, words):
                self._enter(row)
            else:
                self._enter_unseen(row, words)
        table: dict[str, Any] = self.command_table
        return table

    def _enter(self, row: Row) -> None:
        for verb in verbs_of(row).values():
            self._enter_verb(verb)

    def _enter_verb(self, verb: Verb) -> None:
        self._add(verb.path, _caller(verb), _help_of(verb), columns_of(verb.columns), _loader(verb))

    def _enter_unseen(self, row: Row, words: Sequence[str]) -> None:
        # A parser for each group takes a while, so a group stands for those below it as far as nobody looks.
        path = row.path.split()
        shared = next((at for at, word in enumerate(path) if list(words[at : at + 1]) != [word]), len(path))
        shown = " ".join(path[: shared + 1])
        name = f"{shown} {_UNSEEN}" if row.is_group or shown != row.path else shown
        if name not in self.command_table:
            self._add(name, lambda _: None, {"type": "command", "short-summary": row.summary}, None, None)

    def _add(self, path: str, handler: Any, said: dict[str, Any], table: Any, arguments: Any) -> None:
        command = CLICommand(
            self.cli_ctx,
            path,
            handler,
            description=said["short-summary"],
            table_transformer=table,
            arguments_loader=arguments,
        )
        command.help = said
        self.command_table[path] = command


def _help_of(verb: Verb) -> dict[str, Any]:
    return {
        "type": "command",
        "short-summary": verb.summary,
        "long-summary": verb.details,
        "examples": [{"name": name, "text": text} for name, text in verb.examples.items()],
    }


def _loader(verb: Verb) -> Callable[[], list[tuple[str, Any]]]:
    return lambda: [(argument.name, _for_knack(argument)) for argument in arguments_of(verb)]


def arguments_of(verb: Verb) -> tuple[Argument, ...]:
    """Every flag of a verb but the global ones, those of its edits and its place included."""
    edits, why = EDITS if _has_edits(verb) else (), (REASON,) if _takes_reason(verb) else ()
    return (*verb.arguments, *edits, *why, *PLACES.get(_place_of(verb), ()))


def _takes_reason(verb: Verb) -> bool:
    """Whether `verb` has --reason; a filter of that name keeps its own meaning."""
    has_own = any(REASON.flags[0] in argument.flags for argument in verb.arguments)
    is_told = verb.path.rpartition(" ")[2] not in ONLY_LOOKS or verb.path in SHOWS_SECRETS
    return bool(_place_of(verb)) and is_told and not has_own


def _has_edits(verb: Verb) -> bool:
    """Whether `verb` takes --set, --add and --remove."""
    return "edits" in verb.parameters


def _place_of(verb: Verb) -> str:
    """The parameter by which `verb` asks for a place; empty when it asks for none."""
    return next((name for name in verb.parameters if name in PLACES), "")


def _for_knack(argument: Argument) -> Any:
    made = CLICommandArgument(argument.name, options_list=list(argument.flags), help=argument.help, **argument.settings)
    if argument.is_positional:
        made.type.settings.update(options_list=[], metavar=argument.flags[0])
    return made


def _caller(verb: Verb) -> Callable[[dict[str, Any]], Any]:
    """The handler as knack calls it: one mapping of all parameters."""

    def call(parameters: dict[str, Any]) -> Any:
        given = {argument.name: parameters.get(argument.name) for argument in verb.arguments}
        if _has_edits(verb):
            given["edits"] = edits_of(parameters)
        if not (wanted := _place_of(verb)):
            return verb.handler(**given)
        # Its client takes a tenth of a second to import, which verbs that stay on this machine need not pay.
        from pratique.cli.place import Place

        flags: dict[str, Any] = {argument.name: parameters.get(argument.name) for argument in PLACES[wanted]}
        why = reason.checked(parameters.get(REASON.name) or "") if _takes_reason(verb) else ""
        with reason.bound(why) if why else nullcontext():
            return verb.handler(Place(**flags), **given)

    return call


class Parser(CLICommandParser):  # type: ignore[misc] # knack publishes no types.
    """Knack's parser; what it cannot understand becomes a `UsageError`."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._expand_prefixed_files(args)
        parsed, unknown = self.parse_known_args(args, namespace)
        if strange := [word for word in unknown if not _is_taken(parsed, word)]:
            raise _unknown_flags(parsed, strange)
        return parsed

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._given = list(args or ())
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        choices = self._verbs()
        if choices and ("_command" in message or "_subcommand" in message):
            raise UsageError(
                f"`{self.prog}` is a group; name what to do: {', '.join(choices)}",
                hint=f"see `{self.prog} --help`",
            )
        # A misspelt flag is found missing before it is found unknown: name it all the same.
        hint = _bare_file(message, self._given) or _dashed_value(self, message) or _hint(self, self._given)
        raise UsageError(f"{self.prog}: {message}", hint=hint)

    def validation_error(self, message: str) -> NoReturn:
        self.error(message)

    def _check_value(self, action: Any, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        if action.dest in ("_command", "_subcommand"):
            raise self._unknown_verb(str(value))
        shown = "/".join(action.option_strings)
        raise UsageError(
            f"{shown}: {value!r} is not one of {', '.join(action.choices)}", hint=f"see `{self.prog} --help`"
        )

    def _unknown_verb(self, word: str) -> UsageError:
        path = " ".join([*self.prog.split()[1:], word])
        if instead := not_here.what_instead(path):
            return UsageError(f"`{path}` is a command of az that this version does not have yet", hint=instead)
        near = nearest(word, self._verbs())
        meant = f"did you mean `{self.prog} {near[0]}`? See" if near else f"known: {', '.join(self._verbs())}; see"
        return UsageError(f"`{self.prog}` has no command {word!r}", hint=f"{meant} `{self.prog} --help`")

    def _verbs(self) -> list[str]:
        last = self._actions[-1]
        known = last.choices if isinstance(last, argparse._SubParsersAction) else {}
        return [name for name in known if name != _UNSEEN]


def _is_taken(parsed: Any, word: str) -> bool:
    """Whether `word` is a switch of az that changes nothing here; says so."""
    if said := not_here.why_nothing(_verb_of(parsed), word):
        say(f"{word}: {said}")
    return bool(said)


def _verb_of(parsed: Any) -> str:
    return " ".join(parsed._parser.prog.split()[1:])


def _unknown_flags(parsed: Any, unknown: Sequence[str]) -> UsageError:
    parser = parsed._parser
    for word in unknown:
        flag = word.partition("=")[0]
        if said := not_here.why_refused(_verb_of(parsed), flag):
            return UsageError(f"{parser.prog}: {flag} is not in this version", hint=said)
    return UsageError(f"{parser.prog}: not understood: {' '.join(unknown)}", hint=_hint(parser, unknown))


def _hint(parser: Any, words: Sequence[str]) -> str:
    """Where the flags are listed, and which of them unknown ones among `words` may have meant."""
    known = list(parser._option_string_actions)
    strange = [word.partition("=")[0] for word in words if word.startswith("--")]
    strange = [word for word in strange if not any(flag.startswith(word) for flag in known)]
    guesses = [f"{word} → {near[0]}" for word in strange if (near := nearest(word, known))]
    return (
        f"did you mean {', '.join(guesses)}? See `{parser.prog} --help`" if guesses else f"see `{parser.prog} --help`"
    )


def _bare_file(message: str, words: Sequence[str]) -> str:
    """What to write instead of a file without its flag; empty when there is none."""
    files = [word for word in words if word.endswith((".yml", ".yaml"))]
    return f"did you mean -f {files[0]}?" if files and "required: --file/-f" in message else ""


def _dashed_value(parser: Any, message: str) -> str:
    """How to write a value that begins with a dash, as a password may; empty when `message` is of something else."""
    wanting = re.fullmatch(r"argument (\S+): expected one argument", message)
    words, known = parser._given, parser._option_string_actions
    for flag in wanting[1].split("/") if wanting else ():
        value = words[words.index(flag) + 1 :][:1] if flag in words else []
        if value and value[0].startswith("-") and value[0].partition("=")[0] not in known:
            return f"write a value that begins with a dash behind an equals sign: {flag}=…"
    return ""


class _OurHelp(HelpFile):  # type: ignore[misc] # knack publishes no types.
    """Help from the table; knack's own would import YAML to parse it."""

    def _load_from_file(self) -> None:
        rows = {row.path: row.summary for row in self.help_ctx.cli_ctx.data[ROWS]}
        self._load_from_data({"short-summary": (GROUPS | rows).get(self.delimiters, "")})

    @staticmethod
    def _load_help_file_from_string(text: Any) -> Any:
        return text


class _GroupHelp(_OurHelp, GroupHelpFile):  # type: ignore[misc] # knack publishes no types.
    pass


class _VerbHelp(_OurHelp, CommandHelpFile):  # type: ignore[misc] # knack publishes no types.
    pass


class Help(CLIHelp):  # type: ignore[misc] # knack publishes no types.
    """Knack's help pages."""

    def __init__(self, cli_ctx: Any = None) -> None:
        super().__init__(cli_ctx=cli_ctx, group_help_cls=_GroupHelp, command_help_cls=_VerbHelp, help_cls=_OurHelp)

    def show_welcome(self, parser: Any) -> None:
        """`pratique` alone shows what `pratique --help` shows, and writes nothing."""
        self.show_help("pratique", [], parser, is_group=True)


def rows_in_force(index: Sequence[Row], extra: Sequence[Row]) -> Iterator[Row]:
    """The index with the rows of the layer above; a row of theirs replaces ours of the same words."""
    theirs = {row.path for row in extra}
    yield from (row for row in index if row.path not in theirs)
    yield from extra
