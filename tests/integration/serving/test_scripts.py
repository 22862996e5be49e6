"""Scripts that do what they should not, and callers who do."""

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from .conftest import LIMIT, Scorer, Scorers, ask, received

MISCHIEF = """
import os, subprocess, sys, threading

def init(): pass

def run(raw_data):
    if raw_data == "exit":
        sys.exit(3)
    if raw_data == "interrupt":
        raise KeyboardInterrupt
    if raw_data == "recursion":
        return run(raw_data)
    if raw_data == "fork":
        return "child" if os.fork() == 0 else "parent"
    if raw_data == "child":
        return subprocess.run([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE).stdout.decode()
    if raw_data == "close":
        sys.stdout.close()
    if raw_data == "thread":
        threading.Thread(target=lambda: 1 / 0).start()
    return "still here"
"""


def raw(scorer: Scorer, data: bytes) -> bytes:
    """Send bytes and end; everything that comes back."""
    client = scorer.plug()
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    return received(client)


@pytest.mark.parametrize("deed", ["exit", "interrupt", "recursion"])
def test_a_run_that_ends_itself_does_not_end_the_server(scorers: Scorers, deed: str) -> None:
    scorer = scorers.script(MISCHIEF)
    answer = scorer.ask("POST", "/score", deed)
    assert answer.status == 500
    assert answer.headers["x-ms-run-function-failed"] == "True"
    assert answer.value["message"].startswith("An unexpected error occurred in scoring script.")
    assert scorer.ask("POST", "/score", "").value == "still here"
    assert scorer.stop() == 0


def test_a_run_that_forks_answers_once(scorers: Scorers) -> None:
    scorer = scorers.script(MISCHIEF)
    connection = scorer.connect()
    assert ask(connection, "POST", "/score", "fork").value == "parent"
    assert ask(connection, "POST", "/score", "").value == "still here"
    connection.close()


@pytest.mark.parametrize(("deed", "said"), [("child", "1\n"), ("close", "still here"), ("thread", "still here")])
def test_other_mischief_is_answered(scorers: Scorers, deed: str, said: str) -> None:
    scorer = scorers.script(MISCHIEF)
    assert scorer.ask("POST", "/score", deed).value == said
    assert scorer.ask("POST", "/score", "").value == "still here"
    assert scorer.stop() == 0


def test_init_and_run_are_one_thread_and_calls_do_not_overlap(scorers: Scorers) -> None:
    scorer = scorers.script("""
import sqlite3, time
def init():
    global database, inside
    database, inside = sqlite3.connect(":memory:"), 0
def run(raw_data):
    global inside
    inside += 1
    time.sleep(0.01)
    seen, inside = inside, inside - 1
    return [seen, database.execute("select 1").fetchone()[0]]
""")
    answers: list[object] = []
    callers = [threading.Thread(target=lambda: answers.append(scorer.score(1).value)) for _ in range(10)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LIMIT)
    assert answers == [[1, 1]] * 10


def test_more_workers_are_more_calls_at_the_same_time(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import threading\n"
        "together = threading.Barrier(3, timeout=30)\n"
        "def init(): pass\n"
        "def run(data): return together.wait() >= 0\n",
        WORKER_COUNT="3",
    )
    answers: list[object] = []
    callers = [threading.Thread(target=lambda: answers.append(scorer.score(1).value)) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LIMIT)
    assert answers == [True] * 3


def test_a_request_that_comes_before_the_model_waits_for_it(scorers: Scorers, tmp_path: Path) -> None:
    go = tmp_path / "go"
    scorer = scorers.script(
        "import os, time\n"
        "def init():\n"
        f"    while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        "def run(data): return 'loaded'\n"
    )
    answers: list[object] = []
    caller = threading.Thread(target=lambda: answers.append(scorer.score(1).value))
    caller.start()
    assert scorer.ask("GET", "/health/live").status == 200
    assert scorer.ask("GET", "/health/ready").status == 503
    assert answers == []
    go.touch()
    caller.join(LIMIT)
    assert answers == ["loaded"]


def test_a_server_is_stopped_in_the_middle_of_init(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import time\ndef init():\n    print('in init')\n    time.sleep(600)\ndef run(data): pass\n"
    )
    while "in init" not in scorer.said():
        assert scorer.process.poll() is None
    assert scorer.stop() == 0


def test_a_server_is_stopped_by_an_interrupt_too(scorers: Scorers) -> None:
    scorer = scorers.script(MISCHIEF)
    scorer.wait_until_ready()
    os.kill(scorer.process.pid, signal.SIGINT)
    assert scorer.process.wait(LIMIT) == 0


def test_files_of_the_user_do_not_stand_in_for_the_library(scorers: Scorers, tmp_path: Path) -> None:
    for name in ("queue", "json", "socket", "signal", "select", "inspect"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong file')\n")
    (tmp_path / "features.py").write_text("SIZE = 3\n")
    (tmp_path / "score.py").write_text("import features\ndef init(): pass\ndef run(data): return features.SIZE\n")
    scorer = scorers.script("", AML_APP_ROOT=str(tmp_path))
    assert scorer.score(1).value == 3


def test_what_a_script_defines_can_be_pickled(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import pickle\n"
        "class Thing:\n    size = 4\n"
        "def init(): pass\n"
        "def run(data): return pickle.loads(pickle.dumps(Thing())).size\n"
    )
    assert scorer.score(1).value == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [("def run(data): pass\n", "does not define init()"), ("def init(): pass\n", "does not define run()")],
)
def test_a_script_without_its_functions_is_said(scorers: Scorers, text: str, why: str) -> None:
    scorer = scorers.script(text)
    assert scorer.process.wait(LIMIT) == 70
    assert why in scorer.said().splitlines()[-1]


def test_a_script_that_is_not_there_is_said(scorers: Scorers) -> None:
    scorer = scorers.script("", AZUREML_ENTRY_SCRIPT="other.py")
    assert scorer.process.wait(LIMIT) == 70
    assert "other.py does not exist" in scorer.said().splitlines()[-1]


def test_wrong_settings_are_an_error_of_usage(scorers: Scorers) -> None:
    scorer = scorers.script("", WORKER_COUNT="many")
    assert scorer.process.wait(LIMIT) == 2
    assert scorer.said() == "error: WORKER_COUNT: expected a whole number, got 'many'\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x00" * 100_000, b"431"),
        (b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", b"413"),
        (b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc", b"400"),
    ],
)
def test_bytes_that_are_no_request_are_refused_and_others_are_served(
    scorers: Scorers, data: bytes, status: bytes
) -> None:
    scorer = scorers.script(MISCHIEF)
    answer = raw(scorer, data)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"Connection: close" in answer
    assert scorer.ask("POST", "/score", "").value == "still here"


def test_clients_that_dawdle_or_leave_harm_nobody(scorers: Scorers) -> None:
    scorer = scorers.script(MISCHIEF, PRATIQUE_READ_TIMEOUT_SECONDS="3")
    slow = []
    for _ in range(50):
        client = scorer.plug()
        client.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
        slow.append(client)
    for client in slow[25:]:
        client.close()
    assert scorer.ask("POST", "/score", "").value == "still here"
    assert all(client.recv(12) == b"HTTP/1.1 408" for client in slow[:25])
    for client in slow[:25]:
        client.close()
    assert scorer.stop() == 0


def test_chunks_arrive_whole_and_head_has_no_body(scorers: Scorers) -> None:
    scorer = scorers.script("def init(): pass\ndef run(data): return len(data)\n")
    connection = scorer.connect()
    connection.request("POST", "/score", iter([b"a" * 70_000, b"b" * 30_000]), encode_chunked=True)
    assert connection.getresponse().read() == b"100000"
    head = ask(connection, "HEAD", "/")
    assert (head.status, head.headers["content-length"], head.body) == (200, "7", b"")
    assert ask(connection, "HEAD", "/score").status == 405
    connection.close()


def test_nothing_that_was_sent_is_in_the_log(scorers: Scorers) -> None:
    scorer = scorers.script("def init(): pass\ndef run(data): return {1} if 'set' in data else 1 / 0\n")
    scorer.ask("POST", "/score?token=tell-nobody", "tell-nobody", authorization="tell-nobody")
    scorer.ask("POST", "/score", "set tell-nobody")
    scorer.ask("GET", "/score?a=tell-nobody")
    scorer.ask("GET", "/tell-nobody")
    raw(scorer, b"tell-nobody\r\n\r\n")
    assert scorer.stop() == 0
    assert "ZeroDivisionError" in scorer.said()
    assert "tell-nobody" not in scorer.said()


def test_a_thread_that_a_script_left_running_does_not_keep_the_process(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import threading\ndef init(): threading.Thread(target=threading.Event().wait).start()\ndef run(data): pass\n"
    )
    scorer.wait_until_ready()
    assert scorer.stop() == 0


def test_signals_of_the_script_do_not_stop_the_server(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import os, signal, time\n"
        "def init():\n"
        "    signal.signal(signal.SIGUSR1, lambda *_: None)\n"
        "def run(data):\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "    time.sleep(60 if 'slow' in data else 0)\n"
        "    return 'fine'\n",
        SCORING_TIMEOUT_MS="2000",
    )
    slow = scorer.score("slow")
    assert (slow.status, slow.value["message"]) == (500, "Scoring timeout after 2000 ms")
    assert [scorer.score("quick").value for _ in range(3)] == ["fine"] * 3
    assert scorer.stop() == 0


def test_a_script_with_an_event_loop_is_stopped_all_the_same(scorers: Scorers) -> None:
    scorer = scorers.script(
        "import asyncio, signal\n"
        "def init(): pass\n"
        "async def work():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    loop.add_signal_handler(signal.SIGUSR2, print)\n"
        "    loop.remove_signal_handler(signal.SIGUSR2)\n"
        "    return 'done'\n"
        "def run(data): return asyncio.run(work())\n"
    )
    assert scorer.score(1).value == "done"
    assert scorer.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_signals_are_heard_again_after_a_script_took_them_away(scorers: Scorers, workers: str) -> None:
    scorer = scorers.script(
        "import signal, threading\n"
        "def init(): pass\n"
        "def run(data):\n"
        "    if threading.current_thread() is not threading.main_thread(): return None\n"
        "    return signal.set_wakeup_fd(-1)\n",
        WORKER_COUNT=workers,
    )
    heard = [scorer.score(1).value for _ in range(20)]
    assert -1 not in heard
    assert scorer.stop() == 0
