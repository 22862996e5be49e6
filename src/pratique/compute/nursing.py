"""The nurse that has loaded a module: what begins with it begins at once.

    python -m pratique.compute.nursing MODULE --nurse FD ROOM

A Python that imports a large package needs a third of a second of a processor
for it, and some processes live no longer than that. So their shims are forked
from a process that has the package, and a task ``PYTHON -m MODULE`` goes on in
the fork instead of beginning another Python. Everything else about it is as
ever: `shim` watches it, and the same task begins as a Python of its own where
no nurse has loaded its module.

The module has a function `main`, which returns the exit code. It must do
nothing when it is imported that a fork cannot have: threads, connections.
"""

import contextlib
import gc
import importlib
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from pratique.compute import shim

_MOST_FILES = 4096
"""Descriptors that are closed; a nurse has a handful."""


def main() -> None:
    """Load the module and be a nurse until nobody holds the other end of the socket."""
    name, control = sys.argv[1], int(sys.argv[3])
    loaded: Callable[[], int] = importlib.import_module(f"{name}.__main__").main
    shim.LOADED[name.encode()] = lambda argv, environment: _begin(loaded, argv, environment)
    gc.freeze()  # What is there now is shared by all forks as long as nobody counts it.
    shim.nurse(control)


def _begin(loaded: Callable[[], int], argv: list[bytes], environment: dict[bytes, bytes]) -> NoReturn:
    """Be the process of the task, as if it had just been executed, and end with it."""
    code = 1
    try:
        os.closerange(3, _MOST_FILES)
        with contextlib.suppress(OSError), open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(b"python")  # A shim takes whoever bears its name for one of its own.
        os.environb.clear()
        os.environb.update(environment)
        sys.argv = [os.fsdecode(word) for word in argv[2:]]
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        code = loaded()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # noqa: BLE001 - as the interpreter does for its own program.
        sys.excepthook(*sys.exc_info())
    finally:
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
