"""From files to a pipeline: read, expand, build, check; and a tree back to YAML."""

from collections.abc import Mapping as Mappable
from dataclasses import dataclass
from typing import Any

import yaml

from pratique.base.errors import Problem
from pratique.delivery.building.build import build
from pratique.delivery.checks import check
from pratique.delivery.nodes import SELF, Mapping, Node, Scalar, Sequence, Source
from pratique.delivery.pipeline import Pipeline
from pratique.delivery.reader import parse_pipeline
from pratique.delivery.templates.expand import expand
from pratique.delivery.templates.files import ReadFile
from pratique.delivery.templates.parameters import Declared
from pratique.delivery.trouble import Troubles, problems_of


@dataclass(frozen=True)
class Compiled:
    """A pipeline that can run, and what it was made of."""

    pipeline: Pipeline
    tree: Mapping
    """The expanded files."""
    parameters: Declared
    sources: tuple[Source, ...]
    """Every file that was read, the pipeline's own first."""
    warnings: tuple[Problem, ...]

    @property
    def text(self) -> str:
        """The expanded files as YAML; `recompiled` makes the same pipeline of it."""
        return yaml_of(self.tree)


def compiled(
    read: ReadFile,
    path: str,
    *,
    parameters: Mappable[str, str] | None = None,
    variables: Mappable[str, str] | None = None,
) -> Compiled:
    """The pipeline in the file `path` of the run's own repository.

    `parameters` and `variables` are those of `expand`. Raises `InvalidInput`,
    or `NotYet`, with every problem of every file.
    """
    troubles = Troubles()
    source = Source(SELF, path)
    expansion = expand(read, source, troubles=troubles, parameters=parameters, variables=variables)
    if expansion.root is None:
        troubles.raise_if_any(path)
    assert expansion.root is not None  # noqa: S101 - a tree is missing only where an error was noted.
    pipeline = build(expansion.root, troubles)
    check(pipeline, troubles)
    troubles.raise_if_any(path)
    warnings = tuple(problems_of(troubles.warnings))
    return Compiled(pipeline, expansion.root, expansion.declared, expansion.sources, warnings)


def recompiled(text: str, *, file: str) -> Pipeline:
    """The pipeline of a text that `Compiled.text` gave; `file` names it in errors.

    Nothing is expanded again, so that `${{` in a value stays text.
    """
    troubles = Troubles()
    root = parse_pipeline(text, source=Source(SELF, file), troubles=troubles)
    if not isinstance(root, Mapping):
        troubles.refuse("a pipeline is a mapping", root.place)
        troubles.raise_if_any(file)
    assert isinstance(root, Mapping)  # noqa: S101 - refused just above.
    pipeline = build(root, troubles)
    troubles.raise_if_any(file)
    return pipeline


class _Dumper(yaml.SafeDumper):
    """Lists stand indented below their key, and texts of several lines as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, indentless and False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text and text.isprintable() is False and not text.startswith((" ", "\n")) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_of(node: Node) -> str:
    """`node` as YAML in which every scalar is text for whichever reader."""
    dumped = yaml.dump(_data(node), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return str(dumped)


def _data(node: Node) -> object:
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [_data(item) for item in node.items]
        case Mapping():
            return {key.text: _data(value) for key, value in node.pairs}
