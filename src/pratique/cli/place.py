"""Where a verb works: the door it speaks to, the workspace and the group."""

from dataclasses import dataclass, field
from functools import cached_property

from pratique.base.errors import NotFound
from pratique.cli.configuration import Configuration
from pratique.cli.talk import warn
from pratique.cli.usage import UsageError
from pratique.client.account import SUBSCRIPTION_NAME, read_account, renewed
from pratique.client.connection import Connection
from pratique.client.door import find_door
from pratique.client.workspaces import Workspaces


@dataclass
class Place:
    """What the flags -g, -w and --subscription chose; asked for only when a verb needs it."""

    resource_group: str | None = None
    workspace_name: str | None = None
    subscription: str | None = None
    configuration: Configuration = field(default_factory=Configuration)

    @cached_property
    def connection(self) -> Connection:
        """The door, with a token that is still good."""
        connection = Connection(renewed(find_door()))
        if self.subscription:
            said_subscription(connection, self.subscription)
        return connection

    @property
    def group(self) -> str:
        """The group that was given or is the default; empty when there is none."""
        return self.resource_group or self.configuration.get("defaults", "group")

    @property
    def required_group(self) -> str:
        if self.group:
            return self.group
        raise UsageError(
            "--resource-group/-g is required", hint="give it, or set it once: pratique configure --defaults group=NAME"
        )

    @cached_property
    def workspace(self) -> str:
        """The workspace; raises `NotFound` when the group that goes with it does not hold it."""
        name = self.workspace_name or self.configuration.get("defaults", "workspace")
        if not name:
            raise UsageError(
                "--workspace-name/-w is required",
                hint="give it, or set it once: pratique configure --defaults workspace=NAME; which there are: "
                "pratique ml workspace list",
            )
        if self.group:
            self.check_group(name)
        return name

    def check_group(self, workspace: str) -> None:
        """Azure names a workspace within its group: another group's does not exist there."""
        holder = Workspaces(self.connection).show(workspace).get("resource_group")
        if str(holder).lower() != self.group.lower():
            raise NotFound(
                f"there is no workspace {workspace!r} in the resource group {self.group!r}",
                hint=f"it is in {holder!r}: give -g {holder}",
            )


def said_subscription(connection: Connection, given: str) -> None:
    """Say that `given` chooses nothing, unless it is the one subscription that there is."""
    if given not in (SUBSCRIPTION_NAME, read_account(connection)["subscription_id"]):
        warn(f"there is one subscription here, {SUBSCRIPTION_NAME!r}; {given!r} chooses nothing")
