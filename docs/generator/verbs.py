"""``verbs.md``: the command line, from its own table."""

from collections.abc import Iterator
from typing import Final

from generator.markdown import code, document, fenced, table
from pratique.app.console import ROWS
from pratique.cli import not_here
from pratique.cli.grammar import arguments_of, rows_in_force, verbs_of
from pratique.cli.index import INDEX
from pratique.cli.table import Argument, Row, Verb

_INTRODUCTION: Final = """Every verb is written `pratique VERB` or, after `eval "$(pratique env)"`, `az VERB`.
What a verb returns goes to stdout, everything else to stderr.

A verb of `ml` needs a resource group and a workspace: from its flags, from `pratique configure --defaults`, \
from `AZURE_DEFAULTS_GROUP` and `AZURE_DEFAULTS_WORKSPACE`, or from a `config.json` in this folder or one above.

A verb that is not in this list is an error with exit code 2 that names what is near, never a silent success."""

_GLOBAL: Final = (
    ("--output, -o", "`json` (the default), `jsonc`, `yaml`, `yamlc`, `table`, `tsv` or `none`."),
    ("--query", "A JMESPath expression that chooses from the result before it is printed."),
    ("--help, -h", "The help of a group or a verb."),
    ("--only-show-errors", "Print errors only, no warnings and no progress."),
    ("--verbose", "Print more of what happens."),
    ("--debug", "Print all that happens; an error of ours is shown with its traceback."),
)

_EXIT_CODES: Final = (
    ("0", "Done."),
    ("1", "It failed, or was refused. [Errors](errors.md) lists the kinds."),
    ("2", "The command line is wrong; nothing was asked of the platform."),
    ("3", "There is no such thing."),
)


def rows() -> list[Row]:
    """Every row of the table in force: groups and single verbs."""
    return [*rows_in_force(INDEX, ROWS)]


def verbs() -> Iterator[Verb]:
    """Every verb."""
    for row in rows():
        yield from verbs_of(row).values()


def page() -> str:
    """The page."""
    sections = [part for row in _ordered() for part in _section(row)]
    return document(
        "Verbs",
        _INTRODUCTION,
        "## Flags of every verb",
        table(("flag", "meaning"), [(code(flags), meaning) for flags, meaning in _GLOBAL]),
        "## Exit codes",
        table(("exit code", "meaning"), _EXIT_CODES),
        "## All verbs",
        table(
            ("verb", ""),
            [(_link(verb.path), _sentence(verb.summary)) for row in _ordered() for verb in verbs_of(row).values()],
        ),
        *sections,
        "## Not there yet",
        "These belong to `az` and not to this version; typing one says so and exits with 2.",
        table(("group or verb", "instead"), [(code(path), said) for path, said in not_here.GROUPS.items()]),
        table(("verb", "instead"), [(code(path), said) for path, said in not_here.VERBS.items()]),
        table(("verb", "flag", "why it is refused"), [_row_of(*row) for row in not_here.FLAGS]),
        "These switches are taken for scripts written for `az`; what they change is nothing, which is said on stderr.",
        table(("verb", "switch", "why it changes nothing"), [_row_of(*row) for row in not_here.ACCEPTED]),
    )


def _row_of(verb: str, flag: str, said: str) -> tuple[str, str, str]:
    return code(verb), code(flag), said.replace("|", "\\|")


def _ordered() -> list[Row]:
    """The platform's own verbs first, then those of `az` as its index has them."""
    own = [row.path for row in ROWS]
    return sorted(rows(), key=lambda row: (row.path not in own, own.index(row.path) if row.path in own else 0))


def _section(row: Row) -> Iterator[str]:
    if row.is_group:
        yield f"## {row.path}"
        yield row.summary
    for verb in verbs_of(row).values():
        yield from _verb(verb, "###" if row.is_group else "##")


def _verb(verb: Verb, heading: str) -> Iterator[str]:
    yield f"{heading} {verb.path}"
    yield "\n\n".join(part for part in (_sentence(verb.summary), verb.details) if part)
    if arguments := arguments_of(verb):
        yield table(("flag", "value", "meaning"), [_argument(argument) for argument in arguments])
    if verb.examples:
        yield fenced("\n".join(f"# {name}\n{text}" for name, text in verb.examples.items()))


def _argument(argument: Argument) -> tuple[str, str, str]:
    settings = argument.settings
    required = "**Required.** " if settings.get("required") or argument.is_positional else ""
    default = settings.get("default")
    shown = f" Default: {code(default)}." if default not in (None, False, [], "") else ""
    return code(", ".join(argument.flags)), _value(argument), f"{required}{argument.help}{shown}"


def _value(argument: Argument) -> str:
    settings = argument.settings
    if settings.get("action") == "store_true":
        return ""
    if choices := settings.get("choices"):
        return ", ".join(code(choice) for choice in choices)
    name = settings.get("metavar") or ("number" if settings.get("type") is int else "text")
    return f"{code(name)} …" if settings.get("nargs") in ("+", "*") else code(name)


def _link(path: str) -> str:
    return f"[{code(path)}](#{path.replace(' ', '-')})"


def _sentence(text: str) -> str:
    return text if text.endswith((".", ":")) else f"{text}."
