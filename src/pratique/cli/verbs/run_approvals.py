"""Approvals of a run that is followed: asked at the terminal, or given by `--approve`, while its log goes on.

    is it for me?   shown with what it binds  ─►  y, n or later  ─►  a comment
    --approve       answered with yes at once; a refusal of the platform is said, and the run waits for others

An answer is for what was shown: if that has changed meanwhile it is not taken,
and the approval is shown again. A question that somebody else answers, or that
the end of the run withdraws, is taken back.
"""

import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from pratique.base.errors import Conflict, PratiqueError, Unavailable
from pratique.cli.talk import say, warn
from pratique.cli.verbs.pipelines_approval import words
from pratique.client.connection import Connection, Document
from pratique.client.stage_environments import Approvals

_LOOK: Final = 1.0
"""Seconds between two looks at what waits."""
_QUESTION: Final = "approve? [y]es, [n]o, [l]ater: "
_YES: Final = frozenset({"y", "yes"})
_NO: Final = frozenset({"n", "no"})
_LATER: Final = frozenset({"l", "later", ""})


@contextmanager
def answering(connection: Connection, run: Document, *, approves_all: bool) -> Iterator[None]:
    """While the body follows `run`, ask the person at the terminal, or say yes to everything for `approves_all`."""
    if not (approves_all or sys.stdin.isatty()):
        yield
        return
    answers = _Answers(Approvals(connection), run, approves_all=approves_all)
    thread = Thread(target=answers.work, name="approvals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        answers.over.set()
        thread.join(2 * _LOOK)


class _Answers:
    """What waits in one run, and who is asked about it here."""

    def __init__(self, approvals: Approvals, run: Document, *, approves_all: bool) -> None:
        self.over = Event()
        self._approvals = approvals
        self._project = str(run["project"]["name"])
        self._run = int(run["id"])
        self._approves_all = approves_all
        self._answered: set[tuple[str, str]] = set()
        """Approvals, each for what it was given for, that were answered or left to later."""

    def work(self) -> None:
        """Look until the run is over."""
        while not self.over.wait(_LOOK):
            try:
                for found in self._approvals.all(self._project, state="waiting", run=self._run):
                    if not self.over.is_set():
                        self._look_at(str(found["id"]))
            except Unavailable:
                continue  # The log says so, and waits for it as well.
            except PratiqueError as error:
                warn(f"approvals of run {self._run} cannot be answered from here: {error.message}")
                return

    def _look_at(self, approval: str) -> None:
        found = self._approvals.show(approval)
        shown = (approval, str(found["bound"].get("digest", "")))
        if shown in self._answered or found["status"] != "waiting":
            return
        say(f"\n{words(found)}")
        if self._approves_all:
            self._decide(found, approves=True, comment="approved by --approve")
        else:
            self._ask(found)
        self._answered.add(shown)

    def _ask(self, found: Document) -> None:
        answer = ""
        while (line := self._line(_QUESTION, found)) is not None:
            answer = line.lower()
            if answer in _YES | _NO | _LATER:
                break
        if line is None:
            say("\nit is asked no more")
        elif answer in _LATER:
            say(f"later: pratique pipelines approval approve --id {found['id']}")
        elif (comment := self._line("comment: ", found)) is not None:
            self._decide(found, approves=answer in _YES, comment=comment)

    def _line(self, question: str, found: Document) -> str | None:
        """What is typed; None when nobody is asked any more."""
        print(question, end="", file=sys.stderr, flush=True)
        while not self.over.is_set():
            if select.select([sys.stdin], [], [], _LOOK)[0]:
                line = sys.stdin.readline()
                return line.strip() if line else None
            if self._approvals.show(str(found["id"]))["status"] != "waiting":
                return None
        return None

    def _decide(self, found: Document, *, approves: bool, comment: str) -> None:
        binding = str(found["bound"].get("digest", ""))
        try:
            given = self._approvals.decide(str(found["id"]), approves=approves, comment=comment, binding=binding)
        except Conflict as error:
            warn(error.message)  # What has changed is shown again, with what it is for now.
        except Unavailable:
            raise
        except PratiqueError as error:
            warn(f"{error.message}; the run waits for somebody else" + (f"\nhint: {error.hint}" if error.hint else ""))
        else:
            word = "approved" if approves else "rejected"
            say(f"{word}: stage {found['stage']}; {given['reason'] or given['status']}")
