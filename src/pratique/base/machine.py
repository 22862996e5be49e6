"""What this machine has for jobs and scorers, and what one of them takes of it."""

import os
from dataclasses import dataclass

from pratique.base.settings import Settings

GIB = 1 << 30


@dataclass(frozen=True)
class Capacity:
    """Cores, which may be fractions, and bytes of memory."""

    cores: float
    memory: int

    def __add__(self, other: "Capacity") -> "Capacity":
        return Capacity(self.cores + other.cores, self.memory + other.memory)

    def __sub__(self, other: "Capacity") -> "Capacity":
        return Capacity(self.cores - other.cores, self.memory - other.memory)

    def holds(self, other: "Capacity") -> bool:
        """Whether there is room for `other`."""
        return other.cores <= self.cores and other.memory <= self.memory

    def within(self, other: "Capacity") -> "Capacity":
        """Of this what `other` has as well."""
        return Capacity(min(self.cores, other.cores), min(self.memory, other.memory))

    def __str__(self) -> str:
        noun = "core" if self.cores == 1 else "cores"
        return f"{self.cores:g} {noun} and {self.memory / GIB:.3g} GiB"


def this_machine(settings: Settings) -> Capacity:
    """What jobs and scorers may take: what the settings say, else what the machine has."""
    # A container may be given fewer cores than the machine has; memory limits of one are its user's to say.
    cores = settings.cores or len(os.sched_getaffinity(0))
    memory = settings.memory_gb * 10**9 or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Capacity(float(cores), memory)
