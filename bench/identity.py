"""What it costs to know who asks and whether they may: one question of the permission table, one token.

    python bench/identity.py

Prints Markdown. The bar of a question is 50 µs, for whoever has one role as
for whoever has one in each of a thousand workspaces.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pratique.control.actor import Actor, Grant
from pratique.control.permissions import endpoint_scope, is_permitted, matching, workspace_scope
from pratique.control.tokens import Issuer

ROUNDS: Final = 7
BAR: Final = 50.0
"""Microseconds of a question."""


def microseconds(work: Callable[[], object], times: int) -> float:
    """The median over some rounds of what `work` takes, in µs."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        taken.append((time.perf_counter() - began) / times * 1e6)
    return statistics.median(taken)


def asked(grants: tuple[Grant, ...], scope: str) -> Callable[[], object]:
    """One question to an actor who is known already, about what the last grant is for."""
    actor = Actor("1", "ada", "user", grants)
    return lambda: is_permitted(actor, "jobs/read", scope)


def main() -> None:
    """Measure and print."""
    ours = matching(["jobs/*", "models/read"])
    many = tuple(Grant("Reader", workspace_scope(f"ws-{number}")) for number in range(1000))
    custom = tuple(Grant("Ours", grant.scope, ours) for grant in many)
    questions = {
        "an Owner of the home": asked((Grant("Owner", "/"),), endpoint_scope("dev", "credit")),
        "somebody without a role": asked((), endpoint_scope("dev", "credit")),
        "a Reader of 1,000 workspaces": asked(many, workspace_scope("ws-999")),
        "a custom role in 1,000 workspaces": asked(custom, workspace_scope("ws-999")),
        "… refused in another": asked(custom, workspace_scope("else")),
    }
    print(f"| who asks | µs, median of {ROUNDS} | bar |\n| --- | --- | --- |")
    for name, work in questions.items():
        print(f"| {name} | {microseconds(work, 20_000):.2f} | < {BAR:.0f} |", flush=True)
    fresh = Actor("1", "ada", "user", many)
    first = microseconds(lambda: is_permitted(Actor("1", "ada", "user", many), "jobs/read", "/"), 50)
    print(f"| the first question of {len(fresh.grants):,} roles, which sorts them | {first:.0f} | – |")
    with tempfile.TemporaryDirectory() as folder:
        now = datetime.now(UTC)
        issuer = Issuer(Path(folder), "http://127.0.0.1:7070")

        def signed() -> str:
            return issuer.issue("1", kind="user", name="ada", lasting=timedelta(hours=1), now=now)

        token = signed()
        print(f"| a token signed | {microseconds(signed, 50):.0f} | – |")
        print(f"| a token verified | {microseconds(lambda: issuer.verify(token, now=now), 200):.0f} | – |")


if __name__ == "__main__":
    main()
