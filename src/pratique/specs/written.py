"""Values as somebody wrote them, where YAML makes something else of what is meant as text."""

from collections.abc import Mapping
from typing import Any, Final

from pratique.specs.keys import Key
from pratique.specs.reader import FLAGS, SET, YamlDocument

TEXT_MAPS: Final = frozenset({"tags", "properties", "environment_variables"})
"""Mappings whose values are text as it was written, quoted or not."""


class Unquoted(str):
    """A text that stands in a file without quotes and is a number, a date or another word to a YAML loader."""

    __slots__ = ()


def as_written(value: Any, key: Key, document: YamlDocument) -> Any:
    """`value` with the written text in place of what YAML made of it, where only text is meant.

    That is in tags, properties and environment variables (`release: 1.10`
    stays 1.10), and for versions. A literal as which a file gives yes, no, on
    or off is the boolean that Azure's loaders read. On the command line nothing can be quoted,
    so what comes from there is plain text, and null there says nothing.
    """
    if isinstance(value, Mapping):
        return {
            name: as_written(inner, (*key, name), document)
            for name, inner in value.items()
            if inner is not None or document.file_of((*key, name)) != SET
        }
    if isinstance(value, list):
        return [as_written(inner, (*key, index), document) for index, inner in enumerate(value)]
    is_version = key[-1:] == ("version",) and key[-2:-1] != ("inputs",)
    if key[-2:-1] == ("inputs",) and key in document.written and document.file_of(key) != SET:
        return FLAGS.get(value, value) if isinstance(value, str) else value
    if key not in document.written or not (is_version or (len(key) > 1 and key[-2] in TEXT_MAPS)):
        return value
    if value is None:
        return None
    if document.file_of(key) == SET:
        return document.written[key]
    return value if is_version and not isinstance(value, float) else Unquoted(document.written[key])
