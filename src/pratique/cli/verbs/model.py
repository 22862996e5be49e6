"""`ml model`."""

from typing import Any

from pratique.cli.arguments import DATASTORE, DESCRIPTION, FILE, OPTIONAL_NAME, SET_TAGS, VERSION
from pratique.cli.files import local_path
from pratique.cli.place import Place
from pratique.cli.table import flag
from pratique.cli.usage import pairs
from pratique.cli.verbs import assets, model_examinations, model_why
from pratique.specs.edits import Edits

NOUN = assets.Noun("models", "model", example="credit", changeable=(*assets.CHANGEABLE, "stage"))
TABLE = assets.table_of(NOUN)
TABLE.include(model_examinations.TABLE)
TABLE.include(model_why.TABLE)


@TABLE.verb(
    "create",
    arguments=(
        FILE, OPTIONAL_NAME, VERSION,
        flag("type", "--type", "-t", choices=["custom_model", "mlflow_model", "triton_model"],
             help="What the path is."),
        flag("path", "--path", "-p", help="Local file or folder, azureml://jobs/JOB/outputs/…, or runs:/RUN/PATH."),
        flag("stage", "--stage", "-s", help="Where it is in its life, such as Production."),
        DATASTORE, DESCRIPTION, SET_TAGS,
    ),
    examples={
        "From a folder": "pratique ml model create -n credit --type mlflow_model --path ./model",
        "From what a job made": "pratique ml model create -n credit --type mlflow_model "
        "--path azureml://jobs/brave_lantern/outputs/artifacts/paths/model",
    },
)  # fmt: skip
def create(
    place: Place,
    *,
    file: str | None,
    name: str | None,
    version: str | None,
    type: str | None,  # noqa: A002 - the flag's word.
    path: str | None,
    stage: str | None,
    datastore: str | None,
    description: str | None,
    tags: list[str],
    edits: Edits,
) -> dict[str, Any]:
    """Register a version of a model.

    Without --version it is the next one; with it, that one, also when it is the first of its name.
    """
    given = {
        "name": name, "version": version, "type": type, "path": local_path(path), "stage": stage,
        "datastore": datastore,
        "description": description, "tags": pairs(tags, flag="--tags"),
    }  # fmt: skip
    return assets.create(place, NOUN, file=file, given=given, edits=edits)
