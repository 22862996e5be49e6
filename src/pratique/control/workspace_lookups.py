"""References that are looked up in one workspace, as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pratique.control import content, environments
from pratique.control.assets import Kind, referenced
from pratique.control.content import Held
from pratique.control.lookups import Lookups
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction


@dataclass
class WorkspaceLookups(Lookups):
    """Questions about what a workspace has; each answers None for what is wrong, which `check` tells."""

    tx: Transaction
    workspace: str
    now: datetime

    def code(self, path: str, key: str) -> Held | None:
        """The content that `path` names."""
        return self.tried(key, lambda at: content.resolve(self.tx, self.workspace, path, now=self.now, key=at))

    def environment(self, wanted: str | Mapping[str, Any], key: str) -> dict[str, Any] | None:
        """The environment of that name, or with those values."""
        return self.tried(key, lambda _: environments.resolve(self.tx, self.workspace, wanted))

    def asset(self, reference: str, key: str, *kinds: Kind) -> AssetVersion | None:
        """The version, of one of these kinds, that `reference` names."""
        return self.tried(key, lambda at: referenced(self.tx, self.workspace, kinds, reference, key=at))
