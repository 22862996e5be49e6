"""What every kind of YAML file shares: the base of all specs.

A spec is a frozen value. It is made from a document by `Spec.of`, which
collects every problem of the file: those of single keys, found by pydantic,
and those between keys, found by `Spec.cross_problems` on the raw values, so
that a misspelt key does not hide a wrong binding. `to_document` gives it back
as JSON values; read again, that is the same spec.

Four classes of keys, marked where they are declared:

- most are run;
- *planned* ones (`planned(...)`) are understood and not run by this version;
  `Spec.planned` names those that a file uses, and the verbs say them;
- those whose meaning would change if they were ignored (`NotRun`,
  `not_run_at_all`) are understood as well, so that a file which uses them is
  valid, and the verbs that would run it refuse it (`Spec.not_run`);
- those that only the platform writes (`written_by_platform`) are accepted,
  because users feed the output of `show` back in, and left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from pratique.specs.keys import Found, Key, below
from pratique.specs.problems import left_empty, problems_of, refuse, with_known_keys
from pratique.specs.reader import FLAGS, SET, YamlDocument, document_of
from pratique.specs.references import Purpose
from pratique.specs.written import TEXT_MAPS, as_written

FROM_A_FILE: Final = "from a file"
"""The context of values that somebody wrote, where a key without a value is a mistake."""


def planned(description: str, *, alias: str | None = None) -> Any:
    """A key that is understood and not run yet; `alias` is how it is written where that is no name of Python's."""
    return Field(default=None, alias=alias, description=description, json_schema_extra={"planned": True})


def not_run_at_all(what: str, *, description: str, hint: str = "") -> Any:
    """A key whose values are all refused where a file is to be run; `what` ends in a verb."""
    return Field(default=None, description=description, json_schema_extra={"not_run": what, "hint": hint})


@dataclass(frozen=True)
class NotRun:
    """Of a choice of words: those that are refused where a file is to be run, each with what it is."""

    words: Mapping[str, str]


class Part(BaseModel):
    """One mapping of a file: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    written_by_platform: ClassVar[frozenset[str]] = frozenset()
    may_be_empty: ClassVar[frozenset[str]] = frozenset()
    """Keys that a file may name without giving them a value."""

    @model_validator(mode="wrap")
    @classmethod
    def _keys(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if not isinstance(value, Mapping):
            return cls._handled(value, handler)
        given = {name: inner for name, inner in value.items() if name not in cls.written_by_platform}
        known = {*cls.keys()}
        empty = [name for name, inner in given.items() if inner is None and name in known]
        made = cls._handled({name: inner for name, inner in given.items() if name not in empty}, handler)
        if info.context == FROM_A_FILE and (wrong := [name for name in empty if name not in cls.may_be_empty]):
            raise left_empty(cls.__name__, wrong)
        return made

    @classmethod
    def _handled(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            raise with_known_keys(error, [*cls.keys()]) from None

    @classmethod
    def keys(cls) -> Iterator[str]:
        """The keys that the mapping takes."""
        return (field.alias or name for name, field in cls.model_fields.items())

    def planned_keys(self) -> Iterator[str]:
        """Dotted names of the keys in use that this version does not run."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            extra = field.json_schema_extra
            if value is not None and isinstance(extra, dict) and extra.get("planned"):
                yield field.alias or name
            else:
                yield from (f"{name}.{key}" for key in _planned_inside(value))

    def not_run(self) -> Iterator[Found]:
        """What of it this version refuses to run, although it is understood."""
        for name, field in type(self).model_fields.items():
            value, key = getattr(self, name), (field.alias or name,)
            extra = field.json_schema_extra
            if value is not None and isinstance(extra, dict) and "not_run" in extra:
                yield Found(key, f"{extra['not_run']} not run in this version", str(extra["hint"]))
            for words in (mark.words for mark in field.metadata if isinstance(mark, NotRun)):
                if value in words:
                    yield Found(key, f"{value}: {words[value]} not run in this version")
            yield from below(key, _not_run_inside(value))


def _not_run_inside(value: Any) -> Iterator[Found]:
    if isinstance(value, Part):
        yield from value.not_run()
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from below((name,), _not_run_inside(inner))


def _planned_inside(value: Any) -> Iterator[str]:
    if isinstance(value, Part):
        yield from value.planned_keys()
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (f"{name}.{key}" for key in _planned_inside(inner))


class Spec(Part):
    """One thing that a YAML file describes."""

    written_by_platform = frozenset({"$schema", "id", "creation_context", "resourceGroup"})
    is_component: ClassVar[bool] = False

    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """What its relative paths are relative to; None for a spec that came over the API."""
        return self._folder

    @classmethod
    def of(cls, document: YamlDocument) -> Self:
        """The spec in `document`.

        Raises `InvalidInput` with every problem, or `NotYet` when all of them
        are that this version does not know something. What is known and not
        run is no problem here: `not_run` says it.
        """
        value = as_written(document.value, (), document)
        found = [
            (one.is_not_yet, document.problem(one.key, one.message, hint=one.hint))
            for one in (*cls._unquoted_dates(value, (), document), *_cross(cls, value))
        ]
        try:
            spec = cls.model_validate(value, context=FROM_A_FILE if document.lines else None)
        except ValidationError as error:
            refuse([*found, *problems_of(error, document)], document)
            raise
        refuse(found, document)
        spec._folder = document.folder
        return spec

    @classmethod
    def _unquoted_dates(cls, value: Any, key: Key, document: YamlDocument) -> Iterator[Found]:
        """Versions and values of inputs that are unquoted dates: Azure's own loader makes them no text."""
        if not isinstance(value, Mapping):
            return
        # Of components alone Azure's loader takes a date as a version.
        takes_dates = key[-1:] == ("component",) or (not key and cls.is_component)
        for name, inner in value.items():
            here = (*key, name)
            is_text = (name == "version" and not takes_dates) or key[-1:] == ("inputs",)
            if is_text and type(inner) is str and here in document.written and document.file_of(here) != SET:
                said = f"expected text; {inner} is {'no text' if inner in FLAGS else 'a date'} to other YAML loaders"
                yield Found(here, said, f'quote it: {name}: "{inner}"')
            elif name not in TEXT_MAPS and name != "conda_file":
                yield from cls._unquoted_dates(inner, here, document)

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:  # noqa: ARG003 - for kinds that look.
        """What is wrong between the keys of `value`, whose parts may be of any type yet."""
        return ()

    def to_document(self) -> dict[str, Any]:
        """The spec as JSON values, defaults put in, keys without a value left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def planned(self) -> list[str]:
        """Dotted names of the keys in use that are understood and not run by this version."""
        return [*self.planned_keys()]

    def wanted_on_azure(self) -> Iterable[Found]:
        """What Azure ML asks for and this platform does without: such a file runs here and is not valid there."""
        return ()

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        """Every field that may name a local file: where, what is written, what for."""
        return ()

    def with_values(self, values: Mapping[Key, Any]) -> Self:
        """The same with other values at some keys, validated again; a `YamlDocument` keeps its file and lines."""
        document = document_of(self.to_document(), folder=self.folder)
        for key, value in values.items():
            document = document.with_value(key, value)
        return type(self).of(document)


def _cross(cls: type[Spec], value: Any) -> Iterable[Found]:
    return cls.cross_problems(value) if isinstance(value, Mapping) else ()
