"""Path and method to an answer. Knows no sockets.

    GET  /               200 "Healthy" once the model is ready
    GET  /health/live    200 while the process runs
    GET  /health/ready   200 once the model is ready, before that 503; /health and /ping are MLflow's names of it
    any  /score          GET, POST, OPTIONS: the model
    any  /invocations    the same, MLflow's name and MLflow's envelope for its models
    GET  /swagger.json   ?version=2 (default), 3, 3.1
    GET  /metrics        counters for Prometheus
         /v2/…           the Open Inference Protocol (see `oip`); not for scripts

Statuses, bodies and headers are those of Azure's inference server when it is
called directly; the gateway in front turns them into Azure's front end.
A request that comes while the model is still loading waits for it.

What needs the model is a Call, which whoever has the model performs: `take` a
request, `perform` the calls. Everything else is answered at once.
"""

import json
import math
import time
from abc import ABC, abstractmethod
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from pratique_serving import __version__, log, oip
from pratique_serving.errors import Refused
from pratique_serving.identifiers import Identifiers, TooLong, identifiers_of
from pratique_serving.metrics import CONTENT_TYPE, Metrics, watch_process
from pratique_serving.models import Model
from pratique_serving.results import INTERNAL, json_response, refusal
from pratique_serving.settings import Settings
from pratique_serving.wire import Request, Response

SCORE = "/score"
INVOCATIONS = "/invocations"
SWAGGER = "/swagger.json"
METRICS = "/metrics"
PROBES = ("/", "/health/live", "/health/ready", "/health", "/ping")

READS = ("GET", "HEAD", "OPTIONS")
SCORES = ("GET", "HEAD", "OPTIONS", "POST")

_METHODS: Dict[str, Tuple[str, ...]] = {SCORE: SCORES, INVOCATIONS: SCORES, SWAGGER: READS}
_METHODS.update((path, READS) for path in (*PROBES, METRICS))

_SCORED = frozenset({SCORE, INVOCATIONS})
_OF_THE_MODEL = frozenset({SCORE, INVOCATIONS, SWAGGER})

_TEXT = ("Content-Type", "text/html; charset=utf-8")

# The wording is part of what callers of Azure's server know.
NO_SUCH_PATH = (
    "The requested URL was not found on the server. If you entered the URL manually please check your "
    "spelling and try again."
)
NO_SUCH_METHOD = "The method is not allowed for the requested URL."
NOT_READY = "The model is still loading."
TOO_LATE = "The request has waited for longer than its time limit."
TOO_MANY = "Too many requests are waiting for the model."
HANDED_BACK = "The process ends, and the model was not asked."
NOT_COMPUTED = ("x-pratique-not-computed", "true")
"""Says that a request may be sent again, to another process or the next one: the gateway does that."""


class Collection(ABC):
    """Where predictions are collected."""

    @property
    @abstractmethod
    def collected(self) -> int:
        """How many records were taken, of predictions and of a script's own."""

    @property
    @abstractmethod
    def dropped(self) -> int:
        """How many were lost, because there was no room, or because they could not be written."""

    @abstractmethod
    def note(self, calls: "Sequence[Call]", responses: Sequence[Response], now: float) -> None:
        """Answers of the model, given now (monotonic seconds); by the thread whose turn it is, so it takes no time."""

    @abstractmethod
    def know(self, columns: Sequence[Any]) -> None:
        """The inputs of the model's signature, with `name` and `type`; before anything is noted."""

    @abstractmethod
    def keeps(self, name: str) -> bool:
        """Whether a script may collect something by this name."""

    @abstractmethod
    def note_own(self, name: str, correlation: str, data: Any) -> bool:
        """What a script collects itself, as JSON values; by any thread. False when there was no room for it."""

    @abstractmethod
    def close(self) -> None:
        """Write what is waiting."""


class Call:
    """A request that needs the model."""

    __slots__ = ("began", "expires", "identifiers", "request")

    def __init__(self, request: Request, identifiers: Identifiers, began: float, expires: float) -> None:
        self.request = request
        self.identifiers = identifiers
        self.began = began
        """Monotonic seconds, as `expires`: after that nobody waits for it."""
        self.expires = expires


class Routes:
    """Answers requests, with a model once `become_ready` was called."""

    def __init__(self, settings: Settings, collection: Optional[Collection] = None) -> None:
        self._settings = settings
        self.metrics = Metrics(settings.deployment, settings.model)
        watch_process(self.metrics)
        self._collection = collection
        if collection is not None:
            self.metrics.watch(
                "pratique_collected_total", "counter", "Predictions handed to the spool.", lambda: collection.collected
            )
            self.metrics.watch(
                "pratique_collection_dropped_total",
                "counter",
                "Predictions for which the spool was too slow.",
                lambda: collection.dropped,
            )
        self._model: Optional[Model] = None
        self._is_stopping = False
        self._patience = settings.request_timeout_ms / 1000 if settings.request_timeout_ms else math.inf
        self._version_headers = (
            [("x-ms-server-version", f"pratique-serving/{__version__}")] if settings.shows_version else []
        )
        self._cors = settings.cors
        self.most_waiting = settings.max_waiting or math.inf

    def become_ready(self, model: Model) -> None:
        """The model has loaded: waiting requests go on."""
        if self._collection is not None:
            self._collection.know(model.columns)
        self._model = model

    def become_unready(self) -> None:
        """The server is stopping: probes say so, requests that are here are still answered."""
        self._is_stopping = True

    @property
    def is_ready(self) -> bool:
        return self._model is not None and not self._is_stopping

    @property
    def most_together(self) -> int:
        """How many calls `perform` takes at most."""
        return self._model.most_together if self._model is not None else 1

    def take(self, request: Request) -> Union[Response, Call]:
        """The answer, or what the model has to be asked. Never raises: whatever happens becomes a status."""
        path = request.path
        methods = _METHODS.get(path)
        if methods is None:
            return self._take_protocol(request)
        if request.method not in methods:
            return refusal(Refused(405, NO_SUCH_METHOD))
        try:
            identifiers = identifiers_of(request.headers)
        except TooLong as error:
            return self._finished(refusal(error), Call(request, error.identifiers, 0, 0))
        call = self._call(request, identifiers)
        if path in _OF_THE_MODEL and (path != SWAGGER or request.method != "OPTIONS"):
            return call
        if request.method == "OPTIONS":
            return self._finished(Response(200, b"", [_TEXT, ("Allow", ", ".join(READS))]), call)
        if path == METRICS:
            return self._finished(Response(200, self.metrics.text(), [("Content-Type", CONTENT_TYPE)]), call)
        return self._finished(self._probe(path), call)

    def _take_protocol(self, request: Request) -> Union[Response, Call]:
        """An address below /v2, or none that there is."""
        model = self._model
        if not f"{request.path}/".startswith("/v2/") or (model is not None and not model.speaks_protocol):
            return refusal(Refused(404, NO_SUCH_PATH))
        try:
            if request.path == "/v2/health/live":
                return Response(200, b"", [])
            if request.path == "/v2/health/ready":
                return Response(200 if self.is_ready else 503, b"", [])
            if request.path == "/v2":
                extensions = ["binary_tensor_data"]
                return json_response(200, {"name": "pratique", "version": __version__, "extensions": extensions})
            target = oip.target_of(request.path)
            if target.model != self._settings.model_name:
                raise Refused(404, f"The model here is called {self._settings.model_name!r}.")
            if target.verb == "ready":
                return Response(200 if self.is_ready else 503, b"", [])
            if request.method != ("POST" if target.verb else "GET"):
                raise Refused(405, NO_SUCH_METHOD)
            identifiers = identifiers_of(request.headers)
        except Refused as error:
            return json_response(error.status, {"error": error.message})
        return self._call(request, identifiers)

    def _call(self, request: Request, identifiers: Identifiers) -> Call:
        """What waits for its turn from now on, and while the model loads for that."""
        now = time.monotonic()
        patience = self._patience if self._model is not None else min(self._settings.ready_timeout, self._patience)
        return Call(request, identifiers, now, now + patience)

    def perform(self, calls: Sequence[Call]) -> List[Response]:
        """The model's answers, in the order of `calls`. Never raises."""
        model = self._model
        if model is None:
            return [self.late(call) for call in calls]
        if len(calls) > 1 and all(call.request.path in _SCORED for call in calls):
            requests = [call.request for call in calls]
            log.begin("")
            together = model.answer_together(requests, [call.identifiers.request for call in calls])
            return [self._finished(response, call) for response, call in zip(together, calls)]
        return [self._finished(_answer(model, call), call) for call in calls]

    def note(self, calls: Sequence[Call], responses: Sequence[Response], now: float) -> None:
        """Count answers of the model, and collect them; by the thread whose turn it is."""
        statuses = [response.status for response in responses]
        seconds = [now - call.began for call in calls]
        self.metrics.count(statuses, seconds, sum([response.rows for response in responses]))
        if self._collection is not None:
            self._collection.note(calls, responses, now)

    def close(self) -> None:
        """Write down what was collected."""
        if self._collection is not None:
            self._collection.close()

    def late(self, call: Call) -> Response:
        """The answer to a call that has waited for too long."""
        why = Refused(503, NOT_READY) if self._model is None else Refused(408, TOO_LATE)
        self.metrics.count_refused(why.status)
        return self._finished(refusal(why), call)

    def too_many(self, call: Call) -> Response:
        """The answer to a call for which there is no room."""
        self.metrics.count_refused(429)
        response = refusal(Refused(429, TOO_MANY))
        response.headers.append(("Retry-After", "1"))
        return self._finished(response, call)

    def handed_back(self, call: Call) -> Response:
        """The answer to a call that was waiting when the process had to end."""
        self.metrics.count_refused(503)
        response = refusal(Refused(503, HANDED_BACK))
        response.headers += [NOT_COMPUTED, ("Retry-After", "1")]
        return self._finished(response, call)

    def _probe(self, path: str) -> Response:
        if path == "/health/live" or self.is_ready:
            return Response(200, b"Healthy", [_TEXT])
        return Response(503, b"Not ready", [_TEXT, ("Retry-After", "1")])

    def _finished(self, response: Response, call: Call) -> Response:
        response.headers += self._version_headers
        response.headers += call.identifiers.headers()
        if self._cors is not None:
            self._cors.add(response, call.request)
        return response


def _answer(model: Model, call: Call) -> Response:
    """One call of the model. A script may raise anything, sys.exit() included: the caller gets an answer."""
    request = call.request
    log.begin(request.headers.get("traceparent", ""), call.identifiers.request)
    try:
        if request.path.startswith("/v2/"):
            return _answer_protocol(model, call)
        if request.path == SWAGGER:
            return json_response(200, model.swagger(dict(reversed(request.arguments())).get("version", "2")))
        return model.answer(request, call.identifiers.request)
    except Refused as error:
        return refusal(error)
    except BaseException as error:  # noqa: BLE001
        log.say_place(f"a request failed inside the server, request {call.identifiers.request}", error)
        return refusal(Refused(500, INTERNAL))


def _answer_protocol(model: Model, call: Call) -> Response:
    """Through MLflow's format and back; who wants speed sends a split frame."""
    request = call.request
    name = oip.target_of(request.path).model
    if request.method == "GET":
        return json_response(200, oip.describe(name, model.columns, model.protocol_inputs, model.protocol_outputs))
    try:
        body, given = oip.read(request.body, request.headers)
        headers = {**request.headers, "content-type": "application/json"}
        inner = request._replace(path=SCORE, headers=headers, body=body)
        response = model.answer(inner, call.identifiers.request)
    except Refused as error:
        return json_response(error.status, {"error": error.message}, error.run_failed)
    if response.status != 200:
        return response
    said = oip.answer(name, given or call.identifiers.request, json.loads(response.body), model.protocol_outputs)
    wrapped = json_response(200, said)
    wrapped.rows = response.rows
    return wrapped
