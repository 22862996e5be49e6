"""How long a command takes as a whole process."""

import sys

from bench.measures.home import BenchHome, in_turn, table


def measure(home: BenchHome) -> str:
    """Help and reading verbs beside an interpreter that does nothing and one that only imports knack."""
    home.run("group", "create", "--name", "bench", "--location", "local")
    home.run("ml", "workspace", "create", "--name", "bench")
    python, own = sys.executable, [sys.executable, "-m", "pratique"]
    commands = {
        "`python -c pass`": [python, "-c", "pass"],
        "`python -c 'import knack'`": [python, "-c", "import knack"],
        "`pratique --help`": [*own, "--help"],
        "`pratique ml job create --help`": [*own, "ml", "job", "create", "--help"],
        "`pratique ml workspace list`": [*own, "ml", "workspace", "list"],
        "`pratique ml job list -o table`": [*own, "ml", "job", "list", "-o", "table"],
    }
    bars = {"`pratique --help`": "< 0.15 s"} | dict.fromkeys(list(commands)[4:], "< 0.30 s")
    medians = in_turn(commands, home.environment)
    bare = medians["`python -c pass`"]
    rows = [
        [name, f"{1000 * seconds:.0f} ms", f"{seconds / bare:.1f} ×", bars.get(name, "–")]
        for name, seconds in medians.items()
    ]
    return "## Commands\n\n" + table(["command", "median of 7", "to a bare Python", "bar"], rows)
