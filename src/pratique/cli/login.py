"""`login`."""

import getpass
import os
import sys
from typing import Any

from pratique.cli.table import Table, flag, switch
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.client.account import log_in, read_account, subscription
from pratique.client.connection import Connection
from pratique.client.door import Door, find_door

TABLE = Table("login")


@TABLE.verb(
    "",
    arguments=(
        switch("service_principal", help="Log in as a program."),
        flag("username", "--username", "-u", help="The program's appId."),
        flag("password", "--password", "-p", help="Its secret; asked for when it is left out."),
        flag("tenant", "--tenant", "-t", help="The tenant that `ad sp create-for-rbac` printed."),
    ),
    examples={
        "As a service principal": "pratique login --service-principal -u APP_ID -p SECRET --tenant TENANT",
        "As the owner of the home": "pratique login",
    },
)
def login(
    *, service_principal: bool, username: str | None, password: str | None, tenant: str | None
) -> list[dict[str, Any]]:
    """Log in as a service principal.

    Without flags it only says who you are: on your own machine, whoever can read PRATIQUE_HOME is the owner.
    """
    if not service_principal:
        return _as_owner(username, password, tenant)
    if not username or not tenant:
        raise UsageError("--service-principal wants --username/-u and --tenant")
    door = find_door()
    profile = log_in(door, client_id=username, client_secret=password or _asked(), tenant=tenant)
    say(f"logged in as {username} at {door.url}; until `pratique logout`")
    return [subscription(read_account(Connection(Door(door.url, profile.token, profile))))]


def _as_owner(username: str | None, password: str | None, tenant: str | None) -> list[dict[str, Any]]:
    if username or password or tenant:
        raise UsageError("--username, --password and --tenant go with --service-principal")
    door = find_door()
    account = subscription(read_account(Connection(door)))
    if door.profile:
        say(f"logged in as {account['user']['name']}; `pratique logout` to be the owner again")
    elif os.environ.get("PRATIQUE_TOKEN"):
        say("PRATIQUE_TOKEN says who you are; there is nothing to log in to")
    else:
        say(
            "embedded mode: whoever can read PRATIQUE_HOME is the owner and may do everything; "
            "there is nothing to log in to"
        )
    return [account]


def _asked() -> str:
    if not sys.stdin.isatty():
        raise UsageError("--service-principal wants --password/-p", hint="nobody is here to be asked for it")
    return getpass.getpass("Secret: ")
