"""Reading the keys of one mapping: what is unknown or of another shape is noted, and reading goes on."""

import re
from collections.abc import Iterator
from typing import Final

from pratique.delivery.nodes import Mapping, Node, Place, Scalar, Sequence, kind_of
from pratique.delivery.pipeline import Filter, Number, Switch
from pratique.delivery.templates.parameters import BOOLEANS
from pratique.delivery.trouble import Troubles
from pratique.specs.words import did_you_mean, shown

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ALIAS: Final = re.compile(r"[A-Za-z0-9_-]+")
_LATER: Final = re.compile(r"\$\(.+\)|\$\[.*\]", re.DOTALL)
"""A macro or an expression where a number or a boolean will be."""


class Fields:
    """The keys of `node`; one that is not among `known` is an error."""

    def __init__(self, node: Mapping, what: str, known: tuple[str, ...], troubles: Troubles) -> None:
        self.node = node
        self.what = what
        self.troubles = troubles
        for key, _ in node.pairs:
            if key.text not in known:
                hint = did_you_mean(key.text, known) or f"known: {', '.join(known)}"
                troubles.refuse(f"unknown key {key.text} of {what}", key.place, hint=hint)

    def place(self, key: str) -> Place:
        """Where the value of `key` stands; the mapping itself when there is none."""
        value = self.node.get(key)
        return value.place if value is not None else self.node.place

    def has(self, key: str) -> bool:
        """Whether `key` has a value that is not empty."""
        value = self.node.get(key)
        return value is not None and not (isinstance(value, Scalar) and not value.text)

    def wrong(self, key: str, expected: str, node: Node) -> None:
        got = shown(node.text) if isinstance(node, Scalar) and node.text else kind_of(node)
        self.troubles.refuse(f"{key} of {self.what}: expected {expected}; got {got}", node.place)

    def text(self, key: str, default: str = "") -> str:
        value = self.node.get(key)
        if value is None:
            return default
        if not isinstance(value, Scalar):
            self.wrong(key, "text", value)
            return default
        return value.text or default

    def word(self, key: str, choices: tuple[str, ...], default: str = "") -> str:
        """One of `choices`."""
        text = self.text(key, default)
        if text and text not in choices:
            hint = did_you_mean(text, choices)
            said = f"{key} of {self.what}: expected one of {', '.join(choices)}; got {shown(text)}"
            self.troubles.refuse(said, self.place(key), hint=hint)
            return default
        return text

    def switch(self, key: str, default: bool) -> Switch:
        """A boolean, or what will become one."""
        text = self.text(key).strip()
        if not text:
            return default
        if text.lower() in BOOLEANS:
            return BOOLEANS[text.lower()]
        if not _LATER.fullmatch(text):
            self.troubles.refuse(f"{key} of {self.what}: expected true or false; got {shown(text)}", self.place(key))
        return text

    def boolean(self, key: str, default: bool) -> bool:
        """A boolean that is known before the run."""
        value = self.switch(key, default)
        if isinstance(value, bool):
            return value
        if _LATER.fullmatch(value):
            self.troubles.refuse(f"{key} of {self.what} must be known before the run", self.place(key))
        return default

    def number(self, key: str, default: int) -> Number:
        """A whole number from 0, or what will become one."""
        text = self.text(key).strip()
        if not text:
            return default
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        if not _LATER.fullmatch(text):
            self.troubles.refuse(f"{key} of {self.what}: expected a whole number; got {shown(text)}", self.place(key))
            return default
        return text

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A text or a list of them; None when the key is not there, none of them when it is empty."""
        value = self.node.get(key)
        if value is None:
            return None
        if isinstance(value, Scalar):
            return (value.text,) if value.text else ()
        if isinstance(value, Mapping):
            self.wrong(key, "text or a list", value)
            return ()
        found: list[str] = []
        for item in value.items:
            if not isinstance(item, Scalar):
                self.wrong(key, "a list of texts", item)
            elif item.text:
                found.append(item.text)
        return tuple(found)

    def text_mapping(self, key: str) -> dict[str, str]:
        """A mapping of texts."""
        value = self.node.get(key)
        if value is None or (isinstance(value, Scalar) and not value.text):
            return {}
        if not isinstance(value, Mapping):
            self.wrong(key, "a mapping", value)
            return {}
        found: dict[str, str] = {}
        for name, inner in value.pairs:
            if isinstance(inner, Scalar):
                found[name.text] = inner.text
            else:
                self.wrong(f"{key}.{name.text}", "text", inner)
        return found

    def mapping(self, key: str, what: str, known: tuple[str, ...]) -> "Fields | None":
        """The mapping at `key`; None when there is none."""
        value = self.node.get(key)
        if value is None or (isinstance(value, Scalar) and not value.text):
            return None
        if not isinstance(value, Mapping):
            self.wrong(key, "a mapping", value)
            return None
        return Fields(value, what, known, self.troubles)

    def mappings(self, key: str) -> Iterator[Mapping]:
        """The items of a list of mappings."""
        value = self.node.get(key)
        if value is None or (isinstance(value, Scalar) and not value.text):
            return
        if not isinstance(value, Sequence):
            self.wrong(key, "a list", value)
            return
        for item in value.items:
            if isinstance(item, Mapping):
                yield item
            else:
                self.wrong(key, "a list of mappings", item)

    def name(self, key: str, default: str) -> str:
        """A name that expressions can refer to."""
        text = self.text(key, default)
        if not NAME.fullmatch(text):
            hint = "letters, digits and _, not a digit first; for other names there is displayName"
            self.troubles.refuse(f"{shown(text)} cannot name {self.what}", self.place(key), hint=hint)
        return text

    def alias(self, key: str) -> str:
        """The name of a resource, in which - may stand as well."""
        text = self.text(key)
        if not text:
            self.troubles.refuse(f"{self.what} needs {key}, the name by which the file knows it", self.node.place)
        elif not _ALIAS.fullmatch(text):
            self.troubles.refuse(
                f"{shown(text)} cannot name {self.what}", self.place(key), hint="letters, digits, _, -"
            )
        return text

    def filter(self, key: str) -> Filter:
        """A list, or a mapping of `include` and `exclude`."""
        value = self.node.get(key)
        if isinstance(value, Mapping):
            inner = Fields(value, f"{key} of {self.what}", ("include", "exclude"), self.troubles)
            return Filter(inner.texts("include") or (), inner.texts("exclude") or ())
        return Filter(self.texts(key) or ())
