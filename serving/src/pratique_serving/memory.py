"""The bound of the process's memory, and whether a model has used it up for good.

A call that asks for more than there is fails with MemoryError, and what it had
taken is given back: the next call is answered. A model that keeps what it takes
comes to the bound and stays there, and then every call fails. So when one has
failed, the server looks; where most of what the loaded model had left is still
taken, the process ends, and whoever watches it starts a fresh one.
"""

import gc
import importlib
import os

USED_UP = 0.75
"""The share, of what was left when the model had loaded, that is still taken after a call when nothing comes back."""


class MemoryBound:
    """So many bytes of data, as the kernel counts them; 0 is no bound."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._loaded = 0
        if most:
            resource = importlib.import_module("resource")
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))

    def note_loaded(self) -> None:
        """The model has loaded: what is taken now is its own."""
        self._loaded = _taken() if self._most else 0

    def is_used_up(self) -> bool:
        """Whether so much is taken, although no call goes on, that the next ones will fail as well."""
        if not self._most or not self._is_near():
            return False
        gc.collect()
        return self._is_near()

    def __str__(self) -> str:
        return f"{_taken():,} of {self._most:,} bytes"

    def _is_near(self) -> bool:
        return _taken() >= self._loaded + USED_UP * (self._most - self._loaded)


def _taken() -> int:
    """Bytes that the bound counts: heap, private mappings, and the stack, which it does not count and is small."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
