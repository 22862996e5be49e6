"""How errors leave here: in MLflow's shape and with its codes, which its clients raise as their own exceptions."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from pratique.base.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotYet,
    PratiqueError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

_CODES: Final[tuple[tuple[type[PratiqueError], str, int], ...]] = (
    # The first that fits; MLflow's status where it differs from ours, because clients look at both.
    (NotYet, "NOT_IMPLEMENTED", 501),
    (InvalidInput, "INVALID_PARAMETER_VALUE", 400),
    (Unauthenticated, "UNAUTHENTICATED", 401),
    (Forbidden, "PERMISSION_DENIED", 403),
    (NotFound, "RESOURCE_DOES_NOT_EXIST", 404),
    (AlreadyExists, "RESOURCE_ALREADY_EXISTS", 400),
    (Conflict, "RESOURCE_CONFLICT", 409),
    (TooLarge, "INVALID_PARAMETER_VALUE", 413),
    (Unavailable, "TEMPORARILY_UNAVAILABLE", 503),
)


class MlflowRoute(APIRoute):
    """A route whose errors MLflow's clients understand."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with every error of ours in MLflow's words."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except PratiqueError as error:
                return in_mlflow_words(error)
            except RequestValidationError as error:
                said = "; ".join(f"{'.'.join(map(str, row['loc'][1:]))}: {row['msg']}" for row in error.errors())
                return in_mlflow_words(InvalidInput(said))

        return answer


def in_mlflow_words(error: PratiqueError) -> JSONResponse:
    """`error` as MLflow's server would say it; the hint travels in the message."""
    code, status = next(
        ((code, status) for kind, code, status in _CODES if isinstance(error, kind)),
        ("INTERNAL_ERROR", error.status),
    )
    message = f"{error} ({error.hint})" if error.hint else str(error)
    headers = {"WWW-Authenticate": 'Basic realm="pratique"'} if status == 401 else None
    return JSONResponse({"error_code": code, "message": message}, status_code=status, headers=headers)
