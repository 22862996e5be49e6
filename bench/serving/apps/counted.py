"""The model server under Python's profiler: SIGUSR1 makes it say how many calls its main thread has made.

COUNTED all-calls calls-of-the-model-server's-own-functions
"""

import signal
import sys

from pratique_serving import __main__ as server

counts = {"all": 0, "own": 0}


def count(frame, event, arg):
    if event == "call":
        counts["all"] += 1
        counts["own"] += "pratique_serving" in frame.f_code.co_filename
    elif event == "c_call":
        counts["all"] += 1


def say(number, frame):
    print("COUNTED", counts["all"], counts["own"], flush=True)


signal.signal(signal.SIGUSR1, say)
sys.setprofile(count)
sys.exit(server.main(sys.argv[1:]))
