"""Policies of several scopes: what stands where `<base />` does, what counts twice, and what does not go together."""

import pytest

from pratique.base.errors import InvalidInput
from pratique.specs.policy import NO_POLICY, Counted, NamedValue, Policy
from pratique.specs.policy_scopes import PolicyText, composed, read_document

URL = "https://login.example/.well-known/openid-configuration"
SCOPES = ("apis/s", "apis/s/a", "apis/s/a/o")


def jwt(audience: str, more: str = "", inside: str = "") -> str:
    keys = f'<openid-config url="{URL}"/><audiences><audience>{audience}</audience></audiences>'
    return f"<validate-jwt {more}>{keys}{inside}</validate-jwt>"


def cors(origin: str) -> str:
    return f"<cors><allowed-origins><origin>{origin}</origin></allowed-origins></cors>"


def header(name: str, value: str) -> str:
    return f'<set-header name="{name}"><value>{value}</value></set-header>'


def limit(calls: int, key: str = "all") -> str:
    return f'<rate-limit-by-key calls="{calls}" renewal-period="60" counter-key="{key}"/>'


SUBJECT = "@(context.Request.Headers.GetValueOrDefault(&quot;Authorization&quot;,&quot;&quot;).AsJwt()?.Subject)"


def together(*sections: str, named: dict[str, NamedValue] | None = None) -> Policy:
    """The policy of documents, the widest scope first; each is the inside of `<policies>`."""
    sources = [
        PolicyText(f"<policies>\n{inside}</policies>", f"{number}.xml", SCOPES[number])
        for number, inside in enumerate(sections)
    ]
    return composed([read_document(source, named or {}) for source in sources])


def inbound(*texts: str) -> Policy:
    return together(*(f"<inbound>{text}</inbound>" for text in texts))


def problems(*texts: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        inbound(*texts)
    return [str(problem) for problem in caught.value.problems]


def test_no_documents_are_no_policy() -> None:
    assert composed([]) == NO_POLICY


def test_base_stands_for_what_is_above_in_that_section_alone() -> None:
    found = together(
        f"<inbound>{header('X-A', 'all')}</inbound><outbound>{header('X-B', 'all')}</outbound>",
        f"<inbound><base/>{header('X-C', 'api')}</inbound><outbound>{header('X-D', 'api')}</outbound>",
        f"<inbound>{header('X-E', 'one')}<base/></inbound><outbound><base/></outbound>",
    )
    assert [one.name for one in found.request_headers] == ["X-E", "X-A", "X-C"]
    assert [one.name for one in found.response_headers] == ["X-D"], "the API does not inherit what all have"


def test_a_section_without_base_inherits_nothing_and_one_that_is_left_out_all() -> None:
    checked = f"<inbound>{jwt('a')}</inbound>"
    assert together(checked, "<inbound/>").tokens == ()
    assert len(together(checked, "<outbound><base/></outbound>").tokens) == 1
    assert len(together(checked, "").tokens) == 1


def test_base_of_all_apis_has_no_effect() -> None:
    found = together("<inbound><base/></inbound><backend><base/></backend><outbound><base/></outbound>")
    assert found == NO_POLICY


def test_checks_and_limits_add_up_and_each_limit_knows_its_scope() -> None:
    address = '<ip-filter action="allow"><address>10.0.0.1</address></ip-filter>'
    claims = '<required-claims><claim name="c"/></required-claims>'
    found = inbound(
        jwt("all") + address + limit(5),
        f"<base/>{jwt('one', inside=claims)}{address}{limit(5)}",
        f"<base/>{limit(2)}",
    )
    assert [check.audiences for check in found.tokens] == [("all",), ("one",)]
    assert len(found.addresses) == 2
    assert [(one.calls, one.scope) for one in found.limits] == [(5, "apis/s"), (5, "apis/s/a"), (2, "apis/s/a/o")]
    assert found.configurations == (URL,)


def test_of_backends_paths_and_keys_the_last_counts() -> None:
    def to(name: str, path: str, key: str) -> str:
        return (
            f'<set-backend-service base-url="http://127.0.0.1:7071/endpoints/dev/{name}"/>'
            f'<rewrite-uri template="{path}"/>' + header("Authorization", f"Bearer {key}")
        )

    after = inbound(to("one", "/score", "k1"), f"<base/>{to('two', '/swagger.json', 'k2')}")
    assert (after.backend[-3:], after.rewrite, after.backend_key) == ("two", "/swagger.json", "k2")
    before = inbound(to("one", "/score", "k1"), f"{to('two', '/swagger.json', 'k2')}<base/>")
    assert (before.backend[-3:], before.rewrite, before.backend_key) == ("one", "/score", "k1")
    gone = inbound(to("one", "/", "k1"), '<base/><set-header name="Authorization" exists-action="delete"/>')
    assert (gone.rewrite, gone.backend_key) == ("/", "")


def test_a_header_that_is_deleted_later_is_not_set_before() -> None:
    gone = '<set-header name="x-a" exists-action="delete"/>'
    assert [one.action for one in inbound(header("X-A", "1"), f"<base/>{gone}").request_headers] == ["delete"]
    again = inbound(gone, f"<base/>{header('X-A', '1')}").request_headers
    assert [one.action for one in again] == ["delete", "override"]


def test_the_time_of_an_answer_is_that_of_the_nearest_forward_request() -> None:
    above = '<backend><forward-request timeout="60"/></backend>'
    assert together(above, "<backend><base/></backend>").seconds == 60
    assert together(above, '<backend><forward-request timeout="5"/></backend>').seconds == 5
    assert together(above, "<backend><forward-request/></backend>").seconds == 0


@pytest.mark.parametrize(
    ("above", "below", "said"),
    [
        (
            cors("https://a.example"), f"<base/>{cors('https://b.example')}",
            "1.xml:2 cors: <cors> stands in 0.xml:2 as well",
        ),
        (
            jwt("a"), "<base/>" + jwt("b", 'header-name="X-Other"'),
            "1.xml:2 validate-jwt: <validate-jwt> reads another header than that of 0.xml:2: Authorization",
        ),
        ("", limit(1, SUBJECT), "1.xml:2 rate-limit-by-key: counter-key asks for the subject"),
        (limit(1, SUBJECT), f"<base/>{jwt('a')}", "0.xml:2 rate-limit-by-key: counter-key asks for the subject"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_where_it_stands(above: str, below: str, said: str) -> None:
    [told] = problems(above, below)
    assert told.startswith(said)


def test_who_leaves_the_other_out_has_no_clash() -> None:
    assert inbound(cors("https://a.example"), cors("https://b.example")).cors is not None
    assert inbound(jwt("a"), jwt("b", 'header-name="X-Other"')).tokens[0].header == "X-Other"


def test_a_limit_may_count_by_the_subject_that_is_checked_above() -> None:
    by_name = "@(((Jwt)context.Variables[&quot;caller&quot;]).Subject)"
    found = inbound(jwt("a", 'output-token-variable-name="caller"'), f"<base/>{limit(1, by_name)}{limit(2, SUBJECT)}")
    assert [one.counted for one in found.limits] == [Counted("subject", variable="caller"), Counted("subject")]
    assert "counter-key" in problems(jwt("a"), f"<base/>{limit(1, by_name)}")[0], "nobody calls a token so"


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("<backend/>", "forwards nothing"),
        ("<backend><base/><forward-request/></backend>", "call twice"),
        ('<backend><forward-request timeout="0"/></backend>', "from 1 to 240"),
        ('<backend><forward-request follow-redirects="true"/></backend>', "follow-redirects"),
        ('<backend><forward-request http-version="2"/></backend>', "http-version"),
        ("<backend><base/><retry/></backend>", "is not one of the policies"),
        ("<inbound><base/><base/></inbound>", "a second time"),
        ("<inbound/><inbound/>", "a second time"),
        ("<on-error><set-header name='X'><value>1</value></set-header></on-error>", "stands in inbound, outbound"),
        ('<inbound><cors terminate-unmatched-request="true"><allowed-origins><origin>https://a.example</origin>'
         "</allowed-origins></cors></inbound>", "terminate-unmatched-request"),
    ],
)  # fmt: skip
def test_sections_and_forwarding_are_refused_where_they_cannot_be_carried_out(backend: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        together(backend)
    assert [said in str(problem) and "0.xml:2" in str(problem) for problem in caught.value.problems] == [True]


def test_every_wrong_document_tells_all_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        together("<inbound><choose/>\n<trace/></inbound>\n<backend/>")
    assert [(one.line, one.key) for one in caught.value.problems] == [(2, "choose"), (3, "trace"), (4, "backend")]
