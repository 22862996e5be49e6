"""What a JSON body of the API must not hold: what one reader would take and another would not.

JSON's grammar lets a mapping give a key twice, and readers keep one of them
without a word; Python's reader takes NaN and Infinity, which are no JSON, and
makes 1e999 infinite. Such a body is refused before anything looks at it, and
one that is nested too deep is an error of the caller and not of the server.

Whatever else is wrong with a body is told by who expects it.
"""

import json
import math
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.words import shown
from pratique.web.errors import answer

PATHS: Final = "/api/v1/"
"""MLflow's routes answer in MLflow's words and are not looked at here."""


class PlainJson:
    """Answers 400 to a body that has a key twice, a number that is none, or too many levels."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATHS) or not _is_json(scope):
            await self._app(scope, receive, send)
            return
        messages = await _body(receive)
        said = problem_with(b"".join(message.get("body", b"") for message in messages))
        if said:
            await answer(InvalidInput.of([Problem(said)], what="the request"))(scope, receive, send)
            return
        waiting = iter(messages)

        async def again() -> Message:
            return next(waiting, None) or await receive()

        await self._app(scope, again, send)


def problem_with(body: bytes) -> str:
    """Why nobody should read `body`; empty when it is plain JSON, or none at all."""
    try:
        json.loads(body, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite)
    except _NotPlainError as error:
        return str(error)
    except RecursionError:
        return "the body is nested too deep"
    except ValueError:
        return ""
    return ""


class _NotPlainError(Exception):
    """Says what is wrong."""


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _NotPlainError(f"the body gives the key {shown(name)} twice")
        seen.add(name)
    return found


def _no_number(word: str) -> Any:
    raise _NotPlainError(f"{word} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotPlainError(f"{shown(text)} is too large for a number")
    return number


def _is_json(scope: MutableMapping[str, Any]) -> bool:
    """Whether the body says that it is JSON; an upload is not held in memory to be looked at."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return bool(kinds) and b"json" in kinds[-1].lower()


async def _body(receive: Receive) -> list[Message]:
    """Every message up to the end of the body, or up to where the caller went away."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages
