"""APIs in front of endpoints: who gets in, what the model sees, and that nothing is lost while they change."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from pratique.gateway.apis import KeySet, Operation, Treatment
from pratique.gateway.model import EndpointRoute
from pratique.specs.policy import NamedValue
from pratique.specs.policy_scopes import PolicyText, composed, read_document, read_policy

from .api_house import (
    AUDIENCE,
    CONFIGURATION,
    ISSUER,
    OTHER,
    POLICY,
    SCORE,
    SIGNER,
    SUBSCRIPTION,
    Apis,
    key_set,
    token,
    with_policy,
)
from .conftest import KEY, House, call


@pytest.fixture
def apis(house: House) -> Apis:
    made = Apis(house)
    made.serve()
    return made


def test_a_good_token_opens_a_private_endpoint_and_the_model_sees_neither_token_nor_key(apis: Apis) -> None:
    given = token()
    answer = apis.call(given)
    assert answer.status == 200, answer.body
    assert apis.house.score().status == 403, "with its key, directly"
    assert apis.house.score(key="").status == 401
    [seen] = apis.seen
    assert seen.path == "/score"
    assert not {"authorization", "ocp-apim-subscription-key", "x-pratique-subscription"} & set(seen.headers)
    assert given not in json.dumps(dict(seen.headers))


def _unsigned(**claims: Any) -> str:
    parts = token(**claims).split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "one"}).encode()).rstrip(b"=").decode()
    return f"{head}.{parts[1]}."


def _mixed() -> str:
    """The public key, which everybody has, used as if it were a shared secret."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one"}).encode()).rstrip(b"=").decode()
    signed = f"{head}.{token().split('.')[1]}"
    code = hmac.new(SIGNER.as_pem(private=False), signed.encode(), "sha256").digest()
    return f"{signed}.{base64.urlsafe_b64encode(code).rstrip(b'=').decode()}"


def _tampered() -> str:
    head, body, signature = token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "root"}).encode()).rstrip(b"=").decode()
    return f"{head}.{other}.{signature}"


BAD_TOKENS: Final[Mapping[str, Callable[[], str]]] = {
    "nobody signed it": _unsigned,
    "the public key as a shared secret": _mixed,
    "for somebody else": lambda: token(aud="api://other"),
    "for nobody": lambda: token(aud=None),
    "of another issuer": lambda: token(iss="https://login.example/other"),
    "expired": lambda: token(exp=int(time.time()) - 30),
    "without an end": lambda: token(exp=None),
    "not yet": lambda: token(nbf=int(time.time()) + 30),
    "an unknown key": lambda: token(OTHER),
    "an unknown key under a known name": lambda: token(OTHER, {"kid": "one"}),
    "a name of a key that is a path": lambda: token(OTHER, {"kid": "../../etc/passwd"}),
    "keys of its own": lambda: token(OTHER, {"jwk": OTHER.as_dict(private=False)}),
    "changed after it was signed": _tampered,
    "huge": lambda: token(padding="x" * 50_000),
    "no token": lambda: "not-a-token",
    "half a token": lambda: token().rsplit(".", 1)[0],
}


def test_no_bad_token_reaches_the_model(apis: Apis) -> None:
    answers = {kind: apis.call(made()) for kind, made in BAD_TOKENS.items()}
    assert {kind: answer.status for kind, answer in answers.items() if answer.status != 401} == {"huge": 431}
    told = {json.dumps(answer.document) for answer in answers.values() if answer.status == 401}
    assert told == {json.dumps({"error": {"code": "Unauthenticated", "message": "who are you?"}})}
    assert apis.call().status == 401, "nothing at all"
    assert apis.seen == []
    assert apis.call(token()).status == 200


def test_a_header_of_its_own_carries_a_bare_token(apis: Apis) -> None:
    policy = POLICY.replace('header-name="Authorization"', 'header-name="X-Caller"')
    apis.serve(policy=read_policy(policy))
    assert apis.call("", {"x-caller": token()}).status == 200
    assert apis.call(token()).status == 401
    assert "x-caller" not in apis.seen[0].headers


def test_a_new_key_of_the_provider_is_taken_and_the_old_one_no_more(apis: Apis) -> None:
    apis.serve(key_sets=key_set(SIGNER, OTHER))
    assert [apis.call(token(key)).status for key in (SIGNER, OTHER)] == [200, 200]
    apis.serve(key_sets=key_set(OTHER))
    assert [apis.call(token(key)).status for key in (SIGNER, OTHER)] == [401, 200]


def test_the_platform_hears_of_an_unknown_key_once_however_often_it_comes(
    apis: Apis, eventually: Callable[[Callable[[], bool]], bool]
) -> None:
    for bad in (token(aud="api://other"), token(exp=int(time.time()) - 30), _tampered()):
        assert apis.call(bad).status == 401
    assert apis.house.api.seen == [], "whose key is known"
    answers = [apis.call(token(OTHER)) for _ in range(20)]
    assert {answer.status for answer in answers} == {401}
    assert {answer.body for answer in answers} == {apis.call().body}
    assert eventually(lambda: bool(apis.house.api.seen))
    said = [(seen.method, seen.path, seen.size) for seen in apis.house.api.seen]
    assert set(said) == {("POST", "/internal/unknown-key", 0)}
    assert len(said) < len(answers), "one for each of Envoy's threads in a second"
    assert "authorization" not in apis.house.api.seen[0].headers


def test_nobody_else_tells_the_platform_of_unknown_keys(apis: Apis) -> None:
    assert apis.house.door("POST", "/internal/unknown-key").status == 404
    assert call(apis.house.ports[1], "POST", "/internal/unknown-key", {}).status == 404
    assert apis.house.api.seen == []


def test_a_checked_token_is_remembered_for_its_own_audience_only(apis: Apis) -> None:
    other = with_policy(
        f'<validate-jwt><openid-config url="{CONFIGURATION}"/><audiences><audience>api://other</audience></audiences>'
        "</validate-jwt>"
    )
    apis.serve(replace(apis.api, name="other", path="other", treatment=replace(apis.api.treatment, policy=other)))
    given = token()
    for _ in range(3):
        assert apis.call(given).status == 200
        assert call(apis.house.ports[1], "POST", "/apis/apim-dev/other/score", {"authorization": f"Bearer {given}"}
                    ).status == 401  # fmt: skip


def test_required_claims_are_asked_for_also_of_a_remembered_token(apis: Apis) -> None:
    claims = """<required-claims><claim name="roles" match="any"><value>scorer</value><value>admin</value></claim>
      <claim name="scp" separator=" "><value>read</value><value>score</value></claim></required-claims>
      </validate-jwt>"""
    policy = POLICY.replace("</validate-jwt>", claims)
    apis.serve(policy=read_policy(policy))
    good = token(roles=["scorer", "other"], scp="score read")
    assert [apis.call(good).status for _ in range(2)] == [200, 200]
    for wrong in (
        token(), token(roles="scorer", scp="score"), token(roles=["score"], scp="score read"),
        token(roles=["scorers"], scp="read score"), token(roles=["admin"], scp="score readme"),
    ):  # fmt: skip
        answers = [apis.call(wrong) for _ in range(2)]
        assert [answer.status for answer in answers] == [401, 401]
        assert answers[0].document["error"]["message"] == "who are you?"
    assert apis.call(token(roles="admin", scp="score read")).status == 200
    assert len(apis.seen) == 3


def test_a_shared_secret_of_the_policy_signs(apis: Apis) -> None:
    secret = OctKey.generate_key(256)
    encoded = base64.b64encode(secret.as_bytes() if hasattr(secret, "as_bytes") else secret.raw_value).decode()
    policy = with_policy(
        "<validate-jwt><issuer-signing-keys><key>{{secret}}</key></issuer-signing-keys>"
        f"<issuers><issuer>{ISSUER}</issuer></issuers><audiences><audience>{AUDIENCE}</audience></audiences>"
        "</validate-jwt>",
        secret=NamedValue(encoded, is_secret=True),
    )
    apis.serve(policy=policy, key_sets={})
    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60}
    assert apis.call(jwt.encode({"alg": "HS256"}, claims, secret, ["HS256"])).status == 200
    assert apis.call(jwt.encode({"alg": "HS256"}, claims, OctKey.generate_key(256), ["HS256"])).status == 401


def test_an_api_that_asks_for_nothing_is_closed(apis: Apis) -> None:
    apis.serve(policy=read_policy("<policies/>"))
    for headers in ({}, {"authorization": f"Bearer {KEY}"}, {"ocp-apim-subscription-key": SUBSCRIPTION}):
        answer = apis.call("", headers)
        assert answer.status == 401
        assert "closed" in answer.document["error"]["message"]
    assert apis.seen == []


def test_a_subscription_opens_its_api_by_header_or_query_and_ends_at_the_door(apis: Apis) -> None:
    apis.serve(policy=read_policy("<policies/>"), needs_key=True, keys=(("shop", SUBSCRIPTION),))
    assert apis.call("", {"ocp-apim-subscription-key": SUBSCRIPTION}).status == 200
    assert apis.call(path=f"/score?subscription-key={SUBSCRIPTION}&a=b").status == 200
    answer = apis.call("", {"ocp-apim-subscription-key": "another-key-0123456789"})
    assert answer.status == 401
    assert "subscription" in answer.document["error"]["message"]
    apis.serve(keys=())
    assert apis.call("", {"ocp-apim-subscription-key": SUBSCRIPTION}).status == 401
    for seen in apis.seen:
        assert SUBSCRIPTION not in json.dumps([seen.path, dict(seen.headers)])


def test_a_limit_counts_for_each_caller_and_is_not_filled_up_by_other_publications(apis: Apis) -> None:
    limit = '<rate-limit-by-key calls="3" renewal-period="300" counter-key="@(context.Request.Headers.' + (
        'GetValueOrDefault("Authorization","").AsJwt()?.Subject)"/>'
    )
    apis.serve(policy=read_policy(POLICY.replace("</validate-jwt>", f"</validate-jwt>{limit}")))
    ann, bob = token(sub="ann"), token(sub="bob")
    assert [apis.call(ann).status for _ in range(5)] == [200, 200, 200, 429, 429]
    apis.serve(endpoint=replace(apis.endpoint, keys=("another-key-0123456789abcdef",)))
    answer = apis.call(ann)
    assert (answer.status, answer.document["error"]["code"]) == (429, "RateLimited")
    assert [apis.call(bob).status for _ in range(4)] == [200, 200, 200, 429]


def test_a_limit_by_a_header_counts_those_without_it_as_one(apis: Apis) -> None:
    limit = """<rate-limit-by-key calls="2" renewal-period="300"
      counter-key="@(context.Request.Headers.GetValueOrDefault("X-Shop","none"))" />"""
    apis.serve(policy=read_policy(POLICY.replace("</validate-jwt>", f"</validate-jwt>{limit}")))
    given = token()
    assert [apis.call(given).status for _ in range(3)] == [200, 200, 429]
    assert [apis.call(given, {"x-shop": "a"}).status for _ in range(3)] == [200, 200, 429]
    assert apis.call(given, {"x-shop": "b"}).status == 200


def test_a_limit_counts_by_subscription(apis: Apis) -> None:
    policy = with_policy('<rate-limit calls="2" renewal-period="300"/>')
    keys = (("shop", SUBSCRIPTION), ("shop", f"second-{SUBSCRIPTION}"), ("bank", f"bank-{SUBSCRIPTION}"))
    apis.serve(policy=policy, needs_key=True, keys=keys)
    sent = [SUBSCRIPTION, f"second-{SUBSCRIPTION}", SUBSCRIPTION, f"bank-{SUBSCRIPTION}"]
    assert [apis.call("", {"ocp-apim-subscription-key": key}).status for key in sent] == [200, 200, 429, 200]


def test_addresses_are_let_in_or_kept_out(apis: Apis) -> None:
    given = token()
    for rule, status in (
        ('<ip-filter action="allow"><address>127.0.0.1</address></ip-filter>', 200),
        ('<ip-filter action="allow"><address-range from="10.0.0.1" to="10.0.0.9"/></ip-filter>', 403),
        ('<ip-filter action="forbid"><address>127.0.0.0/8</address></ip-filter>', 403),
        ('<ip-filter action="forbid"><address>10.1.1.1</address></ip-filter>', 200),
    ):
        apis.serve(policy=read_policy(POLICY.replace("<base />", rule, 1)))
        answer = apis.call(given, {"x-forwarded-for": "10.0.0.2"})
        assert answer.status == status, rule
        if status == 403:
            assert answer.document["error"] == {"code": "Forbidden", "message": "this address may not call the API"}


def test_a_browser_asks_first_and_only_known_origins_are_answered(apis: Apis) -> None:
    rule = """<cors><allowed-origins><origin>https://shop.example</origin></allowed-origins>
      <allowed-methods preflight-result-max-age="60"><method>POST</method></allowed-methods>
      <allowed-headers><header>authorization</header></allowed-headers></cors>"""
    apis.serve(policy=read_policy(POLICY.replace("<base />", rule, 1)))
    asked = {"access-control-request-method": "POST"}
    known = apis.call("", {"origin": "https://shop.example", **asked}, method="OPTIONS")
    assert (known.status, known.headers["access-control-allow-origin"]) == (200, "https://shop.example")
    assert known.headers["access-control-allow-headers"] == "authorization"
    other = apis.call("", {"origin": "https://evil.example", **asked}, method="OPTIONS")
    assert (other.status, "access-control-allow-origin" in other.headers) == (401, False)
    assert apis.house.api.seen == apis.seen == []
    called = apis.call(token(), {"origin": "https://shop.example"})
    assert (called.status, called.headers["access-control-allow-origin"]) == (200, "https://shop.example")
    assert apis.call("", {"origin": "https://shop.example"}).status == 401


def test_headers_are_set_and_a_secret_one_goes_to_the_model_and_not_to_its_mirror(house: House) -> None:
    apis = Apis(house)
    house.model("shadow")
    policy = read_policy(
        POLICY.replace(
            "</validate-jwt>",
            """</validate-jwt><set-header name="X-Model-Key"><value>{{key}} 100%</value></set-header>
            <set-header name="X-Plain" exists-action="skip"><value>ours</value></set-header>
            <set-header name="X-Gone" exists-action="delete" />""",
        ).replace("<outbound>", '<outbound><set-header name="X-Served-By"><value>gateway</value></set-header>'),
        named={"key": NamedValue("canary-of-the-model", is_secret=True)},
    )
    endpoint = house.endpoint(house.deployment("blue"), house.deployment("shadow"), mirror={"shadow": 100})
    apis.serve(policy=policy, endpoint=replace(endpoint, is_private=True))
    answer = apis.call(token(), {"x-plain": "theirs", "x-gone": "1", "x-model-key": "spoofed"})
    assert (answer.status, answer.headers["x-served-by"]) == (200, "gateway")
    house.models["shadow"].wait_until_seen()
    seen, copied = apis.seen[0].headers, house.models["shadow"].seen[0].headers
    assert (seen["x-model-key"], seen["x-plain"], "x-gone" in seen) == ("canary-of-the-model 100%", "theirs", False)
    assert "canary" not in json.dumps(dict(copied))
    assert "authorization" not in copied


def test_the_key_that_a_policy_presents_must_be_one_of_the_endpoints_and_no_model_sees_it(apis: Apis) -> None:
    rule = '<set-header name="Authorization"><value>Bearer {{key}}</value></set-header>'
    text = POLICY.replace("</validate-jwt>", f"</validate-jwt>{rule}")
    apis.serve(policy=read_policy(text, named={"key": NamedValue(KEY, is_secret=True)}))
    assert apis.call(token()).status == 200
    assert KEY not in json.dumps(dict(apis.seen[0].headers))
    apis.serve(presents_wrong_key=True)
    answer = apis.call(token())
    assert (answer.status, "key" in answer.document["error"]["message"]) == (403, True)
    assert len(apis.seen) == 1


def test_operations_are_found_by_method_and_template_and_lead_where_the_policy_says(apis: Apis) -> None:
    rewrite = read_policy(POLICY.replace("</validate-jwt>", '</validate-jwt><rewrite-uri template="/score"/>'))
    operations = (
        Operation("one", "POST", "/customers/{id}/decision"), Operation("all", "GET", "/*"),
        Operation("exact", "POST", "/customers/ann/decision"),
    )  # fmt: skip
    apis.serve(policy=rewrite, operations=operations)
    given = token()
    for path, method, status in (
        ("/customers/7/decision?x=1", "POST", 200), ("/customers/ann/decision", "POST", 200), ("/any", "GET", 200),
        ("/customers/7/8/decision", "POST", 404), ("/customers/7/decision", "PUT", 404), ("/score", "POST", 404),
    ):  # fmt: skip
        assert apis.call(given, path=path, method=method).status == status, path
    assert [seen.path for seen in apis.seen] == ["/score?x=1", "/score", "/score"]
    apis.serve(policy=read_policy(POLICY))
    answer = apis.call(given, path="/customers/7/decision")
    assert (answer.status, answer.document["error"]["message"]) == (404, "the endpoint has no such path")
    assert call(apis.house.ports[1], "POST", "/apis/apim-dev/none/score", {}).status == 404


def test_a_deployment_can_be_named_through_an_api(house: House) -> None:
    apis = Apis(house)
    house.model("green")
    endpoint = house.endpoint(house.deployment("blue"), house.deployment("green"), traffic={"blue": 100})
    apis.serve(endpoint=endpoint)
    assert apis.call(token(), {"azureml-model-deployment": "green"}).document["from"] == "green"
    assert apis.call(token(), {"azureml-model-deployment": "grey"}).status == 404
    refused = apis.call("bad", {"azureml-model-deployment": "green"})
    assert (refused.status, "azureml-model-deployment" in refused.headers) == (401, False)


def test_an_api_whose_endpoint_is_gone_says_so_and_comes_back_with_it(apis: Apis) -> None:
    alone = replace(apis.api, treatment=replace(apis.api.treatment, backend=None))
    assert apis.house.gateway.publish(["team-a"], [], [alone]).rejected == {}
    assert apis.call(token()).status == 404
    apis.serve()
    assert apis.call(token()).status == 200


def test_nothing_is_lost_while_policies_keys_and_replicas_change_under_load(apis: Apis) -> None:
    """Each change is another requirement, another key of the backend, or another replica."""
    apis.house.model("blue-two")
    given, statuses, over = token(), list[int](), threading.Event()

    def caller() -> None:
        while not over.is_set():
            statuses.append(apis.call(given).status)

    callers = [threading.Thread(target=caller) for _ in range(2)]
    for thread in callers:
        thread.start()
    for turn in range(12):
        named = {"key": NamedValue(f"backend-key-{turn}-0123456789", is_secret=True)}
        rule = '<set-header name="Authorization"><value>Bearer {{key}}</value></set-header>'
        limit = f'<rate-limit-by-key calls="{100_000 + turn}" renewal-period="60" counter-key="all"/>'
        text = POLICY.replace("</validate-jwt>", f"</validate-jwt>{rule}{limit}")
        text = text.replace("<audience>", f"<audience>api://turn-{turn}</audience><audience>")
        replica = apis.house.models["blue" if turn % 2 else "blue-two"].path
        row = apis.house.deployment("blue", sockets=(replica,))
        endpoint = replace(apis.house.endpoint(row, keys=(named["key"].value, KEY)), is_private=True)
        apis.serve(policy=read_policy(text, named=named), endpoint=endpoint)
    over.set()
    for thread in callers:
        thread.join()
    assert len(statuses) > 50
    assert set(statuses) == {200}


def test_a_policy_that_envoy_refuses_leaves_the_one_before_in_force(apis: Apis) -> None:
    bad = replace(apis.api, key_sets={CONFIGURATION: KeySet(ISSUER, '{"keys":[{"kty":"none"}]}')})
    endpoint = replace(apis.endpoint, keys=("yet-another-key-0123456789",))
    published = apis.house.gateway.publish(["team-a"], [endpoint], [bad])
    assert set(published.rejected) == {"apis/apim-dev/credit"}
    assert apis.call(token()).status == 200
    assert apis.house.score(key="yet-another-key-0123456789").status == 403, "the endpoint itself was published"


def test_each_operation_has_checks_limits_and_an_endpoint_of_its_own(apis: Apis) -> None:
    house = apis.house
    house.model("green")
    other = replace(house.endpoint(house.deployment("green"), name="other"), is_private=True)
    role = '<required-claims><claim name="roles"><value>Writer</value></claim></required-claims>'
    check = POLICY.partition("<base />")[2].partition("</inbound>")[0]
    narrow = check.replace("</validate-jwt>", f"{role}</validate-jwt>").replace('="401"', '="403"')
    narrow = narrow.replace("who are you?", "not a writer")
    texts = {
        "": ("apis/apim-dev/credit", f"{check}{_limit(50)}<set-header name='X-From'><value>api</value></set-header>"),
        "write": ("apis/apim-dev/credit/write", f"<base/>{narrow}{_limit(2)}"),
        "open": ("apis/apim-dev/credit/open", "<rewrite-uri template='/score'/>"),
        "other": ("apis/apim-dev/credit/other", "<base/><rewrite-uri template='/score'/>"),
    }  # fmt: skip
    read = {
        name: read_document(PolicyText(f"<policies><inbound>{text}</inbound></policies>", scope=scope), {})
        for name, (scope, text) in texts.items()
    }

    def treated(name: str, behind: EndpointRoute = apis.endpoint) -> Treatment:
        return Treatment(composed([read[""], read[name]]), behind, behind.label)

    operations = (
        SCORE,
        Operation("any", "POST", "/{kind}", replace(treated("other", other), backend_path="")),
        Operation("write", "PUT", "/score", treated("write")),
        Operation("open", "GET", "/open", treated("open")),
    )
    apis.serve(policy=composed([read[""]]), operations=operations, endpoint=apis.endpoint)
    published = house.gateway.publish(["team-a"], [apis.endpoint, other], [apis.api])
    assert published.rejected == {}
    plain, writer = token(), token(roles=["Writer"])
    assert apis.call(plain).document["from"] == "blue", "the exact template is looked up first"
    assert apis.call(plain, path="/anything").document["from"] == "green"
    assert [seen.headers.get("x-from") for seen in house.models["green"].seen] == ["api"]
    refused = apis.call(plain, method="PUT")
    assert (refused.status, refused.document["error"]["message"]) == (403, "not a writer")
    assert (apis.call("", method="PUT").status, apis.call("", method="PUT").document["error"]["message"]) == (
        401,
        "who are you?",
    )
    assert [apis.call(writer, method="PUT").status for _ in range(3)] == [200, 200, 429]
    assert apis.call(plain).status == 200, "the limit of one operation is not that of another"
    assert apis.call(plain, path="/open", method="GET").status == 401, "without <base/> it asks for nothing: closed"
    assert apis.call(plain, method="PATCH").status == 404
    root = Operation("root", "POST", "/", treated("other"))
    apis.serve(operations=(root, Operation("rest", "GET", "/sub/*", treated("other"))))
    assert [apis.call(plain, path=path).status for path in ("", "/", "?a=b", "x")] == [200, 200, 200, 404]
    assert [apis.call(plain, path=path, method="GET").status for path in ("/sub", "/sub/a/b", "/subs")] == [
        200,
        200,
        404,
    ]


def _limit(calls: int) -> str:
    return f'<rate-limit-by-key calls="{calls}" renewal-period="300" counter-key="all"/>'


def test_a_limit_of_all_apis_is_one_for_all_of_them(apis: Apis) -> None:
    above = read_document(PolicyText(f"<policies><inbound>{_limit(3)}</inbound></policies>", scope="apis/apim-dev"), {})
    policy = composed([above, read_document(PolicyText(POLICY), {})])
    treatment = replace(apis.api.treatment, policy=policy)
    apis.serve(replace(apis.api, name="fraud", path="fraud", treatment=treatment), policy=policy)
    paths = ["credit", "fraud", "credit", "fraud"]
    answers = [
        call(apis.house.ports[1], "POST", f"/apis/apim-dev/{path}/score", {"authorization": f"Bearer {token()}"}, b"{}")
        for path in paths
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]


def test_the_time_of_an_answer_may_be_shorter_than_that_of_the_deployment(apis: Apis) -> None:
    def within(seconds: int) -> Any:
        rest = f'<backend><forward-request timeout="{seconds}"/></backend>'
        return read_policy(POLICY.replace("<backend><base /></backend>", rest))

    apis.serve(policy=within(1))
    assert apis.call(token(), {"x-test-sleep": "1.5"}).status == 408
    apis.serve(policy=within(60))
    assert apis.call(token()).status == 200
