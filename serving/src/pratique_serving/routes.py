"""Path and method to an answer. Knows no sockets.

    GET  /               200 "Healthy" once the model is ready
    GET  /health/live    200 while the process runs
    GET  /health/ready   200 once the model is ready, before that 503
    any  /score          GET, POST, OPTIONS: the model
    any  /invocations    the same, MLflow's name and MLflow's envelope for its models
    GET  /swagger.json   ?version=2 (default), 3, 3.1

Statuses, bodies and headers are those of Azure's inference server when it is
called directly; the gateway in front turns them into Azure's front end.
A request that comes while the model is still loading waits for it.
"""

import threading
from typing import Dict, Optional, Tuple

from pratique_serving import __version__
from pratique_serving.errors import Refused
from pratique_serving.identifiers import Identifiers, TooLong, identifiers_of
from pratique_serving.models import Model
from pratique_serving.results import json_response
from pratique_serving.settings import Settings
from pratique_serving.wire import Request, Response
from pratique_serving.workers import Workers

SCORE = "/score"
INVOCATIONS = "/invocations"
SWAGGER = "/swagger.json"
PROBES = ("/", "/health/live", "/health/ready")

READS = ("GET", "HEAD", "OPTIONS")
SCORES = ("GET", "HEAD", "OPTIONS", "POST")

_METHODS: Dict[str, Tuple[str, ...]] = {SCORE: SCORES, INVOCATIONS: SCORES, SWAGGER: READS}
_METHODS.update((path, READS) for path in PROBES)

_TEXT = ("Content-Type", "text/html; charset=utf-8")

# The wording is part of what callers of Azure's server know.
NO_SUCH_PATH = (
    "The requested URL was not found on the server. If you entered the URL manually please check your "
    "spelling and try again."
)
NO_SUCH_METHOD = "The method is not allowed for the requested URL."
INTERNAL = "An unexpected internal error occurred. Check the logs for more info."
NOT_READY = "The model is still loading."


class Routes:
    """Answers requests, with a model once `become_ready` was called."""

    def __init__(self, settings: Settings, workers: Workers) -> None:
        self._settings = settings
        self._workers = workers
        self._model: Optional[Model] = None
        self._ready = threading.Event()
        self._is_stopping = False
        self._version_headers = (
            [("x-ms-server-version", f"pratique-serving/{__version__}")] if settings.shows_version else []
        )

    def become_ready(self, model: Model) -> None:
        """The model has loaded: waiting requests go on."""
        self._model = model
        self._ready.set()

    def become_unready(self) -> None:
        """The server is stopping: probes say so, requests that are here are still answered."""
        self._is_stopping = True

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set() and not self._is_stopping

    def answer(self, request: Request) -> Response:
        """Never raises: whatever happens becomes a status."""
        methods = _METHODS.get(request.path)
        if methods is None:
            return refusal(Refused(404, NO_SUCH_PATH))
        if request.method not in methods:
            return refusal(Refused(405, NO_SUCH_METHOD))
        try:
            identifiers = identifiers_of(request.headers)
        except TooLong as error:
            return self._finished(refusal(error), error.identifiers)
        return self._finished(self._dispatch(request, identifiers), identifiers)

    def _dispatch(self, request: Request, identifiers: Identifiers) -> Response:
        try:
            if request.path in (SCORE, INVOCATIONS):
                return self._score(request, identifiers)
            if request.method == "OPTIONS":
                return Response(200, b"", [_TEXT, ("Allow", ", ".join(READS))])
            if request.path == SWAGGER:
                return self._swagger(request)
            return self._probe(request.path)
        except Refused as error:
            return refusal(error)

    def _probe(self, path: str) -> Response:
        if path == "/health/live" or self.is_ready:
            return Response(200, b"Healthy", [_TEXT])
        return Response(503, b"Not ready", [_TEXT, ("Retry-After", "1")])

    def _score(self, request: Request, identifiers: Identifiers) -> Response:
        model = self._wait_for_model()
        response = self._workers.call(lambda: _answer(model, request, identifiers.request))
        if response is None:
            raise Refused(500, INTERNAL)
        return response

    def _swagger(self, request: Request) -> Response:
        version = dict(request.arguments()).get("version", "2")
        return json_response(200, self._wait_for_model().swagger(version))

    def _wait_for_model(self) -> Model:
        self._ready.wait(self._settings.ready_timeout)
        if self._model is None:
            raise Refused(503, NOT_READY)
        return self._model

    def _finished(self, response: Response, identifiers: Identifiers) -> Response:
        response.headers += self._version_headers
        response.headers += identifiers.headers()
        return response


def _answer(model: Model, request: Request, request_id: str) -> Response:
    try:
        return model.answer(request, request_id)
    except Refused as error:
        return refusal(error)


def refusal(error: Refused) -> Response:
    """An error as every caller sees it: ``{"message": …}``."""
    return json_response(error.status, {"message": error.message}, error.run_failed)
