"""Who depends on whom: cycles, and everything that something depends on."""

from collections.abc import Iterable, Mapping


def all_before(name: str, before: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Everything that `name` depends on, directly or not, the nearest first; `before` has direct dependencies."""
    found: dict[str, None] = {}
    waiting = list(before.get(name, ()))
    while waiting:
        one = waiting.pop(0)
        if one not in found and one != name:
            found[one] = None
            waiting += before.get(one, ())
    return tuple(found)


def cycle(before: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The names of a cycle in the order of dependence; empty when there is none."""
    left = {name: set(others) & before.keys() for name, others in before.items()}
    while free := [name for name, others in left.items() if not others]:
        for name in free:
            del left[name]
        for others in left.values():
            others.difference_update(free)
    if not left:
        return ()
    path = [next(iter(left))]
    while (step := min(left[path[-1]])) not in path:
        path.append(step)
    return (*path[path.index(step) :], step)
