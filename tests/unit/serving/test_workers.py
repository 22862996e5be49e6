"""How many calls run at the same time, and in which thread."""

import threading

from pratique_serving.wire import Response
from pratique_serving.workers import Workers


def serve(workers: Workers) -> threading.Thread:
    thread = threading.Thread(target=workers.serve)
    thread.start()
    return thread


def test_one_worker_is_the_thread_that_serves() -> None:
    workers = Workers(1)
    thread = serve(workers)
    seen: list[int] = []

    def note() -> Response:
        seen.append(threading.get_ident())
        return Response(200, b"")

    for _ in range(3):
        workers.call(note)
    workers.close()
    thread.join(10)
    assert seen == [thread.ident] * 3


def test_as_many_calls_overlap_as_there_are_workers() -> None:
    workers = Workers(3)
    thread = serve(workers)
    together = threading.Barrier(3, timeout=10)

    def meet() -> Response:
        together.wait()
        return Response(200, b"met")

    answers: list[Response | None] = []
    callers = [threading.Thread(target=lambda: answers.append(workers.call(meet))) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(10)
    workers.close()
    thread.join(10)
    assert [answer.body for answer in answers if answer] == [b"met"] * 3
    assert not thread.is_alive()


def test_calls_that_wait_are_answered_before_the_workers_end() -> None:
    workers = Workers(1)
    answers: list[Response | None] = []
    callers = [
        threading.Thread(target=lambda: answers.append(workers.call(lambda: Response(200, b"")))) for _ in range(5)
    ]
    for caller in callers:
        caller.start()
    while workers.waiting < 5:
        threading.Event().wait(0.001)
    workers.close()
    workers.serve()
    for caller in callers:
        caller.join(10)
    assert len(answers) == 5
