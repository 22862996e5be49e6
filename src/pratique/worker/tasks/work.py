"""What every task is given: its step, its inputs, and the moment at which it must be over."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pratique.base.errors import NotFound
from pratique.delivery.inputs import Inputs
from pratique.worker.effects import on_line
from pratique.worker.processes import Ended
from pratique.worker.step import StepRun


@dataclass(frozen=True)
class Work:
    """One attempt of a task."""

    run: StepRun
    inputs: Inputs
    deadline: float | None
    """As `time.monotonic` has it."""

    def script(self, name: str) -> Path:
        """The file that the input `name` names, from the sources on; raises `NotFound`."""
        file = self.run.folder("") / self.inputs.text(name).strip()
        if not file.is_file():
            raise NotFound(f"there is no script {file}")
        return file

    def execute(
        self,
        argv: list[str],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        keeps_errors_apart: bool = False,
    ) -> Ended:
        """Run a process whose output may hold logging commands."""
        return self.run.run(
            argv,
            environment={**self.run.environment(), **(environment or {})},
            folder=folder,
            on_line=lambda line, _: on_line(self.run, line),
            keeps_errors_apart=keeps_errors_apart,
            deadline=self.deadline,
        )
