"""Variable groups: values of their own, secrets sealed, or the secrets of a vault under the same names.

What a run reads it reads as the group: a group of a vault holds an access
policy there, which whoever links it hands on, and which `keyvault
delete-policy` takes away.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pratique.base.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, Problem
from pratique.base.names import check_name
from pratique.control import delivery_permissions as permissions
from pratique.control import projects, secrets, vaults
from pratique.control.actor import PLATFORM, Actor
from pratique.control.delivery_permissions import Resource
from pratique.control.permissions import permit, project_scope
from pratique.delivery.expressions.macros import Variable
from pratique.store import counters, deliveries, delivery_permissions, events, run_uses, variable_groups
from pratique.store import vaults as vault_rows
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run
from pratique.store.events import Event
from pratique.store.run_uses import Use
from pratique.store.sealing import Sealer
from pratique.store.variable_groups import GroupVariable, VariableGroup

IDS: Final = "variable groups"
_LONGEST_NAME: Final = 256
_LONGEST_VALUE: Final = 100_000


@dataclass(frozen=True)
class Value:
    """What a variable is to be; a secret is nowhere shown."""

    text: str = field(repr=False)
    is_secret: bool = False


@dataclass(frozen=True)
class Whole:
    """A group with its variables."""

    group: VariableGroup
    variables: Sequence[GroupVariable]


@dataclass(frozen=True)
class NewGroup:
    """What is said of a new group: `values` of its own, or a `vault` and which of its secrets are `chosen`."""

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)
    vault: str = ""
    chosen: Sequence[str] = ()
    description: str = ""
    is_for_all: bool = False


def create(tx: Transaction, actor: Actor, project: str, new: NewGroup, *, sealer: Sealer, now: datetime) -> Whole:
    """Make a group; raises `AlreadyExists`."""
    projects.get(tx, actor, project)
    permit(actor, "variable_groups/write", project_scope(project))
    check_name("variable group", new.name)
    if variable_groups.named(tx, project, new.name):
        raise AlreadyExists(f"there is a variable group {new.name!r} already in project {project!r}")
    number = counters.next_number(tx, IDS)
    group = VariableGroup(
        number, project, new.name, new.description, None, new.is_for_all, now, now, actor.to_document()
    )
    if new.vault:
        if new.values:
            raise InvalidInput("a group of a vault has no values of its own", hint="leave --variables out")
        where = vaults.let_group_read(tx, actor, new.vault, number, f"{project}/{new.name}", now=now)
        group = replace(group, vault=where.name)
    variable_groups.add(tx, group)
    for one in new.chosen:
        _choose(tx, group, one)
    for name, value in new.values.items():
        _put(tx, group, name, value, sealer)
    _tell(tx, actor, "Pratique.VariableGroupCreated", group, now=now)
    return _whole(tx, group)


def get(tx: Transaction, actor: Actor, project: str, which: str) -> Whole:
    """The group of a project by id or name; raises `NotFound`."""
    projects.get(tx, actor, project)
    permit(actor, "variable_groups/read", project_scope(project))
    found = variable_groups.get(tx, int(which)) if which.isdecimal() and len(which) < 10 else None
    if found is None or found.project != project:
        found = variable_groups.named(tx, project, which)
    if found is None:
        raise NotFound(
            f"there is no variable group {which[:128]!r} in project {project!r}",
            hint=f"pratique pipelines variable-group list --project {project}",
        )
    return _whole(tx, found)


def every(tx: Transaction, actor: Actor, project: str) -> list[Whole]:
    """The groups of a project, by name."""
    projects.get(tx, actor, project)
    permit(actor, "variable_groups/read", project_scope(project))
    return [_whole(tx, group) for group in variable_groups.every(tx, project)]


def update(
    tx: Transaction, actor: Actor, project: str, which: str, changes: Mapping[str, str | bool], *, now: datetime
) -> Whole:
    """Change name, description, whether it is for all, or link a group of a vault to it (again)."""
    known = _writable(tx, actor, project, which).group
    name = str(changes.get("name") or known.name)
    check_name("variable group", name)
    other = variable_groups.named(tx, project, name)
    if other and other.id != known.id:
        raise AlreadyExists(f"there is a variable group {name!r} already in project {project!r}")
    wanted = replace(
        known,
        name=name,
        description=str(changes.get("description", known.description)),
        is_for_all=bool(changes.get("is_for_all", known.is_for_all)),
        updated_at=now,
    )
    if vault := str(changes.get("vault") or ""):
        wanted = replace(wanted, vault=_linked(tx, actor, known, vault, now=now))
    variable_groups.change(tx, wanted)
    _tell(tx, actor, "Pratique.VariableGroupUpdated", wanted, now=now, changed=sorted(changes))
    return _whole(tx, wanted)


def delete(tx: Transaction, actor: Actor, project: str, which: str, *, now: datetime) -> None:
    """Remove a group with its variables and what it may read."""
    known = get(tx, actor, project, which).group
    permit(actor, "variable_groups/delete", project_scope(project))
    variable_groups.remove(tx, known.id)
    vault_rows.remove_policies_of(tx, f"{vaults.GROUP}{known.id}")
    delivery_permissions.forget(tx, delivery_permissions.GROUP, str(known.id))
    _tell(tx, actor, "Pratique.VariableGroupDeleted", known, now=now)


def put_variable(
    tx: Transaction,
    actor: Actor,
    project: str,
    which: str,
    name: str,
    value: Value,
    *,
    is_new: bool,
    sealer: Sealer,
    now: datetime,
) -> GroupVariable:
    """Add a variable (`AlreadyExists` when it is there), or change one (`NotFound` when it is not)."""
    whole = _writable(tx, actor, project, which)
    known = _variable(whole, name)
    if is_new and known:
        raise AlreadyExists(f"the variable group {whole.group.name!r} has a variable {known.name!r} already")
    if not is_new and not known:
        raise _no_variable(whole.group, name)
    if whole.group.vault:
        raise Conflict(
            f"the variable group {whole.group.name!r} has the secrets of the vault {whole.group.vault!r}",
            hint=f"pratique keyvault secret set --vault-name {whole.group.vault} --name {name} --file -",
        )
    made = _put(tx, whole.group, known.name if known else name, value, sealer)
    _touched(tx, actor, whole.group, now=now)
    return made


def choose_secret(
    tx: Transaction, actor: Actor, project: str, which: str, name: str, *, now: datetime
) -> GroupVariable:
    """Add a secret of the vault to a group of it; whoever does so must be able to hand on what it says."""
    whole = _writable(tx, actor, project, which)
    if not whole.group.vault:
        raise Conflict(f"the variable group {whole.group.name!r} has values of its own and no vault")
    vaults.let_group_read(tx, actor, whole.group.vault, whole.group.id, f"{project}/{whole.group.name}", now=now)
    made = _choose(tx, whole.group, name)
    _touched(tx, actor, whole.group, now=now)
    return made


def rename_variable(
    tx: Transaction, actor: Actor, project: str, which: str, name: str, new_name: str, *, sealer: Sealer, now: datetime
) -> GroupVariable:
    """Give a variable another name; it keeps its value."""
    whole = _writable(tx, actor, project, which)
    known = _variable(whole, name)
    if known is None:
        raise _no_variable(whole.group, name)
    if whole.group.vault:
        raise Conflict("a variable of a vault has the name of its secret")
    other = _variable(whole, new_name)
    if other and other.key != known.key:
        raise AlreadyExists(f"the variable group {whole.group.name!r} has a variable {other.name!r} already")
    text = sealer.open(known.sealed, context=known.context) if known.is_secret else known.value
    variable_groups.remove_variable(tx, whole.group.id, known.key)
    made = _put(tx, whole.group, new_name, Value(text, known.is_secret), sealer)
    _touched(tx, actor, whole.group, now=now)
    return made


def kept_value(
    tx: Transaction, actor: Actor, project: str, which: str, name: str, *, sealer: Sealer, is_secret: bool
) -> Value:
    """The value that a variable has, to write it again as a secret; a secret never becomes plain that way."""
    whole = _writable(tx, actor, project, which)
    known = _variable(whole, name)
    if known is None:
        raise _no_variable(whole.group, name)
    if known.is_secret and not is_secret:
        raise InvalidInput(
            f"{known.name} is a secret, so its value is not shown to make it plain", hint="give its --value anew"
        )
    return Value(sealer.open(known.sealed, context=known.context) if known.is_secret else known.value, is_secret)


def remove_variable(tx: Transaction, actor: Actor, project: str, which: str, name: str, *, now: datetime) -> None:
    """Remove a variable; the secret of a vault stays in its vault."""
    whole = _writable(tx, actor, project, which)
    known = _variable(whole, name)
    if known is None:
        raise _no_variable(whole.group, name)
    variable_groups.remove_variable(tx, whole.group.id, known.key)
    _touched(tx, actor, whole.group, now=now)


def variable(whole: Whole, name: str) -> GroupVariable:
    """One variable of a group; raises `NotFound`."""
    found = _variable(whole, name)
    if found is None:
        raise _no_variable(whole.group, name)
    return found


def resource_of(group: VariableGroup) -> Resource:
    """The group as something that deliveries may be let use."""
    return Resource(delivery_permissions.GROUP, str(group.id), group.name, group.project, group.is_for_all)


# --- for runs -------------------------------------------------------------------------------------------------------


def check_usable(tx: Transaction, run: Run, names: Collection[str]) -> None:
    """Raise `Forbidden` with every group of `names` that is there and that the delivery of `run` may not read."""
    delivery = deliveries.by_id(tx, run.delivery)
    found = [group for name in names if (group := variable_groups.named(tx, run.project, name))]
    refused = [resource_of(one) for one in found if not permissions.may_use(tx, resource_of(one), run.delivery)]
    if refused and delivery:
        problems = [Problem(permissions.refusal(one, delivery.name)) for one in refused]
        raise Forbidden("the run uses what its pipeline may not", problems=problems)


def read_for_run(
    tx: Transaction, run: Run, names: Collection[str] | None, *, sealer: Sealer, now: datetime
) -> dict[str, tuple[Variable, ...]]:
    """The variables of groups as they are now, by the group's name, read by each group's own right.

    `names` are those that the run uses; None, where a name is not known yet,
    gives all that its delivery may read. A name without a group is left out.
    A secret of a vault is written down as read once for each of its versions
    in a run. Raises `Forbidden` for a group that the delivery may not read.
    """
    if names is None:
        every = variable_groups.every(tx, run.project)
        wanted = [one for one in every if permissions.may_use(tx, resource_of(one), run.delivery)]
    else:
        check_usable(tx, run, names)
        found = (variable_groups.named(tx, run.project, name) for name in dict.fromkeys(names))
        wanted = [group for group in found if group]
    return {one.name: _variables_of(tx, run, one, sealer, now) for one in wanted}


def _variables_of(
    tx: Transaction, run: Run, group: VariableGroup, sealer: Sealer, now: datetime
) -> tuple[Variable, ...]:
    rows = variable_groups.variables(tx, group.id)
    if not group.vault:
        _tell_read(tx, run, group, [row.name for row in rows if row.is_secret], now)
        return tuple(
            Variable(
                row.name, sealer.open(row.sealed, context=row.context) if row.is_secret else row.value, row.is_secret
            )
            for row in rows
        )
    holder = f"{vaults.GROUP}{group.id}"
    reader = {"id": holder, "name": f"{group.project}/{group.name}", "type": "variable_group"}

    def is_first(name: str, version: str) -> bool:
        return run_uses.note(tx, Use(run.id, str(group.vault), "secrets", version, name, is_made=False, at=now))

    read = secrets.GroupReader(reader, holder, run.id, is_first)
    return tuple(
        Variable(row.name, secrets.read_for_group(tx, read, str(group.vault), row.name, sealer=sealer, now=now), True)
        for row in rows
    )


def _tell_read(tx: Transaction, run: Run, group: VariableGroup, names: list[str], now: datetime) -> None:
    """A unit of a run is given values that are secret."""
    if names:
        source, subject = project_scope(group.project), f"variable-groups/{group.id}"
        data = {"name": group.name, "variables": names, "run": run.id}
        event = Event("Pratique.VariableGroupRead", subject, source, PLATFORM.to_document(), data)
        events.append(tx, event, now=now)


# --- inside ---------------------------------------------------------------------------------------------------------


def _writable(tx: Transaction, actor: Actor, project: str, which: str) -> Whole:
    whole = get(tx, actor, project, which)
    permit(actor, "variable_groups/write", project_scope(project))
    return whole


def _linked(tx: Transaction, actor: Actor, known: VariableGroup, vault: str, *, now: datetime) -> str:
    if known.vault is None:
        raise Conflict(
            f"the variable group {known.name!r} has values of its own", hint="make another group with --vault"
        )
    where = vaults.let_group_read(tx, actor, vault, known.id, f"{known.project}/{known.name}", now=now)
    if where.name != known.vault:
        vault_rows.remove_policy(tx, known.vault, f"{vaults.GROUP}{known.id}")
    return where.name


def _choose(tx: Transaction, group: VariableGroup, name: str) -> GroupVariable:
    check_name("secret", name)
    secret = vault_rows.secret(tx, str(group.vault), name)
    if secret is None or secret.deleted_at:
        raise NotFound(
            f"there is no secret {name!r} in the vault {group.vault!r}",
            hint=f"pratique keyvault secret list --vault-name {group.vault}",
        )
    made = GroupVariable(group.id, secret.key, secret.name, True, "", "")
    variable_groups.put_variable(tx, made)
    return made


def _put(tx: Transaction, group: VariableGroup, name: str, value: Value, sealer: Sealer) -> GroupVariable:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable() or any(sign in name for sign in "=()"):
        said = f"{name[:64]!r} cannot name a variable: 1 to {_LONGEST_NAME} characters without = ( )"
        raise InvalidInput(said, problems=[Problem(said, key="name")])
    if len(value.text) > _LONGEST_VALUE or "\0" in value.text:
        raise InvalidInput(f"the value of {name} has a NUL, or more than {_LONGEST_VALUE:,} characters")
    made = GroupVariable(group.id, name.lower(), name, value.is_secret, "" if value.is_secret else value.text, "")
    if value.is_secret:
        made = replace(made, sealed=sealer.seal(value.text, context=made.context))
    variable_groups.put_variable(tx, made)
    return made


def _variable(whole: Whole, name: str) -> GroupVariable | None:
    return next((one for one in whole.variables if one.key == name.lower()), None)


def _no_variable(group: VariableGroup, name: str) -> NotFound:
    return NotFound(
        f"the variable group {group.name!r} has no variable {name[:64]!r}",
        hint=f"pratique pipelines variable-group variable list --group-id {group.id} --project {group.project}",
    )


def _whole(tx: Transaction, group: VariableGroup) -> Whole:
    return Whole(group, variable_groups.variables(tx, group.id))


def _touched(tx: Transaction, actor: Actor, group: VariableGroup, *, now: datetime) -> None:
    variable_groups.change(tx, replace(group, updated_at=now))
    _tell(tx, actor, "Pratique.VariableGroupUpdated", group, now=now, changed=["variables"])


def _tell(
    tx: Transaction,
    actor: Actor,
    kind: str,
    group: VariableGroup,
    *,
    now: datetime,
    changed: Sequence[str] = (),
) -> None:
    data = {"name": group.name, "project": group.project, **({"changed": list(changed)} if changed else {})}
    data |= {"vault": group.vault} if group.vault else {}
    scope = project_scope(group.project)
    events.append(tx, Event(kind, f"variable-groups/{group.id}", scope, actor.to_document(), data), now=now)
