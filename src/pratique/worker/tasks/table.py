"""Which function runs which task."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pratique.worker.step import Outcome
from pratique.worker.tasks import scripts
from pratique.worker.tasks.work import Work

Task: TypeAlias = Callable[[Work], Outcome]
"""Runs one attempt; raises `PratiqueError` or `OSError` for what fails it."""

TASKS: Final[Mapping[str, Task]] = {
    "Bash@3": scripts.bash,
    "CmdLine@2": scripts.command_line,
    "PowerShell@2": scripts.powershell,
}
"""By name and version, as `pratique.delivery.tasks` writes them."""
