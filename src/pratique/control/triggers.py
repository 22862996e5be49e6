"""Which runs follow from what happened: a push, a pull request, an hour, another run, a new version of a model.

Each is decided once: the run is written in the transaction that says that its
cause has been dealt with. What a push started, and why not, stands on its row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from pratique.base.errors import NotFound, PratiqueError, TooLarge
from pratique.control import delivery_runs, hosted_runs, pipeline_resources
from pratique.control.actor import PLATFORM, Actor
from pratique.control.hosted_runs import Prepared, Wish
from pratique.delivery import filters, schedules
from pratique.delivery.pipeline import PushTrigger
from pratique.delivery.starting import Starting, skips
from pratique.store import deliveries, delivery_starts, projects
from pratique.store import delivery_runs as run_rows
from pratique.store import repositories as rows
from pratique.store.database import Database, Transaction, savepoint
from pratique.store.deliveries import Delivery
from pratique.store.delivery_starts import Scheduled, Waiting
from pratique.store.events import StoredEvent
from pratique.store.git import NOTHING, Bare, Repositories
from pratique.store.repositories import Push, RefUpdate, Repository

PUSHED: Final = "IndividualCI"
BATCHED: Final = "BatchedCI"
PULL_REQUEST: Final = "PullRequest"
SCHEDULED: Final = "Schedule"
RESOURCE: Final = "ResourceTrigger"

_HEADS: Final = "refs/heads/"
_TAGS: Final = "refs/tags/"
_MOST_REFS: Final = 50
"""Refs of one push that may start runs; a mirror of a whole repository starts none for the rest."""


@dataclass(frozen=True)
class Chosen:
    """A run that follows, ready to be written; or why there is none."""

    delivery: Delivery
    ref: str
    reason: str
    """Why nothing runs; empty when something does."""
    prepared: Prepared | None = None
    waiting: Waiting | None = None
    cancels_older: bool = False

    def document(self, run: int | None) -> dict[str, Any]:
        """As the row of the push tells it."""
        said = f"started run {run}" if run else self.reason
        return {"pipeline": self.delivery.name, "id": self.delivery.id, "ref": self.ref, "run": run, "because": said}


class Chooser:
    """Decides what follows, from the files as they are in the repositories; writes nothing."""

    def __init__(self, database: Database, files: Repositories, door: str) -> None:
        self._database = database
        self._files = files
        self._door = door

    def of_push(self, push: Push, *, now: datetime) -> list[Chosen]:
        """What follows from a push."""
        with self._database.read() as tx:
            own = rows.by_id(tx, push.repository)
            if own is None:
                return []
            direct = [one for one in deliveries.of_repository(tx, own.project, own.name) if _is_enabled(one)]
            others = [
                one
                for one in deliveries.in_project(tx, own.project)
                if one.repository_type == deliveries.GIT and one.repository != own.name and _is_enabled(one)
            ]
        actor = hosted_runs.on_behalf(push.created_by)
        bare = self._files.get(own.id)
        chosen: list[Chosen] = []
        for moved in [one for one in push.moved if not one.is_deletion][:_MOST_REFS]:
            try:
                change = _Change(bare, own, moved)
            except NotFound:
                continue  # A tag of something that is no commit.
            for delivery in direct:
                chosen += self._guarded(
                    delivery, moved.name, partial(self._direct, change=change, push=push, actor=actor, now=now)
                )
            for delivery in others:
                chosen += self._guarded(delivery, moved.name, partial(self._other, change=change, actor=actor))
        return chosen

    def _guarded(self, delivery: Delivery, ref: str, choose: Callable[[Delivery], Iterable[Chosen]]) -> list[Chosen]:
        """What `choose` finds; a file that cannot be run is a reason and no error of ours."""
        try:
            return list(choose(delivery))
        except PratiqueError as error:
            return [Chosen(delivery, ref, str(error))]

    def _direct(
        self, delivery: Delivery, change: "_Change", push: Push, actor: Actor, now: datetime
    ) -> Iterator[Chosen]:
        ref, commit = change.update.name, change.commit
        found = hosted_runs.starting_at(self._files, change.own, commit, delivery.path)
        if found is None:
            yield Chosen(delivery, ref, f"there is no {delivery.path} in this commit")
            return
        if ref.startswith("refs/pull/"):
            yield self._pull_request(delivery, change, found, actor)
            return
        if not ref.startswith((_HEADS, _TAGS)):
            yield Chosen(delivery, ref, "it is neither a branch nor a tag")
            return
        if reason := _why_not(found.pushes, change):
            yield Chosen(delivery, ref, reason)
            return
        if found.pushes.is_batched and ref.startswith(_HEADS):
            with self._database.read() as tx:
                is_running = delivery_starts.is_running(tx, delivery.id, ref)
            if is_running:
                waiting = Waiting(delivery.id, ref, commit, now, push.created_by)
                yield Chosen(delivery, ref, "waits for the run of this branch that goes on", waiting=waiting)
                return
        yield self._run(Wish(delivery, ref, commit, PUSHED), actor)

    def _pull_request(self, delivery: Delivery, change: "_Change", found: Starting, actor: Actor) -> Chosen:
        """A push to refs/pull/N/merge: the merge of a branch into its target, which is its first parent."""
        ref = change.update.name
        words = ref.split("/")
        if len(words) != 4 or words[3] != "merge" or not words[2].isdecimal():
            return Chosen(delivery, ref, "a pull request is pushed as refs/pull/NUMBER/merge")
        target, parents = change.target()
        if not filters.takes_pull_request(found.pull_requests, target, change.paths_since(parents[0])):
            return Chosen(delivery, ref, f"pr: of the file does not take a pull request into {target} with these paths")
        system = {
            "System.PullRequest.PullRequestId": words[2],
            "System.PullRequest.PullRequestNumber": words[2],
            "System.PullRequest.TargetBranch": target,
            "System.PullRequest.TargetBranchName": target.rpartition("/")[2],
            "System.PullRequest.SourceCommitId": parents[1] if len(parents) > 1 else change.commit,
            "System.PullRequest.IsFork": "False",
        }
        run = self._run(Wish(delivery, ref, change.commit, PULL_REQUEST, system=system), actor)
        return replace(run, cancels_older=found.pull_requests.cancels_older)

    def _other(self, delivery: Delivery, change: "_Change", actor: Actor) -> Iterator[Chosen]:
        """A push to a repository that a pipeline of another one names as a resource with a trigger."""
        with self._database.read() as tx:
            own = rows.get(tx, delivery.project, delivery.repository)
        if own is None:
            return
        try:
            commit = self._files.get(own.id).commit_of(delivery.branch)
        except NotFound:
            return
        found = hosted_runs.starting_at(self._files, own, commit, delivery.path)
        for named in found.resources.repositories if found else ():
            is_it = named.type == "git" and named.name.rpartition("/")[2].lower() == change.own.name.lower()
            if is_it and named.trigger is not None and not _why_not(named.trigger, change):
                yield self._run(Wish(delivery, delivery.branch, commit, RESOURCE), actor)
                return

    def _run(self, wish: Wish, actor: Actor) -> Chosen:
        prepared = hosted_runs.prepare(self._database, self._files, actor, wish, door=self._door)
        return Chosen(wish.delivery, wish.branch, "", prepared)

    def of_wait(self, one: Waiting) -> Chosen | None:
        """The run for pushes that have waited; None when the delivery or the branch is gone."""
        with self._database.read() as tx:
            delivery = deliveries.by_id(tx, one.delivery)
        if delivery is None or not _is_enabled(delivery):
            return None
        wish, actor = Wish(delivery, one.branch, one.version, BATCHED), hosted_runs.on_behalf(one.created_by)
        return next(iter(self._guarded(delivery, one.branch, lambda _: [self._run(wish, actor)])))

    def of_schedule(self, one: Scheduled) -> Chosen | None:
        """The run that is due; None when nothing has changed or another one still goes on."""
        with self._database.read() as tx:
            delivery = deliveries.by_id(tx, one.delivery)
            own = rows.get(tx, delivery.project, delivery.repository) if delivery else None
            last = delivery_starts.last_version(tx, one.delivery, one.branch, reason=SCHEDULED)
            is_running = delivery_starts.is_running(tx, one.delivery, one.branch)
        if delivery is None or own is None or not _is_enabled(delivery) or (one.is_batched and is_running):
            return None
        try:
            commit = self._files.get(own.id).commit_of(one.branch)
        except NotFound:
            return None
        if not one.is_always and commit == last:
            return None
        wish = Wish(delivery, one.branch, commit, SCHEDULED)
        return next(iter(self._guarded(delivery, one.branch, lambda _: [self._run(wish, PLATFORM)])))

    def schedules_at(
        self, delivery: Delivery, own: Repository, branch: str, commit: str, *, now: datetime
    ) -> list[Scheduled]:
        """The schedules that the file at `commit` has for its own branch."""
        try:
            found = hosted_runs.starting_at(self._files, own, commit, delivery.path)
        except PratiqueError:
            found = None
        return [
            Scheduled(
                delivery.id, branch, position, one.cron, one.is_always, one.is_batched, _next(one.cron, now)
            )
            for position, one in enumerate(found.schedules if found else ())
            if filters.takes_name(one.branches, branch)
        ]  # fmt: skip

    def of_event(self, event: StoredEvent) -> list[Chosen]:
        """The runs of pipelines whose `resources.webhooks` name the platform's own events, and this one."""
        with self._database.read() as tx:
            every = [
                (one, rows.get(tx, one.project, one.repository))
                for project in projects.every(tx)
                for one in deliveries.in_project(tx, project.name)
                if one.repository_type == deliveries.GIT and _is_enabled(one)
            ]
        told = {"type": event.type, "source": event.source, "subject": event.subject, "data": dict(event.data)}
        chosen: list[Chosen] = []
        for delivery, own in every:
            if own is not None:
                chosen += self._guarded(
                    delivery, delivery.branch, partial(self._hearing, own=own, told=told, event=event)
                )
        return chosen

    def _hearing(
        self, delivery: Delivery, own: Repository, told: Mapping[str, Any], event: StoredEvent
    ) -> Iterator[Chosen]:
        bare = self._files.get(own.id)
        try:
            commit = bare.commit_of(delivery.branch)
        except NotFound:
            return
        found = hosted_runs.starting_at(self._files, own, commit, delivery.path)
        for one in found.resources.webhooks if found else ():
            if all(_at(told, path) == value for path, value in one.filters):
                prefix = f"resources.webhook.{one.alias}."
                plain = {key: value for key, value in event.data.items() if isinstance(value, str | int | float)}
                system = {
                    **{f"{prefix}{key}": str(value) for key, value in plain.items()},
                    "resources.triggeringAlias": one.alias,
                    "resources.triggeringCategory": "webhook",
                }
                actor = hosted_runs.on_behalf(event.actor)
                yield self._run(Wish(delivery, delivery.branch, commit, RESOURCE, system=system), actor)
                return

    def of_completed(self, run: run_rows.Run) -> list[Chosen]:
        """The runs of pipelines that name the pipeline of `run` as a resource with a trigger."""
        with self._database.read() as tx:
            source = deliveries.by_id(tx, run.delivery)
            others = [
                (one, rows.get(tx, one.project, one.repository))
                for one in deliveries.in_project(tx, run.project)
                if one.repository_type == deliveries.GIT and one.id != run.delivery and _is_enabled(one)
            ]
            stages = run_rows.stages_of(tx, run.id)
        done = {
            one.name.lower()
            for one in stages
            if one.result in ("succeeded", "succeededWithIssues", "partiallySucceeded")
        }
        chosen: list[Chosen] = []
        for delivery, own in others:
            if own is not None and source is not None:
                chosen += self._guarded(
                    delivery, delivery.branch, partial(self._following, own=own, run=run, source=source, done=done)
                )
        return chosen

    def _following(
        self, delivery: Delivery, own: Repository, run: run_rows.Run, source: Delivery, done: set[str]
    ) -> Iterator[Chosen]:
        is_same = delivery.repository == source.repository and source.repository_type == deliveries.GIT
        branch, commit = (run.branch, run.version) if is_same else (delivery.branch, "")
        commit = commit or self._files.get(own.id).commit_of(branch)
        found = hosted_runs.starting_at(self._files, own, commit, delivery.path)
        for one in found.resources.pipelines if found else ():
            if not one.is_triggering or one.source.lower() != source.name.lower():
                continue
            is_far = one.project and one.project.lower() != source.project.lower()
            has_stages = {stage.lower() for stage in one.trigger_stages} <= done
            has_tags = {tag.lower() for tag in one.trigger_tags} <= {str(tag).lower() for tag in run.tags}
            is_whole = bool(one.trigger_stages) or run.result in ("succeeded", "partiallySucceeded")
            if (
                not is_far
                and is_whole
                and has_stages
                and has_tags
                and filters.takes_name(one.trigger_branches, run.branch)
            ):
                system = {
                    **pipeline_resources.variables_of(one.alias, source, run),
                    "resources.triggeringAlias": one.alias, "resources.triggeringCategory": "pipeline",
                    "Build.TriggeredBy.BuildId": str(run.id), "Build.TriggeredBy.DefinitionName": source.name,
                    "Build.TriggeredBy.DefinitionId": str(source.id), "Build.TriggeredBy.BuildNumber": run.number,
                }  # fmt: skip
                actor = hosted_runs.on_behalf(run.created_by)
                yield self._run(Wish(delivery, branch, commit, RESOURCE, system=system), actor)
                return


class _Change:
    """What one moved ref of a push brought."""

    def __init__(self, bare: Bare, own: Repository, update: RefUpdate) -> None:
        self.own = own
        self.update = update
        self._bare = bare
        self.commit = bare.commit_of(update.new)

    def _old(self) -> str:
        """Where the ref was; of a new branch, where it left the default branch."""
        if not self.update.is_creation:
            return self.update.old
        if self.update.name == self.own.default_branch:
            return NOTHING
        try:
            return self._bare.base_of(self._bare.commit_of(self.own.default_branch), self.commit)
        except NotFound:
            return NOTHING

    def is_skipped(self) -> bool:
        """Whether a commit of the push wishes that nothing starts."""
        old = self._old()
        commits = self._bare.commits(old, self.commit) if old != self.commit else []
        return any(skips(one.message) for one in commits or self._bare.commits(NOTHING, self.commit, limit=1))

    def paths(self) -> tuple[str, ...] | None:
        """What the push changed; None when it is too much to look at."""
        return self.paths_since(self._old())

    def paths_since(self, old: str) -> tuple[str, ...]:
        """What changed since `old`; everything's root when it is too much to look at."""
        try:
            return self._bare.changed_paths(old, self.commit)
        except TooLarge:
            return ("",)

    def target(self) -> tuple[str, tuple[str, ...]]:
        """The branch that a merge goes into, and the parents of the merge."""
        parents = self._bare.parents_of(self.commit)
        first = parents[0] if parents else self.commit
        exact = [ref for ref, at in self._bare.refs("refs/heads").items() if at == first]
        if self.own.default_branch in exact or not exact:
            return self.own.default_branch, parents or (first,)
        return exact[0], parents or (first,)


def _why_not(trigger: PushTrigger, change: _Change) -> str:
    """Why a push does not start a run; empty when it does."""
    if not trigger.is_enabled:
        return "trigger: none"
    if not filters.takes_push(replace(trigger, paths=PushTrigger().paths), change.update.name, ()):
        return "trigger: does not take this branch or tag"
    if change.is_skipped():
        return "a commit of the push says that nothing should run"
    if not change.update.name.startswith(_TAGS) and not filters.takes_push(
        trigger, change.update.name, change.paths() or ()
    ):
        return "trigger: does not take any of the changed paths"
    return ""


def _at(document: Mapping[str, Any], path: str) -> str:
    """The text at a dotted path of an event; empty when there is none."""
    found: Any = document
    for part in path.removeprefix("$.").split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return "" if found is None or isinstance(found, Mapping) else str(found)


def _is_enabled(delivery: Delivery) -> bool:
    return delivery.queue_status == "enabled"


def _next(cron: str, now: datetime) -> datetime | None:
    try:
        return schedules.next_time(cron, now)
    except ValueError:
        return None


def write(tx: Transaction, chosen: Chosen, *, now: datetime) -> dict[str, Any]:
    """Write what was chosen, and answer what became of it."""
    if chosen.waiting:
        delivery_starts.wait(tx, chosen.waiting)
    if chosen.prepared is None:
        return chosen.document(None)
    found = chosen.prepared
    if chosen.cancels_older:
        for number in run_rows.unfinished_of(tx, chosen.delivery.id):
            run = run_rows.get(tx, number)
            if run and run.branch == chosen.ref and run.reason == PULL_REQUEST and not run.cancel_requested:
                delivery_runs.cancel(tx, PLATFORM, number, now=now)
    try:
        with savepoint(tx):
            made = delivery_runs.queue(tx, found.actor, found.request, found.compiled, known=found.known, now=now)
    except PratiqueError as error:
        return replace(chosen, reason=str(error)).document(None)
    return chosen.document(made.id)
