"""Operations of APIs: which of them takes a path, where its calls go, and what several checks become."""

import re

import pytest

from pratique.gateway.apis import ApiRoute, Operation, Treatment
from pratique.gateway.model import Provider
from pratique.gateway.render.apis import api_prefix, api_routes
from pratique.gateway.render.tokens import CLAIMS_RULE, NOBODY, requirement_of, rules, token_settings
from pratique.specs.policy import AddressFilter, Cors, Policy, RequiredClaim, TokenCheck

KEYS = '{"keys":[]}'
ONE, TWO = (Provider("https://one.example", (name,), "source", KEYS) for name in ("a", "b"))


def route(*operations: Operation, policy: Policy | None = None, path: str = "credit") -> ApiRoute:
    return ApiRoute("apim", "credit", path, operations, Treatment(policy or Policy()), needs_key=True)


def test_the_more_exact_template_is_looked_up_first_part_by_part() -> None:
    templates = ["/*", "/{a}/{b}", "/a/*", "/a/{b}", "/{a}/b", "/a/b", "/", "/a/{b}/c"]
    ordered = sorted((Operation(one, "GET", one) for one in templates), key=lambda one: one.precision)
    assert [one.template for one in ordered] == ["/a/b", "/a/{b}/c", "/a/{b}", "/a/*", "/", "/{a}/b", "/{a}/{b}", "/*"]


@pytest.mark.parametrize(
    ("template", "taken", "not_taken"),
    [
        ("/", ("", "/"), ("/a",)),
        ("/*", ("", "/", "/a", "/a/b"), ("a",)),
        ("/a/*", ("/a", "/a/", "/a/b/c"), ("/ab",)),
        ("/a/{b}", ("/a/x",), ("/a/", "/a/x/y", "/a")),
        ("/a.b", ("/a.b",), ("/axb",)),
    ],
)
def test_a_template_takes_its_paths_and_no_others(
    template: str, taken: tuple[str, ...], not_taken: tuple[str, ...]
) -> None:
    pattern = re.compile(Operation("one", "GET", template).pattern)
    assert [bool(pattern.fullmatch(path)) for path in taken] == [True] * len(taken)
    assert not any(pattern.fullmatch(path) for path in not_taken)


@pytest.mark.parametrize(
    ("backend", "rewrite", "template", "target"),
    [
        ("", "", "/score", "/score"),
        ("/score", "", "/", "/score"),
        ("", "/score", "/customers/{id}", "/score"),
        ("/score", "/score", "/customers/{id}", "/score"),
        ("/score", "/", "/customers/{id}", "/score"),
        ("", "/", "/customers/{id}", ""),
        ("", "", "/customers/{id}", ""),
        ("/score", "/swagger.json", "/schema", "/swagger.json"),
    ],
)
def test_a_call_goes_where_backend_and_policy_say(backend: str, rewrite: str, template: str, target: str) -> None:
    assert Treatment(Policy(rewrite=rewrite), backend_path=backend).target(template) == target


def test_an_api_beside_one_without_a_path_keeps_its_slash() -> None:
    assert api_prefix(route()) == "/apis/apim/credit"
    assert (
        api_prefix(ApiRoute("apim", "a", "credit", (), Treatment(), True, is_beside_root=True)) == "/apis/apim/credit/"
    )
    assert api_prefix(route(path="")) == "/apis/apim/"


def test_several_checks_require_a_token_of_one_provider_each() -> None:
    both = requirement_of(((ONE,), (ONE, TWO)))
    assert both == f"{ONE.name}+{ONE.name}-{TWO.name}"
    [found] = token_settings([((ONE,), (ONE, TWO))])["requirement_map"].items()
    any_of = {"requires_any": {"requirements": [{"provider_name": ONE.name}, {"provider_name": TWO.name}]}}
    assert found == (both, {"requires_all": {"requirements": [{"provider_name": ONE.name}, any_of]}})
    assert requirement_of(((ONE,), (ONE,))) == ONE.name, "the same check twice is one"
    assert [requirement_of(one) for one in ((), ((ONE,), ()))] == [NOBODY, NOBODY], "no key is known of one of them"


def test_each_check_has_a_rule_of_its_own_and_every_filter_refuses() -> None:
    claims = (RequiredClaim("roles"),)
    made = rules([claims, (), claims], [AddressFilter(True, ("10.0.0.0/8",)), AddressFilter(False, ("10.9.0.0/16",))])
    assert made is not None
    policies = made["rbac"]["rules"]["policies"]
    assert set(policies) == {CLAIMS_RULE, f"{CLAIMS_RULE}-2", "ip-filter"}
    [addresses] = policies["ip-filter"]["principals"]
    assert len(addresses["or_ids"]["ids"]) == 2
    assert rules([(), ()], []) is None


def test_browsers_hear_of_each_operation_what_it_allows() -> None:
    own = Treatment(Policy(cors=Cors(("https://a.example",))))
    found = api_routes(route(Operation("own", "POST", "/own", own), Operation("none", "GET", "/none")))
    asked = [one["match"] for one in found if one["name"] == "api-preflight"]
    assert [one.get("path") for one in asked] == ["/apis/apim/credit/own"]
    shared = route(Operation("a", "GET", "/a"), Operation("b", "GET", "/b"), policy=own.policy)
    assert [one["match"]["prefix"] for one in api_routes(shared) if one["name"] == "api-preflight"] == ["/"]


def test_a_check_of_which_no_key_is_known_lets_nobody_in() -> None:
    api = route(Operation("a", "GET", "/a"), policy=Policy(tokens=(TokenCheck(("https://one.example",)),)))
    assert api.required(api.treatment) == ((),)
