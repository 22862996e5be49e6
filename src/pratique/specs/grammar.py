"""What every kind of YAML file shares: the base of all specs, and the types of their keys.

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

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from pratique.base.errors import InvalidInput
from pratique.base.names import check_name, problem_with_name
from pratique.specs.keys import Found, Key, below
from pratique.specs.problems import left_empty, problems_of, refuse, refused, with_known_keys
from pratique.specs.reader import FLAGS, SET, YamlDocument, document_of
from pratique.specs.references import Asset, Noun, Purpose, parse_reference
from pratique.specs.words import did_you_mean

OWN_SETTINGS: Final[Mapping[str, str]] = {
    "pratique.optimize": "onnx on a deployment: an MLflow model is served as ONNX, if that changes no decision.",
    "pratique.collect.redact": "Columns of a deployment, with commas between them, whose values are never collected.",
    "pratique.grpc": "true on a deployment without a script: its replicas speak the Open Inference Protocol over gRPC.",
    "pratique.promotion": "approved-only on a workspace: models come in only as an approval of a run was given for.",
    "pratique.require-reason": "true on a workspace: whoever changes something or reads a secret in it says why.",
    "pratique.require-signed-models": "true on a workspace: it loads only models that a key which it trusts signed.",
    "pratique.pickles": "allow, scan or refuse on a workspace: what it does with models that hold pickles.",
    "pratique.network": "machine or none on a job, step, pipeline or deployment: whether it has the machine's network.",
    "pratique.scan": "What a scan of a model's pickles found, in a sentence; written by the platform.",
    "pratique.scan.report": "The files of that, by digest; written by the platform.",
    "pratique.digest": "Digest of the manifest behind a version; written by the platform.",
    "pratique.fetched_from": "The URL, without its query, that a version's file had on the web; written by the client.",
    "pratique.exclude_newer": "On an environment, in properties: packages released on this day or later are not taken.",
    "pratique.curated": "The curated environment or image that a set of packages stands for; written by the platform.",
    "pratique.translated": "Whether an environment is made otherwise than it is written; written by the platform.",
    "pratique.translation": "In what it is made otherwise, one note a line; written by the platform.",
    "pratique.onnx": "What came out when a model was made ONNX; written by the platform.",
    "pratique.onnx.report": "The files of that, by digest; written by the platform.",
    "pratique.profile": "What is recommended for a model whose load was measured; written by the platform.",
    "pratique.profile.report": "The files of that, by digest; written by the platform.",
    "pratique.refused": "Why an environment cannot be used here; written by the platform.",
}
"""Every ``pratique.*`` key of tags and properties, with its meaning; another one is an error."""

FROM_A_FILE: Final = "from a file"
"""The context of values that somebody wrote, where a key without a value is a mistake."""

TEXT_MAPS: Final = frozenset({"tags", "properties", "environment_variables"})
"""Mappings whose values are text as it was written, quoted or not."""


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


# --- types of keys -------------------------------------------------------------------------------------------------


def _text(value: str) -> str:
    if "\0" in value:
        raise refused("a text cannot contain the character NUL")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise refused("a text cannot contain half of a character (an unpaired surrogate)")
    return value


def _filled(value: str) -> str:
    if not value.strip():
        raise refused("expected text that is not empty")
    return value


def _as_text(value: Any) -> Any:
    match value:
        case None:
            return ""
        case Unquoted():
            return str(value)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return value


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise refused(f"expected a number; got {'true' if value else 'false'}")
    return value


_WORDS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _as_flag(value: Any) -> Any:
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if not isinstance(value, bool):
        raise refused(f"expected true or false; got {value if isinstance(value, str | int | float) else 'no word'}")
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _quoted(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, Unquoted):
        raise refused(f"expected text; got {value}", hint=f'quote it: "{value}"')
    return value


def snake(value: Any) -> Any:
    """``SystemAssigned`` as ``system_assigned``, ``AMLToken`` as ``aml_token``."""
    return (
        re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", value).lower() if isinstance(value, str) else value
    )


def _version(value: Any) -> Any:
    if isinstance(value, Unquoted) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return str(value)
    return value


def named(kind: str) -> AfterValidator:
    """A text that can name a `kind` (`base.names`)."""

    def check(value: str) -> str:
        if said := problem_with_name(kind, value):
            raise refused(said)
        return value

    return AfterValidator(check)


def _own_settings(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if name.startswith("pratique.") and name not in OWN_SETTINGS:
            known = ", ".join(OWN_SETTINGS)
            hint = did_you_mean(name, OWN_SETTINGS) or f"known: {known}"
            raise refused(f"there is no setting {name}", hint=hint)
    return value


def _environment_names(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not name or "=" in name:
            raise refused(f"{name!r} cannot be the name of an environment variable")
    return value


def checked(check: Callable[[str], object]) -> AfterValidator:
    """A text that `check` accepts; what it raises becomes a problem of the key."""

    def run(value: str) -> str:
        try:
            check(value)
        except InvalidInput as error:
            raise refused(error.message, hint=error.hint) from error
        return value

    return AfterValidator(run)


def asset_reference(noun: Noun) -> AfterValidator:
    """A text that refers to an asset of kind `noun`, such as ``azureml:NAME:VERSION``."""

    def check(value: str) -> None:
        found = parse_reference(value)
        if not isinstance(found, Asset):
            hint = f"write azureml:{value}" if ":" in value and "/" not in value else "or describe it inline"
            raise InvalidInput(f"expected azureml:NAME:VERSION or azureml:NAME@latest; got {value}", hint=hint)
        if found.noun not in (None, noun):
            raise InvalidInput(f"expected one of the {noun}; {value} is one of the {found.noun}")

    return checked(check)


def _datastore(value: str) -> None:
    check_name("asset", value.removeprefix("azureml:"))


def text_or_mapping(value: Any) -> str:
    """The discriminator of a key that takes a text or a mapping."""
    return "<mapping>" if isinstance(value, Mapping | BaseModel) else "<text>"


TextOrMapping: Final = Discriminator(text_or_mapping)
Choice: Final = BeforeValidator(_lower)
"""Makes a choice of words independent of case, as on Azure."""

Text: TypeAlias = Annotated[str, AfterValidator(_text)]
FilledText: TypeAlias = Annotated[Text, AfterValidator(_filled)]
Flag: TypeAlias = Annotated[bool, BeforeValidator(_as_flag)]
Whole: TypeAlias = Annotated[int, BeforeValidator(_no_boolean)]
Count: TypeAlias = Annotated[Whole, Field(ge=1)]
Version: TypeAlias = Annotated[str, BeforeValidator(_version), named("version")]
AssetName: TypeAlias = Annotated[str, named("asset")]
ScalarText: TypeAlias = Annotated[Text, BeforeValidator(_as_text)]
TextMap: TypeAlias = dict[str, ScalarText]
Tags: TypeAlias = Annotated[TextMap, AfterValidator(_own_settings)]
QuotedTags: TypeAlias = Annotated[dict[str, Annotated[Text, BeforeValidator(_quoted)]], AfterValidator(_own_settings)]
"""Tags of which Azure ML takes text only: a number stands in quotes."""
Variables: TypeAlias = Annotated[TextMap, AfterValidator(_environment_names)]
Reference: TypeAlias = Annotated[FilledText, checked(parse_reference)]
Datastore: TypeAlias = Annotated[FilledText, checked(_datastore)]
"""The name of a datastore, with or without ``azureml:``."""
Free: TypeAlias = dict[str, JsonValue]
"""A mapping whose inside is not looked at, because nothing of it is run."""

AssetType: TypeAlias = Literal["uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model"]
ModelType: TypeAlias = Annotated[
    Literal["custom_model", "mlflow_model", "triton_model"],
    Choice,
    NotRun({"triton_model": "models for the Triton server are"}),
]


class AutoDelete(Part):
    """When an asset may be deleted by itself."""

    condition: Annotated[Literal["created_greater_than", "last_accessed_greater_than"], BeforeValidator(snake)] = Field(
        default="created_greater_than", description="From when its age is counted."
    )
    value: Text | None = Field(default=None, description="Its age, such as 30d.")
