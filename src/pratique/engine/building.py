"""Building a locked environment, told in a few lines while a log keeps every one."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pratique.compute.environments import Environments
from pratique.compute.locks import Lock

Say = Callable[[str], None]
_PINNED: Final = re.compile(r"^[\w.-]+==", re.MULTILINE)
_ONE_PACKAGE: Final = (" + ", " - ", " ~ ")
"""How uv begins its line about each package that it installed, removed or replaced."""


def built(environments: Environments, lock: Lock, *, logs: Path, say: Say) -> Path:
    """The interpreter of the environment of `lock`, built when it is not there yet.

    `say` hears what happens and how many packages there are; each of them is named in a log below `logs`.
    """
    if environments.is_ready(lock):
        return environments.ensure(lock, say=_without_each_package(say))
    log = logs / f"environment-{lock.digest[:12]}.log"
    count = len(_PINNED.findall(lock.text))
    if lock.conda:
        say(f"environment: building {lock.digest[:12]} with conda; log: {log}")
        return environments.ensure(lock, log=log, say=_without_each_package(say))
    say(f"environment: building {lock.digest[:12]} for Python {lock.python}, {count} packages; log: {log}")
    return environments.ensure(lock, log=log, say=_without_each_package(say))


def _without_each_package(say: Say) -> Say:
    def tell(line: str) -> None:
        if not line.startswith(_ONE_PACKAGE):
            say(line)

    return tell
