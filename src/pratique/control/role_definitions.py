"""Custom roles: by patterns of actions, for the scopes at which they may be given.

Whoever may give roles at each of its scopes may define a role: it could give
the Owner there, so nothing is gained by a detour. A pattern that means no
action of the permission table is refused by its name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pratique.base.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Problem
from pratique.base.ids import new_id
from pratique.control.actor import Actor
from pratique.control.permissions import (
    ASSIGNABLE,
    DATA_ROLES,
    ROLES,
    covers,
    is_pattern,
    matching,
    permit,
    permit_somewhere,
)
from pratique.control.scopes import HOME, parse_scope
from pratique.store import events, principals, role_definitions
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.role_definitions import RoleDefinition, key_of

BUILT_IN: Final = "BuiltInRole"
CUSTOM: Final = "CustomRole"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ()._-]{0,63}", re.ASCII)
_MOST: Final = 200
"""Patterns of one kind, and scopes; a role that needs more is two."""


@dataclass(frozen=True)
class NewRole:
    """What a file says of a role."""

    name: str
    description: str
    actions: Sequence[str]
    not_actions: Sequence[str]
    data_actions: Sequence[str]
    not_data_actions: Sequence[str]
    assignable_scopes: Sequence[str]


@dataclass(frozen=True)
class Role:
    """A role as it is shown, of the table or defined."""

    id: str
    name: str
    kind: str
    """`BUILT_IN` or `CUSTOM`."""
    description: str
    actions: Sequence[str]
    not_actions: Sequence[str]
    data_actions: Sequence[str]
    not_data_actions: Sequence[str]
    assignable_scopes: Sequence[str]


def create(tx: Transaction, actor: Actor, said: NewRole, *, now: datetime) -> Role:
    """Define a role; raises `InvalidInput` with every pattern and scope that means nothing, and `AlreadyExists`."""
    wanted = _checked(said)
    _permit(actor, "roles/write", wanted.assignable_scopes)
    if role_definitions.named(tx, wanted.name) or _is_taken(wanted.name):
        raise AlreadyExists(f"there is a role {wanted.name!r} already", hint="pratique role definition list")
    made = RoleDefinition(
        new_id(), wanted.name, key_of(wanted.name), wanted.description, wanted.actions, wanted.not_actions,
        wanted.data_actions, wanted.not_data_actions, wanted.assignable_scopes, now, now, actor.to_document(),
    )  # fmt: skip
    role_definitions.add(tx, made)
    _tell(tx, actor, "Pratique.RoleDefined", made, now=now)
    return _shown(made)


def update(tx: Transaction, actor: Actor, said: NewRole, *, now: datetime) -> Role:
    """Let the role of that name mean what the file says; whoever has it may do that from now on.

    `Conflict` when somebody has it at a scope that the file does not name any more.
    """
    wanted = _checked(said)
    known = _custom(tx, wanted.name)
    _permit(actor, "roles/write", [*known.assignable_scopes, *wanted.assignable_scopes])
    for row in principals.assignments(tx):
        if row.role == known.name and not any(covers(one, row.scope) for one in wanted.assignable_scopes):
            raise Conflict(
                f"the role {known.name!r} is given at {row.scope}, which the file does not name any more",
                hint=f"pratique role assignment delete --ids {row.id} --yes",
            )
    changed = replace(
        known, description=wanted.description, actions=wanted.actions, not_actions=wanted.not_actions,
        data_actions=wanted.data_actions, not_data_actions=wanted.not_data_actions,
        assignable_scopes=wanted.assignable_scopes, updated_at=now,
    )  # fmt: skip
    role_definitions.change(tx, changed)
    _tell(tx, actor, "Pratique.RoleRedefined", changed, now=now)
    return _shown(changed)


def every(tx: Transaction, actor: Actor) -> list[Role]:
    """The roles that can be given, those of the table first."""
    permit_somewhere(actor, "roles/read")
    return [*_BUILT_IN, *(_shown(one) for one in role_definitions.every(tx))]


def get(tx: Transaction, actor: Actor, name: str) -> Role:
    """The role called `name`; raises `NotFound`."""
    permit_somewhere(actor, "roles/read")
    for one in _BUILT_IN:
        if key_of(one.name) == key_of(name):
            return one
    return _shown(_custom(tx, name))


def delete(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> None:
    """Forget a role that nobody has; nothing happens when there is none."""
    known = role_definitions.named(tx, name)
    if known is None:
        permit_somewhere(actor, "roles/delete")
        _refuse_built_in(name)
        return
    _permit(actor, "roles/delete", known.assignable_scopes)
    held = [row for row in principals.assignments(tx) if row.role == known.name]
    if held:
        raise Conflict(
            f"the role {known.name!r} is given {len(held)} times",
            hint=f"pratique role assignment delete --role '{known.name}' --all --yes",
        )
    role_definitions.remove(tx, known.id)
    _tell(tx, actor, "Pratique.RoleForgotten", known, now=now)


def granted_by(definition: RoleDefinition) -> frozenset[str]:
    """Every action that a defined role grants."""
    return matching(definition.actions, definition.data_actions) - matching(
        definition.not_actions, definition.not_data_actions
    )


def _permit(actor: Actor, action: str, scopes: Sequence[str]) -> None:
    for scope in scopes:
        permit(actor, action, scope)


def _custom(tx: Transaction, name: str) -> RoleDefinition:
    if found := role_definitions.named(tx, name):
        return found
    _refuse_built_in(name)
    raise NotFound(f"there is no role {name[:64]!r}", hint="pratique role definition list")


def _refuse_built_in(name: str) -> None:
    if _is_taken(name):
        raise InvalidInput(f"{name!r} is a role of the platform and stays as it is", hint="define one of another name")


def _is_taken(name: str) -> bool:
    return key_of(name) in {key_of(one) for one in ROLES}


def _checked(said: NewRole) -> NewRole:
    """`said` with its scopes as ours; raises `InvalidInput` with everything that is wrong."""
    problems = []
    if not _NAME.fullmatch(said.name):
        problems.append(Problem(f"{said.name[:80]!r} is no name of a role: letters, digits, spaces, ()._-", key="Name"))
    patterns: Mapping[str, tuple[Sequence[str], bool]] = {
        "Actions": (said.actions, False),
        "NotActions": (said.not_actions, False),
        "DataActions": (said.data_actions, True),
        "NotDataActions": (said.not_data_actions, True),
    }
    for key, (texts, of_data) in patterns.items():
        problems += _too_many(texts, key)
        problems += [
            Problem(f"{text[:120]!r} is no action", key=f"{key}[{index}]", hint="docs/reference/permissions.md")
            for index, text in enumerate(texts[:_MOST])
            if not is_pattern(text, of_data=of_data)
        ]
    if not said.actions and not said.data_actions:
        problems.append(Problem("a role without any action grants nothing", key="Actions"))
    scopes = [_scope(text, index, problems) for index, text in enumerate(said.assignable_scopes[:_MOST])]
    problems += _too_many(said.assignable_scopes, "AssignableScopes")
    if not said.assignable_scopes:
        problems.append(Problem("a role that may be given nowhere is none", key="AssignableScopes", hint='["/"]'))
    if problems:
        raise InvalidInput.of(problems, what="role definition")
    return replace(said, assignable_scopes=list(dict.fromkeys(scopes)))


def _too_many(texts: Sequence[str], key: str) -> list[Problem]:
    return [Problem(f"at most {_MOST} of them, not {len(texts)}", key=key)] if len(texts) > _MOST else []


def _scope(text: str, index: int, problems: list[Problem]) -> str:
    try:
        return parse_scope(text)
    except InvalidInput as error:
        problems.append(Problem(error.message, key=f"AssignableScopes[{index}]", hint=error.hint))
        return HOME


def _shown(row: RoleDefinition) -> Role:
    return Role(
        row.id, row.name, CUSTOM, row.description, row.actions, row.not_actions, row.data_actions,
        row.not_data_actions, row.assignable_scopes,
    )  # fmt: skip


_BUILT_IN: Final = tuple(
    Role(name, name, BUILT_IN, "", ROLES[name], (), DATA_ROLES.get(name, ()), (), (HOME,)) for name in ASSIGNABLE
)


def _tell(tx: Transaction, actor: Actor, kind: str, row: RoleDefinition, *, now: datetime) -> None:
    data = {"name": row.name, "actions": sorted(granted_by(row)), "assignable_scopes": list(row.assignable_scopes)}
    events.append(tx, Event(kind, f"role-definitions/{row.id}", HOME, actor.to_document(), data), now=now)
