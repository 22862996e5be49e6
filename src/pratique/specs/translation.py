"""From an environment as a user wrote it to the packages that stand for it here, by rules that are told.

    conda_file               translated (`packages`), with the time it belongs to (`eras`)
    image with conda_file    the same; that the image is not used is said
    image alone              the set that stands for it (`curated`), or refused by name
    build                    refused: no container image is built here

Every way in which the result differs from what was written is a note. An
environment with notes is *translated*: whoever cannot accept that asks for
`--strict`, which refuses it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotYet, Problem
from pratique.specs.curated import CuratedSet, of_image
from pratique.specs.eras import era_of
from pratique.specs.packages import PackageRequest, from_conda

RELEASED_BEFORE: Final = "pratique.exclude_newer"
"""The property that sets the day from which on releases are not taken: ``2022-12-31``, or ``none``."""
CURATED: Final = "pratique.curated"
"""The property that says for which curated environment or image a set stands."""
TRANSLATED: Final = "pratique.translated"
"""The property that says whether anything was translated: ``true`` or ``false``."""
TRANSLATION: Final = "pratique.translation"
"""The property with the notes, one a line."""
_NO_DAY: Final = "none"


def translate(spec: Mapping[str, Any]) -> PackageRequest:
    """The packages of the environment `spec`, whose conda file has been read, with every note.

    Raises `InvalidInput` for what cannot be translated, and `NotYet` for an
    image that is not known and for a build context.
    """
    _check_tags(spec)
    filled = fill(spec)
    request = from_conda(filled["conda_file"])
    properties = filled.get("properties") or {}
    notes = (*_notes_on_image(spec), *_notes_on_set(properties), *request.notes)
    # A set stands for what Azure has built; it is made of the index's packages and never conda's.
    conda = "" if CURATED in properties else request.conda
    return in_its_time(replace(request, notes=notes, conda=conda), str(properties.get(RELEASED_BEFORE) or ""))


def in_its_time(request: PackageRequest, wished: str = "") -> PackageRequest:
    """`request` with the day from which on releases are not taken: the one that is `wished`, else by the rule."""
    if wished == _NO_DAY:
        return request
    if wished:
        why = f"only packages released before {wished} are taken, as {RELEASED_BEFORE} says"
        return replace(request, notes=(*request.notes, why), released_before=_day(wished).isoformat())
    if (era := era_of(request.requirements)) is None:
        return request
    why = (
        f"only packages released before {era.ended} are taken, as old as the newest pin, {era.pin} "
        f"({RELEASED_BEFORE}: none takes newer ones)"
    )
    return replace(request, notes=(*request.notes, why), released_before=era.ended.isoformat(), may_be_newer=True)


def facts(spec: Mapping[str, Any]) -> dict[str, str]:
    """What the translation of `spec` says about it, as properties of its version; raises as `translate` does."""
    request = translate(spec)
    said = {TRANSLATED: "true" if request.notes else "false"}
    return said | ({TRANSLATION: "\n".join(request.notes)} if request.notes else {})


def check_untranslated(spec: Mapping[str, Any]) -> None:
    """Raise `InvalidInput`, with every note, when `spec` needs a translation."""
    if notes := translate(spec).notes:
        hint = "leave out --strict to accept this, or name Python and packages of pip only"
        problems = [Problem(note, key="conda_file" if spec.get("conda_file") else "image") for note in notes]
        raise InvalidInput(
            "the environment would be translated, and --strict refuses that", hint=hint, problems=problems
        )


def fill(spec: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` with a conda file: its own, or that of the set that stands for its image; raises `NotYet`."""
    if spec.get("conda_file"):
        return dict(spec)
    image = str(spec.get("image") or "")
    if not image:
        raise _not_yet("build", "a container image cannot be built on local compute", "give a conda_file in its place")
    found = of_image(image)
    if found is None:
        said = f"it is not known what the image {image} contains, and local compute runs no containers"
        raise _not_yet("image", said, "add a conda_file with the Python version and the packages")
    return {**spec, **filled_by(found, image, spec.get("properties"))}


def filled_by(found: CuratedSet, name: str, properties: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The keys of an environment that `found` stands for, under the `name` that a user knows."""
    own = {CURATED: f"{name}: {found.note}" if found.note else name}
    if found.before and RELEASED_BEFORE not in (properties or {}):
        own[RELEASED_BEFORE] = found.before.isoformat()
    return {"conda_file": found.conda_file(), "properties": {**(properties or {}), **own}}


def _not_yet(key: str, said: str, hint: str) -> NotYet:
    return NotYet(said, hint=hint, problems=[Problem(said, key=f"environment.{key}", hint=hint)])


def _check_tags(spec: Mapping[str, Any]) -> None:
    """A tag may change later, what an environment is made of may not."""
    if RELEASED_BEFORE in (spec.get("tags") or {}):
        said = f"{RELEASED_BEFORE} is no tag of an environment"
        problem = Problem(said, key=f"tags.{RELEASED_BEFORE}", hint="write it under properties")
        raise InvalidInput(said, hint=problem.hint, problems=[problem])


def _notes_on_image(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("image") and spec.get("conda_file") and CURATED not in (spec.get("properties") or {}):
        yield f"image {spec['image']} is not used: processes run on this machine, in no container"


def _notes_on_set(properties: Mapping[str, str]) -> Iterator[str]:
    if name := properties.get(CURATED):
        yield f"a set of pinned packages stands for {name}"


def _day(text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        said = f"expected a day such as 2022-12-31, or {_NO_DAY}; got {text!r}"
        raise InvalidInput(said, problems=[Problem(said, key=f"properties.{RELEASED_BEFORE}")]) from None
