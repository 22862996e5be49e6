"""What git and System.AccessToken may do for a job: read the repositories of its run, push where that was allowed."""

from datetime import UTC, datetime

from pratique.control import unit_actors
from pratique.control.permissions import is_permitted, repository_scope
from pratique.store import delivery_permissions, delivery_units, repositories
from pratique.store import delivery_runs as rows
from pratique.store.delivery_permissions import DeliveryPermission
from pratique.store.repositories import Repository

from .conftest import Scene


def test_a_job_pushes_only_where_its_pipeline_was_let_in(scene: Scene) -> None:
    now = datetime.now(UTC)
    run = scene.queue("jobs: [{job: j, steps: [{bash: make}]}]")
    with scene.database.write() as tx:
        for name in ("own", "other"):
            repositories.add(tx, Repository(f"id-of-{name}", "p", name, "refs/heads/main", False, False, now, now, {}))
        sources = [{"alias": name, "name": name, "type": "git", "project": "p"} for name in ("own", "other")]
        rows.change(tx, run.id, sources=sources)
        delivery_permissions.put(tx, DeliveryPermission(delivery_permissions.PUSH, "id-of-own", run.delivery, now, {}))
        (unit,) = delivery_units.of_run(tx, run.id)
        actors = [
            unit_actors.actor_of_checkout(tx, unit_actors.CHECKOUT + unit.id),
            unit_actors.actor_of_access(tx, unit_actors.ACCESS + unit.id),
        ]
    for actor in actors:
        for name, pushes in (("own", True), ("other", False)):
            assert is_permitted(actor, "repositories/read", repository_scope("p", name))
            assert is_permitted(actor, "repositories/write", repository_scope("p", name)) is pushes
        assert not is_permitted(actor, "repositories/delete", repository_scope("p", "own"))
