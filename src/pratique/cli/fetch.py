"""Content of the workspace to a folder, with its progress."""

from pathlib import Path

from pratique.base.errors import NotFound
from pratique.cli.place import Place
from pratique.cli.talk import Transfer, say
from pratique.client.downloads import download, read_manifest


def fetch(place: Place, digest: str, into: Path) -> None:
    """Write the content called `digest` into `into`; raises `NotFound` when nothing was kept."""
    if not digest:
        raise NotFound("it has no content here", hint="it is a reference to a place elsewhere")
    manifest = read_manifest(place.connection, place.workspace, digest)
    download(place.connection, place.workspace, manifest, into, Transfer("Downloading").report)
    say(f"{len(manifest.entries)} files, {manifest.size:,} bytes: {into}")
