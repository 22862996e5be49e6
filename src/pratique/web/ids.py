"""Ids in Azure's long form, which scripts take apart and other tools keep.

    /subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.MachineLearningServices/workspaces/WORKSPACE/…

The subscription is the platform's home. The group is the workspace's, which a
document below a workspace does not say itself: it is looked up once, and
known from every document of a workspace that this server writes.
"""

from collections.abc import Mapping
from typing import Any, Final

from pratique.control import managed_identities
from pratique.control.scopes import identity_of
from pratique.store import workspaces
from pratique.store.database import Database

_PROVIDER: Final = "providers/Microsoft.MachineLearningServices"


class Ids:
    """The ids of one platform."""

    def __init__(self, subscription: str, tenant: str, database: Database) -> None:
        self._subscription = subscription
        self._tenant = tenant
        self._database = database
        self._groups: dict[str, str] = {}

    def of_group(self, group: str) -> str:
        return f"/subscriptions/{self._subscription}/resourceGroups/{group}"

    def of_workspace(self, workspace: str, group: str) -> str:
        self._groups[workspace] = group  # One that was deleted may come back in another group.
        return f"{self.of_group(group)}/{_PROVIDER}/workspaces/{workspace}"

    def inside(self, workspace: str, *words: str) -> str:
        """The id of what `words` lead to in a workspace, such as ``models``, name, ``versions``, version."""
        return "/".join((self.of_workspace(workspace, self._group(workspace)), *words))

    def of_identity(self, group: str, name: str) -> str:
        return f"{self.of_group(group)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"

    def assigned(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        """The `identity` of an endpoint that has user-assigned ones, as Azure shows it."""
        places = [identity_of(str(one["resource_id"])) for one in identity["user_assigned_identities"]]
        shown = [
            {**one, "resource_id": self.of_identity(*place) if place else one["resource_id"]}
            for one, place in zip(identity["user_assigned_identities"], places, strict=True)
        ]
        return {"type": "user_assigned", "tenant_id": self._tenant, "user_assigned_identities": shown}

    def identity(self, name: str) -> dict[str, str] | None:
        """The managed identity called `name` as Azure shows it; None where there is none."""
        with self._database.read() as tx:
            found = managed_identities.find(tx, name)
        if found is None:
            return None
        return {"type": "system_assigned", "principal_id": found.id, "tenant_id": self._tenant}

    def _group(self, workspace: str) -> str:
        if known := self._groups.get(workspace):
            return known
        with self._database.read() as tx:
            found = workspaces.get(tx, workspace)
        # A workspace that was deleted meanwhile has no group any more, and nobody will look for this id.
        return found.resource_group if found else "-"
