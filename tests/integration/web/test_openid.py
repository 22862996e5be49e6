"""People who log in at an OpenID provider, and programs that prove themselves by tokens of another issuer."""

import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError, Unauthenticated
from pratique.base.settings import Settings
from pratique.client.connection import Connection, path_of
from pratique.client.door import Door
from pratique.client.login import load_profile
from pratique.client.openid import log_in_by_browser
from pratique.control import principals, roles
from pratique.control.actor import PLATFORM
from pratique.control.credentials import Credential
from pratique.engine.foreign_issuers import AGAIN, ForeignIssuers

from .conftest import Run, Site
from .openid_provider import CLIENT, Provider

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(autouse=True)
def as_it_was(provider: Provider) -> Iterator[None]:
    person = dict(provider.person)
    yield
    provider.person, provider.answers, provider.claims, provider.is_gone = person, {}, {}, False


@pytest.fixture
def ada(site: Site) -> str:
    """A user of the name that the provider says."""
    now = utc_now()
    with site.platform.database.write() as tx:
        if all(one.name != "ada@example.com" for one in principals.every(tx, PLATFORM, kind="user")):
            credential = Credential("", "$argon2id$unused", now)
            principals.create_user(tx, PLATFORM, "ada@example.com", display_name="", credential=credential, now=now)
            roles.assign(tx, PLATFORM, role="Reader", assignee="ada@example.com", scope="/", now=now)
    return "ada@example.com"


def browse(address: str) -> None:
    """What a browser does with the address that it is shown: it follows to wherever it is sent."""
    with urllib.request.urlopen(address, timeout=20) as answer:
        assert answer.status == 200


def in_background(address: str) -> None:
    threading.Thread(target=lambda: browse(address), daemon=True).start()


def account(site: Site, token: str) -> str:
    found: dict[str, Any] = Connection(Door(site.door, token, None)).get(path_of("account"))
    return str(found["name"])


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PRATIQUE_CONFIG_DIR", str(tmp_path / "config"))


@pytest.mark.usefixtures("configured")
def test_a_person_logs_in_at_the_provider_and_is_the_user_of_that_name_here(site: Site, ada: str) -> None:
    profile = log_in_by_browser(Door(site.door, "", None), in_background, waits=20)
    assert account(site, profile.token) == ada
    kept = load_profile()
    assert kept == profile
    assert (profile.kind, profile.client_secret) == ("browser", "")


@pytest.mark.usefixtures("configured", "ada")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda provider: provider.answers.update(state="another"), "another login"),
        (lambda provider: provider.answers.update(iss="https://evil.example"), "another provider"),
        (lambda provider: provider.answers.update(code=""), "without a code"),
        (lambda provider: provider.answers.update(error="access_denied"), "refused: access_denied"),
        (lambda provider: provider.answers.update(code="guessed"), "invalid_grant"),
        (lambda provider: provider.claims.update(nonce="of-another-login"), "not of this login"),
        (lambda provider: provider.claims.update(nonce=...), "not of this login"),
        (lambda provider: provider.claims.update(aud="another-client"), "not for"),
        (lambda provider: provider.person.update(email_verified=False), "not verified"),
        (lambda provider: provider.person.update(email="eve@example.com"), "no user"),
        (lambda provider: provider.person.update(email="owner"), None),
    ],
)
def test_what_is_not_this_login_of_a_known_person_is_refused(
    site: Site, provider: Provider, change: Callable[[Provider], None], said: str | None
) -> None:
    change(provider)
    if said is None:  # A verified claim of a user who is there is that user: the operator chose the claim.
        assert account(site, log_in_by_browser(Door(site.door, "", None), in_background, waits=20).token) == "owner"
        return
    with pytest.raises(PratiqueError, match=said):
        log_in_by_browser(Door(site.door, "", None), in_background, waits=20)
    assert load_profile() is None


def ask(site: Site, **form: str) -> urllib3.BaseHTTPResponse:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return urllib3.request("POST", f"{site.door}/oauth2/token", body=urlencode(form), headers=headers, timeout=20)


@pytest.mark.usefixtures("ada")
def test_the_token_of_another_client_or_issuer_logs_nobody_in(site: Site, provider: Provider) -> None:
    other = Provider()
    try:
        for assertion in (
            provider.token("another"), other.token(), provider.token(iss="http://127.0.0.1:1"),
            provider.token(exp=1), provider.token(nbf=99_999_999_999), provider.token(sub=...), "a.b.c", "",
        ):  # fmt: skip
            assert ask(site, grant_type=JWT_BEARER, assertion=assertion).status in (400, 401), assertion[:80]
    finally:
        other.stop()
    assert ask(site, grant_type=JWT_BEARER, assertion=provider.token()).status == 200


def test_a_program_proves_itself_by_a_federated_credential(
    site: Site, provider: Provider, pratique: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pratique("ad", "sp", "create-for-rbac", "-n", "ci", "--role", "Reader", "--scopes", "/")
    named = f'{{"name": "github", "issuer": "{provider.issuer}", "subject": "repo:credit:main"}}'
    create = ("ad", "app", "federated-credential", "create", "--id", "ci", "--parameters")
    assert pratique(*create, named).returncode == 0
    assert pratique(*create, named).returncode == 1
    refused = pratique(*create, named.replace(provider.issuer, "https://evil.example").replace("github", "evil"))
    assert "not an issuer that is trusted here" in refused.stderr
    exchange = "api://AzureADTokenExchange"
    right = provider.token(exchange, sub="repo:credit:main")
    form = {"grant_type": "client_credentials", "client_id": "ci", "client_assertion_type": ASSERTION}
    answer = ask(site, **form, client_assertion=right)
    assert answer.status == 200, answer.data
    assert account(site, answer.json()["access_token"]) == "ci"
    for wrong in (
        provider.token(exchange, sub="repo:credit:fork"), provider.token("another", sub="repo:credit:main"),
        provider.token(exchange, sub="repo:credit:main", iss="https://evil.example"),
    ):  # fmt: skip
        assert ask(site, **form, client_assertion=wrong).status == 401
    assert ask(site, **(form | {"client_id": "owner"}), client_assertion=right).status == 401
    assert ask(site, **form, client_assertion=right, client_secret="x").status == 400
    monkeypatch.delenv("PRATIQUE_TOKEN", raising=False)
    ran = pratique("ad", "app", "federated-credential", "delete", "--id", "ci", "--federated-credential-id", "github")
    assert ran.returncode == 0
    assert ask(site, **form, client_assertion=right).status == 401


def test_keys_are_asked_again_for_one_that_is_new_and_kept_while_the_provider_is_gone(provider: Provider) -> None:
    issuers = ForeignIssuers(Settings(trusted_issuers=provider.issuer))
    now = utc_now()

    def verified(token: str, at: Any) -> str:
        return str(issuers.verify(token, audience=CLIENT, now=at)["sub"])

    token = provider.token()
    assert verified(token, now) == provider.person["sub"]
    asked = provider.asked
    assert verified(token, now) == provider.person["sub"]
    assert provider.asked == asked  # Nobody is asked while the keys are fresh.
    provider.rotate()
    new = provider.token()
    with pytest.raises(Unauthenticated, match="no key of the issuer"):
        verified(new, now)  # Asked a moment ago: a flood of unknown keys is no flood of questions.
    assert provider.asked == asked
    assert verified(new, now + AGAIN) == provider.person["sub"]
    provider.is_gone = True
    assert verified(new, now + AGAIN * 2) == provider.person["sub"]
    provider.rotate()
    with pytest.raises(Unauthenticated):
        verified(provider.token(), now + AGAIN * 4)
