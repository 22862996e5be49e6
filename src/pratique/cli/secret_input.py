"""Values that must not stand on a command line: from a variable of the environment, or typed where nobody sees it."""

import getpass
import os
import sys
from typing import Final

from pratique.cli.usage import UsageError

PREFIX: Final = "AZURE_DEVOPS_EXT_PIPELINE_VAR_"
"""Before the name of a variable, in the environment, as the Azure DevOps CLI has it."""


def variable_value(name: str) -> str:
    """The value of a secret variable; raises `UsageError` when nobody gives one."""
    if (found := os.environ.get(PREFIX + name)) is not None:
        return found
    if not sys.stdin.isatty():
        return sys.stdin.read().removesuffix("\n") or _refused(name)
    return getpass.getpass(f"{name}: ")


def _refused(name: str) -> str:
    raise UsageError(
        f"the value of {name} is missing",
        hint=f"give it by standard input, or in the environment: {PREFIX}{name}",
    )
