"""What a caller of an endpoint reads when something is wrong: Azure's front end, measured with real servers."""

import threading
from datetime import timedelta

import pytest

from pratique.gateway.render.scoring import NOT_COMPUTED

from .conftest import House


@pytest.fixture
def credit(house: House) -> House:
    """An endpoint with one deployment, `blue`, which takes all traffic."""
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue", max_body=1000)))
    return house


def test_a_good_answer_passes_as_it_is(credit: House) -> None:
    answer = credit.score(body=b'{"input_data": []}')
    assert answer.status == 200
    assert answer.document["from"] == "blue"
    assert answer.headers["azureml-model-deployment"] == "blue"


@pytest.mark.parametrize("status", [201, 204, 302, 304, 400, 404, 418, 500, 503])
def test_whatever_a_model_answers_other_than_200_is_424(credit: House, status: int) -> None:
    answer = credit.score({"x-test-status": str(status)})
    assert answer.status == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == str(status)
    assert answer.headers["ms-azureml-model-error-reason"] == "model_error"


def test_the_body_of_a_failed_model_reaches_the_caller(credit: House) -> None:
    assert credit.score({"x-test-status": "500"}).document["from"] == "blue"


def test_a_model_cannot_redirect_or_ask_for_a_password(credit: House) -> None:
    for header in ("location=http://elsewhere/", "www-authenticate=Basic"):
        answer = credit.score({"x-test-status": "302", "x-test-answer": header})
        assert header.split("=")[0] not in answer.headers


def test_longer_than_the_time_limit_is_408(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue", request_timeout=timedelta(seconds=0.2))))
    answer = house.score({"x-test-hold": "yes"})
    assert answer.status == 408
    assert answer.document["error"]["code"] == "RequestTimeout"


def test_each_deployment_of_a_split_has_its_own_time_limit(house: House) -> None:
    house.model("blue"), house.model("green")
    fast = house.deployment("blue", request_timeout=timedelta(seconds=0.2))
    house.serve(house.endpoint(fast, house.deployment("green"), traffic={"blue": 50, "green": 50}))
    statuses: dict[str, set[int]] = {}
    for _ in range(100):  # Each goes either way by chance; soon both have been asked.
        answer = house.score({"x-test-sleep": "0.5"})
        statuses.setdefault(answer.headers["azureml-model-deployment"], set()).add(answer.status)
        if len(statuses) == 2:
            break
    assert statuses == {"blue": {408}, "green": {200}}


def test_without_a_limit_of_its_own_a_deployment_takes_what_the_door_takes(house: House) -> None:
    model = house.model("blue")
    house.serve(house.endpoint(house.deployment("blue", max_body=None)))
    most = house.doors.score_body_limit
    assert house.score(body=b"x" * most).status == 200
    assert house.score(body=b"x" * (most + 1)).status == 413
    assert [seen.size for seen in model.seen] == [most]


def test_a_body_over_the_limit_is_413_and_never_reaches_the_model(credit: House) -> None:
    answer = credit.score(body=b"x" * 1001)
    assert answer.status == 413
    assert answer.document["error"]["code"] == "TooLarge"
    assert credit.models["blue"].seen == []
    assert credit.score(body=b"x" * 1000).status == 200


def test_more_requests_than_may_be_in_progress_is_429(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue", max_pending=3)))
    held: list[int] = []
    callers = [
        threading.Thread(target=lambda: held.append(house.score({"x-test-hold": "yes"}).status)) for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    house.models["blue"].wait_until_seen(3)
    assert [house.score().status for _ in range(5)] == [429] * 5
    house.models["blue"].release()
    for caller in callers:
        caller.join()
    assert held == [200] * 3
    assert house.score().status == 200, "the limit counts what is in progress, not what was"


def test_a_call_too_many_is_told_why(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue", max_pending=1)))
    busy = threading.Thread(target=lambda: house.score({"x-test-hold": "yes"}))
    busy.start()
    house.models["blue"].wait_until_seen()
    answer = house.score()
    house.models["blue"].release()
    busy.join()
    assert answer.status == 429
    assert answer.headers["ms-azureml-model-error-reason"] == "too_many_pending_request"
    assert answer.headers["retry-after"] == "1"
    assert answer.document["error"]["code"] == "TooManyRequests"


def test_a_model_which_dies_over_a_request_is_424(credit: House) -> None:
    answer = credit.score({"x-test-die": "yes"})
    assert answer.status == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "502"
    assert answer.document["error"]["code"] == "ModelFailed"
    assert len(credit.models["blue"].seen) == 1, "a request that a model has seen is not sent again"


@pytest.mark.parametrize("replicas", ["gone", "none"])
def test_without_a_living_replica_it_is_424_not_ready(credit: House, replicas: str) -> None:
    if replicas == "none":
        credit.serve(credit.endpoint(credit.deployment("blue", sockets=())))
    credit.models["blue"].stop()
    answer = credit.score()
    assert answer.status == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "503"
    assert answer.headers["ms-azureml-model-error-reason"] == "model_not_ready"


def test_a_dead_replica_does_not_fail_the_calls_that_others_can_answer(house: House) -> None:
    dead, living = house.model("blue"), house.model("blue-two")
    dead.stop()
    house.serve(house.endpoint(house.deployment("blue", sockets=(dead.path, living.path))))
    assert {house.score().status for _ in range(30)} == {200}


def test_a_request_that_a_model_server_gives_back_goes_to_another(house: House) -> None:
    ends, lives = house.model("ends"), house.model("lives")
    ends.refusals["/"] = (503, {NOT_COMPUTED: "true"}, b"{}")
    house.serve(house.endpoint(house.deployment("blue", sockets=(ends.path, lives.path))))
    bodies = [b"x" * 100_000] * 12
    assert [house.score(body=body).document["from"] for body in bodies] == ["lives"] * 12
    assert {seen.size for seen in lives.seen} == {100_000}


def test_a_request_that_nobody_takes_is_given_back_to_the_caller(credit: House) -> None:
    credit.models["blue"].refusals["/"] = (503, {NOT_COMPUTED: "true"}, b"{}")
    answer = credit.score()
    assert (answer.status, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "503")
    assert len(credit.models["blue"].seen) == 3


def test_a_model_that_is_busy_or_broken_is_not_asked_twice(credit: House) -> None:
    credit.models["blue"].refusals["/"] = (503, {}, b"{}")
    assert credit.score().status == 424
    assert len(credit.models["blue"].seen) == 1


def test_an_unknown_endpoint_is_404(credit: House) -> None:
    answer = credit.score(name="other")
    assert answer.status == 404
    assert answer.document == {"error": {"code": "NotFound", "message": "there is no such endpoint"}}


NO_ADDRESSES = [
    "", "scoreboard", "score/", "score/x", "openapi.json", "health/ready",
    "v2/", "v2x", "v2/models", "v2/repository/index", "v2/logging", "v2/models/m/load", "v2/models/m/infer/x",
    "v2/health",
]  # fmt: skip


@pytest.mark.parametrize("path", NO_ADDRESSES)
def test_an_endpoint_has_its_addresses_and_no_other(credit: House, path: str) -> None:
    assert credit.score(path=path).status == 404
    assert credit.models["blue"].seen == []


@pytest.mark.parametrize(
    ("path", "method"), [("score", "PUT"), ("score", "DELETE"), ("swagger.json", "POST"), ("v2", "PUT")]
)
def test_another_method_is_405(credit: House, path: str, method: str) -> None:
    assert credit.score(path=path, method=method).status == 405


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_model_sees_the_method_and_its_own_path(credit: House, method: str) -> None:
    assert credit.score(method=method, path="score?version=3").status == 200
    seen = credit.models["blue"].seen[-1]
    assert (seen.method, seen.path) == (method, "/score?version=3")


def test_the_openapi_document_needs_the_key_too(credit: House) -> None:
    assert credit.score(method="GET", path="swagger.json").document["path"] == "/swagger.json"
    assert credit.score(method="GET", path="swagger.json", key="").status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "v2"),
        ("GET", "v2/health/live"),
        ("GET", "v2/health/ready"),
        ("GET", "v2/models/credit-risk"),
        ("GET", "v2/models/credit-risk/versions/1/ready"),
        ("POST", "v2/models/credit-risk/infer"),
    ],
)
def test_the_open_inference_protocol_is_behind_the_same_key(credit: House, method: str, path: str) -> None:
    assert credit.score(method=method, path=path).document["path"] == f"/{path}"
    assert credit.score(method=method, path=path, key="").status == 401
    assert len(credit.models["blue"].seen) == 1


def test_without_a_positive_share_it_is_404_and_a_named_deployment_still_answers(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue"), traffic={"blue": 0}))
    assert house.score().status == 404
    assert house.score({"azureml-model-deployment": "blue"}).status == 200


def test_a_named_deployment_which_is_not_there_is_404(credit: House) -> None:
    assert credit.score({"azureml-model-deployment": "green"}).status == 404
