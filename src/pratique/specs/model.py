"""Model assets: ``pratique ml model create``, and models inline in a deployment."""

from collections.abc import Iterable

from pydantic import Field

from pratique.specs.grammar import Spec, planned
from pratique.specs.key_types import AssetName, Datastore, Free, ModelType, Reference, Tags, Text, Version
from pratique.specs.keys import Key
from pratique.specs.references import Purpose


class InlineModel(Spec):
    """A model described where it is used; its name is optional there."""

    written_by_platform = Spec.written_by_platform | {"job_name", "latest_version", "utc_time_created"}

    name: AssetName | None = Field(default=None, description="Name of the model.")
    version: Version | None = Field(default=None, description="Version; without one, the platform counts.")
    type: ModelType = Field(
        default="custom_model", description="How it is stored; an `mlflow_model` can be deployed without code."
    )
    path: Reference = Field(
        description="A local file or folder, an output of a job (azureml://jobs/JOB/outputs/OUTPUT/paths/PATH) "
        "or an artifact of a run (runs:/RUN/PATH)."
    )
    description: Text | None = Field(default=None, description="What it is, for people.")
    tags: Tags = Field(default_factory=dict, description="Tags; they can be changed later.")
    properties: Tags = Field(default_factory=dict, description="Properties; they stay as they are.")
    stage: Text | None = Field(default=None, description="Where the version is in its life, such as Production.")
    flavors: Free | None = planned("Flavors of the format; the platform reads them from the model itself.")
    system_metadata: Free | None = planned("What the platform of a registry knows of it.")
    default_deployment_template: Free | None = planned("How a registry deploys it.")
    allowed_deployment_templates: list[Free] | None = planned("How a registry can deploy it.")
    datastore: Text | None = planned("The datastore to upload to; the content store takes everything.")

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        yield ("path",), self.path, "model"


class Model(InlineModel):
    """The files of a model under a name and a version."""

    name: AssetName = Field(description="Name of the model.")
    datastore: Datastore | None = Field(
        default=None, description="The datastore to lay a local file or folder into; without one, into none."
    )
