"""Components that a pipeline keeps in files beside it, read and put in their place.

    jobs:
      train:
        component: ./components/train.yml      becomes what stands in that file

Each part keeps the file and the lines that it came from, so that an error
names the component's own file. Paths inside a component are relative to its
file; put into a pipeline they are rewritten to be relative to the pipeline's.
This happens where the user's disk is: a document that came over the API has no
folder, and stays as it is.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.keys import Key
from pratique.specs.reader import MAX_NODES, YamlDocument, read_document
from pratique.specs.references import LocalPath, parse_reference
from pratique.specs.words import shown

MAX_NESTED: Final = 16
"""Pipelines inside pipelines; deeper ones are a mistake."""


def with_components(document: YamlDocument) -> YamlDocument:
    """`document` with the content of every component file that it names, however deep.

    Raises `InvalidInput` with every file that cannot be read, that is no
    component, that contains itself, or that makes the whole too large.
    """
    whole, problems = completed(document)
    if problems:
        raise InvalidInput.of(problems, what=document.file or "input")
    return whole


def completed(document: YamlDocument) -> tuple[YamlDocument, list[Problem]]:
    """`document` with the components that can be read, and what is wrong with the others."""
    if document.folder is None:
        return document, []
    reading = _Reading()
    whole = reading.filled(document, (Path(document.file).resolve(),) if document.file else ())
    return whole, reading.problems


@dataclass
class _Reading:
    """Each file is read once, however often it is named: ten files could name each other ten thousand million times."""

    problems: list[Problem] = field(default_factory=list)
    done: dict[Path, YamlDocument | None] = field(default_factory=dict)
    """What stands in each file, whole; None where something was wrong, which is told once."""

    def filled(self, document: YamlDocument, inside: tuple[Path, ...]) -> YamlDocument:
        """`document` with its components; what is wrong goes to `problems`."""
        found: dict[Key, Any] = {}
        size = size_of(document.value)
        for key, text in _component_paths(document.value, ()):
            component = self._component(document, key, text, inside)
            if component is None:
                continue
            size += size_of(component.value)
            if size > MAX_NODES:
                self._wrong(document, key, f"with its components the file holds more than {MAX_NODES:,} values")
                break
            found[key] = component
        return document.with_values(found)

    def _component(self, document: YamlDocument, key: Key, text: str, inside: tuple[Path, ...]) -> YamlDocument | None:
        """The component in the file that `text` names, its paths as seen from `document`."""
        path = (document.folder or Path()) / text
        real = path.resolve()
        if real in inside:
            names = " → ".join(file.name for file in (*inside[inside.index(real) :], real))
            self._wrong(document, key, f"components contain each other: {names}")
            return None
        if len(inside) > MAX_NESTED:
            self._wrong(document, key, f"components are nested deeper than {MAX_NESTED} files")
            return None
        if not path.is_file():
            hint = "paths are relative to the file they stand in"
            self._wrong(document, key, f"there is no file {shown(text)}", hint)
            return None
        if real not in self.done:
            self.done[real] = self._read(path, (*inside, real))
        whole = self.done[real]
        return None if whole is None else _seen_from(posixpath.dirname(text), whole)

    def _read(self, path: Path, inside: tuple[Path, ...]) -> YamlDocument | None:
        try:
            document = read_document(path)
        except InvalidInput as error:
            self.problems += error.problems
            return None
        if not isinstance(document.value, Mapping):
            self._wrong(document, (), f"expected a component; got {shown(document.value)}")
            return None
        before = len(self.problems)
        whole = self.filled(document, inside)
        return whole if len(self.problems) == before else None

    def _wrong(self, document: YamlDocument, key: Key, said: str, hint: str = "") -> None:
        self.problems.append(document.problem(key, said, hint=hint))


def size_of(value: Any) -> int:
    """How many values there are in `value`, itself included."""
    count, waiting = 0, [value]
    while waiting:
        inner = waiting.pop()
        count += 1
        if isinstance(inner, Mapping):
            waiting += inner.values()
        elif isinstance(inner, list):
            waiting += inner
    return count


def _component_paths(value: Any, key: Key) -> Iterator[tuple[Key, str]]:
    """Where `value` names component files, in components described inside it as well."""
    if not isinstance(value, Mapping):
        return
    component = value.get("component")
    if isinstance(component, str):
        path = local_path(component)
        if path is not None:
            yield (*key, "component"), path
    else:
        yield from _component_paths(component, (*key, "component"))
    steps = value.get("jobs")
    for name, step in steps.items() if isinstance(steps, Mapping) else ():
        yield from _component_paths(step, (*key, "jobs", name))


def local_path(text: Any) -> str | None:
    """The path that `text` names, with slashes; None when it is a reference or no path."""
    if not isinstance(text, str):
        return None
    try:
        found = parse_reference(text)
    except InvalidInput:
        return None
    return found.path.replace("\\", "/") if isinstance(found, LocalPath) else None


def _seen_from(folder: str, inner: YamlDocument) -> YamlDocument:
    """`inner` with its relative paths below `folder`."""
    if folder in ("", "."):
        return inner
    return replace(inner, value=_moved(inner.value, folder, ()))


def _moved(value: Any, folder: str, key: Key) -> Any:
    if isinstance(value, Mapping):
        return {name: _moved(inner, folder, (*key, name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, folder, (*key, index)) for index, inner in enumerate(value)]
    path = local_path(value) if _is_path(key) else None
    return value if path is None or posixpath.isabs(path) else posixpath.normpath(posixpath.join(folder, path))


def _is_path(key: Key) -> bool:
    """Whether a component's value at `key` is a path when it is no reference."""
    match key[-4:]:
        case (*_, "code") | (*_, "environment", "conda_file") | (*_, "build", "path"):
            return "inputs" not in key and "outputs" not in key
        case (*_, "inputs", str(), "path"):
            return "jobs" in key
        case (*_, "additional_includes", int()):
            return True
    return False
