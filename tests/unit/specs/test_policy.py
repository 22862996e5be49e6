"""API policies: what is read of them, and that everything else is refused where it stands."""

import base64
import json

import pytest

from pratique.base.errors import InvalidInput
from pratique.specs.policy import (
    AddressFilter,
    Backend,
    Counted,
    NamedValue,
    Policy,
    RateLimit,
    RequiredClaim,
    backend_of,
)
from pratique.specs.policy_scopes import read_policy
from pratique.specs.policy_statements import STATEMENTS
from pratique.specs.policy_xml import parse_xml

URL = "https://login.example/.well-known/openid-configuration"
NAMED = {"secret": NamedValue("canary-secret", is_secret=True), "audience": NamedValue("api://credit")}
JWT = (
    f'<validate-jwt><openid-config url="{URL}"/><audiences><audience>api://credit</audience></audiences></validate-jwt>'
)


def policy(inbound: str, *, any_audience: bool = False) -> Policy:
    text = f"<policies>\n<inbound>\n{inbound}\n</inbound></policies>"
    return read_policy(text, file="p.xml", named=NAMED, allow_any_audience=any_audience)


def problems(inbound: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        policy(inbound)
    assert "canary" not in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def test_a_whole_policy_is_read() -> None:
    found = policy(
        f"""<base/>
        <validate-jwt header-name="X-Token" require-scheme="Bearer" failed-validation-httpcode="403" clock-skew="30"
          failed-validation-error-message="no" require-expiration-time="false">
          <openid-config url="{URL}"/>
          <audiences><audience>{{{{audience}}}}</audience></audiences><issuers><issuer>one</issuer></issuers>
          <required-claims><claim name="scp" match="any" separator=" "><value>a</value></claim></required-claims>
        </validate-jwt>
        <rate-limit-by-key calls="5" renewal-period="60" counter-key="@(context.Request.IpAddress)"/>
        <ip-filter action="allow"><address>10.0.0.1</address><address-range from="10.1.0.0" to="10.1.0.3"/></ip-filter>
        <set-backend-service base-url="http://127.0.0.1:7071/endpoints/dev/credit/score"/>
        <rewrite-uri template="/score"/>
        <set-header name="Authorization"><value>Bearer {{{{secret}}}}</value></set-header>
        <set-header name="X-A" exists-action="append"><value>1</value><value>2</value></set-header>"""
    )
    [token] = found.tokens
    assert (token.header, token.scheme, token.status, token.skew, token.must_expire) == (
        "X-Token",
        "Bearer",
        403,
        30,
        False,
    )
    assert (token.audiences, token.issuers, token.configurations) == (("api://credit",), ("one",), (URL,))
    assert token.claims == (RequiredClaim("scp", ("a",), is_any=True, separator=" "),)
    assert found.limits == (RateLimit(5, 60, Counted("address")),)
    assert found.addresses == (AddressFilter(True, ("10.0.0.1/32", "10.1.0.0/30")),)
    assert (found.backend_key, found.rewrite, found.named_values) == (
        "canary-secret",
        "/score",
        frozenset({"secret", "audience"}),
    )
    assert [(one.name, one.action, one.values) for one in found.request_headers] == [("X-A", "append", ("1", "2"))]
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("key", "counted"),
    [
        ("@(context.Subscription.Id)", Counted("subscription")),
        ('@(context.Subscription?.Key ?? "anonymous")', Counted("subscription")),
        ('@(context.Request.Headers.GetValueOrDefault("X-Shop","none"))', Counted("header", "x-shop")),
        ('@(context.Request.Headers.GetValueOrDefault("Authorization","").AsJwt()?.Subject)', Counted("subject")),
        ("everybody", Counted("everything")),
    ],
)
def test_expressions_may_stand_with_bare_quotes_as_in_examples_or_as_xml_wants_it(key: str, counted: Counted) -> None:
    for written in (key, key.replace('"', "&quot;")):
        found = policy(f'{JWT}<rate-limit-by-key calls="1" renewal-period="1" counter-key="{written}"/>')
        assert found.limits[0].counted == counted


def test_every_problem_is_told_at_once_with_its_line_and_name() -> None:
    told = problems(
        '<choose/>\n<validate-jwt header-name="a b"/>\n<rate-limit calls="x"/>\n<set-header name="Host">'
        '<value>x</value></set-header>\n<rewrite-uri template="/other"/>\n<cors magic="1"/><trace/>'
    )
    begins = [text.split(":", 2)[1].split(" ")[0] for text in told]
    assert begins == sorted(begins, key=int)
    for line, name in ((3, "choose"), (4, "validate-jwt"), (5, "rate-limit"), (6, "set-header"), (7, "rewrite-uri"),
                       (8, "cors"), (8, "trace")):  # fmt: skip
        assert any(text.startswith(f"p.xml:{line} {name}:") for text in told), (line, name)


@pytest.mark.parametrize(
    ("inbound", "said"),
    [
        (f'<validate-jwt><openid-config url="{URL}"/></validate-jwt>', "names no audience"),
        ("<validate-jwt><audiences><audience>a</audience></audiences></validate-jwt>", "knows no keys"),
        (JWT.replace(URL, "file:///etc/passwd"), "not the address"),
        (JWT.replace("<validate-jwt>", '<validate-jwt clock-skew="300">'), "from 0 to 60"),
        (JWT.replace("<validate-jwt>", '<validate-jwt require-signed-tokens="false">'), "nobody signed"),
        (JWT.replace("<validate-jwt>", '<validate-jwt token-value="x">'), "token-value"),
        (JWT.replace("<audience>api://credit", "<audience>@(1)"), "expressions"),
        (JWT.replace("<audience>api://credit", "<audience>{{secret}}"), "a secret named value"),
        (JWT.replace("<audience>api://credit", "<audience>{{absent}}"), "no named value 'absent'"),
        ('<set-header name="X-A" exists-action="delete"><value>1</value></set-header>', "needs a <value>"),
        ('<set-header name="X-A"><value>@(context.RequestId)</value></set-header>', "expressions"),
        ('<set-header name="X-A"><value>a&#10;b: c</value></set-header>', "printable"),
        ('<set-header name="azureml-model-deployment"><value>blue</value></set-header>', "not a header"),
        ('<set-header name="Authorization"><value>Basic x</value></set-header>', "endpoint's key"),
        ('<set-backend-service base-url="https://elsewhere.example/endpoints/dev/credit"/>', "not an online endpoint"),
        ('<ip-filter action="allow"><address>1.2.3</address></ip-filter>', "no address"),
        ('<ip-filter action="allow"><address-range from="10.0.0.9" to="10.0.0.1"/></ip-filter>', "no address"),
        ('<ip-filter action="allow"/>', "names no address"),
        ('<cors allow-credentials="true"><allowed-origins><origin>*</origin></allowed-origins></cors>', "the origin *"),
        ('<rate-limit-by-key calls="1" renewal-period="1" counter-key="@(File.ReadAllText(1))"/>', "counter-key"),
        ('<rate-limit-by-key calls="1" renewal-period="1" counter-key="@(context.Request.Headers.GetValueOrDefault('
         '"Authorization","").AsJwt()?.Subject)"/>', "no validate-jwt"),
        ('<rate-limit calls="1" renewal-period="301"/>', "1 to 300"),
        ("<authentication-basic username='a' password='b'/>", "no user and password"),
        ("<forward-request/>", "stands in backend"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_refused(inbound: str, said: str) -> None:
    assert any(said in text for text in problems(inbound))


def test_a_check_without_an_audience_is_taken_when_somebody_says_so() -> None:
    found = policy(f'<validate-jwt><openid-config url="{URL}"/></validate-jwt>', any_audience=True)
    assert found.tokens
    assert found.tokens[0].audiences == ()


def test_a_secret_does_not_go_to_callers() -> None:
    text = '<policies><outbound><set-header name="X"><value>{{secret}}</value></set-header></outbound></policies>'
    with pytest.raises(InvalidInput, match="every caller"):
        read_policy(text, named=NAMED)


def test_signing_keys_become_json_web_keys() -> None:
    secret = base64.b64encode(b"k" * 32).decode()
    inside = f'<key>{secret}</key><key id="r" n="AQAB" e="AQAB"/>'
    found = policy(
        f"<validate-jwt><issuer-signing-keys>{inside}</issuer-signing-keys><issuers><issuer>i</issuer></issuers>"
        "<audiences><audience>a</audience></audiences></validate-jwt>"
    )
    assert found.tokens
    shared, public = (json.loads(key) for key in found.tokens[0].keys)
    assert (shared["kty"], shared["alg"]) == ("oct", "HS256")
    assert public == {"kty": "RSA", "use": "sig", "kid": "r", "n": "AQAB", "e": "AQAB"}
    assert secret not in repr(found)
    assert any("32 bytes" in text for text in problems(
        "<validate-jwt><issuer-signing-keys><key>c2hvcnQ=</key></issuer-signing-keys><issuers><issuer>i</issuer>"
        "</issuers><audiences><audience>a</audience></audiences></validate-jwt>"
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE p [<!ENTITY a "b">]><policies>&a;</policies>', "document type"),
        ('<!DOCTYPE p SYSTEM "file:///etc/passwd"><policies/>', "document type"),
        ("<policies><inbound></policies>", "no XML"),
        ("<?php x?><policies/>", "processing instruction"),
        ("", "no XML"),
        ("<a>" * 30 + "</a>" * 30, "nested"),
        ("x" * 300_000, "at most"),
        ("<policy/>", "expected <policies>"),
    ],
)
def test_what_is_no_policy_is_refused_and_nothing_is_expanded(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_policy(text)
    assert said in str(caught.value)


def test_elements_know_their_lines_also_behind_an_expression() -> None:
    root = parse_xml('<a>\n<b k="@(f("x > 1 && y"))"\n/>\n<c/></a>', file="f")
    assert [(child.name, child.line) for child in root.children] == [("b", 2), ("c", 4)]
    assert root.children[0].attributes == {"k": '@(f("x > 1 && y"))'}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://127.0.0.1:7071/endpoints/dev/credit", Backend("dev", "credit", "")),
        ("http://localhost:7071/endpoints/dev/credit/score", Backend("dev", "credit", "/score")),
        ("/endpoints/dev/credit/", Backend("dev", "credit", "")),
        ("http://evil.example/endpoints/dev/credit", None),
        ("http://127.0.0.1/endpoints/dev/../credit", None),
        ("http://127.0.0.1/endpoints/dev/credit?x=1", None),
        ("http://[", None),
    ],
)
def test_a_backend_is_an_endpoint_of_this_platform(url: str, found: Backend | None) -> None:
    assert backend_of(url) == found


def test_every_statement_of_the_table_is_read_or_means_nothing() -> None:
    assert {"base", "validate-jwt", "set-header", "cors", "ip-filter", "rate-limit-by-key"} <= set(STATEMENTS)
