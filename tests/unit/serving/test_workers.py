"""How many calls run at the same time, and in which thread."""

import threading

from pratique_serving.wire import Response
from pratique_serving.workers import Workers


def test_one_worker_is_the_thread_that_serves() -> None:
    workers = Workers(1)
    seen: list[int] = []

    def note() -> Response:
        seen.append(threading.get_ident())
        return Response(200, b"")

    for _ in range(3):
        workers.put(note, lambda response: seen.append(response.status))
    workers.close()
    thread = threading.Thread(target=workers.serve)
    thread.start()
    thread.join(60)
    assert seen == [thread.ident, 200] * 3


def test_as_many_calls_overlap_as_there_are_workers() -> None:
    workers = Workers(3)
    together = threading.Barrier(3, timeout=60)
    answers: list[bytes] = []

    def meet() -> Response:
        together.wait()
        return Response(200, b"met")

    for _ in range(3):
        workers.put(meet, lambda response: answers.append(response.body))
    workers.close()
    workers.serve()
    assert answers == [b"met"] * 3


def test_calls_that_wait_are_done_before_the_workers_end() -> None:
    workers = Workers(1)
    answers: list[int] = []
    for _ in range(5):
        workers.put(lambda: Response(200, b""), lambda response: answers.append(response.status))
    workers.close()
    workers.serve()
    assert answers == [200] * 5
