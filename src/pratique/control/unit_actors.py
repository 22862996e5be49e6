"""Whom the tokens stand for that units are given; each ends with its unit.

the worker             reports, publishes, and reads artifacts of its project
git for a checkout     reads the repositories of the run, and pushes to those that its delivery may push to
System.AccessToken     the same, and the run itself: what a step may be given, and nothing that a worker may
a service principal    whatever its roles say; see `service_connections`
"""

from collections.abc import Iterator
from typing import Final

from pratique.base.errors import Unauthenticated
from pratique.control.actor import Actor, Grant
from pratique.control.permissions import project_scope, repository_scope
from pratique.delivery.message import GIT
from pratique.store import delivery_permissions, delivery_runs, delivery_units, repositories
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run
from pratique.store.delivery_units import UnitRow

CHECKOUT: Final = "checkout:"
"""The same for the token with which git fetches for it."""
ACCESS: Final = "access:"
"""The same for the token that steps know as System.AccessToken."""
SUBJECT: Final = "unit:"
"""What stands before the id of a unit in the subject of its worker's token."""
WORKER: Final = "Delivery"
"""The role of a unit's worker."""


def run_scope(run: Run) -> str:
    """The scope of one run."""
    return f"{project_scope(run.project)}/runs/{run.id}"


def actor_of_unit(tx: Transaction, subject: str) -> Actor:
    """The worker that a token was made for; raises `Unauthenticated` when there is no such unit.

    Once its unit has ended it may do nothing any more, but for sending again what it has not heard was taken.
    """
    unit = delivery_units.get(tx, subject.removeprefix(SUBJECT)) if subject.startswith(SUBJECT) else None
    run = delivery_runs.get(tx, unit.run) if unit else None
    if unit is None or run is None:
        raise Unauthenticated("the unit of this token does not exist any more")
    grants = () if unit.state == "completed" else (Grant(WORKER, run_scope(run)),)
    return Actor(subject, f"{run.id}/{unit.key}", "unit", grants)


def actor_of_checkout(tx: Transaction, subject: str) -> Actor:
    """Git on behalf of a unit, which may read the repositories of its run; raises `Unauthenticated` when it ended."""
    unit = running_unit(tx, subject.removeprefix(CHECKOUT))
    return Actor(subject, f"{unit.run}/{unit.key}", "unit", tuple(_repositories(tx, delivery_runs.get(tx, unit.run))))


def actor_of_access(tx: Transaction, subject: str) -> Actor:
    """A step with System.AccessToken, which reads its run and its repositories; raises `Unauthenticated`."""
    unit = running_unit(tx, subject.removeprefix(ACCESS))
    run = delivery_runs.get(tx, unit.run)
    grants = (*_repositories(tx, run), *((Grant("Run reader", run_scope(run)),) if run else ()))
    return Actor(subject, f"{unit.run}/{unit.key}", "unit", grants)


def _repositories(tx: Transaction, run: Run | None) -> Iterator[Grant]:
    for one in run.sources if run else ():
        if run and one.get("type") == GIT:
            project, name = str(one.get("project") or run.project), str(one["name"])
            known = repositories.get(tx, project, name)
            pushes = known and delivery_permissions.is_given(tx, delivery_permissions.PUSH, known.id, run.delivery)
            yield Grant("Push" if pushes else "Checkout", repository_scope(project, name))


def running_unit(tx: Transaction, unit: str) -> UnitRow:
    """The unit that a token of a service connection was given to; raises `Unauthenticated` when it has ended."""
    found = delivery_units.get(tx, unit)
    if found is None or found.state == "completed":
        raise Unauthenticated("the unit of this token has ended")
    return found
