"""What a command line changes of a document before it is read, or of a thing that exists: --set, --add, --remove.

    --set a.b[0].c=value       put in; mappings on the way are made, a list takes its positions and the next one
    --add a.list value k=v     appended, each text by itself, all k=v as one mapping, JSON as it is
    --remove a.b  --remove a.list 0

A value is read as an unquoted YAML word, as text when it is quoted or empty,
and as JSON when it is a whole mapping or list. A name with dots stands in
quotes: ``tags."a.b"=1``. They are applied in the order of the command line,
as `az` does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.edits import Edit, Edits, path_of
from pratique.specs.keys import Key, dotted
from pratique.specs.nested import copied, put, value_at
from pratique.specs.reader import SET, YamlDocument, document_of, plain_value

_T = TypeVar("_T")


def apply_edits(document: YamlDocument, edits: Edits) -> YamlDocument:
    """`document` with `edits` made, the later over the earlier; raises `InvalidInput` with all that cannot be."""
    if not edits:
        return document
    draft = _Draft(document, edits.as_text)
    for edit in edits.all:
        draft.make(edit)
    return draft.done()


class _Draft:
    """A copy of a document that is being changed, with what is known of its values."""

    def __init__(self, document: YamlDocument, as_text: bool) -> None:
        self._document = document
        self._as_text = as_text
        self._value = {} if document.value is None else copied(document.value)
        self._lines, self._written, self._files = dict(document.lines), dict(document.written), dict(document.files)
        self._problems: list[Problem] = []

    def make(self, edit: Edit) -> None:
        """Make one edit; what cannot be made is kept to be told with the others."""
        match edit.operation:
            case "--set":
                for word in edit.words:
                    self._try(edit, word.partition("=")[0], partial(self._set, word))
            case "--add":
                self._try(edit, edit.words[0], partial(self._add, edit.words[0], edit.words[1:]))
            case "--remove" if edit.positions:
                self._try(edit, edit.words[0], partial(self._remove_items, edit.words[0], edit.positions))
            case "--remove":
                for path in edit.words:
                    self._try(edit, path, partial(self._remove, path))

    def done(self) -> YamlDocument:
        """The document that was made."""
        if self._problems:
            what = ", ".join(dict.fromkeys(problem.file for problem in self._problems))
            raise InvalidInput.of(self._problems, what=what)
        document_of(self._value, file=SET)
        return replace(self._document, value=self._value, lines=self._lines, written=self._written, files=self._files)

    def _try(self, edit: Edit, path: str, step: Callable[[], None]) -> None:
        try:
            step()
        except ValueError as error:
            self._problems.append(Problem(str(error), key=path, file=edit.operation))

    def _set(self, assignment: str) -> None:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError("expected key=value")
        key = path_of(path)
        given, word = (text, None) if self._as_text else _given(text)
        self._put(key, given, word)

    def _add(self, path: str, words: Sequence[str]) -> None:
        key = path_of(path)
        if not words:
            raise ValueError("expected what to add: --add LIST VALUE")
        found = value_at(self._value, key)
        if found is None:
            self._put(key, [], None)
            found = value_at(self._value, key)
        if not isinstance(found, list):
            raise ValueError(f"{dotted(key)} is not a list")
        for item in self._items(words):
            self._put((*key, len(found)), item, None)

    def _items(self, words: Sequence[str]) -> list[Any]:
        """What is appended: every ``k=v`` together one mapping, the others each by itself."""
        plain = [word for word in words if "=" not in word or word[:1] in "{["]
        pairs = [word.split("=", 1) for word in words if word not in plain]
        items = [word if self._as_text else _given(word)[0] for word in plain]
        mapping = {name: text if self._as_text else _given(text)[0] for name, text in pairs}
        return [*items, *([mapping] if mapping else [])]

    def _remove(self, path: str) -> None:
        self._remove_at(path_of(path))

    def _remove_at(self, key: Key) -> None:
        around, last = value_at(self._value, key[:-1]), key[-1]
        if value_at(around, (last,)) is None and not (isinstance(around, dict) and last in around):
            known = ", ".join(around) if isinstance(around, dict) else ""
            raise ValueError("there is no such key" + (f"; known: {known}" if known else ""))
        del around[last]
        self._forget(key if isinstance(last, str) else key[:-1])

    def _remove_items(self, path: str, positions: Sequence[int]) -> None:
        key = path_of(path)
        if not isinstance(value_at(self._value, key), list):
            raise ValueError(f"{dotted(key)} is not a list")
        for position in sorted(positions, reverse=True):
            self._remove_at((*key, position))

    def _put(self, key: Key, given: Any, word: str | None) -> None:
        made = put(self._value, key, given)
        self._forget(key)
        self._files |= dict.fromkeys([key, *made], SET)
        if word is not None:
            self._written[key] = word

    def _forget(self, key: Key) -> None:
        """What was known of the value at `key` is true no more."""
        self._lines, self._written = _without(self._lines, key), _without(self._written, key)
        self._files = _without(self._files, key)


def _without(known: Mapping[Key, _T], key: Key) -> dict[Key, _T]:
    """`known` without `key` and what is below it."""
    return {inner: value for inner, value in known.items() if inner[: len(key)] != key}


def _given(text: str) -> tuple[Any, str | None]:
    """The value of an assignment, and its text when it became something else."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1], None
    if text[:1] in ("{", "["):
        return _of_json(text), None
    value = plain_value(text) if text else ""
    return value, None if isinstance(value, str) else text


def _of_json(text: str) -> Any:
    """The mapping or list that `text` is as JSON; `text` itself when it only looks like one."""
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text
    document_of(value, file=SET)
    return value


def _no_number(name: str) -> Any:
    raise ValueError(name)
