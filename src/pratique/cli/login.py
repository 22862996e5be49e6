"""`login`."""

import getpass
import os
import sys
from typing import Any

from pratique.cli.table import Table, flag, switch
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.client.account import log_in, log_in_as_identity, read_account, subscription
from pratique.client.connection import Connection
from pratique.client.door import Door, find_door

TABLE = Table("login")


@TABLE.verb(
    "",
    arguments=(
        switch("service_principal", help="Log in as a program."),
        switch("identity", "--identity", "-i", help="Log in as the managed identity of the job that this runs in."),
        flag("username", "--username", "-u", help="A person's name; the appId of a program."),
        flag("password", "--password", "-p", help="The password or secret; asked for when it is left out."),
        flag("tenant", "--tenant", "-t", help="The tenant that `ad sp create-for-rbac` printed."),
    ),
    examples={
        "As a service principal": "pratique login --service-principal -u APP_ID -p SECRET --tenant TENANT",
        "As a person": "pratique login -u ada@example.com",
        "In a job, as its managed identity": "pratique login --identity",
        "As the owner of the home": "pratique login",
    },
)
def login(
    *, service_principal: bool, identity: bool, username: str | None, password: str | None, tenant: str | None
) -> list[dict[str, Any]]:
    """Log in as a person or a service principal.

    Without flags it only says who you are: on your own machine, whoever can read PRATIQUE_HOME is the owner.
    """
    if identity:
        return _as_identity(service_principal or password or tenant, username)
    if service_principal and not (username and tenant):
        raise UsageError("--service-principal wants --username/-u and --tenant")
    if not username:
        return _as_owner(password, tenant)
    door = find_door()
    secret = password or _asked("Secret: " if service_principal else "Password: ")
    profile = log_in(door, client_id=username, client_secret=secret, tenant=tenant or "")
    say(f"logged in as {username} at {door.url}; until `pratique logout`")
    return [subscription(read_account(Connection(Door(door.url, profile.token, profile))))]


def _as_identity(others: object, client_id: str | None) -> list[dict[str, Any]]:
    if others:
        raise UsageError("--identity goes with --username/-u at most, the client id of the identity")
    profile = log_in_as_identity(client_id or "")
    account = subscription(read_account(Connection(Door(profile.url, profile.token, profile))))
    say(f"logged in as {account['user']['name']} at {profile.url}; until `pratique logout`")
    return [account]


def _as_owner(password: str | None, tenant: str | None) -> list[dict[str, Any]]:
    if password or tenant:
        raise UsageError("--password and --tenant go with --username/-u")
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


def _asked(question: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError("--username wants --password/-p", hint="nobody is here to be asked for it")
    return getpass.getpass(question)
