"""Projects: what repositories, deliveries and all that they use belong to; removed only when nothing runs."""

from datetime import datetime

from pratique.base.errors import Conflict, NotFound
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.control.actor import Actor
from pratique.control.permissions import is_permitted, permit, project_scope
from pratique.store import delivery_runs, events, projects
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Wanted
from pratique.store.events import Event
from pratique.store.projects import Project

_RUNNING = ("notStarted", "inProgress", "cancelling")


def create(tx: Transaction, actor: Actor, name: str, *, description: str = "", now: datetime) -> Project:
    """Make a project; one that is there stays as it is."""
    check_name("delivery project", name)
    if known := projects.get(tx, name):
        permit(actor, "projects/read", project_scope(name))
        return known
    permit(actor, "projects/write", project_scope(name))
    project = Project(new_id(), name, description, now, actor.to_document())
    projects.add(tx, project)
    _tell(tx, actor, "Pratique.ProjectCreated", name, now=now)
    return project


def get(tx: Transaction, actor: Actor, name: str) -> Project:
    """The project called `name`; raises `NotFound`, also for one that the caller may not see."""
    found = projects.get(tx, name)
    if found is None or not is_permitted(actor, "projects/read", project_scope(name)):
        raise NotFound(
            f"there is no project {name!r}",
            hint=f"pratique devops project list, or make it: pratique devops project create --name {name}",
        )
    return found


def every(tx: Transaction, actor: Actor) -> list[Project]:
    """The projects that the caller may see, by name."""
    return [one for one in projects.every(tx) if is_permitted(actor, "projects/read", project_scope(one.name))]


def delete(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> None:
    """Remove a project with all that it holds; `Conflict` while a run of it has not ended."""
    get(tx, actor, name)
    permit(actor, "projects/delete", project_scope(name))
    if running := delivery_runs.newest(tx, Wanted(name, statuses=_RUNNING), limit=1):
        raise Conflict(
            f"run {running[0].id} of project {name!r} has not ended",
            hint=f"pratique pipelines runs cancel --run-id {running[0].id}",
        )
    projects.remove(tx, name)
    _tell(tx, actor, "Pratique.ProjectDeleted", name, now=now)


def _tell(tx: Transaction, actor: Actor, kind: str, name: str, *, now: datetime) -> None:
    event = Event(kind, f"projects/{name}", project_scope(name), actor.to_document(), {"name": name})
    events.append(tx, event, now=now)
