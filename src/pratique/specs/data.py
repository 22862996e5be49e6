"""Data assets: ``pratique ml data create``."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from pratique.specs.grammar import Spec, planned
from pratique.specs.key_types import AssetName, AutoDelete, Datastore, Reference, Tags, Text, Version
from pratique.specs.keys import Found, Key
from pratique.specs.references import Purpose


class Data(Spec):
    """A file or a folder under a name and a version."""

    written_by_platform = Spec.written_by_platform | {"job_name", "latest_version", "profile"}

    name: AssetName = Field(description="Name of the data asset.")
    version: Version | None = Field(default=None, description="Version; without one, the platform counts.")
    type: Literal["uri_file", "uri_folder", "mltable"] = Field(
        default="uri_folder", description="Whether `path` is a file, a folder, or a folder with an MLTable file."
    )
    path: Reference = Field(
        description="A local file or folder, which the client uploads, or a reference to one that is elsewhere."
    )
    description: Text | None = Field(default=None, description="What it is, for people.")
    tags: Tags = Field(default_factory=dict, description="Tags; they can be changed later.")
    properties: Tags = Field(default_factory=dict, description="Properties; they stay as they are.")
    datastore: Datastore | None = Field(
        default=None, description="The datastore to lay a local file or folder into; without one, into none."
    )
    auto_delete_setting: AutoDelete | None = planned("When the asset may be deleted by itself.")

    def problem_with(self, path: Path) -> Found | None:
        """What is wrong with the local file or folder `path` as this type; Azure looks when it uploads."""
        if self.type == "uri_file" and path.is_dir():
            return Found(("path",), f"{path} is a folder, and the type is uri_file", "write type: uri_folder")
        if self.type == "uri_folder" and path.is_file():
            return Found(("path",), f"{path} is a file, and the type is uri_folder", "write type: uri_file")
        return None

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        yield ("path",), self.path, "data"
