"""The routes of a unit, as the worker uses them.

    GET  UNIT/message            the job message, once
    POST UNIT/records            {"records": […], "logs": [{"step", "offset", "text"}]}, each record taken once by its
                                 sequence; what the steps printed before comes with it where that is little
    POST UNIT/log?step=&offset=  bytes of a step's log, taken once by their offset
    GET  UNIT/cancel?wait=       {"canceled": true} as soon as the run is cancelled, false after so many seconds
    POST UNIT/origin             {"project", "pipeline", …}, answered {"run", "delivery", …}: which run a download means
    GET  RUN/artifacts           [{"name", "manifest"}] of the run; of another run: …/runs/ID/artifacts
    PUT  RUN/artifacts/NAME      {"manifest"}; a name that is taken is a conflict
    RUN/manifests, RUN/blobs     the content of artifacts, shaped as those of a workspace

UNIT is `PRATIQUE_UNIT`, a path below the door: …/runs/ID/units/KEY; RUN is what stands before /units.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pratique.client.connection import Connection, path_of
from pratique.client.downloads import download_from, manifest_from
from pratique.client.sending import upload_to
from pratique.content.manifest import Manifest
from pratique.delivery.message import JobMessage, PipelineRun
from pratique.delivery.origins import Origin, origin_document
from pratique.delivery.records import Record


@dataclass(frozen=True)
class Piece:
    """A part of a step's log."""

    step: int
    offset: int
    """In bytes."""
    text: str

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.offset + len(self.text.encode())


class Routes:
    """The platform, for one unit."""

    def __init__(self, connection: Connection, unit: str) -> None:
        self._connection = connection
        self._unit = unit.rstrip("/")
        self._run = self._unit.partition("/units/")[0]

    def message(self) -> JobMessage:
        """What to do; a second worker is refused."""
        return JobMessage.of_document(self._connection.get(f"{self._unit}/message"))

    def send_records(self, records: list[Record], pieces: list[Piece]) -> None:
        """Report `records`, and before them what the steps have printed."""
        documents = [record.to_document() for record in records]
        logs = [{"step": piece.step, "offset": piece.offset, "text": piece.text} for piece in pieces]
        self._connection.post(f"{self._unit}/records", {"records": documents, "logs": logs})

    def send_log(self, step: int, offset: int, data: bytes) -> None:
        self._connection.post_bytes(f"{self._unit}/log?step={step}&offset={offset}", data)

    def is_canceled(self, *, wait: int) -> bool:
        """Whether the run is cancelled; answered at once when it is, else after `wait` seconds."""
        answer = self._connection.get(f"{self._unit}/cancel", {"wait": str(wait)})
        return bool(answer["canceled"])

    def origin(self, wanted: Origin) -> PipelineRun:
        """The run that a download task asks for; raises `InvalidInput` and `NotFound`."""
        return PipelineRun(**self._connection.post(f"{self._unit}/origin", origin_document(wanted)))

    def artifacts(self, run: int | None = None) -> dict[str, str]:
        """The digests of the manifests of a run's artifacts, by name; None: of this run."""
        base = self._run if run is None else path_of("delivery", "runs", str(run))
        return {str(one["name"]): str(one["manifest"]) for one in self._connection.get(f"{base}/artifacts")}

    def add_artifact(self, name: str, manifest: Manifest) -> None:
        """Publish what was uploaded; raises `AlreadyExists`."""
        self._connection.put(f"{self._run}/artifacts/{quote(name, safe='')}", {"manifest": manifest.digest})

    def upload(self, root: Path) -> Manifest:
        """Send what is at `root`, and return its manifest."""
        return upload_to(self._connection, self._run, root, is_code=False, progress=lambda _done, _total: None)

    def manifest(self, digest: str, run: int | None = None) -> Manifest:
        base = self._run if run is None else path_of("delivery", "runs", str(run))
        return manifest_from(self._connection, base, digest)

    def download(self, manifest: Manifest, into: Path, run: int | None = None) -> None:
        """Write the files of `manifest` into the new folder `into`."""
        base = self._run if run is None else path_of("delivery", "runs", str(run))
        download_from(self._connection, base, manifest, into, lambda _done, _total: None)
