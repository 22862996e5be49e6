"""From an argument list to an exit code.

    0  done
    1  it failed, or was refused
    2  the command line is wrong
    3  there is no such thing
  130  Ctrl-C

`run` is the whole interface of the command line for the layer above, which
adds its own verbs as rows: see `pratique.cli.table`.
"""

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from knack import CLI
from knack.util import CLIError

import pratique
from pratique.base.errors import InternalError, PratiqueError
from pratique.cli.configuration import Configuration
from pratique.cli.grammar import ROWS, VERB, Commands, Help, Parser, rows_in_force, typed_verb, typed_words
from pratique.cli.index import INDEX
from pratique.cli.output import Output, Query
from pratique.cli.table import Report, Row, Verb
from pratique.cli.talk import complain, quiet
from pratique.cli.usage import UsageError

INTERRUPTED: Final = 130
_ALONE: Final = frozenset({"-h", "--help", "-v", "--version"})


class Pratique(CLI):  # type: ignore[misc] # knack publishes no types.
    """Knack's driver with our parts."""

    def __init__(self, rows: Sequence[Row], typed: Verb | None) -> None:
        # Knack would print each command's arguments under --debug, a secret among them.
        logging.getLogger("cli.knack.cli").setLevel(logging.INFO)
        super().__init__(
            cli_name="pratique",
            out_file=sys.stdout,
            config_cls=Configuration,
            config_env_var_prefix="AZURE",
            commands_loader_cls=Commands,
            parser_cls=Parser,
            help_cls=Help,
            output_cls=Output,
            query_cls=Query,
        )
        self.data[ROWS] = rows
        self.data[VERB] = typed

    def show_version(self) -> None:
        """What `pratique --version` prints."""
        print(f"pratique {pratique.__version__}", file=self.out_file)

    def exception_handler(self, ex: BaseException) -> int:
        """Say what went wrong; returns the exit code."""
        if isinstance(ex, BrokenPipeError):
            return _reader_left()
        error = _as_ours(ex)
        complain(error)
        if not isinstance(ex, PratiqueError | CLIError) and "--debug" in sys.argv:
            traceback.print_exception(ex)
        return error.exit_code


def run(argv: Sequence[str], *, extra_tables: Sequence[Row] = ()) -> int:
    """Run one command; `argv` is without the program's name. Returns the exit code."""
    token = quiet.set("--only-show-errors" in argv)
    try:
        if Configuration().getboolean("core", "only_show_errors"):
            quiet.set(True)
        _check_order(argv)
        rows = [*rows_in_force(INDEX, extra_tables)]
        # Its module is imported here and not below knack: Python 3.11 maps and unmaps memory at some depths of calls,
        # thousands of times where a regular expression is compiled there.
        program = Pratique(rows, typed_verb(rows, typed_words(argv)))
        code = program.invoke(list(argv))
        sys.stdout.flush()
        if isinstance(program.result.error, KeyboardInterrupt):  # Of which knack makes an exit code of its own.
            return INTERRUPTED
        return int(code) or _code_of_report(program)
    except SystemExit as end:
        return _code_of(end)
    except KeyboardInterrupt:  # Before there was a verb.
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except PratiqueError as error:
        complain(error)
        return error.exit_code
    finally:
        quiet.reset(token)


def _check_order(argv: Sequence[str]) -> None:
    """Refuse flags before the verb, which argparse would read and then forget."""
    if argv and not typed_words(argv) and argv[0] not in _ALONE and any(not word.startswith("-") for word in argv):
        raise UsageError(
            f"{argv[0]} stands before the verb", hint="write flags after it: pratique ml job list -o table"
        )


def _as_ours(ex: BaseException) -> PratiqueError:
    if isinstance(ex, PratiqueError):
        return ex
    if isinstance(ex, CLIError):
        return InternalError(str(ex))
    return InternalError(f"{type(ex).__name__}: {ex}", hint="this is our mistake; add --debug to see where")


def _code_of_report(program: Pratique) -> int:
    """What a verb that found something wrong wants to end with."""
    result = getattr(program.result, "raw_result", None)
    return result.exit_code if isinstance(result, Report) else 0


def _code_of(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else int(bool(end.code))


def _reader_left() -> int:
    """`pratique … | head` closed the pipe: no error of anybody's, and nothing more to write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
