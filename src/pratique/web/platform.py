"""What the web needs of the platform around it, in one value that every router finds at `app.state.platform`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from pratique.base.errors import InvalidInput, Problem
from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.control.credentials import SignIns
from pratique.control.journal_key import JournalKey
from pratique.control.tokens import Issuer
from pratique.engine.foreign_issuers import ForeignIssuers
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.git import Repositories
from pratique.store.sealing import Sealer
from pratique.web.actors import RecentActors
from pratique.web.bell import Bell
from pratique.web.ids import Ids
from pratique.web.rates import Rates


@dataclass(frozen=True)
class Platform:
    """The parts that a request may touch."""

    home: Home
    settings: Settings
    database: Database
    blobs: BlobStore
    sealer: Sealer
    issuer: Issuer
    door: str
    """The origin of the front door, such as ``http://127.0.0.1:7070``, without a slash at its end."""
    endpoints_door: str
    """The origin where endpoints answer, another one, so that a model's answer never runs in the door's origin."""
    tracking_socket: Path
    """Where the MLflow server listens."""
    bell: Bell
    """Rings when something was committed."""
    parts: Callable[[], Mapping[str, str]]
    """The state of each part of the platform: gateway, tracking, engine → ready, starting or down."""
    check_environment: Callable[[Mapping[str, Any]], None] = lambda _spec: None
    """Raises `InvalidInput` for the values of an environment that this machine cannot make."""
    announce: Callable[[], None] = lambda: None
    """Writes the owner's token again, for whoever can read the home: the one before may be good no more."""
    unknown_key: Callable[[], None] = lambda: None
    """Hears that a token named a key which nobody here knows."""
    lock_of: Callable[[Mapping[str, Any]], str] = lambda _spec: ""
    """The digest of the lock that the values of an environment were settled to on this machine; empty for none."""
    names: tuple[str, ...] = ()
    """What callers may call us by, where the doors are open to others."""
    beside_jobs: Bell = field(default_factory=Bell)
    """Rings as `bell` does, yet not for the end of a command job, which is the end of no pipeline."""
    actors: RecentActors = field(default_factory=RecentActors)

    def __post_init__(self) -> None:
        self.database.on_commit(self.actors.forget)

    def check_environment_of(self, resolved: Mapping[str, Any]) -> None:
        """Raise `InvalidInput` when what a job or a deployment was resolved to names such an environment."""
        if environment := resolved.get("environment"):
            try:
                self.check_environment(environment["spec"])
            except InvalidInput as error:
                problem = Problem(error.message, key="environment", hint=error.hint)
                raise InvalidInput(error.message, hint=error.hint, problems=[problem]) from error

    @cached_property
    def repositories(self) -> Repositories:
        """The bare Git repositories of the home."""
        return Repositories(self.home.repositories)

    @cached_property
    def journal_key(self) -> JournalKey:
        """What the journal is signed with."""
        return JournalKey(self.home.keys)

    @cached_property
    def rates(self) -> Rates:
        """How often each principal has asked."""
        return Rates(self.settings.calls_per_minute)

    @cached_property
    def sign_ins(self) -> SignIns:
        """Who has proven who they are by a secret, and who could not."""
        return SignIns(self.settings.failed_sign_ins_per_minute)

    @cached_property
    def foreign_issuers(self) -> ForeignIssuers:
        """The issuers that the operator trusts beside our own."""
        return ForeignIssuers(self.settings)

    @cached_property
    def ids(self) -> Ids:
        """How documents name things as Azure does."""
        return Ids(self.home.subscription, self.home.tenant, self.database)


def door_of(request: Request) -> str:
    """The origin by which the caller reached the front door; the gateway says so, and takes no name but ours."""
    platform = platform_of(request)
    host, is_tls = request.headers.get("host", ""), request.headers.get("x-forwarded-proto") == "https"
    named = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return f"https://{host}" if is_tls and named in platform.names else platform.door


def platform_of(request: Request) -> Platform:
    """The platform that serves `request`."""
    platform: Platform = request.app.state.platform
    return platform


Here = Annotated[Platform, Depends(platform_of)]
"""How a route asks for it."""
