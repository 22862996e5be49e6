"""A private endpoint behind an API that checks tokens, by the command line, the real API, the engine and Envoy."""

import base64
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from .apim_shop import AUDIENCE, HERE, POLICY, SERVICE, WORKSPACE, Issuer, Shop, listening, opened
from .conftest import Run, Site, wait_until


@pytest.fixture
def shop(site: Site, pratique: Run) -> Iterator[Shop]:
    with opened(site, pratique) as made:
        yield made


def test_an_api_opens_a_private_endpoint_while_both_its_key_and_its_provider_rotate(shop: Shop, tmp_path: Path) -> None:
    with listening(Issuer()) as issuer:
        shop.publish(issuer.configuration, tmp_path)
        good = issuer.token()
        status, seen = shop.call(good)
        assert (status, "authorization" in seen) == (200, False)
        assert shop.score("private-credit", shop.keys("private-credit")["primaryKey"]) == 403
        for bad in (issuer.token(aud="api://other"), issuer.token(client_id="thief"), issuer.token(iss="x"), "no"):
            assert shop.call(bad)[0] == 401
        _rotate_the_key_of_the_backend(shop, good)
        second = RSAKey.generate_key(2048, {"kid": "second"})
        assert shop.call(issuer.token(second))[0] == 401
        issuer.keys.append(second)
        wait_until(lambda: shop.call(issuer.token(second))[0] == 200)
        assert shop.call(good)[0] == 200
    assert shop.call(good)[0] == 200, "the provider is gone, and what it said last counts"
    refused = shop.run("apim", "api", "policy", "set", *HERE, "--file", str(tmp_path / "policy.xml"))
    assert (refused.returncode, "policy.xml:5 openid-config" in refused.stderr) == (1, True)
    assert shop.call(good)[0] == 200
    shop.set_key("a-key-that-is-none-of-the-endpoints")
    wait_until(lambda: shop.call(good)[0] == 403)


def _rotate_the_key_of_the_backend(shop: Shop, good: str) -> None:
    """Secondary, named value, primary: callers never notice."""
    statuses: list[int] = []
    over = threading.Event()

    def caller() -> None:
        while not over.is_set():
            statuses.append(shop.call(good)[0])

    callers = [threading.Thread(target=caller) for _ in range(2)]
    for thread in callers:
        thread.start()
    renew = ("ml", "online-endpoint", "regenerate-keys", "-n", "private-credit", "-w", WORKSPACE, "--yes")
    try:
        for _ in range(3):
            shop.set_key(shop.do(*renew, "--key-type", "secondary")["secondaryKey"])
            shop.set_key(shop.do(*renew, "--key-type", "primary")["primaryKey"])
    finally:
        over.set()
        for thread in callers:
            thread.join()
    assert len(statuses) > 20
    assert set(statuses) == {200}


def test_each_way_to_authenticate_opens_an_endpoint_to_its_own_callers(shop: Shop) -> None:
    shop.endpoint("by-token", auth_mode="aml_token")
    own = shop.keys("by-token")["accessToken"]
    assert shop.score("by-token", own) == 200
    assert shop.score("by-token", shop.site.token("ada")) == 401, "a token for the platform's own API"
    shop.do("ml", "online-endpoint", "create", "-n", "by-token", "-w", WORKSPACE, "--auth-mode", "aad_token")
    scorer = shop.keys("by-token")["accessToken"]
    assert shop.score("by-token", scorer) == 200
    assert shop.score("by-token", own) == 401
    ran = shop.run(
        "ml", "online-endpoint", "get-credentials", "-n", "by-token", "-w", WORKSPACE, who="rob", role="Reader"
    )
    assert shop.score("by-token", json.loads(ran.stdout)["accessToken"]) == 401, "who may not score"


def test_subscriptions_named_values_and_openapi_files_by_the_verbs(shop: Shop, tmp_path: Path) -> None:
    said = {
        "openapi": "3.0.1", "info": {"title": "Credit"}, "servers": [{"url": f"/endpoints/{WORKSPACE}/private-credit"}],
        "paths": {"/score": {"post": {"operationId": "score", "summary": "Score"}}},
    }  # fmt: skip
    (tmp_path / "openapi.json").write_text(json.dumps(said), encoding="utf-8")
    shop.do("apim", "create", "-n", SERVICE, "-g", "rg")
    file = ("--specification-path", str(tmp_path / "openapi.json"), "--specification-format", "OpenApiJson")
    made = shop.do("apim", "api", "import", *HERE, "--path", "v1/credit", *file)
    assert (made["displayName"], made["subscriptionRequired"], made["provisioningState"]) == (
        "Credit",
        True,
        "Succeeded",
    )
    assert [one["urlTemplate"] for one in shop.do("apim", "api", "operation", "list", *HERE)] == ["/score"]
    path = f"/apis/{SERVICE}/v1/credit/score?subscription-key="
    shop.do("apim", "subscription", "create", "-n", SERVICE, "--sid", "web", "--scope", "/apis/credit")
    keys = shop.do("apim", "subscription", "keys", "-n", SERVICE, "--sid", "web")
    for key in keys.values():
        wait_until(lambda key=key: shop.call("", path + key)[0] == 200)  # type: ignore[misc] # Bound at once.
    renewed = shop.do("apim", "subscription", "regenerate-key", "-n", SERVICE, "--sid", "web", "--yes")
    wait_until(lambda: shop.call("", path + keys["primaryKey"])[0] == 401)
    assert shop.call("", path + renewed["primaryKey"])[0] == 200
    value = ("-n", SERVICE, "--named-value-id", "word")
    shop.do("apim", "nv", "create", *value, "--secret", "true", "--value", "canary-of-nv")
    assert "canary" not in shop.run("apim", "nv", "list", "-n", SERVICE).stdout
    assert shop.do("apim", "nv", "show-secret", *value)["value"] == "canary-of-nv"
    reader = shop.run("apim", "nv", "show-secret", *value, who="rob", role="Reader")
    assert (reader.returncode, "canary" in reader.stdout + reader.stderr) == (1, False)
    _follow_a_secret(shop, path + renewed["primaryKey"], tmp_path)
    bad = tmp_path / "bad.xml"
    bad.write_text("<policies>\n <inbound>\n  <choose/>\n  <quota/>\n </inbound></policies>", encoding="utf-8")
    refused = shop.run("apim", "api", "policy", "set", *HERE, "--file", str(bad))
    assert refused.returncode == 1
    assert "bad.xml:3 choose" in refused.stderr
    assert "bad.xml:4 quota" in refused.stderr
    shop.do("apim", "delete", "-n", SERVICE, "--yes")
    again = shop.run("apim", "delete", "-n", SERVICE, "--yes")
    assert (again.returncode, "nothing to delete" in again.stderr) == (0, True)


def test_policies_of_all_apis_and_of_one_operation_are_in_force_by_the_verbs(shop: Shop, tmp_path: Path) -> None:
    with listening(Issuer()) as issuer:
        _set_up_with_a_policy_for_all(shop, issuer.configuration, tmp_path)
        good, path = issuer.token(), f"/apis/{SERVICE}/credit"
        assert (shop.call(good, f"{path}/score")[0], shop.call("no", f"{path}/score")[0]) == (200, 401)
        assert shop.call(good, f"{path}/score")[1]["x-from"] == "all"
        written = _file(tmp_path, '<base/><set-header name="x-from"><value>one</value></set-header>')
        at = (*HERE, "--operation-id", "again")
        shop.do("apim", "api", "operation", "policy", "set", *at, "--file", written)
        shown = shop.run("apim", "api", "operation", "policy", "show", *at, "-o", "tsv", "--query", "value").stdout
        assert shown.rstrip("\n") == (tmp_path / "p.xml").read_text(encoding="utf-8")
        assert shop.call(good, f"{path}/again")[1]["x-from"] == "one"
        assert shop.call(good, f"{path}/score")[1]["x-from"] == "all", "the other operation goes on"
        assert shop.call("no", f"{path}/again")[0] == 401
        shop.do("apim", "api", "operation", "create", *at, "--method", "POST", "--url-template", "/second")
        assert shop.call(good, f"{path}/second")[1]["x-from"] == "one", "an operation that changes keeps its policy"
        used = shop.run("apim", "nv", "delete", "-n", SERVICE, "--named-value-id", "who", "--yes")
        assert (used.returncode, "the policy of all APIs has {{who}} in it" in used.stderr) == (1, True)
        shop.do("apim", "nv", "update", "-n", SERVICE, "--named-value-id", "who", "--value", "everybody")
        wait_until(lambda: shop.call(good, f"{path}/score")[1]["x-from"] == "everybody")
        _refuse_what_does_not_go_together(shop, tmp_path)
        shop.do("apim", "api", "operation", "policy", "delete", *at, "--yes")
        assert shop.call(good, f"{path}/second")[1]["x-from"] == "everybody"
        shop.do("apim", "policy", "delete", "-n", SERVICE, "--yes")
        assert shop.call(good, f"{path}/score")[0] == 401, "nobody is asked for anything: closed"
        again = shop.run("apim", "policy", "delete", "-n", SERVICE, "--yes")
        assert (again.returncode, "nothing to delete" in again.stderr) == (0, True)


def _set_up_with_a_policy_for_all(shop: Shop, configuration: str, folder: Path) -> None:
    shop.do("apim", "create", "-n", SERVICE, "-g", "rg")
    shop.do("apim", "nv", "create", "-n", SERVICE, "--named-value-id", "who", "--value", "all")
    check = POLICY.partition("<base />")[2].partition("<set-header")[0].replace("CONFIGURATION", configuration)
    check = check.replace("{{audience}}", AUDIENCE)
    header = '<set-header name="x-from"><value>{{who}}</value></set-header><rewrite-uri template="/score"/>'
    shop.do("apim", "policy", "set", "-n", SERVICE, "--file", _file(folder, check + header))
    url = f"http://127.0.0.1:7071/endpoints/{WORKSPACE}/private-credit"
    shop.do("apim", "api", "create", *HERE, "--service-url", url, "--subscription-required", "false")
    for name in ("score", "again"):
        at = ("--operation-id", name, "--url-template", f"/{name}", "--method", "POST")
        shop.do("apim", "api", "operation", "create", *HERE, *at)


def _refuse_what_does_not_go_together(shop: Shop, folder: Path) -> None:
    other = '<base/>\n<validate-jwt header-name="x-other"><openid-config url="URL"/><audiences><audience>a</audience>'
    file = _file(folder, f"{other}</audiences></validate-jwt>".replace("URL", "http://127.0.0.1:1/x"))
    refused = shop.run("apim", "api", "policy", "set", *HERE, "--file", file)
    assert (refused.returncode, "p.xml:2 openid-config" in refused.stderr) == (1, True)
    limit = '<rate-limit-by-key calls="1" renewal-period="1" counter-key="@(context.Request.Headers.GetValueOrDefault('
    file = _file(folder, f'<base/>\n{limit}"Authorization","").AsJwt()?.Subject)"/>')
    shop.do("apim", "api", "policy", "set", *HERE, "--file", file)
    refused = shop.run("apim", "policy", "delete", "-n", SERVICE, "--yes")
    assert (refused.returncode, "policy of credit:2 rate-limit-by-key" in refused.stderr) == (1, True)
    shop.do("apim", "api", "policy", "delete", *HERE, "--yes")


def _file(folder: Path, inbound: str) -> str:
    (folder / "p.xml").write_text(f"<policies><inbound>{inbound}</inbound></policies>", encoding="utf-8")
    return str(folder / "p.xml")


def _follow_a_secret(shop: Shop, path: str, folder: Path) -> None:
    """A named value has what a vault says, whatever that is from one moment to the next, and nobody reads it here."""
    shop.do("keyvault", "create", "--name", "kv-apim", "-g", "rg")
    secret = ("keyvault", "secret", "set", "--vault-name", "kv-apim", "--name", "word")
    made = shop.do(*secret, "--value", "canary-one")
    value = ("-n", SERVICE, "--named-value-id", "from-vault")
    shown = shop.do("apim", "nv", "create", *value, "--key-vault-secret-id", made["id"].rpartition("/")[0])
    assert (shown["secret"], shown.get("value")) == (True, None)
    assert shown["keyVault"]["lastStatus"] == {"code": "Success"}
    refused = shop.run("apim", "nv", "show-secret", *value)
    assert (refused.returncode, "keyvault secret show --vault-name kv-apim" in refused.stderr) == (1, True)
    header = '<set-header name="x-word"><value>{{from-vault}}</value></set-header>'
    (folder / "word.xml").write_text(f"<policies><inbound>{header}</inbound></policies>", encoding="utf-8")
    shop.do("apim", "api", "policy", "set", *HERE, "--file", str(folder / "word.xml"))
    assert shop.call("", path)[1]["x-word"] == "canary-one"
    shop.do(*secret, "--value", "canary-two")
    wait_until(lambda: shop.call("", path)[1]["x-word"] == "canary-two")
    shop.do("keyvault", "secret", "delete", "--vault-name", "kv-apim", "--name", "word")
    wait_until(lambda: shop.do("apim", "nv", "show", *value)["keyVault"]["lastStatus"] == {"code": "Failed"})
    assert shop.call("", path)[1]["x-word"] == "canary-two", "what it said last counts"
    wait_until(lambda: shop.do("apim", "api", "show", *HERE)["provisioningState"] == "Failed")
    assert "from-vault" in shop.do("apim", "api", "show", *HERE)["error"]["message"]
    shop.do("keyvault", "secret", "recover", "--vault-name", "kv-apim", "--name", "word")
    wait_until(lambda: shop.do("apim", "api", "show", *HERE)["provisioningState"] == "Succeeded")
    shop.do("apim", "api", "policy", "set", *HERE, "--file", _empty(folder))
    shop.do("apim", "nv", "delete", *value, "--yes")


def _empty(folder: Path) -> str:
    (folder / "empty.xml").write_text("<policies><inbound><base/></inbound></policies>", encoding="utf-8")
    return str(folder / "empty.xml")


# --- a real provider ----------------------------------------------------------------------------------------------


def _token_of(port: int, resource: str) -> str:
    """What the provider gives the shop for its secret."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    basic = base64.b64encode(b"shop:secret-of-the-shop").decode()
    form = urlencode({"grant_type": "client_credentials", "resource": resource, "scope": "score"})
    headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    with contextlib.closing(connection):
        connection.request("POST", "/token", form, headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
    assert answer.status == 200, document
    return str(document["access_token"])


@pytest.mark.slow
def test_a_real_provider_issues_the_token_that_opens_the_private_endpoint(
    shop: Shop, real_openid_provider: int, tmp_path: Path
) -> None:
    port = real_openid_provider
    shop.publish(f"http://127.0.0.1:{port}/.well-known/openid-configuration", tmp_path)
    good = _token_of(port, AUDIENCE)
    assert shop.call(good)[0] == 200
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    stranger = RSAKey.generate_key(2048, {"kid": "real"})

    def signed(**changes: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": "real"}, {**claims, **changes}, stranger, ["RS256"])

    wrong = {
        "nobody signed it": f"{_encoded({'alg': 'none'})}.{body}.",
        "a shared secret": f"{_encoded({'alg': 'HS256', 'kid': 'real'})}.{body}.{signature}",
        "for somebody else": _token_of(port, "api://other"),
        "of another issuer": signed(iss="http://127.0.0.1:1"),
        "expired": signed(exp=int(time.time()) - 60),
        "not yet": signed(nbf=int(time.time()) + 3600),
        "a name of a key that is a path": f"{_encoded({'alg': 'RS256', 'kid': '../keys'})}.{body}.{signature}",
        "another signature": f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        "changed": f"{head}.{_encoded({**claims, 'client_id': 'root'})}.{signature}",
        "huge": signed(padding="x" * 50_000),
    }
    answers = {kind: shop.call(token)[0] for kind, token in wrong.items()}
    assert answers == {kind: 431 if kind == "huge" else 401 for kind in wrong}
    _rotate_the_key_of_the_backend(shop, good)


def _encoded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
