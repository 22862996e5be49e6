"""`python -m pratique_serving [--socket PATH | --port NUMBER]`.

Without an argument the listening socket is inherited (see `listening`); what is
served is in the environment (see `settings`).

Exit codes: 0 stopped by SIGTERM or SIGINT after the requests in flight, 2 wrong
arguments or settings, 70 the model could not be loaded; its traceback is then
the last thing in the log. 71 the model has used up the memory it may have, 72 a
call of the model did not end.
"""

import os
import sys

# `python -m` puts the working folder first, and that is the user's code: a file
# there called queue.py would be imported in place of the library's. Their folder
# comes back when the script is loaded, after everything of ours is in memory.
if sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]

import contextlib
import gc
import importlib
import math
import socket
import threading
import time
from typing import Any, Iterator, List, NoReturn, Optional

from pratique_serving import __version__, listening, log
from pratique_serving.calls import Patience
from pratique_serving.errors import ModelFailed, Usage
from pratique_serving.memory import MemoryBound
from pratique_serving.models import Model, load_model
from pratique_serving.monitoring import collect_into
from pratique_serving.routes import Collection, Routes
from pratique_serving.server import Server
from pratique_serving.settings import Settings, read_settings
from pratique_serving.wire import Limits
from pratique_serving.workers import Workers

EXIT_USAGE = 2
EXIT_MODEL_FAILED = 70
EXIT_USED_UP = 71
EXIT_HUNG = 72

# Threads that a script left running would keep the stopped process alive.
LEFT_BEHIND_SECONDS = 5.0

USAGE = "usage: python -m pratique_serving [--socket PATH | --port NUMBER | --version]"


def main(arguments: List[str]) -> int:
    """Serve until told to stop; the exit code."""
    if arguments == ["--version"]:
        print(f"pratique-serving {__version__}")
        return 0
    try:
        settings = read_settings(os.environ)
        listener = _listener(arguments)
    except Usage as error:
        log.write(f"error: {error}\n")
        return EXIT_USAGE
    _make_output_timely()
    log.keep(sys.stderr)
    if settings.log_format == "json":
        log.speak_json()
    return serve(listener, settings)


def serve(listener: socket.socket, settings: Settings) -> int:
    """Answer probes at once, load the model in this thread, then call it for every request."""
    began = time.monotonic()
    memory = MemoryBound(settings.memory_bytes)
    collection = _collection(settings)
    collect_into(collection)
    routes = Routes(settings, collection)
    server = _server(listener, settings, routes, memory)
    try:
        door = _grpc_door(settings, server)
    except Usage as error:
        log.write(f"error: {error}\n")
        return EXIT_USAGE
    server.stop_on_signals()
    server.start()
    with _few_collections():
        model = _load(settings)
    if model is None:
        _leave(EXIT_MODEL_FAILED)
    log.say(f"ready after {time.monotonic() - began:.3f} s, {settings.worker_count} worker(s)")
    memory.note_loaded()
    routes.become_ready(model)
    if door is not None:
        door.start()
    _serve_until_stopped(server, settings.worker_count)
    if server.has_used_up:
        # There may be no room for anything more, not even for the stack of a thread.
        routes.close()
        _leave(EXIT_USED_UP)
    threading.Thread(target=_leave_soon, daemon=True).start()
    if door is not None:
        door.stop()
    routes.close()
    log.say("stopped")
    return 0


def _server(listener: socket.socket, settings: Settings, routes: Routes, memory: MemoryBound) -> Server:
    return Server(
        listener,
        routes,
        Limits(settings.max_body_bytes, settings.read_timeout),
        lambda: _on_stop(routes),
        memory if settings.memory_bytes else None,
        Patience(settings.longest_call_ms / 1000 or math.inf, lambda: _leave_hung(routes)),
    )


def _serve_until_stopped(server: Server, worker_count: int) -> None:
    if worker_count == 1:
        server.serve()
    else:
        server.serve_by(Workers(worker_count))


def _collection(settings: Settings) -> Optional[Collection]:
    """Imported only where something is collected: every start pays for what is imported."""
    if not settings.collect:
        return None
    opened: Collection = importlib.import_module("pratique_serving.collecting").open_spool(settings)
    return opened


def _grpc_door(settings: Settings, server: Server) -> Any:
    """Imported only where it is wished. Raises Usage when gRPC is not in the environment."""
    if not settings.grpc:
        return None
    try:
        module = importlib.import_module("pratique_serving.grpc_door")
    except ImportError as error:
        raise Usage(f"PRATIQUE_GRPC needs grpcio in the environment (pratique-serving[grpc]): {error}") from None
    return module.GrpcDoor(settings.grpc, server.adopt, settings.max_body_bytes)


def _on_stop(routes: Routes) -> None:
    if not routes.is_ready:
        # Nothing was answered yet, and the main thread may be deep in the script's init().
        log.say("stopped while the model was loading")
        _leave(0)
    log.say("stopping: no new connections, requests in flight are finished")
    routes.become_unready()


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """Hardly look for garbage meanwhile: large libraries make little of it while they are imported.

    Looking took a tenth of the start of a scikit-learn model. What a script sets itself stays.
    """
    usual, few = gc.get_threshold(), (1_000_000, 50, 50)
    gc.set_threshold(*few)
    try:
        yield
    finally:
        if gc.get_threshold() == few:
            gc.set_threshold(*usual)


def _load(settings: Settings) -> Optional[Model]:
    what = settings.entry_script or settings.onnx_model or settings.mlflow_model
    log.say(f"pratique-serving {__version__}, Python {sys.version.split()[0]}, loading {what}")
    try:
        return load_model(settings)
    except ModelFailed as error:
        log.say(f"the model could not be loaded: {error}")
    # A script may raise anything while it is imported or in init(), sys.exit() included.
    except BaseException as error:  # noqa: BLE001
        log.say_traceback("the model could not be loaded", error)
    return None


def _listener(arguments: List[str]) -> socket.socket:
    if not arguments:
        return listening.inherited(os.environ)
    if len(arguments) != 2 or arguments[0] not in ("--socket", "--port"):
        raise Usage(USAGE)
    if arguments[0] == "--socket":
        return listening.at_path(arguments[1])
    if not arguments[1].isdigit():
        raise Usage(f"--port: expected a number, got {arguments[1]!r}")
    return listening.at_port(int(arguments[1]))


def _make_output_timely() -> None:
    """What a script prints reaches the log line by line, not when a buffer is full."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


def _leave_hung(routes: Routes) -> NoReturn:
    routes.close()
    _leave(EXIT_HUNG)


def _leave_soon() -> NoReturn:
    time.sleep(LEFT_BEHIND_SECONDS)
    log.say("threads of the script are still running and are left behind")
    _leave(0)


def _leave(code: int) -> NoReturn:
    """End now, without waiting for threads that the script has started."""
    for stream in (sys.stdout, sys.stderr):
        log.write("", stream)
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
