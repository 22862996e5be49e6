"""What the body of a PATCH may say about a thing that is there: its keys and their types.

A key that is left out stays as it is. One that is given is the whole new
value, and `null` empties it. Unknown keys are refused, with what is near.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from pratique.control.assets import NO_STAGE
from pratique.specs.endpoint import Shares
from pratique.specs.grammar import Spec
from pratique.specs.key_types import Choice, Flag, Free, Tags, Text, TextMap
from pratique.specs.reader import document_of


class Changes(Spec):
    """Words about a thing; each kind of thing has its own."""

    written_by_platform = frozenset()

    description: Text = Field(default="", description="What it is, for people.")
    tags: Tags = Field(default_factory=dict, description="Tags.")


class AssetChanges(Changes):
    """Data and environments."""

    properties: TextMap = Field(default_factory=dict, description="Properties.")
    is_archived: Flag = Field(default=False, description="Whether lists leave it out.")


class ModelChanges(AssetChanges):
    """Models."""

    stage: Annotated[Text, Field(max_length=32)] = Field(default=NO_STAGE, description="Where it is in its life.")


class ComponentChanges(AssetChanges):
    """Components."""

    display_name: Text = Field(default="", description="Name for people.")


class EndpointChanges(Changes):
    """Online endpoints."""

    properties: TextMap = Field(default_factory=dict, description="Properties.")
    traffic: Shares = Field(default_factory=dict, description="Per cent of the requests for each deployment.")
    mirror_traffic: Shares = Field(default_factory=dict, description="Per cent of them copied to one deployment.")
    public_network_access: Annotated[Literal["enabled", "disabled"], Choice] = Field(
        default="enabled", description="Whether it is reachable otherwise than through an API."
    )


class JobChanges(Changes):
    """Jobs."""

    display_name: Text = Field(default="", description="Name for people.")
    is_archived: Flag = Field(default=False, description="Whether lists leave it out.")


class DatastoreChanges(Changes):
    """Datastores."""

    credentials: Free = Field(default_factory=dict, repr=False, description="What opens it.")


class WorkspaceChanges(Changes):
    """Workspaces."""

    display_name: Text = Field(default="", description="Name for people.")


def read_changes(kind: type[Changes], body: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `body` with their new values; raises `InvalidInput` with every problem."""
    read = kind.of(document_of(dict(body)))
    return {name: getattr(read, name) for name in body}
