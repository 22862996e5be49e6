"""Errors cross the API as documents and come back as what they were."""

import pytest

from pratique.base.errors import (
    ComputeFailed,
    Conflict,
    InternalError,
    InvalidInput,
    NotFound,
    PratiqueError,
    Problem,
    from_document,
)


def every_class(root: type[PratiqueError] = PratiqueError) -> list[type[PratiqueError]]:
    return [root, *(found for child in root.__subclasses__() for found in every_class(child))]


@pytest.mark.parametrize("kind", every_class())
def test_an_error_comes_back_from_its_document_as_its_own_class(kind: type[PratiqueError]) -> None:
    problem = Problem("expected a number", key="inputs.lr", file="job.yml", line=12, hint="write 0.1")
    error = kind("it failed", hint="try again", problems=[problem], log_tail=["one", "two"])
    back = from_document(error.to_document(), status=error.status)
    assert type(back) is kind
    assert (back.message, back.hint, back.problems, back.log_tail) == (
        "it failed",
        "try again",
        (problem,),
        ("one", "two"),
    )


def test_a_problem_says_place_key_message_and_remedy() -> None:
    problem = Problem("expected one of a, b; got 3", key="inputs.lr.type", file="job.yml", line=12, hint="write a")
    assert str(problem) == "job.yml:12 inputs.lr.type: expected one of a, b; got 3 (write a)"
    assert str(Problem("it is empty", file="job.yml")) == "job.yml: it is empty"
    assert str(Problem("nothing is known")) == "nothing is known"


def test_an_error_shows_all_its_problems() -> None:
    error = InvalidInput.of([Problem("one", key="a"), Problem("two", key="b")], what="job.yml")
    assert str(error).splitlines() == ["job.yml: 2 problems", "  a: one", "  b: two"]


def test_an_unknown_code_becomes_the_class_of_its_status() -> None:
    document = {"error": {"code": "FromTheFuture", "message": "no"}}
    assert type(from_document(document, status=404)) is NotFound
    assert type(from_document(document, status=409)) is Conflict
    assert type(from_document({"detail": "proxy"}, status=502)) is InternalError


def test_only_a_missing_thing_exits_with_3() -> None:
    assert {kind.__name__ for kind in every_class() if kind.exit_code == 3} == {"NotFound"}
    assert ComputeFailed("x").exit_code == 1


def test_every_code_is_one_of_its_own() -> None:
    names = [kind.__name__ for kind in every_class()]
    assert len(names) == len(set(names))
