"""How errors leave: every one as the document of `base.errors`, never a traceback."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pratique.base.clock import utc_now
from pratique.base.errors import (
    InternalError,
    InvalidInput,
    NotFound,
    PratiqueError,
    Problem,
    PromotionRefused,
    TooManyCalls,
    Unauthenticated,
)
from pratique.base.logging import get_logger
from pratique.control.promotion import void
from pratique.web.browser import is_a_person, sign_in_page
from pratique.web.platform import platform_of

_log = get_logger(__name__)


def answer(error: PratiqueError) -> JSONResponse:
    """The error as a response."""
    later = {"Retry-After": "1"} if isinstance(error, TooManyCalls) else None
    return JSONResponse(error.to_document(), status_code=error.status, headers=later)


def _problem(row: Mapping[str, Any]) -> Problem:
    """What the framework found wrong with one part of a request, in our words where it has none for people."""
    if row["type"] == "json_invalid":
        return Problem(f"the body is not JSON: {row.get('ctx', {}).get('error', '')}")
    words = {"extra_forbidden": "unknown key", "missing": "is required"}
    return Problem(words.get(row["type"], str(row["msg"])), key=".".join(str(part) for part in row["loc"][1:]))


def _void(request: Request, error: PromotionRefused, run: int) -> None:
    """What the refused transaction could not keep: the approvals of its run count no more."""
    with platform_of(request).database.write() as tx:
        void(tx, run, reason=error.message, now=utc_now())


def install(app: FastAPI) -> None:
    """Let `app` answer every error in one shape."""

    @app.exception_handler(PratiqueError)
    def _ours(request: Request, error: PratiqueError) -> Response:
        if isinstance(error, PromotionRefused) and error.run is not None:
            _void(request, error, error.run)
        if isinstance(error, Unauthenticated) and is_a_person(request):
            return sign_in_page()
        return answer(error)

    @app.exception_handler(RequestValidationError)
    def _validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(InvalidInput.of([_problem(row) for row in error.errors()], what="the request"))

    @app.exception_handler(HTTPException)
    def _framework(_request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == NotFound.status:
            return answer(NotFound("the API has no such path", hint="GET /api/v1/openapi.json lists them all"))
        if error.status_code == InvalidInput.status:
            return answer(InvalidInput(str(error.detail)))
        document = PratiqueError(str(error.detail)).to_document()
        document["error"]["code"] = "HttpError"
        return JSONResponse(document, status_code=error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        _log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
        return answer(InternalError("something unforeseen happened on the server", hint="pratique status; see its log"))
