"""What the routes of MLflow's registry share: who may ask, how a model and a version are named, tags."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import Depends
from pydantic import BaseModel, Field

from pratique.base.errors import NotYet
from pratique.control.actor import Actor
from pratique.web.auth import allow

Reader = Annotated[Actor, Depends(allow("models/read"))]
Writer = Annotated[Actor, Depends(allow("models/write"))]
Remover = Annotated[Actor, Depends(allow("models/delete"))]

_PROMPT: Final = "mlflow.prompt.is_prompt"
Key = Annotated[str, Field(min_length=1, max_length=250)]
Value = Annotated[str, Field(max_length=100_000)]
Text = Annotated[str, Field(max_length=100_000)]
Id = Annotated[str, Field(max_length=256)]


class Tag(BaseModel):
    """A key with a value."""

    key: Key
    value: Value = ""


class Name(BaseModel):
    """Names a model."""

    name: Id


class Version(Name):
    """Names a version."""

    version: Id


def tags_of(tags: Sequence[Tag]) -> dict[str, str]:
    """The tags by their keys; raises `NotYet` for those of a prompt."""
    found = {tag.key: tag.value for tag in tags}
    refuse_prompt(found)
    return found


def refuse_prompt(tags: Mapping[str, str]) -> None:
    """Raise `NotYet` for the tags of a prompt."""
    if tags.get(_PROMPT, "").lower() == "true":
        raise NotYet("prompts are not kept by this registry yet, only models are")
