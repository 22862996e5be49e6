"""Which machine this was."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def describe() -> str:
    """One line: cores, memory, kernel, Python, and how busy the machine was when it began."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"Machine: {os.cpu_count()} cores of {model} (virtual), {memory:.0f} GB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}; "
        f"load average at the beginning {os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d}."
    )
