"""``curated-environments.md``: which sets of packages stand for Azure's curated environments and images."""

from collections.abc import Iterator, Sequence
from typing import Final

from generator.markdown import code, document, table
from pratique.specs.curated import CuratedSet, base_images, curated_sets
from pratique.specs.eras import NUMPY_2, releases

_INTRODUCTION: Final = """A curated environment of Azure is an image, and what is in it changes from version to version.
Here its name stands for one set: the Python and the main packages that the name promises, pinned; their companions as \
they were before a day.
CUDA, MPI, system programs and Azure's own SDK are not part of it.

A name is found

- as `azureml://registries/azureml/environments/NAME/versions/V` or `…/labels/L`,
- where it begins with `AzureML-`, as `azureml:NAME:V` or `azureml:NAME@L`, unless the workspace has an environment of \
that name,
- as an image `mcr.microsoft.com/azureml/curated/NAME` or `mcr.microsoft.com/azureml/NAME`, with any tag or digest.

The image `python:3.X…` of Docker Hub, or of Microsoft's mirror of it, stands for that Python.
Any other image is refused where it is used: add a `conda_file`."""

_AGES: Final = f"""A pin of one of these packages dates an environment, when it is older than {NUMPY_2}: \
see [Environments](../concepts/environments.md)."""


def page() -> str:
    """The page."""
    return document(
        "Curated environments and images",
        _INTRODUCTION,
        "## Curated environments",
        table(("name", "Python", "packages", "companions before", "differs"), _rows(curated_sets())),
        "## Base images",
        table(("name", "Python", "differs"), ((row[0], row[1], row[4]) for row in _rows(base_images()))),
        "## Packages that date an environment",
        _AGES,
        table(("package", "minor versions"), ((code(name), f"{min(days, key=_key)} to {max(days, key=_key)}")
              for name, days in sorted(releases().items()))),
    )  # fmt: skip


def _rows(sets: Sequence[CuratedSet]) -> Iterator[tuple[str, str, str, str, str]]:
    for one in sets:
        names = ", ".join(code(name) for name in one.names)
        packages = ", ".join(code(text) for text in one.packages)
        yield names, one.python, packages, str(one.before or ""), one.note


def _key(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))
