"""What models and callers do on bad days: each gets its status, the process lives or ends with a reason."""

import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import LIMIT, Scorer, Scorers, ask, received
from .test_waiting import await_said, await_waiting, held, hold, send

LEAKS = """
kept = []

def init():
    pass

def run(raw_data):
    size = int(raw_data)
    if size > 100_000_000:
        return len(bytearray(size))
    kept.append(bytearray(size))
    return len(kept)
"""
BOUND = 300_000_000
HEAD = b"POST /score HTTP/1.1\r\nHost: x\r\n"


def gone(scorer: Scorer, *, computed: bool) -> int:
    lines = scorer.ask("GET", "/metrics").body.decode().splitlines()
    marked = f'computed="{str(computed).lower()}"'
    [value] = [line.split()[-1] for line in lines if line.startswith("pratique_gone_total{") and marked in line]
    return int(value)


def test_a_model_that_keeps_its_memory_ends_with_a_reason(scorers: Scorers) -> None:
    scorer = scorers.script(LEAKS, PRATIQUE_MEMORY_BYTES=str(BOUND))
    statuses: list[int] = []
    while not statuses or statuses[-1] == 200:
        assert len(statuses) < 100
        statuses.append(scorer.ask("POST", "/score", "20000000").status)
    assert statuses[-1] == 500
    assert len(statuses) > 5
    assert scorer.process.wait(LIMIT) == 71
    assert "MemoryError" in scorer.said()
    assert "the model keeps what it takes" in scorer.said()


def test_a_call_that_wants_too_much_fails_alone(scorers: Scorers) -> None:
    scorer = scorers.script(LEAKS, PRATIQUE_MEMORY_BYTES=str(BOUND))
    for _ in range(3):
        assert scorer.ask("POST", "/score", "1000000000").status == 500
        assert scorer.ask("POST", "/score", "1000").status == 200
    assert scorer.stop() == 0


@pytest.mark.parametrize("workers", ["1", "3"])
def test_with_any_number_of_workers_a_leak_ends_the_process(scorers: Scorers, workers: str) -> None:
    scorer = scorers.script(LEAKS, PRATIQUE_MEMORY_BYTES=str(BOUND), WORKER_COUNT=workers)
    with suppress(OSError):
        for _ in range(100):
            scorer.ask("POST", "/score", "50000000")
    assert scorer.process.wait(LIMIT) == 71


def test_a_hundred_thousand_rows_are_one_request_among_others(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import json\ndef init(): pass\ndef run(raw_data): return [sum(row) for row in json.loads(raw_data)['data']]\n"
    )
    body = json.dumps({"data": [[number, 1.5] for number in range(100_000)]})
    answers: list[object] = []
    caller = threading.Thread(target=lambda: answers.append(scorer.ask("POST", "/score", body).value))
    caller.start()
    assert scorer.score({"data": [[1, 2]]}).value == [3]
    caller.join(LIMIT)
    assert answers == [[number + 1.5 for number in range(100_000)]]


def test_chunks_without_end_are_refused_when_they_are_too_much(scorers: Scorers) -> None:
    scorer = scorers.script("def init(): pass\ndef run(data): return 'fine'\n", PRATIQUE_MAX_BODY_BYTES="100000")
    client = scorer.plug()
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    with suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(1000):
            client.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
    assert received(client).startswith(b"HTTP/1.1 413")
    assert scorer.score(1).value == "fine"


def test_chunks_that_stop_coming_are_given_up(scorers: Scorers) -> None:
    scorer = scorers.script("def init(): pass\ndef run(data): return 'fine'\n", PRATIQUE_READ_TIMEOUT_SECONDS="3")
    client = scorer.plug()
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
    assert scorer.score(1).value == "fine"
    assert received(client).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"X-Large: " + b"x" * 70_000 + b"\r\n", b"431"),
        (b"X-Many: x\r\n" * 200, b"431"),
        (b"x-ms-request-id: " + b"x" * 200 + b"\r\n", b"431"),
        (b"X-Long: " + b"x" * 60_000 + b"\r\n", b"200"),
    ],
)
def test_a_huge_head_is_refused(scorers: Scorers, lines: bytes, status: bytes) -> None:
    scorer = scorers.script("def init(): pass\ndef run(data): return 'fine'\n")
    client = scorer.plug()
    client.sendall(HEAD + b"Connection: close\r\nContent-Length: 2\r\n" + lines + b"\r\n{}")
    assert received(client).startswith(b"HTTP/1.1 " + status)
    assert scorer.score(1).value == "fine"


def test_who_leaves_while_waiting_is_not_computed_for_and_counted(scorers: Scorers, tmp_path: Path) -> None:
    scorer = held(scorers, tmp_path / "go")
    caller = hold(scorer)
    leaves = send(scorer, b"leaves")
    await_waiting(scorer, 1)
    leaves.close()
    (tmp_path / "go").touch()
    caller.join(LIMIT)
    assert scorer.ask("POST", "/score", "last").value == ["hold", "last"]
    assert (gone(scorer, computed=False), gone(scorer, computed=True)) == (1, 0)


def test_who_leaves_while_the_model_works_gets_nothing_and_is_counted(scorers: Scorers, tmp_path: Path) -> None:
    scorer = held(scorers, tmp_path / "go")
    leaves = send(scorer, b"hold")
    await_said(scorer, "in run hold")
    leaves.close()
    (tmp_path / "go").touch()
    assert scorer.ask("POST", "/score", "last").value == ["hold", "last"]
    assert (gone(scorer, computed=False), gone(scorer, computed=True)) == (0, 1)


def test_with_several_workers_who_finds_no_room_or_leaves_is_not_computed_for(scorers: Scorers, tmp_path: Path) -> None:
    scorer = held(scorers, tmp_path / "go", WORKER_COUNT="2", PRATIQUE_MAX_WAITING="2")
    callers = [hold(scorer), threading.Thread(target=scorer.ask, args=("POST", "/score", "hold"))]
    callers[1].start()
    until = time.monotonic() + LIMIT
    while scorer.said().count("in run hold") < 2:
        assert time.monotonic() < until
    leaves, stays = send(scorer, b"leaves"), send(scorer, b"stays")
    await_waiting(scorer, 2)
    assert scorer.ask("POST", "/score", "one too many").status == 429
    leaves.close()
    (tmp_path / "go").touch()
    for caller in callers:
        caller.join(LIMIT)
    assert b'"stays"' in stays.recv(65536)
    stays.close()
    assert "leaves" not in scorer.said()
    assert gone(scorer, computed=False) == 1


def test_a_script_that_prints_much_and_oddly_is_answered_and_its_words_are_in_the_log(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import sys\n"
        "def init(): pass\n"
        "def run(data):\n"
        "    for number in range(20_000): print('line', number)\n"
        "    print('odd \\ud800 text')\n"
        "    sys.stdout.buffer.write(b'\\xff\\x00 bytes\\n')\n"
        "    sys.stderr.write('no line end')\n"
        "    return 'printed'\n"
    )
    assert [scorer.score(1).value for _ in range(2)] == ["printed"] * 2
    log = scorer.log.read_bytes()
    assert log.count(b"line 19999\n") == 2
    assert b"odd \\ud800 text" in log


RETURNS = """
def init(): pass
def run(raw_data):
    return {"bytes": b"\\x00\\xff", "none": None, "nan": float("nan"), "inside": [1.5, float("inf"), None],
            "deep": deep(), "itself": itself()}[raw_data]
def deep():
    value = []
    for _ in range(100_000): value = [value]
    return value
def itself():
    value = []
    value.append(value)
    return value
"""


@pytest.mark.parametrize(
    ("what", "status", "body"),
    [
        ("bytes", 200, b"\x00\xff"),
        ("none", 200, b"{}"),
        ("nan", 200, b"null"),
        ("inside", 200, b"[1.5, null, null]"),
        ("deep", 500, None),
        ("itself", 500, None),
    ],
)
def test_whatever_run_returns_is_answered(scorers: Scorers, what: str, status: int, body: bytes | None) -> None:
    scorer = scorers.script(RETURNS)
    answer = scorer.ask("POST", "/score", what)
    assert answer.status == status
    assert body is None or answer.body == body
    assert scorer.ask("POST", "/score", "none").status == 200
    assert scorer.stop() == 0


POOL = """
import multiprocessing, os
def init(): pass
def twice(number): return 2 * number
def run(raw_data):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(twice, [1, 2])
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_pool_of_processes_that_a_script_ends_does_not_stop_the_server(scorers: Scorers, workers: str) -> None:
    scorer = scorers.script(POOL, WORKER_COUNT=workers)
    assert [scorer.score(1).value for _ in range(3)] == [[2, 4]] * 3
    assert "stopping" not in scorer.said()
    assert scorer.stop() == 0


FORKS = """
import os, time
def init(): pass
def run(raw_data):
    if raw_data == "fork" and os.fork() == 0:
        while not os.path.exists({go!r}):
            time.sleep(0.01)
        os._exit(0)
    return raw_data
"""


def test_a_process_that_a_script_leaves_behind_holds_nobodys_connection(scorers: Scorers, tmp_path: Path) -> None:
    scorer = scorers.script(FORKS.format(go=str(tmp_path / "go")))
    client = scorer.plug()
    client.sendall(HEAD + b"Content-Length: 4\r\nConnection: close\r\n\r\nfork")
    assert received(client).endswith(b'"fork"')
    assert scorer.stop() == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as another, pytest.raises(ConnectionRefusedError):
        another.connect(str(scorer.path))
    (tmp_path / "go").touch()


IN_PLACE = """
import json, socket, sys
def init():
    socket.socket = json.dumps = json.loads = json.JSONEncoder.encode = None
    sys.stdout = sys.stderr = None
def run(raw_data):
    return [float("nan"), {"a": raw_data}][len(raw_data) - 1:] if raw_data else 1 / 0
"""


def test_what_a_script_puts_in_the_place_of_modules_and_streams_is_its_own_affair(scorers: Scorers) -> None:
    scorer = scorers.script(IN_PLACE)
    assert scorer.ask("POST", "/score", "1").body == b'[null, {"a": "1"}]'
    assert scorer.ask("POST", "/score", "").status == 500
    assert "ZeroDivisionError" in scorer.said()
    assert scorer.stop() == 0


def test_what_is_printed_reaches_no_caller_when_a_script_closes_its_streams(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import os\n"
        "def init():\n"
        "    for stream in (0, 1, 2): os.close(stream)\n"
        "def run(data):\n"
        "    os.write(1, b'printed'), os.write(2, b'printed')\n"
        "    raise ValueError('printed')\n"
    )
    clients = [scorer.plug() for _ in range(4)]
    for client in clients:
        client.sendall(HEAD + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
    answers = [received(client) for client in clients]
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 500"] * 4
    assert all(b"printed" not in answer for answer in answers)


def test_who_is_connected_is_served_while_there_are_no_descriptors_for_others(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import resource\n"
        "kept = []\n"
        "def init(): resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "def run(data):\n"
        "    if data == 'free': kept.clear()\n"
        "    while data == 'leak':\n"
        "        try: kept.append(open('/dev/null'))\n"
        "        except OSError: break\n"
        "    return data\n"
    )
    held, late = scorer.connect(), scorer.connect()
    assert ask(held, "POST", "/score", "leak").value == "leak"
    late.request("POST", "/score", "late")
    assert [ask(held, "POST", "/score", "served").value for _ in range(20)] == ["served"] * 20
    assert ask(held, "POST", "/score", "free").value == "free"
    assert json.loads(late.getresponse().read()) == "late"
    assert scorer.said().count("cannot accept connections") == 1
    for connection in (held, late):
        connection.close()
