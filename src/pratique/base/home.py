"""The layout of ``PRATIQUE_HOME``: every place where the platform keeps something.

    <home>/                     0700
      config.toml               settings (optional)
      pratique.db               the database, unless a URL names another
      blobs/ab/abcdef…          content by SHA-256
      keys/                     signing and encryption keys, 0600; the authority for TLS, `ca.pem`, and its key
      environments/<digest>/    locked Python environments
      jobs/<id>/<attempt>/      working folder, shim files and logs of one attempt
      deliveries/<run>/<unit>/  the same for one unit of a delivery run, and the run's log
      replicas/<id>/            the same for one replica of a deployment
      repositories/<id>.git/    bare Git repositories
      conversions/<digest>/     models as ONNX, by what they consist of
      collected/<id>/           what the replicas of a deployment have collected and nobody has stored yet
      sources/<digest>/         our own packages as they run inside other environments
      services/<name>/          the same for server, envoy and mlflow
      gateway/                  Envoy's bootstrap and xds files
      mlflow/                   the tracking database
      logs/                     logs of the platform itself

Unix sockets live apart, in a short runtime folder, because their paths may
not exceed 107 bytes and a home may be deep.
"""

import hashlib
import os
import stat
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pratique.base.errors import StorageFailed

OWNER: Final = "home"
"""The file in a runtime folder that names its home, so that the folder can go when its home is gone."""


@dataclass(frozen=True)
class Home:
    """Where one installation keeps its state; making one touches nothing."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """``PRATIQUE_HOME``, else ``~/.pratique``; always absolute."""
        chosen = os.environ.get("PRATIQUE_HOME") or "~/.pratique"
        return cls(Path(chosen).expanduser().absolute())

    @property
    def database(self) -> Path:
        return self.root / "pratique.db"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def replicas(self) -> Path:
        return self.root / "replicas"

    @property
    def deliveries(self) -> Path:
        return self.root / "deliveries"

    @property
    def repositories(self) -> Path:
        return self.root / "repositories"

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    @property
    def services(self) -> Path:
        return self.root / "services"

    @property
    def gateway(self) -> Path:
        return self.root / "gateway"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def subscription(self) -> str:
        """The UUID that stands where Azure has a subscription id; the same for the same home."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"pratique:subscription:{self.root}"))

    @property
    def tenant(self) -> str:
        """The UUID that stands where Azure has a tenant id; the same for the same home."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"pratique:tenant:{self.root}"))

    @property
    def runtime(self) -> Path:
        """The short folder of this home's sockets and of its live facts (ports, owner token)."""
        # The last resort is made 0700 by `prepare` and checked to be ours.
        shared = f"/tmp/pratique-{os.getuid()}"  # noqa: S108
        # The session's own runtime folder is no choice: a cron job or another login would not find the platform.
        base = os.environ.get("PRATIQUE_RUNTIME_DIR") or shared
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:10]
        return Path(base) / f"pratique-{name}"

    @property
    def inside_door(self) -> Path:
        """The socket at which jobs without a network find the front door; alone in its folder, which they see."""
        return self.runtime / "inside" / "door.sock"

    @property
    def identity_door(self) -> Path:
        """The socket at which replicas without a network get tokens of their identity, and nothing else."""
        return self.runtime / "identity" / "door.sock"

    def job_attempt(self, job_id: str, attempt: int) -> Path:
        """The folder of one attempt of a job; its log is `stream.log` inside."""
        return self.jobs / job_id / str(attempt)

    def delivery_run(self, run: int) -> Path:
        """The folder of a delivery run; its log is `stream.log` inside, beside a folder for each unit."""
        return self.deliveries / str(run)

    def replica(self, deployment_id: str, revision: int, slot: int, start: int) -> Path:
        """The folder of one start of one replica of a deployment; its log is `console.log` inside."""
        return self.replicas / deployment_id / f"{revision}-{slot}-{start}"

    def socket(self, name: str) -> Path:
        """Where the unix socket called `name` is; short enough for the kernel."""
        return self.runtime / f"{name}.sock"

    def prepare(self) -> None:
        """Make every folder, 0700; raises `StorageFailed` when the home cannot be written."""
        folders = (
            self.root, self.blobs, self.keys, self.environments, self.jobs, self.replicas, self.deliveries,
            self.repositories, self.sources, self.services, self.gateway, self.mlflow, self.logs,
        )  # fmt: skip
        try:
            for folder in folders:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            self.runtime.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.runtime.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageFailed(
                f"the home {self.root} cannot be prepared: {error.strerror} ({error.filename})",
                hint="choose another with PRATIQUE_HOME=/path, or free space and set its permissions",
            ) from error
        _check_private(self.runtime)
        with suppress(OSError):  # Without it nothing is wrong: the folder only stays when its home has gone.
            owner = os.open(self.runtime / OWNER, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(owner, "wb") as file:
                file.write(os.fsencode(self.root))


def _check_private(folder: Path) -> None:
    """Refuse a runtime folder that somebody else made: its sockets would be theirs."""
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise StorageFailed(
            f"{folder} is not a private folder of this user",
            hint="remove it, or set PRATIQUE_RUNTIME_DIR to a folder of your own",
        )
