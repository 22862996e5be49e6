"""What tasks without an agent ask for, and what the answers to them mean."""

from typing import Any

import pytest

from pratique.delivery.expressions.macros import Variable
from pratique.delivery.expressions.values import folded
from pratique.delivery.message import Connection
from pratique.delivery.nodes import SELF, Place, Source
from pratique.delivery.pipeline import Step
from pratique.delivery.run.outcomes import Result
from pratique.delivery.run.server_tasks import Call, Delay, Ending, Order, Question, answered, order_of
from pratique.delivery.run.variables import RunVariables

DOOR = "http://127.0.0.1:7070"
PLACE = Place(Source(SELF, "azure-pipelines.yml"), 1, 1)
CONNECTIONS = (Connection("api", url="https://api.example.org/v1"), Connection("aml", client_id="ci", secret="s3cret"))
VARIABLES = (Variable("minutes", "7"), Variable("who", "ann"))


def order(task: str, **inputs: str) -> Order:
    variables = RunVariables({folded(one.name): one for one in VARIABLES})
    return order_of(Step("task", task, inputs, PLACE), variables, CONNECTIONS, door=DOOR)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", Delay(0)),
        ("$(minutes)", Delay(7)),
        ("86400", Delay(86_400)),
        ("86401", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", Delay(0)),
    ],
)
def test_a_delay_is_whole_minutes(text: str, wanted: Delay | None) -> None:
    found = order("Delay@1", delayForMinutes=text)
    if wanted is None:
        assert isinstance(found, Ending)
        assert found.result is Result.FAILED
    else:
        assert found == wanted


def test_a_question_names_people_with_commas_or_lines() -> None:
    found = order("ManualValidation@1", notifyUsers="a@b\nc@d", approvers="$(who), bob", onTimeout="Resume")
    assert found == Question(("ann", "bob"), True, "", True, ("a@b", "c@d"))


def test_the_first_version_of_a_question_is_for_whoever_may_run_the_pipeline() -> None:
    found = order("ManualValidation@0", notifyUsers="", approvers="bob", instructions="look")
    assert found == Question((), True, "look", False, ())


@pytest.mark.parametrize(
    ("suffix", "url"),
    [
        ("", "https://api.example.org/v1"),
        ("/runs", "https://api.example.org/v1/runs"),
        ("runs?x=1", "https://api.example.org/v1/runs?x=1"),
        ("?x=1", "https://api.example.org/v1?x=1"),
        (".evil.org/x", "https://api.example.org/v1/.evil.org/x"),
        (":81/x", "https://api.example.org/v1/:81/x"),
        ("@evil.org/x", "https://api.example.org/v1/@evil.org/x"),
    ],
)
def test_a_suffix_is_never_more_of_the_host(suffix: str, url: str) -> None:
    found = order("InvokeRESTAPI@1", serviceConnection="API", urlSuffix=suffix)
    assert isinstance(found, Call)
    assert (found.method, found.url) == ("POST", url)


def test_a_connection_of_a_principal_calls_the_platform_as_it() -> None:
    found = order(
        "InvokeRESTAPI@1", connectionType="connectedServiceNameARM", azureServiceConnection="aml", urlSuffix="api/v1/x"
    )
    assert isinstance(found, Call)
    assert found.url == f"{DOOR}/api/v1/x"
    assert found.headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"serviceConnection": "other"}, "was given no service connection 'other'"),
        ({"serviceConnection": "aml"}, "connectedServiceNameARM"),
        (
            {"connectionType": "connectedServiceNameARM", "azureServiceConnection": "api"},
            "api is a connection to a URL",
        ),
        ({"serviceConnection": "api", "headers": "X: y"}, "headers: expected a JSON object"),
        ({"serviceConnection": "api", "headers": "[1]"}, "headers: expected a JSON object"),
        ({"serviceConnection": "api", "headers": '{"A:": "b"}'}, "is no name of a header"),
        ({"serviceConnection": "api", "headers": '{"A": "b\\r\\nC: d"}'}, "has letters that no header has"),
        ({"serviceConnection": "api", "headers": '{"Host": "evil"}'}, "is set by whoever makes the call"),
    ],
)
def test_a_call_that_cannot_be_made_says_why(inputs: dict[str, str], said: str) -> None:
    found = order("InvokeRESTAPI@1", **inputs)
    assert isinstance(found, Ending)
    assert said in found.reason


def call(criteria: str = "") -> Call:
    return Call("GET", "https://api.example.org/v1", {}, "", criteria)


@pytest.mark.parametrize(
    ("criteria", "body", "holds"),
    [
        ("", "no json", True),
        ("eq(root['status'], 'successful')", '{"status": "Successful"}', True),
        ("eq(root.status, 'successful')", '{"status": "failed"}', False),
        ("gt(root['count'], 3)", '{"count": 4}', True),
        ("and(eq(root['a'], true), eq(length(root['b']), 2))", '{"a": true, "b": [1, 2]}', True),
        ("eq(root['a']['b'], 'c')", '{"a": {}}', False),
        ("eq(root['a'], 1)", "NaN", False),
        ("nothing(root)", "{}", False),
        ("eq(root['a'], 1)", "[" * 2000, False),
    ],
)
def test_an_answer_is_judged_by_its_criteria(criteria: str, body: str, holds: bool) -> None:
    found: Any = answered(call(criteria), 200, body.encode())
    assert found.result is (Result.SUCCEEDED if holds else Result.FAILED)


@pytest.mark.parametrize("status", [199, 300, 302, 404, 500])
def test_only_2xx_is_good(status: int) -> None:
    assert answered(call(), status, b"").result is Result.FAILED
