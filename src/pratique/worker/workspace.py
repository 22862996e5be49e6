"""The folders of a unit, laid out as an agent has them, and the variables that name them.

    FOLDER/work/1               Pipeline.Workspace, Agent.BuildDirectory
                 s a b          sources, artifacts to publish, binaries
                 TestResults
           work/temp            Agent.TempDirectory
           work/tools           Agent.ToolsDirectory
           home                 HOME of every step
           unsent               what was printed, masked, until the platform has it

The whole is new for every unit, so whatever `workspace: clean` asks for is so already.
"""

import os
import platform
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

import pratique
from pratique.base.errors import InvalidInput, StorageFailed
from pratique.content.removal import remove_tree
from pratique.delivery.unit_folder import HOME, UNSENT, WORK, WORKER


@dataclass(frozen=True)
class Workspace:
    """The folders of one unit."""

    folder: Path

    @property
    def root(self) -> Path:
        """Pipeline.Workspace."""
        return self.folder / WORK / "1"

    @property
    def sources(self) -> Path:
        return self.root / "s"

    @property
    def staging(self) -> Path:
        return self.root / "a"

    @property
    def temp(self) -> Path:
        return self.folder / WORK / "temp"

    @property
    def tools(self) -> Path:
        return self.folder / WORK / "tools"

    @property
    def home(self) -> Path:
        return self.folder / HOME

    @property
    def unsent(self) -> Path:
        return self.folder / UNSENT

    @property
    def azure(self) -> Path:
        """AZURE_CONFIG_DIR of the steps with a service connection."""
        return self.temp / ".azclitask"

    def make(self) -> None:
        """Make every folder; raises `StorageFailed`."""
        try:
            for folder in (
                self.sources, self.staging, self.root / "b", self.root / "TestResults", self.temp, self.tools,
                self.home, self.unsent,
            ):  # fmt: skip
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(f"the workspace {self.folder} cannot be made: {error.strerror}") from error

    def remove(self) -> None:
        """Remove everything but what was not sent yet."""
        for folder in (self.folder / WORK, self.home):
            remove_tree(folder)

    def forget(self) -> None:
        """Remove what was sent."""
        shutil.rmtree(self.unsent, ignore_errors=True)
        shutil.rmtree(self.folder / WORKER, ignore_errors=True)

    def inside(self, path: str, *, base: Path | None = None) -> Path:
        """`path` below `base`, by default Pipeline.Workspace; raises `InvalidInput` for one that leads out."""
        start = base or self.root
        found = Path(os.path.normpath(start / path))
        if not found.is_relative_to(self.root):
            raise InvalidInput(f"{path} lies outside of Pipeline.Workspace")
        return found

    def variables(self) -> dict[str, str]:
        """The variables that name folders and this machine."""
        return {
            "Agent.BuildDirectory": str(self.root),
            "Agent.HomeDirectory": str(self.folder),
            "Agent.Id": "1",
            "Agent.MachineName": socket.gethostname(),
            "Agent.Name": "pratique",
            "Agent.OS": "Linux",
            "Agent.OSArchitecture": "ARM64" if platform.machine() in ("aarch64", "arm64") else "X64",
            "Agent.RootDirectory": str(self.folder),
            "Agent.TempDirectory": str(self.temp),
            "Agent.ToolsDirectory": str(self.tools),
            "Agent.Version": pratique.__version__,
            "Agent.WorkFolder": str(self.folder / WORK),
            "Build.ArtifactStagingDirectory": str(self.staging),
            "Build.BinariesDirectory": str(self.root / "b"),
            "Build.Repository.LocalPath": str(self.sources),
            "Build.SourcesDirectory": str(self.sources),
            "Build.StagingDirectory": str(self.staging),
            "Common.TestResultsDirectory": str(self.root / "TestResults"),
            "Pipeline.Workspace": str(self.root),
            "System.ArtifactsDirectory": str(self.staging),
            "System.DefaultWorkingDirectory": str(self.sources),
            "TF_BUILD": "True",
        }
