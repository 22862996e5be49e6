"""The time that an environment belongs to: old pins need companions of their own time.

A release names the oldest versions of what it needs, and seldom the newest,
which do not exist yet. So scikit-learn 0.24 settled today is given a NumPy
whose `np.float` has gone, and fails when it is imported. The rule:

    A pin (==1.2.3 or ==1.2.*) of a package in the table is as old as the last release of its minor version.
    The newest of these pins dates the environment.
    Is that before NumPy 2.0, then packages released more than 30 days later are not taken.

After that day the packages of the table name their newest companions
themselves, so the table is complete as it stands. It needs no network, and
the same file has the same day for good.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

NUMPY_2: Final = date(2024, 6, 16)
"""From here on, pins date nothing."""
SLACK: Final = timedelta(days=30)
"""How long after the newest pin companions may have been released: their corrections follow within weeks."""
_PIN: Final = re.compile(r"==\s*(\d+\.\d+)(?:\.[\w.*]+)?$")


@dataclass(frozen=True)
class Era:
    """The time of an environment."""

    pin: str
    """The newest pin, such as ``scikit-learn 0.24``."""
    ended: date
    """The first day whose releases are not taken."""


def era_of(requirements: Iterable[str]) -> Era | None:
    """The time that the pins among `requirements` belong to; None when none of them is old."""
    dated = [found for text in requirements if (found := _dated(Requirement(text)))]
    if not dated:
        return None
    released, pin = max(dated)
    return Era(pin, released + SLACK) if released < NUMPY_2 else None


@cache
def releases() -> Mapping[str, Mapping[str, date]]:
    """By package and minor version, the day of the last release of that minor version."""
    text = resources.files("pratique.specs").joinpath("releases.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _dated(requirement: Requirement) -> tuple[date, str] | None:
    """The day of a pin and its name; one that the table does not reach is as old as the one before it, or new."""
    name = canonicalize_name(requirement.name)
    pin, known = _PIN.fullmatch(str(requirement.specifier)), releases().get(name)
    if not pin or not known:
        return None
    minors = sorted(known, key=Version)
    at = bisect_right(minors, Version(pin[1]), key=Version)
    is_new = at == len(minors) and minors[-1] != pin[1]
    return NUMPY_2 if is_new else known[minors[max(at - 1, 0)]], f"{name} {pin[1]}"
