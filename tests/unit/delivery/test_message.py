"""The job message and the records: plain data, there and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pratique.base.errors import InvalidInput
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.message import Connection, JobMessage, PipelineRun, RepositorySource, RunFacts, UnitFacts
from pratique.delivery.nodes import Place, Source
from pratique.delivery.pipeline import Step
from pratique.delivery.records import Attachment, Coverage, Issue, Output, Record, StepState, Suite
from pratique.delivery.run.outcomes import Result

_INCLUDED = Place(Source("self", "azure-pipelines.yml"), 4, 3)
_PLACE = Place(Source("templates", "steps.yml"), 7, 5, _INCLUDED)
_MESSAGE = JobMessage(
    run=RunFacts(12, "20260101.1", "credit", "train"),
    unit=UnitFacts("Dev", "Train", "leg", hook="deploy"),
    steps=(
        Step("task", "Bash@3", {"script": "echo $(x)"}, _PLACE, name="one", env={"A": "b"}, timeout="$(minutes)"),
        Step("checkout", "", {"repository": "self"}, _INCLUDED, is_enabled="$(on)", settable=("x",)),
    ),
    variables=(Variable("x", "1"), Variable("key", "s3cret", is_secret=True)),
    repositories=(RepositorySource("self", "credit", url="/srv/credit.git", token="t0ken"),),
    connections=(Connection("aml-dev", "dev", "rg", "id", "tenant", "pass", vaults=("kv",)),),
    pipelines=(PipelineRun("upstream", 3),),
    access_token="acc3ss",
    masked=("also",),
)  # fmt: skip


def test_a_message_comes_back_as_it_went() -> None:
    assert JobMessage.of_document(json.loads(json.dumps(_MESSAGE.to_document()))) == _MESSAGE


def test_a_step_keeps_the_chain_of_its_includes() -> None:
    back = JobMessage.of_document(_MESSAGE.to_document())
    assert back.steps[0].place.chain == (_INCLUDED,)


def test_every_secret_of_a_message_is_told() -> None:
    assert _MESSAGE.secrets() == {"s3cret", "t0ken", "pass", "acc3ss", "also"}


def test_names_are_found_in_any_case() -> None:
    assert _MESSAGE.connection("AML-Dev") is not None
    assert _MESSAGE.repository("SELF") is not None
    assert _MESSAGE.pipeline("Upstream") is not None
    assert _MESSAGE.connection("other") is None


@pytest.mark.parametrize(
    "change", [{"steps": [{}]}, {"unknown": 1}, {"run": None}, {"variables": [{"value": "s3cret"}]}]
)
def test_what_is_no_message_is_refused_without_quoting_it(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="no job message") as caught:
        JobMessage.of_document({**_MESSAGE.to_document(), **change})
    assert "s3cret" not in str(caught.value)


def test_a_record_comes_back_as_it_went() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    record = Record(
        3, 0, "Train", StepState.COMPLETED, "one", "Bash@3", Result.FAILED, "exit code 1", now, now, 2, 50, "half",
        (Issue("error", "bad", "E1", "a.py", 3, 4),), {"one.v": Output("x", True)}, ("tag",), "7", ("# md",),
        (Suite("unit", 3, 1, 1, 1, 0.5, ("t",)),), Coverage(1, 2), (Attachment("a.txt", "0" * 64),),
    )  # fmt: skip
    assert Record.of_document(json.loads(json.dumps(record.to_document()))) == record
    plain = replace(record, result=None, coverage=None, started_at=None)
    assert Record.of_document(json.loads(json.dumps(plain.to_document()))) == plain


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no record"):
        Record.of_document({"sequence": 1})
