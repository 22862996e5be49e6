"""Where the example project is: in the checkout, or a copy of the one that came with the package."""

import shutil
from pathlib import Path
from typing import Final

import pratique
from pratique.base.errors import InternalError

NAME: Final = "credit-risk"


def example_folder(wanted: Path | None) -> Path:
    """The project to run: `wanted` (made from the packaged example when it is not there yet), else the checkout's.

    Without a checkout and without a wish it is ``./credit-risk``.
    """
    checkout = Path(pratique.__file__).parents[2] / "examples" / NAME
    if wanted is None and checkout.is_dir():
        return checkout
    target = (wanted or Path(NAME)).absolute()
    if not target.exists():
        source = checkout if checkout.is_dir() else Path(pratique.__file__).parent / "examples" / NAME
        if not source.is_dir():
            raise InternalError("the example did not come with this installation", hint="install Pratique again")
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target
