"""The end of a process is noticed at once."""

import subprocess
import threading

from pratique.engine.deaths import Deaths


def test_the_end_of_a_watched_process_rings() -> None:
    rung = threading.Event()
    deaths = Deaths(rung.set)
    with subprocess.Popen(["sleep", "600"]) as process:
        assert deaths.is_alive(process.pid)
        assert deaths.is_alive(process.pid)
        assert not rung.is_set()
        process.kill()
        assert rung.wait(30)
        process.wait()
    assert not deaths.is_alive(process.pid)
