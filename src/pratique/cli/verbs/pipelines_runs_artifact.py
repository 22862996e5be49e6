"""`pipelines runs artifact`: what a run has published, and its files."""

from pathlib import Path
from typing import Any

from pratique.base.errors import AlreadyExists, NotFound
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, told_of_run
from pratique.cli.table import Table, flag
from pratique.cli.talk import Transfer, say
from pratique.cli.verbs.pipelines_runs import RUN
from pratique.client.connection import path_of
from pratique.client.deliveries import DeliveryRuns
from pratique.client.downloads import download_from, manifest_from

TABLE = Table("pipelines runs artifact")


@TABLE.verb(
    "list",
    arguments=(RUN, *IN_PROJECT),
    examples={"What a run has published": "pratique pipelines runs artifact list --run-id 12 -o table"},
    columns={"Name": "name", "Type": "type", "Manifest": "manifest"},
)
def every(
    platform: Place, *, run_id: int, project: str | None, organization: str | None, detect: str | None
) -> list[dict[str, Any]]:
    """List the artifacts of a run."""
    told_of_run(project, organization, detect)
    return DeliveryRuns(platform.connection).artifacts(run_id)


@TABLE.verb(
    "download",
    arguments=(
        RUN,
        flag("artifact_name", "--artifact-name", required=True, help="Name of the artifact."),
        flag("path", "--path", required=True, help="The folder for its files, made when it is not there."),
        *IN_PROJECT,
    ),
    examples={
        "The files of an artifact": "pratique pipelines runs artifact download --run-id 12 --artifact-name drop "
        "--path drop"
    },
)
def download(
    platform: Place,
    *,
    run_id: int,
    artifact_name: str,
    path: str,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> None:
    """Download the files of an artifact into a folder, which must be empty or hold just these files."""
    told_of_run(project, organization, detect)
    published = DeliveryRuns(platform.connection).artifacts(run_id)
    there = {str(one["name"]): str(one["manifest"]) for one in published}
    if artifact_name not in there:
        known = ", ".join(sorted(there)) or "none"
        raise NotFound(f"run {run_id} has no artifact {artifact_name!r}", hint=f"it has: {known}")
    folder = Path(path)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    holder = path_of("delivery", "runs", str(run_id))
    manifest = manifest_from(platform.connection, holder, there[artifact_name])
    try:
        download_from(platform.connection, holder, manifest, folder, Transfer("Downloading").report)
    except AlreadyExists as error:
        raise AlreadyExists(error.message, hint="choose another --path") from error
    say(f"{artifact_name}: {len(manifest.entries)} files in {folder}; digest {manifest.digest}")
