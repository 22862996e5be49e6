"""Requests that wait for the model: who is answered meanwhile, who is turned away, who is not computed for."""

import json
import socket
import threading
import time
from pathlib import Path

from pratique_serving import collecting

from .conftest import LIMIT, Scorer, Scorers

HELD = """
import os, time
calls = []
def init(): pass
def run(raw_data):
    calls.append(raw_data)
    print("in run", raw_data)
    while raw_data == "hold" and not os.path.exists({go!r}):
        time.sleep(0.01)
    return calls
"""


def held(scorers: Scorers, go: Path, **environment: str) -> Scorer:
    """A server whose call for `hold` goes on until the file is there."""
    return scorers.script(HELD.format(go=str(go)), **environment)


def hold(scorer: Scorer) -> threading.Thread:
    """Ask for it, and return when the call has begun."""
    caller = threading.Thread(target=scorer.ask, args=("POST", "/score", "hold"))
    caller.start()
    await_said(scorer, "in run hold")
    return caller


def await_said(scorer: Scorer, text: str) -> None:
    until = time.monotonic() + LIMIT
    while text not in scorer.said():
        assert time.monotonic() < until
        time.sleep(0.01)


def send(scorer: Scorer, body: bytes, *, times: int = 1) -> socket.socket:
    client = scorer.plug()
    client.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body) * times)
    return client


def waiting(scorer: Scorer) -> int:
    lines = scorer.ask("GET", "/metrics").body.decode().splitlines()
    [value] = [line.split()[-1] for line in lines if line.startswith("pratique_waiting")]
    return int(value)


def await_waiting(scorer: Scorer, count: int) -> None:
    until = time.monotonic() + LIMIT
    while waiting(scorer) != count:
        assert time.monotonic() < until


def test_probes_and_metrics_are_answered_while_a_call_goes_on(scorers: Scorers, tmp_path: Path) -> None:
    scorer = held(scorers, tmp_path / "go")
    caller = hold(scorer)
    assert scorer.ask("GET", "/health/ready").status == 200
    assert scorer.ask("GET", "/nope").status == 404
    assert waiting(scorer) == 0
    (tmp_path / "go").touch()
    caller.join(LIMIT)
    assert scorer.stop() == 0


def test_a_stop_is_heard_while_a_call_goes_on_and_the_call_is_answered(scorers: Scorers, tmp_path: Path) -> None:
    scorer = held(scorers, tmp_path / "go")
    client = send(scorer, b"hold")
    await_said(scorer, "in run hold")
    scorer.process.terminate()
    await_said(scorer, "stopping: no new connections")
    (tmp_path / "go").touch()
    assert client.recv(65536).endswith(b'["hold"]')
    client.close()
    assert scorer.process.wait(LIMIT) == 0


def test_who_finds_no_room_is_turned_away_at_once(scorers: Scorers, tmp_path: Path) -> None:
    scorer = held(scorers, tmp_path / "go", PRATIQUE_MAX_WAITING="2")
    caller = hold(scorer)
    clients = [send(scorer, b"a"), send(scorer, b"b")]
    await_waiting(scorer, 2)
    answer = scorer.ask("POST", "/score", "c")
    assert (answer.status, answer.value["message"]) == (429, "Too many requests are waiting for the model.")
    assert answer.headers["retry-after"] == "1"
    (tmp_path / "go").touch()
    caller.join(LIMIT)
    assert [client.recv(65536)[:12] for client in clients] == [b"HTTP/1.1 200"] * 2
    for client in clients:
        client.close()


def test_who_waits_for_too_long_is_told_so_and_not_computed_for(scorers: Scorers, tmp_path: Path) -> None:
    scorer = held(scorers, tmp_path / "go", PRATIQUE_REQUEST_TIMEOUT_MS="2000")
    scorer.wait_until_ready()
    caller = hold(scorer)
    late = scorer.ask("POST", "/score", "late")
    assert (late.status, late.value["message"]) == (408, "The request has waited for longer than its time limit.")
    (tmp_path / "go").touch()
    caller.join(LIMIT)
    assert scorer.ask("POST", "/score", "last").value == ["hold", "last"]


def test_nothing_is_computed_for_a_client_that_has_gone(scorers: Scorers, tmp_path: Path) -> None:
    scorer = held(scorers, tmp_path / "go")
    caller = hold(scorer)
    gone = send(scorer, b"gone")
    await_waiting(scorer, 1)
    gone.close()
    stays = send(scorer, b"stays")
    await_waiting(scorer, 2)
    (tmp_path / "go").touch()
    caller.join(LIMIT)
    assert stays.recv(65536).endswith(b'["hold", "stays"]')
    stays.close()


def test_several_requests_sent_at_once_on_one_connection_are_answered_in_order(
    scorers: Scorers, tmp_path: Path
) -> None:
    scorer = held(scorers, tmp_path / "go")
    client = send(scorer, b"a", times=5)
    received = b""
    while received.count(b"HTTP/1.1 200") < 5 or not received.endswith(b"]"):
        part = client.recv(65536)
        assert part
        received += part
    bodies = [json.loads(part.rsplit(b"\r\n\r\n", 1)[1]) for part in received.split(b"HTTP/1.1 200 OK")[1:]]
    assert [len(body) for body in bodies] == [1, 2, 3, 4, 5]
    client.close()


def test_a_client_that_reads_slowly_gets_all_of_a_large_answer_and_others_are_served(scorers: Scorers) -> None:
    scorer = scorers.script(
        "def init(): pass\ndef run(data): return 'x' * 20_000_000 if data == 'much' else 'little'\n"
    )
    client = send(scorer, b"much")
    assert scorer.ask("POST", "/score", "").value == "little"
    received = 0
    while received < 20_000_000:
        part = client.recv(65536)
        assert part
        received += len(part)
    client.close()
    assert scorer.stop() == 0


def test_many_connections_come_and_go(scorers: Scorers) -> None:
    scorer = scorers.script("def init(): pass\ndef run(data): return 'fine'\n")
    clients = [send(scorer, b"a") for _ in range(100)]
    assert all(client.recv(65536).endswith(b'"fine"') for client in clients)
    for client in clients:
        client.close()
    assert scorer.stop() == 0


def test_what_is_collected_lies_in_the_spool_when_it_has_stopped(scorers: Scorers, tmp_path: Path) -> None:
    scorer = scorers.script(
        "from azureml.ai.monitoring import Collector\n"
        "class Frame:\n    def to_dict(self, orient): return [{'a': 1}]\n"
        "def init():\n    global collector\n    collector = Collector(name='model_inputs')\n"
        "def run(data):\n    collector.collect(Frame())\n    return data\n",
        PRATIQUE_COLLECT=str(tmp_path / "spool"),
    )
    for number in range(5):
        scorer.ask("POST", "/score", f"body {number}")
    assert scorer.stop() == 0
    [file] = (tmp_path / "spool").iterdir()
    assert file.suffix == ".spool"
    found = list(collecting.read(str(file)))
    sent = [parts[0] for head, parts in found if head["kind"] == "prediction"]
    assert sent == [b"body %d" % number for number in range(5)]
    assert [parts for head, parts in found if head["kind"] == "model_inputs"] == 5 * [[b'[{"a": 1}]']]
