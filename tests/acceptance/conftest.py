"""One platform for the whole session, and more homes for the tests that break theirs."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .installation import SHARED_ENVIRONMENTS, Installation, free_ports, running

NewInstallation = Callable[[], Installation]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder starts the real platform."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Where all homes of this session are: with a short path, because people's homes have one as well."""
    made = Path(tempfile.mkdtemp(prefix="pratique-acceptance-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def platform(folder: Path) -> Iterator[Installation]:
    """A platform that is up; nothing of it runs after the session."""
    own = folder / "first"
    _share_environments(own)
    with running(Installation(own, *free_ports())) as installation:
        yield installation


@pytest.fixture
def new_installation(platform: Installation, folder: Path) -> Iterator[NewInstallation]:
    """Makes more homes; all are taken down."""
    made: list[Installation] = []

    def make() -> Installation:
        own = Path(tempfile.mkdtemp(dir=folder))
        _share_environments(own)
        made.append(Installation(own, *free_ports()))
        return made[-1]

    yield make
    for installation in made:
        installation.down()


def _share_environments(own: Path) -> None:
    """Let the home below `own` use the environments that all homes of the tests share: none is built twice."""
    SHARED_ENVIRONMENTS.mkdir(mode=0o700, parents=True, exist_ok=True)
    (own / "home").mkdir(mode=0o700, parents=True)
    (own / "home" / "environments").symlink_to(SHARED_ENVIRONMENTS)
