"""Where the example project is: in the checkout, or written as `pratique init` writes it."""

from pathlib import Path
from typing import Final

import pratique
from pratique.app import project
from pratique.base.errors import InvalidInput

NAME: Final = project.EXAMPLE.name


def example_folder(wanted: Path | None) -> Path:
    """The project to run: `wanted`, written there when it is not there yet, else the checkout's.

    Without a checkout and without a wish it is ``./credit-risk``.
    """
    checkout = Path(pratique.__file__).parents[2] / "examples" / NAME
    if wanted is None and checkout.is_dir():
        return checkout
    target = (wanted or Path(NAME)).absolute()
    if target.exists() and not target.is_dir():
        raise InvalidInput(
            f"--project: {target} is not a folder", hint="name a folder, or a place where one can be made"
        )
    if not target.exists():
        project.write(project.rendered(NAME, project.EXAMPLE), target, replace=False)
    return target
