"""Logging commands: lines of a step's output that are meant for whoever runs it.

    ##vso[area.event name=value;name=value;]data

The prefix may stand anywhere in a line, the first `]` behind it ends the
properties, and the rest of the line is data. A property without a value is
passed over, and a `;` may stand last. `%3B %0D %0A %5D` mean the characters that
the syntax takes, and `%AZP25` a per cent sign. What looks like a command and is
none stays a line of output. Source: azure-pipelines-agent, Command.

Not as the agent has it: the trace of `set -x` repeats a command that is about to
be printed, with a quote behind it, and must not act; such lines begin with `+`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "##vso["
_DEACTIVATED: Final = "**vso["
_TRACE: Final = re.compile(r"\++ ")
_ESCAPES: Final = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))
"""The per cent sign comes last, so that it can escape the others."""


@dataclass(frozen=True)
class Command:
    """One logging command."""

    name: str
    """Area and event in lower case, such as task.setvariable."""
    properties: Mapping[str, str]
    """By name in lower case."""
    data: str

    def get(self, name: str) -> str:
        """A property; empty when it is not there."""
        return self.properties.get(name, "")

    def is_on(self, name: str) -> bool:
        """Whether a property says true."""
        return self.get(name).strip().lower() == "true"


def command_of(line: str) -> Command | None:
    """The command in a line of output; None when it has none that may act."""
    start = line.find(PREFIX)
    end = line.find("]", start) if start >= 0 else -1
    if end < 0 or _TRACE.match(line):
        return None
    name, _, properties = line[start + len(PREFIX) : end].partition(" ")
    words = [word for word in name.split(".") if word]
    if len(words) != 2:
        return None
    return Command(".".join(words).lower(), _properties(properties), _unescaped(line[end + 1 :]))


def deactivated(text: str) -> str:
    """`text` so that it is no command when a step prints it: for what strangers wrote, such as commit messages."""
    return text.replace(PREFIX, _DEACTIVATED)


def _properties(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name and value:
            found[name.lower()] = _unescaped(value)
    return found


def _unescaped(text: str) -> str:
    for written, meant in _ESCAPES:
        text = text.replace(written, meant)
    return text
