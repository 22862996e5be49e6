"""Lineage: what a model version comes from, as one graph and as sentences with their evidence.

    data ──► job ──► model ──► deployment ──► endpoint ──► prediction
              │        │            │
              ├ code, commit        └ who wished it, the run of a delivery
              ├ environment
              └ pipeline            and the approvals of that run

Nothing is written for it: it is asked from the rows of jobs, assets and runs,
and from the journal. A version that was promoted names no job; another one of
the same name and the same content does, and what it comes from is told.

`Story` holds what was found. Each sentence names what it was read from, such
as ``events/41``; what the caller may not see is said to be out of sight.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pratique.base.clock import iso
from pratique.base.errors import NotFound
from pratique.control.actor import Actor
from pratique.control.model_gate import numbers_of
from pratique.control.permissions import is_permitted, permit, project_scope, workspace_scope
from pratique.delivery.run import admission
from pratique.specs.references import FETCHED_FROM
from pratique.store import asked_checks, assets, delivery_runs, deployments, events, jobs, signatures, workspaces
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction
from pratique.store.events import StoredEvent
from pratique.store.jobs import Job

LockOf = Callable[[Mapping[str, Any]], str]
"""The digest of the lock that an environment's values were settled to; empty when they were not, here."""

MODELS: Final = "models"
_COMMIT, _BRANCH, _REPOSITORY = "mlflow.source.git.commit", "mlflow.source.git.branch", "mlflow.source.git.repoURL"
_DIRTY: Final = "azureml.git.dirty"
_SHORT: Final = 12
_DEEPEST: Final = 20
"""Jobs one behind the other that are followed."""


@dataclass
class Story:
    """What was found so far."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    edges: list[dict[str, str]] = field(default_factory=list)
    sentences: list[dict[str, Any]] = field(default_factory=list)

    def add(self, kind: str, name: str, **facts: Any) -> str:
        """Enter a node, once; its id."""
        identity = f"{kind}/{name}"
        known = self.nodes.setdefault(identity, {"id": identity, "kind": kind, "name": name})
        known.update({key: value for key, value in facts.items() if value not in (None, "")})
        return identity

    def link(self, source: str, relation: str, target: str) -> None:
        """Enter an edge, once: `source` is so related to `target`, such as a model *made by* a job."""
        edge = {"from": source, "relation": relation, "to": target}
        if edge not in self.edges:
            self.edges.append(edge)

    def say(self, text: str, *evidence: str) -> None:
        """Enter a sentence, once."""
        said = {"text": text, "evidence": [one for one in evidence if one]}
        if said not in self.sentences:
            self.sentences.append(said)

    def to_document(self) -> dict[str, Any]:
        """As the API answers."""
        return {"sentences": self.sentences, "nodes": [*self.nodes.values()], "edges": self.edges}


@dataclass(frozen=True)
class Telling:
    """One question being answered: for whom, from what, into which story."""

    tx: Transaction
    actor: Actor
    story: Story
    lock_of: LockOf = field(default=lambda _: "")


def why(
    tx: Transaction, actor: Actor, workspace: str, name: str, version: str, *, lock_of: LockOf | None = None
) -> dict[str, Any]:
    """What a version of a model comes from, and where it serves; raises `NotFound`."""
    for action in ("models/read", "jobs/read", "events/read"):
        permit(actor, action, workspace_scope(workspace))
    found = assets.version(tx, workspace, MODELS, name, version)
    if found is None:
        hint = f"pratique ml model list --name {name} --workspace-name {workspace}"
        raise NotFound(f"there is no model {name}:{version} in workspace {workspace!r}", hint=hint)
    telling = Telling(tx, actor, Story(), lock_of or (lambda _: ""))
    tell_model(telling, found)
    _tell_served(telling, found)
    return telling.story.to_document()


# --- models and data -------------------------------------------------------------------------------------------------


def tell_model(telling: Telling, version: AssetVersion) -> str:
    """Tell what a version of a model is and comes from; its node."""
    node = tell_version(telling, version)
    for signature in signatures.of_manifest(telling.tx, version.workspace, version.manifest or ""):
        signer = telling.story.add("signature", signature.fingerprint, signed_at=iso(signature.created_at))
        telling.story.link(node, "signed by", signer)
        by = signature.created_by.get("name")
        said = f"{_title(version)} is signed with the key {short(signature.fingerprint)}, brought by {by}."
        telling.story.say(said, signer)
    origin = _origin(telling, version)
    if origin is None:
        telling.story.say(
            f"What made {version.name}:{version.version} is not known: it was registered from files "
            "that no job which you may see has put out."
        )
        return node
    twin, job = origin
    if twin.id != version.id:
        other = tell_version(telling, twin)
        telling.story.link(node, "same content as", other)
        said = f"{_title(version)} has the content of {_title(twin)}, which is where it comes from."
        telling.story.say(said, _place(version), _place(twin))
        node = other
    telling.story.say(f"{_title(twin)} was made by {_job_title(job)}.", _place(twin))
    telling.story.link(node, "made by", tell_job(telling, job))
    return telling.story.add("model", _named(version))


def tell_version(telling: Telling, version: AssetVersion) -> str:
    """Tell what a version is, who registered it and why; its node."""
    kind = {"models": "model", "data": "data"}.get(version.kind, version.kind)
    node = telling.story.add(
        kind, _named(version), workspace=version.workspace, version=version.version, content=version.manifest,
        created_at=iso(version.created_at),
    )  # fmt: skip
    event = _registered(telling, version)
    by = f"{version.created_by.get('name')}{of_run(version.created_by)}"
    telling.story.say(
        f"{_title(version)} is the content "
        f"{short(version.manifest)}, registered {at_time(version.created_at)} by {by}{because(event)}.",
        _place(version), event_name(event),
    )  # fmt: skip
    if url := version.properties.get(FETCHED_FROM):
        telling.story.link(node, "fetched from", telling.story.add("url", url))
        said = f"Its file was fetched from {url}, as {version.created_by.get('name')} says."
        telling.story.say(said, f"{_place(version)} (properties)")
    if version.kind == MODELS and (numbers := numbers_of(version)):
        shown = ", ".join(f"{key} {value:g}" for key, value in sorted(numbers.items()))
        said = f"The evaluation of {_title(version)} says: {shown}."
        telling.story.say(said, f"{_place(version)} (tags and properties)")
    if run := version.created_by.get("run"):
        telling.story.link(node, "registered in", tell_run(telling, int(run)))
    return node


def _origin(telling: Telling, version: AssetVersion) -> tuple[AssetVersion, Job] | None:
    """The job that made the content, with the version that names it: this one, or one of the same content."""
    for one in (version, *_twins(telling, version)):
        if job := _job_of(telling.tx, one):
            return one, job
    return None


def _twins(telling: Telling, version: AssetVersion) -> Iterator[AssetVersion]:
    for workspace in workspaces.every(telling.tx) if version.manifest else ():
        scope = workspace_scope(workspace.name)
        if all(is_permitted(telling.actor, action, scope) for action in ("models/read", "jobs/read")):
            for one in assets.versions(telling.tx, workspace.name, version.kind, version.name):
                if one.manifest == version.manifest and one.id != version.id:
                    yield one


def _job_of(tx: Transaction, version: AssetVersion) -> Job | None:
    """The job that a version names: by its name, by the run of MLflow, or by the path that it was made of."""
    prefix = "azureml://jobs/"
    source = version.source.removeprefix(prefix).partition("/")[0] if version.source.startswith(prefix) else ""
    for name in (version.job_name, source):
        if name and (job := jobs.get(tx, version.workspace, name)):
            return job
    return jobs.of_mlflow_run(tx, version.workspace, version.run_id) if version.run_id else None


# --- jobs ------------------------------------------------------------------------------------------------------------


def tell_job(telling: Telling, job: Job, depth: int = 0) -> str:
    """Tell how a job came to its outputs: itself or an earlier one, its inputs, code, environment, commit; its node."""
    story, tx = telling.story, telling.tx
    is_known = f"job/{job.workspace}/{job.name}" in story.nodes
    node = story.add(
        "job", f"{job.workspace}/{job.name}", status=job.status, run_id=job.run_id,
        started_at=iso(job.started_at) if job.started_at else None,
        ended_at=iso(job.ended_at) if job.ended_at else None,
    )  # fmt: skip
    if is_known or depth > _DEEPEST:
        return node
    root = jobs.by_id(tx, job.root) if job.root else None
    story.say(_job_words(job, root or job), node, event_name(_created(telling, root or job)))
    if root:
        story.link(node, "step of", _tell_pipeline(telling, root))
    if job.reused_from and (earlier := jobs.by_id(tx, job.reused_from)):
        said = f"It did not run itself: its results are those of {_job_title(earlier)}, which did the same."
        story.say(said, node)
        story.link(node, "reuses", tell_job(telling, earlier, depth + 1))
        return node
    _tell_made_with(telling, job, node)
    for name, given in sorted((job.resolved.get("inputs") or {}).items()):
        if given and given.get("manifest"):
            _tell_input(telling, job, node, name, given, depth)
    return node


def _job_title(job: Job) -> str:
    return f"{'step' if job.root else 'job'} {job.name}"


def _job_words(job: Job, asked: Job) -> str:
    """`asked` is what somebody submitted: the job itself, or the pipeline that it is a step of."""
    by, title = asked.created_by, _job_title(job)
    what = f", a part of the pipeline {asked.name} that" if job.root else ", which"
    ended = f"{job.status} {at_time(job.ended_at)}" if job.ended_at else job.status
    submitted = f"{by.get('name')}{of_run(by)} submitted {at_time(asked.created_at)}"
    return f"{title[:1].upper()}{title[1:]}{what} {submitted}, is {ended}."


def _tell_pipeline(telling: Telling, root: Job) -> str:
    node = telling.story.add("job", f"{root.workspace}/{root.name}", status=root.status, type="pipeline")
    if run := root.created_by.get("run"):
        telling.story.link(node, "submitted in", tell_run(telling, int(run)))
    _tell_commit(telling, root, node)
    return node


def _tell_made_with(telling: Telling, job: Job, node: str) -> None:
    story = telling.story
    if code := (job.resolved.get("code") or {}).get("manifest"):
        story.link(node, "ran code", story.add("code", code))
        story.say(f"It ran the code {short(code)}.", node)
    if environment := job.resolved.get("environment"):
        lock = telling.lock_of(environment.get("spec") or {})
        named = ":".join(part for part in (environment.get("name"), environment.get("version")) if part)
        name = f"{job.workspace}/{named}" if named else f"inline of {job.name}"
        story.link(node, "ran in", story.add("environment", name, lock=lock))
        settled = f", locked as {short(lock)}" if lock else ", whose lock this machine does not have"
        story.say(f"It ran in the environment {named or 'of its own file'}{settled}.", node)
    if acts_as := job.resolved.get("identity"):
        story.link(node, "acted as", story.add("identity", str(acts_as["name"]), principal_id=acts_as["id"]))
        story.say(f"It acted as {acts_as['name']}.", node)
    if job.root is None:
        _tell_commit(telling, job, node)
        if run := job.created_by.get("run"):
            story.link(node, "submitted in", tell_run(telling, int(run)))


def _tell_commit(telling: Telling, job: Job, node: str) -> None:
    """Tell of which commit the files were, and whether they were that commit's."""
    if not (commit := job.git.get(_COMMIT)):
        said = f"No commit is known of the files of {job.name}: they were sent from outside of a Git repository."
        telling.story.say(said, node)
        return
    story, where = telling.story, ""
    story.link(node, "from commit", story.add("commit", commit, repository=job.git.get(_REPOSITORY)))
    if branch := job.git.get(_BRANCH):
        where = f" of the branch {branch}"
    dirty = {"True": ", with changes that are not in it", "False": ", unchanged"}.get(job.git.get(_DIRTY, ""), "")
    story.say(f"The files of {job.name} were those of the commit {short(commit)}{where}{dirty}.", f"{node} (git)")


def _tell_input(telling: Telling, job: Job, node: str, name: str, given: Mapping[str, Any], depth: int) -> None:
    story, tx, digest = telling.story, telling.tx, str(given["manifest"])
    if asset := given.get("asset"):
        found = assets.version(tx, job.workspace, asset["kind"], asset["name"], asset["version"])
        kind = {"models": "model"}.get(asset["kind"], asset["kind"])
        named = f"{job.workspace}/{asset['name']}:{asset['version']}"
        gone = "" if found else ", which was deleted since"
        story.say(f"It read {asset['name']}:{asset['version']} as {name}: the content {short(digest)}{gone}.", node)
        story.link(node, f"read as {name}", tell_version(telling, found) if found else story.add(kind, named))
        return
    makers = [one for one in (jobs.tree(tx, job.root) if job.root else ()) if _has_made(one, digest)]
    if makers and makers[0].id != job.id:
        maker = makers[0]
        said = f"It read as {name} what {_job_title(maker)} had made: the content {short(digest)}."
        story.say(said, node)
        story.link(node, f"read as {name}", tell_job(telling, maker, depth + 1))
        return
    story.link(node, f"read as {name}", story.add("content", digest))
    story.say(f"It read files without a name as {name}: the content {short(digest)}.", node)


def _has_made(job: Job, digest: str) -> bool:
    return not job.is_pipeline and any(output.get("manifest") == digest for output in job.outputs.values())


# --- runs of deliveries ----------------------------------------------------------------------------------------------


def tell_run(telling: Telling, number: int) -> str:
    """Tell of a run of a delivery: its commit, who began it, and who approved; its node."""
    story, tx = telling.story, telling.tx
    node = f"delivery-run/{number}"
    if node in story.nodes:
        return node
    run = delivery_runs.get(tx, number)
    story.add("delivery-run", str(number))
    if run is None:
        story.say(f"Run {number} of a delivery is gone: its pipeline was deleted.", node)
        return node
    if not is_permitted(telling.actor, "deliveries/read", project_scope(run.project)):
        story.say(f"Run {number} belongs to a project that you may not see.", node)
        return node
    story.add("delivery-run", str(number), project=run.project, path=run.path, result=run.result)
    story.link(node, "from commit", story.add("commit", run.version))
    by, begun = run.created_by.get("name"), at_time(run.created_at)
    story.say(
        f"Run {number} ({run.number}) of {run.path} in project {run.project} was begun by {by} {begun} "
        f"({run.reason}), of the commit {short(run.version)} of {run.branch.removeprefix('refs/heads/')}.",
        node,
    )
    for asked in asked_checks.of_run(tx, number):
        if asked.kind == admission.APPROVAL:
            _tell_approval(telling, node, asked)
        elif asked.state == "passed" and asked.reason:
            story.say(
                f"Its check {asked.kind} of the stage {asked.stage} passed: {asked.reason}.", f"checks/{asked.id}"
            )
    return node


def _tell_approval(telling: Telling, run: str, asked: asked_checks.AskedCheck) -> None:
    story = telling.story
    node = story.add(
        "approval", asked.id, state=asked.state, stage=asked.stage, environment=asked.environment,
        binding=asked.bound.get("digest"),
    )  # fmt: skip
    story.link(run, "approved by", node)
    for answer in asked.answers:
        word = "approved" if answer["approves"] else "rejected"
        comment = f", saying {answer['comment']!r}" if answer.get("comment") else ""
        story.say(
            f"{answer['name']} {word} the stage {asked.stage} for the environment {asked.environment} "
            f"{at_time(answer.get('at'))}{comment}; what was approved is {short(answer.get('binding'))}, "
            f"and the approval is {asked.state}.",
            node,
        )  # fmt: skip


# --- where it serves -------------------------------------------------------------------------------------------------


def _tell_served(telling: Telling, version: AssetVersion) -> None:
    """Tell which deployments have this content now, as far as the caller sees."""
    found = False
    for row in deployments.every(telling.tx):
        is_it = (row.resolved.get("model") or {}).get("manifest") == version.manifest and version.manifest
        if is_it and is_permitted(telling.actor, "deployments/read", workspace_scope(row.workspace)):
            found = True
            node = telling.story.add("deployment", f"{row.workspace}/{row.endpoint}/{row.name}")
            telling.story.link(node, "serves", telling.story.add("model", _named(version)))
            telling.story.say(
                f"The deployment {row.name} of the endpoint {row.endpoint} in workspace {row.workspace} has it now "
                f"({row.provisioning_state}).",
                node,
            )
    if not found:
        telling.story.say("No deployment that you may see has it now.")


# --- words -----------------------------------------------------------------------------------------------------------


def _registered(telling: Telling, version: AssetVersion) -> StoredEvent | None:
    source, subject = workspace_scope(version.workspace), f"{version.kind}/{version.name}:{version.version}"
    told = events.about(telling.tx, source, subject)
    return next((one for one in reversed(told) if one.type.endswith("Registered")), None)


def _created(telling: Telling, job: Job) -> StoredEvent | None:
    told = events.about(telling.tx, workspace_scope(job.workspace), f"jobs/{job.name}", types=["Pratique.JobCreated"])
    return told[0] if told else None


def _title(version: AssetVersion) -> str:
    return f"{version.name}:{version.version} in workspace {version.workspace}"


def _place(version: AssetVersion) -> str:
    return f"{version.workspace}/{version.kind}/{version.name}:{version.version}"


def _named(version: AssetVersion) -> str:
    return f"{version.workspace}/{version.name}:{version.version}"


def event_name(event: StoredEvent | None) -> str:
    return f"events/{event.sequence}" if event else ""


def because(event: StoredEvent | None) -> str:
    return f", because: {event.reason}" if event and event.reason else ""


def of_run(by: Mapping[str, Any]) -> str:
    return f" in run {by['run']}" if by.get("run") else ""


def at_time(moment: datetime | str | None) -> str:
    if not moment:
        return "at an unknown time"
    text = moment if isinstance(moment, str) else iso(moment)
    return f"at {text[:19]}Z"


def short(digest: object) -> str:
    return str(digest)[:_SHORT] if digest else "none"
