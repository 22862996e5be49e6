"""The types of the keys that kinds of files share: what a text, a flag, a version or a reference may be."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, JsonValue

from pratique.base.errors import InvalidInput
from pratique.base.names import check_name, problem_with_name
from pratique.specs.grammar import NotRun, Part
from pratique.specs.own_settings import OWN_SETTINGS
from pratique.specs.problems import refused
from pratique.specs.references import Asset, Noun, parse_reference
from pratique.specs.words import did_you_mean
from pratique.specs.written import Unquoted


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
    unknown = [name for name in value if name.startswith("pratique.") and name not in OWN_SETTINGS]
    if unknown:
        *others, last = unknown
        before = "".join(f"there is no setting {name} ({_meant(name)}); " for name in others)
        raise refused(f"{before}there is no setting {last}", hint=_meant(last))
    return value


def _meant(name: str) -> str:
    return did_you_mean(name, OWN_SETTINGS) or f"known: {', '.join(OWN_SETTINGS)}"


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
