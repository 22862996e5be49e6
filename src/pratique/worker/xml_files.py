"""XML files that a step wrote: read with limits, and without the entities that make small files large."""

from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from pratique.base.errors import InvalidInput, NotFound

LARGEST: Final = 200_000_000
"""Bytes of one file."""


def read_xml(file: Path) -> Element:
    """The root of the document in `file`; raises `NotFound` and `InvalidInput`."""
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    if file.stat().st_size > LARGEST:
        raise InvalidInput(f"{file} has more than {LARGEST:,} bytes")
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = _refuse
    try:
        with file.open("rb") as stream:
            parser.ParseFile(stream)
        return builder.close()
    except expat.ExpatError as error:
        raise InvalidInput(f"{file} is no XML: {error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{file} is refused: {error.message}") from error


def _refuse(*_: object) -> None:
    """Entities are refused where they are declared, before one is expanded."""
    raise InvalidInput("it declares entities")


def local_name(element: Element) -> str:
    """The name of an element without its name space."""
    return element.tag.rpartition("}")[2]
