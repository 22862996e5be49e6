"""What a verb returns, as -o wants it: knack's formats, `Text` as it is, tables with chosen columns."""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from knack.events import (
    EVENT_INVOKER_FILTER_RESULT,
    EVENT_INVOKER_POST_PARSE_ARGS,
    EVENT_INVOKER_TRANSFORM_RESULT,
    EVENT_PARSER_GLOBAL_CREATE,
)
from knack.output import OutputProducer
from knack.query import CLIQuery

from pratique.cli.table import Plain, Report, Text
from pratique.cli.usage import UsageError

FORMATS: Final = ("json", "jsonc", "none", "table", "tsv", "yaml", "yamlc")


_IN_GROUP: Final = re.compile(r"(?:azureml:)?/subscriptions/[^/]+/resourceGroups/([^/]+)/providers/", re.ASCII)


class Unasked(str):
    """The format that is in force because nobody asked for one."""

    __slots__ = ()


def columns_of(columns: Mapping[str, str]) -> Callable[[Any], list[dict[str, Any]]] | None:
    """Knack's transformer for -o table: each item as its `columns`, heading to dotted path; None for none."""

    def transform(result: Any) -> list[dict[str, Any]]:
        items = result if isinstance(result, list) else [result]
        return [OrderedDict((heading, _at(item, path)) for heading, path in columns.items()) for item in items]

    return transform if columns else None


def _at(item: Any, path: str) -> str:
    """The text of one cell; of something that is described where it is used, such as a model, its path."""
    for name in path.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    if isinstance(item, Mapping):
        item = item.get("path")
    return "" if item is None else str(item)


class Output(OutputProducer):  # type: ignore[misc] # knack publishes no types.
    """Knack's formats, with `Text` printed as it is."""

    def __init__(self, cli_ctx: Any = None) -> None:
        self.cli_ctx = cli_ctx
        cli_ctx.register_event(EVENT_PARSER_GLOBAL_CREATE, _add_output_flag)
        cli_ctx.register_event(EVENT_INVOKER_POST_PARSE_ARGS, OutputProducer.handle_output_argument)

    def out(self, obj: Any, formatter: Any = None, out_file: Any = None) -> None:
        asked = not isinstance(self.cli_ctx.invocation.data["output"], Unasked)
        if isinstance(obj.result, Text) and not asked:
            out_file.write(obj.result if obj.result.endswith("\n") or not obj.result else f"{obj.result}\n")
            return
        if isinstance(obj.result, Plain) and self.cli_ctx.invocation.data["output"] == "json":
            out_file.write(f"{obj.result.text()}\n")
            return
        if isinstance(obj.result, Report):
            obj.result = obj.result.values
        elif isinstance(obj.result, Plain):
            obj.result = obj.result.values()
        super().out(obj, formatter=formatter, out_file=out_file)


class Query(CLIQuery):  # type: ignore[misc] # knack publishes no types.
    """Knack's --query; JMESPath is imported when one is given."""

    def __init__(self, cli_ctx: Any = None) -> None:
        self.cli_ctx = cli_ctx
        cli_ctx.register_event(EVENT_PARSER_GLOBAL_CREATE, _add_query_flag)
        cli_ctx.register_event(EVENT_INVOKER_TRANSFORM_RESULT, _name_groups)
        cli_ctx.register_event(EVENT_INVOKER_POST_PARSE_ARGS, _read_query)


def _add_output_flag(cli_ctx: Any, *, arg_group: Any) -> None:
    configured = cli_ctx.config.get("core", "output", fallback="json")
    if configured not in FORMATS:
        raise UsageError(f"core.output is {configured!r}; expected one of {', '.join(FORMATS)}")
    arg_group.add_argument(
        "--output", "-o", dest=OutputProducer.ARG_DEST, choices=FORMATS, default=Unasked(configured),
        type=_format_of, help="Output format.",
    )  # fmt: skip


def _format_of(text: str) -> str:
    return text if isinstance(text, Unasked) else text.lower()


def _plain(result: Any) -> Any:
    if isinstance(result, Plain):
        return result.values()
    if isinstance(result, Report):
        return result.values
    return str(result) if isinstance(result, Text) else result


def _name_groups(_: Any, *, event_data: dict[str, Any]) -> None:
    """Say `resourceGroup` of whatever has an id within one, as az does of every result; a long list stays as it is."""
    result = event_data["result"]
    for one in result if type(result) is list else [result]:
        if type(one) is dict and "resourceGroup" not in one and (found := _IN_GROUP.match(str(one.get("id")))):
            one["resourceGroup"] = found[1]


def _add_query_flag(_: Any, *, arg_group: Any) -> None:
    arg_group.add_argument(
        "--query", dest="_jmespath_query", metavar="JMESPATH", help="JMESPath query of the result, see jmespath.org."
    )


def _read_query(cli_ctx: Any, *, args: Any, **_: Any) -> None:
    expression = args._jmespath_query
    del args._jmespath_query
    if expression is None:
        return
    from pratique.cli.query import check, search  # noqa: PLC0415 - JMESPath is for those who ask.

    check(expression)

    def filter_result(_: Any, *, event_data: dict[str, Any]) -> None:
        result = event_data["result"]
        # JMESPath asks for the exact type of what it is given.
        event_data["result"] = search(expression, _plain(result))

    cli_ctx.register_event(EVENT_INVOKER_FILTER_RESULT, filter_result)
    cli_ctx.invocation.data["query_active"] = True
