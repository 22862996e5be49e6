"""Which project a verb is about, and the flags by which the Azure DevOps CLI says so."""

from typing import Final

from pratique.cli.configuration import Configuration
from pratique.cli.table import Argument, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError

PROJECT: Final = flag("project", "--project", "-p", help="Project; has a default: configure --defaults project=NAME.")
ORGANIZATION: Final = flag(
    "organization", "--organization", "--org", help="Accepted for scripts written for az: there is one, this platform."
)
DETECT: Final = flag(
    "detect", "--detect", help="Accepted for scripts written for az: nothing is detected.", choices=("true", "false")
)
IN_PROJECT: Final[tuple[Argument, ...]] = (PROJECT, ORGANIZATION, DETECT)


def default_project() -> str:
    """The project that is meant when nobody names one; empty when there is none."""
    return Configuration().get("defaults", "project")


def project_of(project: str | None, organization: str | None, detect: str | None) -> str:
    """The project that was given or is the default; raises `UsageError` when there is none."""
    told(organization, detect)
    if found := project or default_project():
        return found
    raise UsageError(
        "--project/-p is required", hint="give it, or set it once: pratique configure --defaults project=NAME"
    )


def told(organization: str | None, detect: str | None) -> None:
    """Say which flags chose nothing."""
    if organization:
        say(f"--organization {organization}: there is one organization here, this platform")
    if detect:
        say("--detect: nothing is detected here")


def told_of_run(project: str | None, organization: str | None, detect: str | None) -> None:
    """Say which flags chose nothing where a run is named."""
    if project:
        say(f"--project {project}: a run has one number in the whole platform")
    told(organization, detect)
