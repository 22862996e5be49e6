"""Service connections: as whom the tasks of a run speak to the platform, and with which token; or to which address.

A connection names a service principal and its workspace, if it is about one:
what makes workspaces is about none. It holds no secret.
When a unit starts, each connection that its steps name gives it a token of
that principal, which has the principal's roles and no more, and which is good
for nothing as soon as the unit has ended.

To make one is to let others act as the principal, so it takes whoever may
reset that principal's secret: an Owner of the home.

A *generic* connection is an address, for InvokeRESTAPI, and nothing else: what
proves a caller there stands in the step's headers, as a secret of a vault. That
it is loopback, or a host that the platform may call, is judged at every call.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from pratique.base.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Problem
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.control import delivery_permissions as permissions
from pratique.control import grants, principals, projects, secrets, workspaces
from pratique.control import vaults as vault_rules
from pratique.control.actor import Actor
from pratique.control.delivery_permissions import Resource
from pratique.control.permissions import permit, project_scope
from pratique.control.roles import find_principal
from pratique.control.scopes import HOME
from pratique.control.tokens import LONGEST, Issuer
from pratique.delivery.message import Connection
from pratique.store import deliveries, delivery_permissions, events, service_connections
from pratique.store import principals as principal_rows
from pratique.store import vaults as vault_rows
from pratique.store import workspaces as workspace_rows
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run
from pratique.store.events import Event
from pratique.store.principals import Principal
from pratique.store.sealing import Sealer
from pratique.store.service_connections import ServiceConnection

_BESIDES: Final = timedelta(minutes=10)
"""What a token lasts longer than its unit may: the unit's end is what ends it."""


@dataclass(frozen=True)
class Known:
    """A connection with its principal, which a generic one has not."""

    connection: ServiceConnection
    principal: Principal | None


@dataclass(frozen=True)
class NewConnection:
    """What is said of a new connection: the `principal` (name or appId) that it acts as, or the `url` it leads to.

    `workspace` says what one of a principal is about: empty means a whole group, and
    without a group the home, as for a pipeline that makes groups and workspaces. What
    may be done is what the principal's roles allow, whatever is named here.
    """

    name: str
    principal: str = ""
    url: str = ""
    workspace: str = ""
    resource_group: str = ""
    description: str = ""
    is_for_all: bool = False


def create(tx: Transaction, actor: Actor, project: str, new: NewConnection, *, now: datetime) -> Known:
    """Make a connection of a principal or to an address; raises `InvalidInput` for one of both or neither."""
    if bool(new.principal) == bool(new.url):
        raise InvalidInput("a connection is of a service principal, or to a URL", hint="give one of the two")
    if new.url and (new.workspace or new.resource_group):
        raise InvalidInput("a connection to a URL has no workspace and no resource group")
    projects.get(tx, actor, project)
    permit(actor, "service_connections/write", project_scope(project))
    if new.principal:
        permit(actor, "principals/write", HOME)
    check_name("service connection", new.name)
    if service_connections.named(tx, project, new.name):
        raise AlreadyExists(f"there is a service connection {new.name!r} already in project {project!r}")
    principal = _service_principal(tx, new.principal) if new.principal else None
    made = ServiceConnection(
        new_id(), project, new.name, new.description, principal.id if principal else None,
        _group(tx, actor, new.workspace, new.resource_group), new.workspace, new.is_for_all, now, now,
        actor.to_document(), _address(new.url) if new.url else "",
    )  # fmt: skip
    service_connections.add(tx, made)
    _tell(tx, actor, "Pratique.ServiceConnectionCreated", Known(made, principal), now=now)
    return Known(made, principal)


def get(tx: Transaction, actor: Actor, project: str, which: str) -> Known:
    """The connection of a project by id or name; raises `NotFound`."""
    projects.get(tx, actor, project)
    permit(actor, "service_connections/read", project_scope(project))
    found = service_connections.get(tx, which)
    if found is None or found.project != project:
        found = service_connections.named(tx, project, which)
    if found is None:
        raise _unknown(project, which)
    return _known(tx, found)


def every(tx: Transaction, actor: Actor, project: str) -> list[Known]:
    """The connections of a project, by name."""
    projects.get(tx, actor, project)
    permit(actor, "service_connections/read", project_scope(project))
    return [_known(tx, one) for one in service_connections.every(tx, project)]


def update(
    tx: Transaction, actor: Actor, project: str, which: str, changes: Mapping[str, str | bool], *, now: datetime
) -> Known:
    """Change description, workspace or whether every delivery of the project may use it."""
    known = get(tx, actor, project, which)
    permit(actor, "service_connections/write", project_scope(project))
    wanted = replace(
        known.connection,
        description=str(changes.get("description", known.connection.description)),
        is_for_all=bool(changes.get("is_for_all", known.connection.is_for_all)),
        updated_at=now,
    )
    if workspace := str(changes.get("workspace") or ""):
        if known.principal is None:
            said = f"{known.connection.name!r} is a connection to an address, which has no workspace"
            raise InvalidInput(said, problems=[Problem(said, key="workspace")])
        permit(actor, "principals/write", HOME)
        wanted = replace(wanted, workspace=workspace, resource_group=_group(tx, actor, workspace, ""))
    service_connections.change(tx, wanted)
    changed = Known(wanted, known.principal)
    _tell(tx, actor, "Pratique.ServiceConnectionUpdated", changed, now=now, changed=sorted(changes))
    return changed


def delete(tx: Transaction, actor: Actor, project: str, which: str, *, now: datetime) -> None:
    """Remove a connection; its principal stays."""
    known = get(tx, actor, project, which)
    permit(actor, "service_connections/delete", project_scope(project))
    service_connections.remove(tx, known.connection.id)
    delivery_permissions.forget(tx, delivery_permissions.CONNECTION, known.connection.id)
    _tell(tx, actor, "Pratique.ServiceConnectionDeleted", known, now=now)


def resource_of(connection: ServiceConnection) -> Resource:
    """The connection as something that deliveries may be let use."""
    kind = delivery_permissions.CONNECTION
    return Resource(kind, connection.id, connection.name, connection.project, connection.is_for_all)


# --- for runs -------------------------------------------------------------------------------------------------------


def check_usable(tx: Transaction, run: Run, names: Collection[str]) -> tuple[ServiceConnection, ...]:
    """The connections of `names`; raises one error for all that are not there or that the delivery may not use."""
    delivery = deliveries.by_id(tx, run.delivery)
    wanted: list[ServiceConnection] = []
    problems: list[Problem] = []
    for name in dict.fromkeys(names):
        found = service_connections.named(tx, run.project, name)
        if found is None:
            problems.append(Problem(str(_unknown(run.project, name).message)))
        elif not permissions.may_use(tx, resource_of(found), run.delivery):
            problems.append(Problem(permissions.refusal(resource_of(found), delivery.name if delivery else "")))
        else:
            wanted.append(found)
    if problems:
        raise Forbidden("the run uses what its pipeline may not", problems=problems)
    return tuple(wanted)


def connections_for(
    tx: Transaction,
    run: Run,
    unit: str,
    names: Collection[str],
    *,
    issuer: Issuer,
    tenant: str,
    lasting: timedelta | None,
    now: datetime,
) -> tuple[Connection, ...]:
    """What a unit (by id) is given of each connection that its steps name, its token as `secret`.

    `lasting` is how long the unit may run, None when it has no limit; the token
    ends with the unit in any case. It is good as a bearer token and as the
    secret of a login as the principal. Raises what `check_usable` raises.
    """
    found = check_usable(tx, run, names)
    until = min((lasting or LONGEST) + _BESIDES, LONGEST)
    given = []
    for one in found:
        principal = _known(tx, one).principal
        if principal is None:
            given.append(Connection(name=one.name, url=one.url))
            continue
        token = grants.token_of_connection(issuer, principal, run=run.id, unit=unit, lasting=until, now=now)
        _tell_use(tx, run, unit, one, principal, now=now)
        given.append(
            Connection(
                name=one.name,
                workspace=one.workspace,
                resource_group=one.resource_group,
                client_id=principal.id,
                tenant=tenant,
                secret=token,
                vaults=tuple(_vaults_of(tx, principal)),
            )
        )
    return tuple(given)


def secrets_for(
    tx: Transaction,
    run: Run,
    connection: str,
    vault: str,
    names: Sequence[str],
    *,
    sealer: Sealer,
    now: datetime,
) -> dict[str, str]:
    """Secrets of a vault by name, every enabled one for no names, read as the principal of a connection."""
    (found,) = check_usable(tx, run, [connection])
    principal = _known(tx, found).principal
    if principal is None:
        raise InvalidInput(f"{connection!r} is a connection to an address; a vault is read as a service principal")
    actor = replace(grants.actor_for(tx, principal), run=run.id)
    wanted = list(names) or [one.secret.name for one in secrets.every(tx, actor, vault) if one.version.is_enabled]
    return {name: secrets.get(tx, actor, vault, name, sealer=sealer, now=now).value for name in wanted}


def _vaults_of(tx: Transaction, principal: Principal) -> list[str]:
    actor = grants.actor_for(tx, principal)
    there = (vault for vault in vault_rows.every(tx) if not vault.deleted_at)
    return [vault.name for vault in there if vault_rules.is_let(tx, actor, vault, "get")]


# --- inside ---------------------------------------------------------------------------------------------------------


def _service_principal(tx: Transaction, who: str) -> Principal:
    found = find_principal(tx, who)
    if found.kind != principals.SERVICE_PRINCIPAL:
        said = f"{found.name!r} is a user; a connection acts as a service principal"
        raise InvalidInput(
            said,
            hint="make one: pratique ad sp create-for-rbac --name NAME --role Contributor --scopes /workspaces/NAME",
            problems=[Problem(said, key="service_principal")],
        )
    return found


def _group(tx: Transaction, actor: Actor, workspace: str, resource_group: str) -> str:
    if workspace:
        return workspaces.get(tx, actor, workspace).resource_group
    if not resource_group:
        return ""
    if not workspace_rows.in_group(tx, resource_group):
        raise NotFound(f"the resource group {resource_group!r} has no workspace", hint="pratique ml workspace list")
    return resource_group


def _address(url: str) -> str:
    """`url` as it is kept; raises `InvalidInput`."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.username is not None or parts.query or parts.fragment or not url.isprintable():
        said = f"{url[:128]!r} is no address: expected http://… or https://… without a user, a query or a fragment"
        raise InvalidInput(said, problems=[Problem(said, key="url")])
    return url.rstrip("/")


def _known(tx: Transaction, connection: ServiceConnection) -> Known:
    if connection.principal is None:
        return Known(connection, None)
    found = principal_rows.get(tx, connection.principal)
    assert found is not None  # noqa: S101 - the row goes with its principal.
    return Known(connection, found)


def _unknown(project: str, name: str) -> NotFound:
    return NotFound(
        f"there is no service connection {name[:128]!r} in project {project!r}",
        hint=f"pratique devops service-endpoint create --name {name[:128]} --service-principal NAME "
        f"--workspace NAME --project {project}",
    )


def _tell_use(
    tx: Transaction, run: Run, unit: str, connection: ServiceConnection, principal: Principal, *, now: datetime
) -> None:
    data = {"name": connection.name, "principal": principal.name, "run": run.id, "unit": unit}
    subject = f"service-connections/{connection.id}"
    actor = {"id": "platform", "name": "pratique", "type": "platform"}
    kind = "Pratique.ServiceConnectionUsed"
    events.append(tx, Event(kind, subject, project_scope(run.project), actor, data), now=now)


def _tell(
    tx: Transaction, actor: Actor, kind: str, known: Known, *, now: datetime, changed: Sequence[str] = ()
) -> None:
    one = known.connection
    data = {"name": one.name, "project": one.project, "workspace": one.workspace}
    data |= {"principal": known.principal.name} if known.principal else {"url": one.url}
    data |= {"changed": ", ".join(changed)} if changed else {}
    scope = project_scope(one.project)
    subject = f"service-connections/{one.id}"
    events.append(tx, Event(kind, subject, scope, actor.to_document(), data), now=now)
