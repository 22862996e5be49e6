"""What a step of a pipeline is given and what it makes: values, data, outputs, each of which may be a binding."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag

from pratique.base.errors import InvalidInput
from pratique.specs.grammar import Part, planned
from pratique.specs.job import Literally
from pratique.specs.key_types import AssetName, AssetType, Choice, FilledText, Text, TextOrMapping, Version, checked
from pratique.specs.problems import refused
from pratique.specs.references import parse_reference
from pratique.specs.words import shown


def has_binding(text: str) -> bool:
    """Whether something in `text` is put in later."""
    return "${{" in text


def _path_or_binding(text: str) -> None:
    if not has_binding(text):
        parse_reference(text)


class StepValue(Part):
    """A value for an input."""

    value: Literally = Field(description="The value, or a binding to where it comes from.")


class StepData(Part):
    """A file or a folder for an input."""

    path: Annotated[FilledText, checked(_path_or_binding)] = Field(
        description="A local file or folder, an asset, a URI, or a binding to where it comes from."
    )
    type: Annotated[AssetType, Choice] | None = Field(default=None, description="What `path` is.")
    mode: (
        Annotated[Literal["ro_mount", "rw_mount", "mount", "download", "direct", "eval_mount", "eval_download"], Choice]
        | None
    ) = Field(default=None, description="How the step sees it.")
    datastore: Text | None = planned("The datastore to upload to.")
    path_on_compute: Text | None = planned("Where on the compute to put it.")


def _step_input_kind(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "<data>" if isinstance(value, StepData) else "<mapping>"
    if not isinstance(value, Mapping):
        return "<literal>"
    return "<mapping>" if "value" in value else "<data>"


def _literal(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise refused(f"expected a value, a binding, or a mapping with path; got {shown(value)}")
    return value


StepInput: TypeAlias = Annotated[
    Annotated[Literally, BeforeValidator(_literal), Tag("<literal>")]
    | Annotated[StepValue, Tag("<mapping>")]
    | Annotated[StepData, Tag("<data>")],
    Discriminator(_step_input_kind),
]


def _output_binding(text: str) -> None:
    if not has_binding(text):
        raise InvalidInput(f"expected ${{{{parent.outputs.NAME}}}} or a mapping; got {text}")


class StepOutput(Part):
    """How an output of a step is kept."""

    type: Annotated[AssetType, Choice] | None = Field(default=None, description="What is written.")
    path: FilledText | None = Field(default=None, description="Where in a datastore to put it.")
    mode: Annotated[Literal["rw_mount", "mount", "upload", "direct"], Choice] | None = Field(
        default=None, description="How it is brought to the store."
    )
    name: AssetName | None = Field(default=None, description="Name of the asset to register it as.")
    version: Version | None = Field(default=None, description="Version of that asset.")


StepOutputUse: TypeAlias = Annotated[
    Annotated[FilledText, checked(_output_binding), Tag("<text>")] | Annotated[StepOutput, Tag("<mapping>")],
    TextOrMapping,
]
