"""Values that must not stand on a command line: from a variable of the environment, or typed where nobody sees it."""

import getpass
import os
import sys
from typing import Final

from pratique.cli.usage import UsageError

PREFIX: Final = "AZURE_DEVOPS_EXT_PIPELINE_VAR_"
"""Before the name of a variable, in the environment, as the Azure DevOps CLI has it."""


SOURCE: Final = "AZURE_DEVOPS_EXT_GIT_SOURCE_PASSWORD_OR_PAT"
"""The secret for a repository elsewhere, in the environment, as the Azure DevOps CLI has it."""


def variable_value(name: str) -> str:
    """The value of a secret variable; raises `UsageError` when nobody gives one."""
    return _given(PREFIX + name, name)


def source_secret() -> str:
    """The password or token for a repository elsewhere; raises `UsageError` when nobody gives one."""
    return _given(SOURCE, "the password or token")


def _given(variable: str, what: str) -> str:
    if (found := os.environ.get(variable)) is not None:
        return found
    if not sys.stdin.isatty():
        return sys.stdin.read().removesuffix("\n") or _refused(variable, what)
    return getpass.getpass(f"{what}: ")


def _refused(variable: str, what: str) -> str:
    raise UsageError(
        f"the value of {what} is missing", hint=f"give it by standard input, or in the environment: {variable}"
    )
