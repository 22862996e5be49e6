"""Requests that wait together, answered by one call of the model.

A call for a hundred rows often costs what a call for one does. So the rows of
requests that came while the model was busy are put into one table, and the
predictions are handed back by their places. Nobody waits for a batch to fill:
what is there is what is computed.

Only for models whose rows do not influence one another; who is not sure that
they do not leaves `most_together` at 1.
"""

from typing import Any, Callable, List, Sequence, Tuple

from pratique_serving import log
from pratique_serving.alarm import Overrun
from pratique_serving.errors import Refused
from pratique_serving.results import INTERNAL, refusal
from pratique_serving.tables import Table
from pratique_serving.wire import Request, Response

# Requests that are computed at once; each has its own answer.
MOST_TOGETHER = 64

# Rows of all of them; more would only let everybody wait longer.
MOST_ROWS = 1024

Read = Callable[[Request], Table]
Predict = Callable[[Table], Sequence[Any]]
Respond = Callable[[Request, Sequence[Any]], Response]
Answer = Callable[[Request, str], Response]


def answer_together(
    requests: Sequence[Request],
    request_ids: Sequence[str],
    read: Read,
    predict: Predict,
    respond: Respond,
    answer: Answer,
) -> List[Response]:
    """The answers, in the order of `requests`.

    When one of them is unusual or wrong, each half is computed by itself, and so on, until it is alone with `answer`:
    so it costs the others a few calls, and not one for each of them.
    Raises Overrun when the time for all of them is over: alone they would only take more.
    """
    if len(requests) == 1:
        return [_answer_alone(requests[0], request_ids[0], answer)]
    try:
        table, counts = _join([read(request) for request in requests])
        predictions = predict(table)
        if len(predictions) != len(table.rows):
            raise Refused(500, "the model does not answer row by row")
        responses = []
        at = 0
        for request, count in zip(requests, counts):
            responses.append(respond(request, predictions[at : at + count]))
            at += count
    except Overrun:
        raise
    # One of them must not be the others' trouble; what is wrong, it is told alone.
    except BaseException:  # noqa: BLE001
        middle = len(requests) // 2
        parts = [(requests[:middle], request_ids[:middle]), (requests[middle:], request_ids[middle:])]
        halves = [answer_together(some, names, read, predict, respond, answer) for some, names in parts]
        return [response for half in halves for response in half]
    return responses


def _join(tables: List[Table]) -> Tuple[Table, List[int]]:
    columns = tables[0].columns
    rows: List[List[Any]] = []
    for table in tables:
        if table.columns != columns:
            raise Refused(400, "the requests are not alike")
        rows += table.rows
    if len(rows) > MOST_ROWS:
        raise Refused(413, "too many rows for one call")
    return Table(columns, rows), [len(table.rows) for table in tables]


def _answer_alone(request: Request, request_id: str, answer: Answer) -> Response:
    log.begin(request.headers.get("traceparent", ""), request_id)
    try:
        return answer(request, request_id)
    except Refused as error:
        return refusal(error)
    except BaseException as error:  # noqa: BLE001
        log.say_place(f"a request failed inside the server, request {request_id}", error)
        return refusal(Refused(500, INTERNAL))
