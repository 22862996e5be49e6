"""One element of a policy: its attributes, its text and what stands in it, with named values put in.

What is wrong is collected and told with the line of its element.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pratique.base.errors import Problem
from pratique.specs.policy import NamedValue
from pratique.specs.policy_xml import Element

_NAMED: Final = re.compile(r"\{\{([A-Za-z0-9_.-]{1,256})\}\}")
_FLAGS: Final = {"true": True, "false": False}


class ElementReader:
    """Reads single elements of one document, and collects everything that is wrong with them."""

    def __init__(self, file: str, named: Mapping[str, NamedValue], allow_any_audience: bool) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._named = named
        self._any_audience = allow_any_audience
        self._used: set[str] = set()

    @property
    def named_values(self) -> frozenset[str]:
        """The named values that it has in it."""
        return frozenset(self._used)

    def _inside(self, element: Element | None, name: str, *attributes: str) -> Iterator[Element]:
        if element is None:
            return
        self._only(element, attributes, (name,))
        if not element.children:
            self._wrong(element, f"<{element.name}> is empty")
        yield from (child for child in element.children if child.name == name)

    def _only(self, element: Element, attributes: Sequence[str], children: Sequence[str] | None) -> None:
        """Tell every attribute and child that is not known here."""
        for name in element.attributes:
            if name not in attributes:
                self._wrong(element, f"the attribute {name[:60]} of <{element.name}> is not carried out here")
        for child in element.children:
            if children is not None and child.name not in children:
                self._wrong(child, f"<{child.name[:60]}> inside <{element.name}> is not carried out here")

    def _said(self, element: Element) -> str:
        """The text of an element, which must have one."""
        text = self._open(element, element.text)
        if not text:
            self._wrong(element, f"<{element.name}> is empty")
        elif text.startswith("@"):
            self._wrong(element, f"<{element.name}>: expressions are not evaluated here")
        return text

    def _text(self, element: Element, name: str, default: str) -> str:
        text = self._open(element, element.attributes.get(name, default).strip())
        if text.startswith("@"):
            self._wrong(element, f"{name}: expressions are not evaluated here")
        return text

    def _open(self, element: Element, text: str) -> str:
        """`text` with its named values, none of them secret: it may be told in an error, and Envoy shows it."""
        filled, is_secret = self._filled(element, text)
        if is_secret:
            self._wrong(element, "a secret named value stands only in headers of the request and in signing keys")
            return ""
        return filled

    def _whole(self, element: Element, name: str, default: int, least: int, most: int) -> int:
        text = self._text(element, name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
            self._wrong(element, f"{name}: expected a whole number from {least} to {most:,}; got {text[:60]!r}")
            return default
        return int(text)

    def _flag(self, element: Element, name: str, default: bool) -> bool:
        text = self._text(element, name, str(default)).lower()
        if text not in _FLAGS:
            self._wrong(element, f"{name}: expected true or false; got {text[:60]!r}")
        return _FLAGS.get(text, default)

    def _filled(self, element: Element, text: str) -> tuple[str, bool]:
        """`text` with its named values put in, and whether one of them is secret."""
        secret = False

        def put_in(found: re.Match[str]) -> str:
            nonlocal secret
            name = found[1]
            if name not in self._named:
                hint = f"pratique apim nv create --named-value-id {name} …"
                self._wrong(element, f"there is no named value {name!r}", hint=hint)
                return ""
            self._used.add(name)
            secret = secret or self._named[name].is_secret
            return self._named[name].value

        return _NAMED.sub(put_in, text), secret

    def _wrong(self, element: Element, said: str, *, hint: str = "") -> None:
        self.problems.append(Problem(said, key=element.name[:60], file=self._file, line=element.line, hint=hint))
