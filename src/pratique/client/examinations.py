"""Conversions and profiles of models: they take a while, so they are asked for and then waited for."""

from typing import Literal

from pratique.client.connection import Connection, Document, path_of


def is_ended(document: Document) -> bool:
    """Whether there is an answer."""
    return document.get("status") in ("Completed", "Failed")


class Examinations:
    """What the platform finds out about the models of one workspace."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._root = ("workspaces", workspace)

    def ask(
        self, kind: Literal["conversions", "profiles", "scans"], name: str, version: str, settings: Document
    ) -> Document:
        """Ask about a version, which may be ``@label``; answers before it is found out."""
        found: Document = self._connection.post(
            path_of(*self._root, "models", name, "versions", version, kind), settings
        )
        return found

    def show(self, id: str, *, wait: int = 0) -> Document:  # noqa: A002 - the document's word.
        """One of them; with `wait`, answers when it has ended or that many seconds have passed."""
        query = {"wait": str(wait)} if wait else {}
        found: Document = self._connection.get(path_of(*self._root, "examinations", id), query)
        return found
