"""Azure's curated environments and base images, by name, as sets of pinned packages (``curated.toml``).

    sklearn-1.5                                      in the registry `azureml`
    AzureML-sklearn-1.0-ubuntu20.04-py38-cpu         in every workspace of older days
    mcr.microsoft.com/azureml/curated/sklearn-1.5:33 the image of the first
    mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest     a Python and nothing more
    python:3.10-slim                                 the same, of Docker Hub

There is one set to a name: which version or tag is asked for makes no difference.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

REGISTRY: Final = "azureml"
"""The registry of Azure ML's own environments."""
WORKSPACE_PREFIX: Final = "AzureML-"
"""How their names begin where a workspace has them."""
_IMAGES: Final = ("mcr.microsoft.com/azureml/curated/", "mcr.microsoft.com/azureml/")
_TAG: Final = re.compile(r"(@sha256:[0-9a-f]+|:[\w.{}-]+)$")
_PYTHON_IMAGE: Final = re.compile(
    r"(?:docker\.io/|mcr\.microsoft\.com/mirror/docker/)?(?:library/)?python:(?P<minor>3\.\d+)(?:\.\d+)?(?:-[\w.-]+)?"
)


@dataclass(frozen=True)
class CuratedSet:
    """What stands for one curated environment or base image."""

    names: tuple[str, ...]
    python: str
    """Its minor version, such as ``3.10``."""
    packages: tuple[str, ...] = ()
    before: date | None = None
    """Companions that were released on this day or later are not taken."""
    note: str = ""
    """How it differs from what the name says."""

    def conda_file(self) -> dict[str, Any]:
        """The set as a conda file, with nothing of conda in it but the interpreter."""
        pip: list[Any] = [{"pip": list(self.packages)}] if self.packages else []
        return {"dependencies": [f"python={self.python}", *pip]}


@cache
def curated_sets() -> Sequence[CuratedSet]:
    """Every curated environment."""
    return tuple(_read(row) for row in _table()["set"])


@cache
def base_images() -> Sequence[CuratedSet]:
    """Every base image that is no curated environment."""
    return tuple(_read(row) for row in _table()["base"])


def curated(name: str) -> CuratedSet | None:
    """The set that stands for the curated environment `name`, whatever its case; None when there is none."""
    return _named(curated_sets()).get(name.lower())


def of_image(image: str) -> CuratedSet | None:
    """The set that stands for a container `image`; None when it is not known what is in it."""
    if found := _PYTHON_IMAGE.fullmatch(image):
        return CuratedSet((image,), found["minor"])
    plain = _TAG.sub("", image)
    name = next((plain.removeprefix(start) for start in _IMAGES if plain.startswith(start)), "").lower()
    return _named((*base_images(), *curated_sets())).get(name)


def _named(sets: Sequence[CuratedSet]) -> Mapping[str, CuratedSet]:
    return {name.lower(): one for one in sets for name in one.names}


@cache
def _table() -> Mapping[str, Any]:
    text = resources.files("pratique.specs").joinpath("curated.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _read(row: Mapping[str, Any]) -> CuratedSet:
    lists = {key: tuple(row.get(key, ())) for key in ("names", "packages")}
    return CuratedSet(**{**row, **lists})
