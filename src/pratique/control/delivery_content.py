"""Content of projects: working trees that people send, artifacts that runs publish.

A project holds bytes as a workspace does (`control.uploads`). People reach
them by the project, workers by their run.
"""

from collections.abc import Callable
from typing import TypeAlias

from pratique.control import projects
from pratique.control.actor import Actor
from pratique.control.permissions import permit, project_scope
from pratique.store.database import Transaction
from pratique.store.projects import holder_of

Holder: TypeAlias = Callable[[Transaction], str]
"""Asks whether the caller may, and says under which name the content is held."""


def of_project(actor: Actor, project: str, action: str) -> Holder:
    """The content of a project, for whoever may do `action` there."""

    def holder(tx: Transaction) -> str:
        projects.get(tx, actor, project)
        permit(actor, action, project_scope(project))
        return holder_of(project)

    return holder
