"""Requests that are computed together have the answers that they would have alone."""

import json

import pytest

from pratique_serving.alarm import Overrun
from pratique_serving.errors import Refused
from pratique_serving.results import json_response
from pratique_serving.tables import Table
from pratique_serving.together import MOST_ROWS, answer_together
from pratique_serving.wire import Request, Response


class Doubling:
    """Doubles each value, and notes how many rows each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def read(self, request: Request) -> Table:
        rows = json.loads(request.body)
        if rows == "wrong":
            raise Refused(400, "wrong")
        return Table(("a",), rows)

    def predict(self, table: Table) -> list[int]:
        self.calls.append(len(table.rows))
        return [2 * row[0] for row in table.rows]

    def respond(self, request: Request, predictions: object) -> Response:
        return json_response(200, predictions)

    def answer(self, request: Request, request_id: str) -> Response:
        return self.respond(request, self.predict(self.read(request)))


def ask(model: Doubling, *bodies: object) -> list[tuple[int, object]]:
    requests = [Request("POST", "/score", "", {}, json.dumps(body).encode(), False) for body in bodies]
    names = [str(number) for number in range(len(requests))]
    answers = answer_together(requests, names, model.read, model.predict, model.respond, model.answer)
    return [(answer.status, json.loads(answer.body)) for answer in answers]


def test_each_gets_its_own_predictions_of_one_call() -> None:
    model = Doubling()
    assert ask(model, [[1]], [[2], [3]], [], [[4]]) == [(200, [2]), (200, [4, 6]), (200, []), (200, [8])]
    assert model.calls == [4]


def test_one_that_is_wrong_does_not_harm_the_others() -> None:
    model = Doubling()
    answers = ask(model, [[1]], "wrong", [[None]], [[3]])
    assert [status for status, _ in answers] == [200, 400, 500, 200]
    assert answers[0] == (200, [2])
    assert answers[1] == (400, {"message": "wrong"})
    assert answers[3] == (200, [6])


def test_one_that_is_wrong_costs_the_others_a_few_calls_and_not_one_for_each() -> None:
    model = Doubling()
    answers = ask(model, *[[[number]] for number in range(31)], "wrong", *[[[number]] for number in range(32)])
    assert [status for status, _ in answers].count(200) == 63
    assert sorted(model.calls) == [1, 2, 4, 8, 16, 32]


def test_a_model_that_does_not_answer_row_by_row_is_asked_one_by_one() -> None:
    class Counting(Doubling):
        def predict(self, table: Table) -> list[int]:
            self.calls.append(len(table.rows))
            return [len(table.rows)]

    model = Counting()
    assert ask(model, [[1]], [[2]]) == [(200, [1]), (200, [1])]
    assert model.calls == [2, 1, 1]


def test_very_many_rows_are_not_put_together() -> None:
    model = Doubling()
    many = [[1]] * MOST_ROWS
    assert [status for status, _ in ask(model, many, [[2]])] == [200, 200]
    assert model.calls == [MOST_ROWS, 1]


def test_when_the_time_for_all_is_over_they_are_not_computed_alone() -> None:
    class Slow(Doubling):
        def predict(self, table: Table) -> list[int]:
            self.calls.append(len(table.rows))
            raise Overrun

    model = Slow()
    with pytest.raises(Overrun):
        ask(model, [[1]], [[2]])
    assert model.calls == [2]
