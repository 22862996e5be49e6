"""Deliveries of a project, and the runs that are queued of them."""

import shutil
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Depends
from pydantic import Field

from pratique.base.clock import iso, utc_now
from pratique.base.errors import InvalidInput, Problem
from pratique.control import deliveries, delivery_runs, delivery_sources, hosted_runs
from pratique.control.actor import Actor
from pratique.control.delivery_runs import Request
from pratique.control.hosted_runs import Wish
from pratique.control.permissions import permit, project_scope
from pratique.delivery.compile import Compiled, compiled
from pratique.delivery.nodes import SELF
from pratique.delivery.refusals import refusals
from pratique.delivery.templates.files import ReadFile
from pratique.store.deliveries import FOLDER, Delivery
from pratique.web.api.delivery_runs import document as run_document
from pratique.web.api.fields import RequestBody, creation_context
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/delivery/projects/{project}", tags=["delivery"])
Reader = Annotated[Actor, Depends(allow_somewhere("deliveries/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("deliveries/write"))]
Runner = Annotated[Actor, Depends(allow_somewhere("deliveries/run"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("deliveries/delete"))]
Text = Annotated[str, Field(max_length=4096)]
Texts = Annotated[dict[str, Annotated[str, Field(max_length=1 << 20)]], Field(max_length=1000)]
_TYPES: Final = {"git": "TfsGit", "folder": "folder"}


class DeliveryBody(RequestBody):
    """What is registered."""

    name: Text
    description: Text = ""
    folder: Text = ""
    repository: Text
    repository_type: Literal["git", "folder"]
    branch: Text = ""
    path: Text


class ChangesBody(RequestBody):
    """What may change of a delivery."""

    name: Text | None = None
    description: Text | None = None
    folder: Text | None = None
    branch: Text | None = None
    path: Text | None = None
    queue_status: Literal["enabled", "paused", "disabled"] | None = None


class SnapshotBody(RequestBody):
    """One working tree that was uploaded."""

    alias: Text = SELF
    name: Text
    manifest: Annotated[str, Field(max_length=64)]


class TreeBody(RequestBody):
    """The working trees of a run, instead of what a repository holds."""

    path: Text
    branch: Text = ""
    commit: Annotated[str, Field(max_length=64)] = ""
    message: Text = ""
    author: Text = ""
    sources: Annotated[list[SnapshotBody], Field(min_length=1, max_length=20)]
    registration: DeliveryBody | None = None
    """What to register when there is no delivery of that name."""


class RunBody(RequestBody):
    """What to run."""

    delivery: Text
    """Name or number."""
    tree: TreeBody | None = None
    branch: Text = ""
    commit: Annotated[str, Field(max_length=64)] = ""
    parameters: Texts = Field(default_factory=dict)
    variables: Texts = Field(default_factory=dict)
    stages_to_skip: Annotated[list[Text], Field(max_length=256)] = Field(default_factory=list)


def document(delivery: Delivery, platform: Platform) -> dict[str, Any]:
    """A delivery as Azure DevOps prints it."""
    context = creation_context(delivery.created_at, delivery.created_by)
    return {
        "id": delivery.id,
        "name": delivery.name,
        "path": delivery.folder,
        "type": "build",
        "description": delivery.description,
        "project": {"name": delivery.project},
        "process": {"type": 2, "yamlFilename": delivery.path},
        "repository": {
            "id": delivery.repository,
            "name": delivery.repository,
            "type": _TYPES[delivery.repository_type],
            "defaultBranch": delivery.branch,
        },
        "queueStatus": delivery.queue_status,
        "revision": 1,
        "createdDate": iso(delivery.created_at),
        "authoredBy": {"displayName": context["created_by"]},
        "url": f"{platform.door}/api/v1/delivery/projects/{delivery.project}/deliveries/{delivery.id}",
    }


@router.get("/deliveries")
def every(platform: Here, actor: Reader, project: str) -> list[dict[str, Any]]:
    """The deliveries of a project."""
    with platform.database.read() as tx:
        return [document(one, platform) for one in deliveries.every(tx, actor, project)]


@router.post("/deliveries", status_code=201)
def create(platform: Here, actor: Writer, project: str, body: Annotated[DeliveryBody, Body()]) -> dict[str, Any]:
    """Register a delivery."""
    with platform.database.write() as tx:
        made = deliveries.create(tx, actor, project, body.model_dump(), now=utc_now())
        return document(made, platform)


@router.get("/deliveries/{delivery}")
def get(platform: Here, actor: Reader, project: str, delivery: str) -> dict[str, Any]:
    """One delivery, by name or number."""
    with platform.database.read() as tx:
        return document(deliveries.get(tx, actor, project, delivery), platform)


@router.patch("/deliveries/{delivery}")
def update(
    platform: Here, actor: Writer, project: str, delivery: str, body: Annotated[ChangesBody, Body()]
) -> dict[str, Any]:
    """Change a delivery."""
    changes = {key: value for key, value in body.model_dump().items() if value is not None}
    with platform.database.write() as tx:
        return document(deliveries.update(tx, actor, project, delivery, changes, now=utc_now()), platform)


@router.delete("/deliveries/{delivery}")
def delete(platform: Here, actor: Deleter, project: str, delivery: str) -> dict[str, Any]:
    """Remove a delivery with its runs."""
    with platform.database.write() as tx:
        deliveries.delete(tx, actor, project, delivery, now=utc_now())
    return {}


@router.post("/runs", status_code=201)
def run(platform: Here, actor: Runner, project: str, body: Annotated[RunBody, Body()]) -> dict[str, Any]:
    """Queue a run: what it means is found out first, with every problem of its files."""
    if body.tree is None:
        return _run_hosted(platform, actor, project, body)
    request, read = _of_tree(platform, actor, project, body, body.tree)
    known = delivery_runs.known_variables(request, actor, door=platform.door)
    found: Compiled = compiled(read, request.path, parameters=body.parameters, variables={**known, **body.variables})
    # Units run on this machine, with the PATH of this process.
    refusals(found.pipeline, has_pwsh=shutil.which("pwsh") is not None).raise_if_any(request.path)
    with platform.database.write() as tx:
        made = delivery_runs.queue(tx, actor, request, found, known=known, now=utc_now())
        return run_document(tx, made, platform)


def _of_tree(platform: Platform, actor: Actor, project: str, body: RunBody, tree: TreeBody) -> tuple[Request, ReadFile]:
    """What is to run, and how its files are read."""
    if not any(one.alias == SELF for one in tree.sources):
        said = "the working tree of the run's own repository is not among the sources"
        raise InvalidInput(said, problems=[Problem(said, key="tree.sources")])
    with platform.database.write() as tx:
        if tree.registration is not None:
            delivery = deliveries.ensure(tx, actor, project, tree.registration.model_dump(), now=utc_now())
        else:
            delivery = deliveries.get(tx, actor, project, body.delivery)
    with platform.database.read() as tx:
        opened = {
            one.alias: delivery_sources.snapshot(tx, platform.blobs, project, one.manifest) for one in tree.sources
        }
    branch = deliveries.ref_of(tree.branch) if tree.branch else delivery.branch
    documents = [
        delivery_sources.snapshot_document(one.alias, one.name, one.manifest, ref=branch, commit=tree.commit)
        for one in sorted(tree.sources, key=lambda one: one.alias != SELF)
    ]
    request = Request(
        delivery, tree.path, branch, tree.commit, documents, message=tree.message, author=tree.author,
        parameters=body.parameters, variables=body.variables, left_out=body.stages_to_skip,
    )  # fmt: skip
    return request, delivery_sources.reader(opened)


def _run_hosted(platform: Platform, actor: Actor, project: str, body: RunBody) -> dict[str, Any]:
    """Queue a run of what a hosted repository holds."""
    with platform.database.read() as tx:
        delivery = deliveries.get(tx, actor, project, body.delivery)
    if delivery.repository_type == FOLDER:
        raise InvalidInput(
            f"the files of {delivery.name!r} lie in a folder, and none came with the request",
            hint=f"pratique pipelines run --name {delivery.name!r} sends them, on the machine that has "
            f"{delivery.repository}",
        )
    permit(actor, "deliveries/run", project_scope(delivery.project))
    branch = deliveries.ref_of(body.branch) if body.branch else delivery.branch
    wish = Wish(
        delivery, branch, body.commit, parameters=body.parameters, variables=body.variables,
        left_out=tuple(body.stages_to_skip),
    )  # fmt: skip
    found = hosted_runs.prepare(platform.database, platform.repositories, actor, wish, door=platform.door)
    with platform.database.write() as tx:
        made = delivery_runs.queue(tx, actor, found.request, found.compiled, known=found.known, now=utc_now())
        return run_document(tx, made, platform)
