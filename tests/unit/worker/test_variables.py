"""The variables of a running job."""

import pytest

from pratique.delivery.expressions.macros import Variable
from pratique.delivery.masking import Masker
from pratique.delivery.records import Output
from pratique.worker.variables import JobVariables, ReadOnlyError, is_mappable, mapped


def test_the_environment_has_upper_case_names_and_no_secrets() -> None:
    variables = JobVariables(
        [Variable("my.name and more", "v"), Variable("key", "s3cret", is_secret=True), Variable("path", "/evil")],
        Masker(),
    )
    assert variables.environment() == {"MY_NAME_AND_MORE": "v"}


def test_a_variable_that_embeds_a_secret_is_one() -> None:
    masker = Masker()
    variables = JobVariables([Variable("key", "s3cret", is_secret=True), Variable("url", "u:$(key)@h")], masker)
    assert variables.environment() == {}
    assert masker.masked("u:s3cret@h") == "***"


def test_what_a_step_sets_changes_what_embeds_it() -> None:
    variables = JobVariables([Variable("url", "http://$(step.host)")], Masker())
    assert variables.now.text("url") == "http://$(step.host)"
    variables.set_output("step", "host", "here", is_secret=False)
    assert variables.now.text("url") == "http://here"
    assert variables.outputs_of("step") == {"step.host": Output("here")}
    assert variables.outputs_of("") == {}


def test_an_output_sets_nothing_else_and_nobody_else_sets_it() -> None:
    variables = JobVariables([], Masker())
    variables.set_output("s", "v", "1", is_secret=False)
    assert variables.now.get("v") is None
    with pytest.raises(ReadOnlyError, match=r"s\.v"):
        variables.set(Variable("S.V", "2"))


def test_a_secret_stays_one_when_it_is_set_again() -> None:
    masker = Masker()
    variables = JobVariables([Variable("key", "first-one", is_secret=True)], masker)
    variables.set(Variable("KEY", "second-one"))
    assert variables.environment() == {}
    assert masker.masked("second-one") == "***"


def test_read_only_variables_stay() -> None:
    variables = JobVariables([Variable("a", "1", is_readonly=True)], Masker())
    with pytest.raises(ReadOnlyError):
        variables.set(Variable("A", "2"))
    assert variables.now.text("a") == "1"


def test_what_strangers_wrote_holds_no_command() -> None:
    variables = JobVariables([Variable("Build.SourceVersionMessage", "##vso[task.complete result=Failed]")], Masker())
    assert variables.now.text("Build.SourceVersionMessage") == "**vso[task.complete result=Failed]"


def test_env_gets_secrets_because_it_names_them() -> None:
    variables = JobVariables([Variable("key", "s3cret", is_secret=True)], Masker())
    assert mapped({"A": "$(key)", "B": "$(no)"}, variables.now) == {"A": "s3cret", "B": "$(no)"}


@pytest.mark.parametrize(("name", "value"), [("", "a"), ("A=B", "a"), ("A", "a\0b"), ("A", "x" * 130_000)])
def test_what_no_process_can_be_given_is_known(name: str, value: str) -> None:
    assert not is_mappable(name, value)
