"""What one process may see of the machine: paths, and whether there is a network.

Everything else of the machine's files is absent for it, and so are other
processes. The programs and libraries of the system are always there to read.
The socket that it answers on needs no place in the view: it is handed over
open. Sockets with a name are reached by their paths, like every file.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class View:
    """The paths are absolute and must be there when the process starts; what is writable wins over what is readable."""

    readable: tuple[Path, ...] = ()
    """Folders and files that it may read, with everything in them; nobody can change them from inside."""
    writable: tuple[Path, ...] = ()
    """Folders and files that it may read and change."""
    scratch: Path | None = None
    """The folder that it finds as ``/tmp`` and ``/var/tmp``; without one they are empty and in memory."""
    has_network: bool = True
    """Whether it shares the machine's network, loopback too; without, it has a loopback of its own."""
