"""Repositories that follow others: fetched when it is time, and what is new counts as a push.

Git itself fetches, in a process of its own, with no configuration but ours: from
a path of this machine, or from a URL that `outbound` lets through. The address
that was judged is the one that git connects to, and it follows no redirect; a login goes
nowhere else.
"""

from datetime import timedelta
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger
from pratique.control import pushes
from pratique.engine import outbound
from pratique.engine.workbench import Workbench
from pratique.store import repositories as rows
from pratique.store.git import Bare, Repositories
from pratique.store.repositories import Repository

_log = get_logger(__name__)
_ANYONES: Final = ("safe.directory=*",)
"""An Owner named the path: it may belong to somebody else."""


class Follower:
    """Looks at one source at a time."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._files = Repositories(bench.home.repositories)

    def step(self) -> bool:
        """Look at the source that is due; False when none is."""
        with self._bench.database.read() as tx:
            known = rows.due(tx, now=utc_now())
        if known is None:
            return False
        problem = self._looked(known)
        if problem and problem != known.problem:
            _log.warning("repository.not_followed", repository=known.name, reason=problem)
        look_at = utc_now() + timedelta(seconds=self._bench.settings.repository_poll_seconds)
        with self._bench.database.write(rows.TOPIC) as tx:
            rows.looked(tx, known.id, look_at=look_at, problem=problem)
        return True

    def _looked(self, known: Repository) -> str:
        """Bring what is new; why that was not possible, empty when it was."""
        try:
            self._bring(known)
        except PratiqueError as error:
            return error.message
        except outbound.RefusedError as error:
            return f"{known.source} is not fetched: {error}"
        except OSError as error:
            return f"{known.source} is not reached: {error}"
        return ""

    def _bring(self, known: Repository) -> None:
        settings, protocols = self._way_to(known.source)
        sealed = known.source_login
        login = self._bench.sealer.open(sealed, context=known.login_context) if sealed else ""
        bare = self._files.get(known.id)
        lock = self._files.pushing(known.id)
        try:
            self._decide_default(known, bare, bare.head_of(known.source, settings, protocols, login=login))
            bare.follow(known.source, settings, protocols, login=login)
        finally:
            self._files.done_pushing(lock)
        pushes.recover(self._bench.database, self._files, known, now=utc_now())

    def _way_to(self, source: str) -> tuple[tuple[str, ...], str]:
        """The settings with which git goes there, and the protocol that it may speak."""
        if source.startswith("/"):
            return _ANYONES, "file"
        place = outbound.place_of(source, allowed=outbound.hosts_of(self._bench.settings.check_hosts))
        resolved = f"http.curloptResolve={place.host}:{place.port}:{place.address}"
        return ("http.followRedirects=false", "http.proxy=", "credential.helper=", resolved), place.scheme

    def _decide_default(self, known: Repository, bare: Bare, branch: str) -> None:
        """The default branch is the source's, as long as nothing was fetched."""
        with self._bench.database.read() as tx:
            is_new = not rows.refs(tx, known.id)
        if is_new and branch and branch != known.default_branch:
            with self._bench.database.write(rows.TOPIC) as tx:
                rows.choose_default(tx, known.id, branch)
            bare.set_head(branch)
