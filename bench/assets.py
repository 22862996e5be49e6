"""Measures data and models alone, and prints it: `python -m bench.assets`; `make bench` has it as well."""

from bench.measures import assets, machine
from bench.measures.home import bench_home


def main() -> None:
    """Measure and print."""
    with bench_home() as home:
        home.run("up")
        home.run("group", "create", "--name", "bench", "--location", "local")
        home.run("ml", "workspace", "create", "--name", "bench")
        print(f"{machine.describe()}\n\n{assets.measure(home)}")


if __name__ == "__main__":
    main()
