"""What deployments collect, as data: an asset for each collection, which always shows what is there by now.

    <endpoint>-<deployment>-<collection>, version 1     unless the deployment's file names another

As on Azure this is a version whose content grows: it names a place of a
datastore and no manifest. Whoever uses it, a job or a download, is given the
files of that moment, by digest; so what was made of them can still be told.
"""

from datetime import datetime
from typing import Final

from pratique.base.errors import Conflict
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.content.manifest import Manifest
from pratique.control import assets, content, datastores
from pratique.control.actor import PLATFORM
from pratique.specs.references import DatastorePath, parse_reference
from pratique.store import assets as rows
from pratique.store.assets import Asset, AssetVersion
from pratique.store.database import Transaction

_KIND: Final = "data"
_TYPE: Final = "uri_folder"


def check_free(tx: Transaction, workspace: str, name: str, version: str, place: DatastorePath) -> None:
    """Raise `Conflict` when this version of data is there and shows something else than `place`."""
    check_name("asset", name)
    check_name("version", version)
    known = rows.version(tx, workspace, _KIND, name, version)
    if known is not None and (known.manifest is not None or known.path != str(place)):
        raise Conflict(
            f"data asset {name}:{version} of workspace {workspace!r} is something else, so it cannot show what is "
            "collected",
            hint="name another in the file: data_collector.collections.COLLECTION.data.name",
        )


def show(tx: Transaction, workspace: str, name: str, version: str, place: DatastorePath, *, now: datetime) -> None:
    """Register the version of data that shows `place`, unless it is there; raises what `check_free` raises."""
    check_free(tx, workspace, name, version, place)
    if rows.version(tx, workspace, _KIND, name, version) is not None:
        return
    if rows.get(tx, workspace, _KIND, name) is None:
        rows.add(tx, Asset(workspace, _KIND, name, 1, "", {}, False, now, now))
    made = AssetVersion(
        id=new_id(),
        workspace=workspace,
        kind=_KIND,
        name=name,
        version=version,
        ordinal=int(version) if version.isdecimal() and len(version) < 10 else None,
        type=_TYPE,
        spec={"name": name, "version": version, "type": _TYPE, "path": str(place)},
        path=str(place),
        manifest=None,
        description="What a deployment has collected so far.",
        tags={},
        properties={},
        is_archived=False,
        stage=assets.NO_STAGE,
        run_id="",
        job_name="",
        source=str(place),
        created_at=now,
        updated_at=now,
        created_by=PLATFORM.to_document(),
    )
    rows.add_version(tx, made)
    assets.tell(tx, PLATFORM, "Pratique.DataRegistered", made, now=now, data={"path": str(place)})


def is_growing(version: AssetVersion) -> bool:
    """Whether a version shows a place, and not the same files for ever."""
    return version.kind == _KIND and version.manifest is None and bool(version.path)


def files_of(tx: Transaction, version: AssetVersion) -> Manifest:
    """What lies in the place of a growing version now; raises `NotFound` while there is nothing."""
    reference = parse_reference(version.path)
    assert isinstance(reference, DatastorePath)  # noqa: S101 - `show` wrote it.
    return datastores.resolve(tx, version.workspace, reference)


def pinned(tx: Transaction, version: AssetVersion, *, now: datetime) -> str:
    """The digest of these files, which their workspace holds from now on."""
    return content.resolve(tx, version.workspace, version.path, now=now).manifest.digest
