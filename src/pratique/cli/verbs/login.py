"""`login`."""

import getpass
import os
import sys
from typing import Any

from pratique.cli.browser import show_page
from pratique.cli.table import Table, flag, switch
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.client.account import log_in, log_in_as_identity, log_in_by_token, read_account, subscription
from pratique.client.connection import Connection
from pratique.client.door import Door, find_door
from pratique.client.login import Profile
from pratique.client.openid import log_in_by_browser

TABLE = Table("login")


@TABLE.verb(
    "",
    arguments=(
        switch("service_principal", help="Log in as a program."),
        switch("identity", "--identity", "-i", help="Log in as the managed identity of the job that this runs in."),
        flag("username", "--username", "-u", help="A person's name; the appId of a program."),
        flag("password", "--password", "-p", help="The password or secret; asked for when it is left out."),
        flag("federated_token", help="A token of another issuer, instead of a program's secret."),
        switch("browser", help="Log in as a person at the OpenID provider of the platform, in a browser."),
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
    *,
    service_principal: bool,
    identity: bool,
    username: str | None,
    password: str | None,
    federated_token: str | None,
    browser: bool,
    tenant: str | None,
) -> list[dict[str, Any]]:
    """Log in as a person or a service principal.

    Without flags it only says who you are: on your own machine, whoever can read PRATIQUE_HOME is the owner.
    """
    if identity:
        return _as_identity(service_principal or password or tenant or federated_token or browser, username)
    if browser:
        return _in_browser(service_principal or password or tenant or federated_token or username)
    if federated_token and (password or not service_principal):
        raise UsageError("--federated-token goes with --service-principal, and stands for --password/-p")
    if service_principal and not (username and tenant):
        raise UsageError("--service-principal wants --username/-u and --tenant")
    if not username:
        return _as_owner(password, tenant)
    door = find_door()
    if federated_token:
        profile = log_in_by_token(door, client_id=username, token=federated_token, tenant=tenant or "")
        return _told(profile, username)
    secret = password or _asked("Secret: " if service_principal else "Password: ")
    return _told(log_in(door, client_id=username, client_secret=secret, tenant=tenant or ""), username)


def _as_identity(others: object, client_id: str | None) -> list[dict[str, Any]]:
    if others:
        raise UsageError("--identity goes with --username/-u at most, the client id of the identity")
    return _told(log_in_as_identity(client_id or ""))


def _in_browser(others: object) -> list[dict[str, Any]]:
    if others:
        raise UsageError("--browser goes with no other flag: the provider asks who you are")
    return _told(log_in_by_browser(find_door(), show_page))


def _told(profile: Profile, username: str = "") -> list[dict[str, Any]]:
    account = subscription(read_account(Connection(Door(profile.url, profile.token, profile))))
    say(f"logged in as {username or account['user']['name']} at {profile.url}; until `pratique logout`")
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
