"""The Open Inference Protocol over gRPC, where a deployment wishes it: a second socket for each replica.

    <runtime>/g<deployment>-<revision>-<slot>/grpc.sock

The model server makes this socket itself, so it is in a folder of its own that
the replica may write to. Only processes of this user reach it, and no key is
asked for: it is for what runs beside the platform, not for callers.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pratique.base.home import Home
from pratique.store.replicas import Replica

TAG: Final = "pratique.grpc"
PACKAGES: Final = ("grpcio>=1.48",)
"""What the model server needs for it in the model's environment."""


def is_wished(spec: Mapping[str, Any]) -> bool:
    """Whether a deployment with this spec has it."""
    return (spec.get("tags") or {}).get(TAG) == "true"


def socket_of(home: Home, replica: Replica) -> Path:
    """Where a replica listens for gRPC; it stays when the replica is started again."""
    return _folder(home, replica.deployment_id, f"{replica.revision}-{replica.slot}") / "grpc.sock"


def forget(home: Home, replica: Replica) -> None:
    """Remove what a replica leaves that has ended for good."""
    shutil.rmtree(socket_of(home, replica).parent, ignore_errors=True)


def forget_all(home: Home, deployment_id: str, revision: int | None = None) -> None:
    """The same for every replica of a deployment, or of one of its revisions."""
    pattern = _folder(home, deployment_id, "*" if revision is None else f"{revision}-*")
    for folder in pattern.parent.glob(pattern.name):
        shutil.rmtree(folder, ignore_errors=True)


def _folder(home: Home, deployment_id: str, which: str) -> Path:
    """Short, because the kernel takes 107 bytes for the path of a socket."""
    return home.runtime / f"g{deployment_id.replace('-', '')[-16:]}-{which}"
