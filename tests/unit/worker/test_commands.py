"""Logging commands, as lines of output have them."""

import pytest

from pratique.worker.commands import Command, command_of, deactivated


@pytest.mark.parametrize(
    ("line", "name", "properties", "data"),
    [
        ("##vso[task.setvariable variable=a]b", "task.setvariable", {"variable": "a"}, "b"),
        ("##vso[task.setvariable variable=a;isOutput=true]b", "task.setvariable",
         {"variable": "a", "isoutput": "true"}, "b"),
        ("##vso[task.setvariable variable=a;isoutput=true;]b", "task.setvariable",
         {"variable": "a", "isoutput": "true"}, "b"),
        ("some words ##vso[task.debug]x", "task.debug", {}, "x"),
        ("##vso[Task.SetVariable Variable=A]b", "task.setvariable", {"variable": "A"}, "b"),
        ("##vso[task.complete result=Failed]", "task.complete", {"result": "Failed"}, ""),
        ("##vso[task.setvariable variable=a]b]c", "task.setvariable", {"variable": "a"}, "b]c"),
        ("##vso[task.setvariable variable=a%5Db%3Bc]d%3Be", "task.setvariable", {"variable": "a]b;c"}, "d;e"),
        ("##vso[task.logissue]a%0Db%0Ac", "task.logissue", {}, "a\rb\nc"),
        ("##vso[task.debug]100%AZP25 %AZP250A", "task.debug", {}, "100% %0A"),
        ("##vso[task.debug]%250A", "task.debug", {}, "%250A"),
        ("##vso[task.x a=1=2;b=;c;=d;;]e", "task.x", {"a": "1=2"}, "e"),
        ("##vso[task.x  a=1]e", "task.x", {" a": "1"}, "e"),
        ("##vso[task.x a=1; b=2]e", "task.x", {"a": "1", " b": "2"}, "e"),
        ("##vso[build.addbuildtag]", "build.addbuildtag", {}, ""),
        ("##vso[task..debug]x", "task.debug", {}, "x"),
        ("x + echo ##vso[task.debug]x", "task.debug", {}, "x"),
        ("+##vso[task.debug]x", "task.debug", {}, "x"),
    ],
)  # fmt: skip
def test_a_command_is_read(line: str, name: str, properties: dict[str, str], data: str) -> None:
    assert command_of(line) == Command(name, properties, data)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "plain",
        "##vso",
        "##vso[task.debug",
        "##vso[]x",
        "##vso[task]x",
        "##vso[task.a.b]x",
        "##VSO[task.debug]x",
        "## vso[task.debug]x",
        "##[group]x",
        "##[section]Starting",
        "**vso[task.debug]x",
        "+ echo '##vso[task.setvariable variable=a]b'",
        "++ printf ##vso[task.debug]x",
        "+++ echo ##vso[task.debug]x",
    ],
)
def test_what_is_no_command_stays_output(line: str) -> None:
    assert command_of(line) is None


def test_properties_are_asked_for_without_their_case() -> None:
    command = command_of("##vso[task.setvariable Variable=a;isSecret=True]b")
    assert command is not None
    assert command.is_on("issecret")
    assert not command.is_on("isoutput")
    assert command.get("nothing") == ""


@pytest.mark.parametrize("text", ["##vso[task.debug]x", "a\n##vso[task.debug]x##vso[b.c]"])
def test_what_strangers_wrote_can_be_printed(text: str) -> None:
    assert all(command_of(line) is None for line in deactivated(text).splitlines())
