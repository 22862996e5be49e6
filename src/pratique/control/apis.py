"""APIs of a service: a path, operations, a policy, and the online endpoint behind them.

Whoever leads callers to an endpoint gives away what its keys protect, so they
must be allowed to read those keys. A verb writes what is wished; the gateway
follows in one step, so that an API is never absent and never half changed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import Conflict, InvalidInput, NotFound, Problem
from pratique.base.names import check_name
from pratique.control import apim as services
from pratique.control import endpoints
from pratique.control.actor import Actor
from pratique.control.permissions import endpoint_scope, permit
from pratique.specs.policy import BACKENDS, backend_of
from pratique.store import apim
from pratique.store.apim import Api, ApiOperation
from pratique.store.database import Transaction

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_PATH: Final = re.compile(r"(?:[A-Za-z0-9_.~-]{1,80}/){0,8}[A-Za-z0-9_.~-]{1,80}", re.ASCII)
_TEMPLATE: Final = re.compile(r"/|(?:/(?:[A-Za-z0-9_.~-]{1,80}|\{[A-Za-z0-9_-]{1,40}\})){0,10}(?:/\*)?", re.ASCII)
_MOST: Final = 200
"""Operations of one API."""


@dataclass(frozen=True)
class NewOperation:
    """What is said of an operation."""

    name: str
    method: str
    url_template: str
    display_name: str = ""
    description: str = ""


def write(tx: Transaction, actor: Actor, service: str, name: str, changes: Mapping[str, Any], *, now: datetime) -> Api:
    """Make the API called `name`, or let the one of its name become so; what `changes` does not say stays.

    They are `path`, `display_name`, `description`, `service_url` and `subscription_required`.
    """
    where = services.may(tx, actor, service, "apim/write")
    check_name("API", name)
    known = apim.api(tx, service, name)
    before = known or _new(service, name, actor, now)
    wanted = replace(before, **{key: changes[key] for key in _CHANGEABLE if changes.get(key) is not None})
    wanted = replace(wanted, path=wanted.path.strip("/"), service_url=wanted.service_url.strip())
    _check_path(tx, wanted)
    if wanted.service_url and (known is None or wanted.service_url != known.service_url):
        check_backend(tx, actor, wanted.service_url)
    if known is None:
        apim.add_api(tx, wanted)
    elif wanted != known:
        apim.wish_api(tx, service, name, now=now, **{key: getattr(wanted, key) for key in _CHANGEABLE})
    else:
        return known
    kind = "Pratique.ApiUpdated" if known else "Pratique.ApiCreated"
    services.tell(tx, actor, kind, where, now=now, below=f"apis/{name}", data={"path": wanted.path})
    return get(tx, actor, service, name)


_CHANGEABLE: Final = ("path", "display_name", "description", "service_url", "subscription_required")


def bring(
    tx: Transaction,
    actor: Actor,
    service: str,
    name: str,
    changes: Mapping[str, Any],
    operations: Sequence[NewOperation],
    *,
    now: datetime,
) -> Api:
    """Make an API with just these operations, or let the one of its name become so."""
    write(tx, actor, service, name, changes, now=now)
    wanted = {one.name: one for one in operations}
    for known in apim.operations_of(tx, service, name):
        if known.name not in wanted:
            apim.remove_operation(tx, service, name, known.name)
    for one in wanted.values():
        put_operation(tx, actor, service, name, one, now=now)
    return get(tx, actor, service, name)


def get(tx: Transaction, actor: Actor, service: str, name: str) -> Api:
    """The API called `name`; raises `NotFound`."""
    services.get(tx, actor, service)
    if found := apim.api(tx, service, name):
        return found
    raise NotFound(
        f"the API service {service!r} has no API {name[:80]!r}", hint=f"pratique apim api list --service-name {service}"
    )


def every(tx: Transaction, actor: Actor, service: str) -> list[Api]:
    """The APIs of a service, by name."""
    services.get(tx, actor, service)
    return apim.apis_of(tx, service)


def delete(tx: Transaction, actor: Actor, service: str, name: str, *, now: datetime) -> None:
    """Remove an API with its operations and its policy."""
    where = services.may(tx, actor, service, "apim/delete")
    get(tx, actor, service, name)
    apim.remove_api(tx, service, name)
    services.tell(tx, actor, "Pratique.ApiDeleted", where, now=now, below=f"apis/{name}")


# --- operations ---------------------------------------------------------------------------------------------------


def put_operation(
    tx: Transaction, actor: Actor, service: str, api: str, said: NewOperation, *, now: datetime
) -> ApiOperation:
    """Write an operation over the one of its name; another of the same method and template is a `Conflict`."""
    where = services.may(tx, actor, service, "apim/write")
    get(tx, actor, service, api)
    check_name("operation", said.name)
    method = said.method.upper()
    if method not in METHODS:
        raise _wrong("method", f"expected one of {', '.join(METHODS)}; got {said.method[:40]!r}")
    template = said.url_template
    if not template or not _TEMPLATE.fullmatch(template) or ".." in template:
        raise _wrong("url_template", f"expected a path such as /score or /customers/{{id}}; got {template[:100]!r}")
    known = {one.name: one for one in apim.operations_of(tx, service, api)}
    before = known.get(said.name) or ApiOperation(service, api, said.name, "", method, template, "")
    wanted = replace(
        before, display_name=said.display_name or said.name, method=method, url_template=template,
        description=said.description,
    )  # fmt: skip
    if wanted == known.get(said.name):
        return wanted
    for one in known.values():
        if (one.method, one.url_template) == (method, template) and one.name != said.name:
            raise Conflict(f"the operation {one.name!r} of this API is {method} {template} already")
    if said.name not in known and len(known) >= _MOST:
        raise Conflict(f"an API has at most {_MOST} operations")
    apim.put_operation(tx, wanted)
    apim.wish_api(tx, service, api, now=now)
    data = {"method": method, "url_template": template}
    below = f"apis/{api}/operations/{said.name}"
    services.tell(tx, actor, "Pratique.ApiOperationSet", where, now=now, below=below, data=data)
    return wanted


def operations(tx: Transaction, actor: Actor, service: str, api: str) -> list[ApiOperation]:
    """The operations of an API, by name."""
    get(tx, actor, service, api)
    return apim.operations_of(tx, service, api)


def operation(tx: Transaction, actor: Actor, service: str, api: str, name: str) -> ApiOperation:
    """The operation called `name`; raises `NotFound`."""
    for one in operations(tx, actor, service, api):
        if one.name == name:
            return one
    raise NotFound(
        f"the API {api!r} has no operation {name[:80]!r}",
        hint=f"pratique apim api operation list --service-name {service} --api-id {api}",
    )


def delete_operation(tx: Transaction, actor: Actor, service: str, api: str, name: str, *, now: datetime) -> None:
    """Remove an operation with its policy; raises `NotFound`."""
    where = services.may(tx, actor, service, "apim/delete")
    operation(tx, actor, service, api, name)
    apim.remove_operation(tx, service, api, name)
    apim.wish_api(tx, service, api, now=now)
    below = f"apis/{api}/operations/{name}"
    services.tell(tx, actor, "Pratique.ApiOperationDeleted", where, now=now, below=below)


# --- backends -------------------------------------------------------------------------------------------------------


def check_backend(tx: Transaction, actor: Actor, url: str) -> None:
    """Raise unless `url` is an endpoint of ours whose keys the caller may read."""
    found = backend_of(url)
    if found is None:
        raise _wrong("service_url", f"{url[:200]!r} is not an online endpoint of this platform", hint=BACKENDS)
    endpoints.get(tx, actor, found.workspace, found.endpoint)
    permit(actor, "endpoints/keys", endpoint_scope(found.workspace, found.endpoint))


def _new(service: str, name: str, actor: Actor, now: datetime) -> Api:
    return Api(
        service=service,
        name=name,
        display_name=name,
        description="",
        path=name,
        service_url="",
        subscription_required=True,
        policy="",
        allow_any_audience=False,
        provisioning_state="Creating",
        error=None,
        generation=1,
        applied=0,
        created_at=now,
        updated_at=now,
        created_by=actor.to_document(),
    )


def _check_path(tx: Transaction, wanted: Api) -> None:
    if wanted.path and (not _PATH.fullmatch(wanted.path) or ".." in wanted.path):
        raise _wrong("path", f"expected a path such as credit or credit/v1; got {wanted.path[:100]!r}")
    for other in apim.apis_of(tx, wanted.service):
        if other.path == wanted.path and other.name != wanted.name:
            raise Conflict(
                f"the API {other.name!r} has the path {wanted.path!r} already", hint="choose another with --path"
            )


def _wrong(key: str, said: str, *, hint: str = "") -> InvalidInput:
    return InvalidInput(f"{key}: {said}", hint=hint, problems=[Problem(said, key=key, hint=hint)])
