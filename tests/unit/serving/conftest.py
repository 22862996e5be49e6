"""What a client sends, settings without an environment, and a model of three lines."""

from collections.abc import Callable
from typing import Any

import pytest

from pratique_serving.errors import Refused
from pratique_serving.models import Model
from pratique_serving.results import to_response
from pratique_serving.routes import Routes
from pratique_serving.settings import Settings, read_settings
from pratique_serving.wire import Limits, Reader, Request, Response

Ask = Callable[..., Request]


class Wire:
    """What one client sends, and what a Reader makes of it."""

    def __init__(self, limits: Limits) -> None:
        self.reader = Reader(limits)

    def sends(self, data: bytes, *, piece: int = 0) -> Request | None:
        """The request that is read when a client sends this, perhaps in pieces of so many bytes, and then no more."""
        size = piece or max(len(data), 1)
        for start in range(0, len(data), size):
            request = self.reader.read(data[start : start + size])
            if request is not None:
                return request
        self.reader.end()
        return None


class Echo(Model):
    """Answers with whatever function it is given."""

    def __init__(self, respond: Callable[[Request], object]) -> None:
        self._respond = respond

    def answer(self, request: Request, request_id: str) -> Response:
        return to_response(self._respond(request))

    def swagger(self, version: str) -> dict[str, Any]:
        if version != "2":
            raise Refused(404, "no such version")
        return {"swagger": "2.0"}


@pytest.fixture
def wire() -> Wire:
    """A connection that accepts bodies of at most 1,000 bytes."""
    return Wire(Limits(body_bytes=1000, pause=5.0))


@pytest.fixture
def settings() -> Settings:
    return read_settings({"AZUREML_ENTRY_SCRIPT": "score.py", "PRATIQUE_READY_TIMEOUT_SECONDS": "0"})


@pytest.fixture
def routes(settings: Settings) -> Routes:
    """With a model that says what it was sent."""
    made = Routes(settings)
    made.become_ready(Echo(lambda request: {"said": request.body.decode()}))
    return made


def answer(routes: Routes, request: Request) -> Response:
    """What a caller gets, with the model's part done at once."""
    outcome = routes.take(request)
    return outcome if isinstance(outcome, Response) else routes.perform([outcome])[0]


@pytest.fixture
def ask() -> Ask:
    """Make a request: `ask("/score", method="POST", body=b"{}", query="a=1", content_type="…")`."""

    def make(path: str, *, method: str = "GET", query: str = "", body: bytes = b"", **headers: str) -> Request:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Request(method, path, query, named, body, False)

    return make
