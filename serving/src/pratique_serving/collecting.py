"""Inputs, outputs and latencies of predictions, for whoever watches the model.

    <spool>/predictions-<own>-<time>-<number>.spool.part   is being written
    <spool>/predictions-<own>-<time>-<number>.spool        is complete; the platform takes it away

A file is a sequence of batches: a line of JSON with what is said of its
predictions, each fact a list with a place for each of them; then their numbers,
as the machine has them, which costs a tenth of writing digits; then their
bodies, the one that came and the one that went, as they were. After each of
these there is a line end. What a script collects itself is a line of JSON that
says of how many bytes its one part is (`sizes`), and this part, JSON. `read`
gives the records back.

Collecting must not slow the prediction. So who answers only keeps references, and
makes bytes of a few dozen at once. A thread writes them soon, a few batches at a
time: megabytes that wait come from the system page by page, and leave the
processor's cache, which costs more than the instructions. But it is not woken for
each batch, because that costs more than a record. When the disk does not keep up,
records are dropped and counted, never waited for. Bodies are kept as they are and
not looked into.

Columns named in `PRATIQUE_COLLECT_REDACT` are replaced before anything is
written. Bodies are parsed for that only, so it costs more.
"""

import json
import os
import random
import threading
import time
from array import array
from collections import deque
from typing import Any, BinaryIO, Deque, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from pratique_serving import arrow, log
from pratique_serving.routes import SWAGGER, Call, Collection
from pratique_serving.settings import Settings
from pratique_serving.wire import Response

MOST_WAITING = 20_000
MOST_WAITING_SIZE = 64 * 1024 * 1024
WRITE_EVERY = 0.25
FILE_BYTES = 16 * 1024 * 1024
FILE_SECONDS = 60.0

# So many predictions, or so many bytes of their bodies, are a batch: fewer where they are parsed, for the sake of who
# waits meanwhile. So much is written without waiting any longer.
BATCH = 64
BATCH_REDACTED = 8
BATCH_BYTES = 64 * 1024
WRITE_BYTES = 256 * 1024

# The system takes no more pieces than that at once.
_MOST_PIECES = 512

REDACTED = "redacted"

ROWS = frozenset({"model_inputs", "model_outputs"})
BODIES = frozenset({"request", "response"})

_encode = json.JSONEncoder(separators=(",", ":")).encode

_Answered = Tuple[Sequence[Call], Sequence[Response], float]
"""Calls, their answers, and when they were given, in monotonic seconds."""

_Facts = Tuple[bytes, bytes, Dict[str, str], str, int, float, float]
"""Body, answer, headers, id, status, and from when to when."""


class _Piece(NamedTuple):
    """Some records, ready to be written."""

    data: bytes
    records: int


def open_spool(settings: Settings) -> Collection:
    """Where the settings say. Raises OSError when the folder cannot be made."""
    about = {"deployment": settings.deployment, "model": settings.model}
    spool = Spool(settings.collect, settings.collect_sampling, settings.collect_redact, about)
    spool.only, spool.file_seconds = settings.collect_only, settings.collect_seconds
    # A script says itself what its model was given; what it was sent is kept when that is asked for.
    of_calls = BODIES if settings.entry_script else BODIES | ROWS
    spool.keeps_calls = not settings.collect_only or bool(settings.collect_only & of_calls)
    return spool


class Spool(Collection):
    """The spool of one process."""

    def __init__(self, folder: str, sampling: float, redacted: FrozenSet[str], about: Dict[str, str]) -> None:
        self._folder = folder
        self._sampling = sampling
        self._redacted = redacted
        self._about = about
        self._most_noted = BATCH_REDACTED if redacted else BATCH
        self._noted: Deque[_Answered] = deque()
        """Predictions that are not in a piece yet."""
        self._since_piece = 0
        self._bytes_since_piece = 0
        """Noted since the thread whose turn it is made a piece; the writer may have made one meanwhile."""
        self._pieces: Deque[_Piece] = deque()
        self._making = threading.Lock()
        """Who takes from `_noted` has it, and who changes what is counted."""
        self._made_size = 0
        self._made = 0
        self._written_size = 0
        self._written = 0
        self._wake_at = WRITE_BYTES
        self._wake = threading.Event()
        self._is_closing = False
        self._number = 0
        self._own = os.urandom(6).hex()
        self.only: FrozenSet[str] = frozenset()
        """Names of collections; all when empty."""
        self.keeps_calls = True
        """Whether requests and answers are kept, or only what a script collects."""
        self.file_seconds = FILE_SECONDS
        self._dropped = 0
        self._told_dropped = 0
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._writer = threading.Thread(target=self._write_all, daemon=True)
        self._writer.start()

    @property
    def collected(self) -> int:
        self._make_piece()
        return self._made

    @property
    def dropped(self) -> int:
        self._make_piece()
        return self._dropped

    def note(self, calls: Sequence[Call], responses: Sequence[Response], now: float) -> None:
        """Answers of the model; by the thread whose turn it is."""
        if not self.keeps_calls:
            return
        if self._sampling < 1:
            calls, responses = self._sample(calls, responses)
        self._noted.append((calls, responses, now))
        self._since_piece += len(calls)
        self._bytes_since_piece += sum([len(call.request.body) for call in calls])
        if self._since_piece >= self._most_noted or self._bytes_since_piece >= BATCH_BYTES:
            self._since_piece = self._bytes_since_piece = 0
            self._make_piece()

    def _sample(self, calls: Sequence[Call], responses: Sequence[Response]) -> Tuple[List[Call], List[Response]]:
        chances = [random.random() for _ in calls]  # noqa: S311 - a sample, not a secret.
        kept = [place for place, chance in enumerate(chances) if chance < self._sampling]
        return [calls[place] for place in kept], [responses[place] for place in kept]

    def note_own(self, name: str, correlation: str, data: Any) -> None:
        """What a script collects itself, already as JSON values."""
        if self.only and name not in self.only:
            return
        part = json.dumps(self._without(data), default=str).encode()
        head = {"kind": name, "id": correlation, "time": time.time(), "sizes": [len(part)]}
        with self._making:
            self._put(_Piece(b"%b\n%b\n" % (json.dumps(head).encode(), part), 1))

    def close(self) -> None:
        """Write what is waiting, and complete the file."""
        self._is_closing = True
        self._wake.set()
        self._writer.join(5)

    def _make_piece(self) -> None:
        """Make bytes of the predictions that were noted so far."""
        with self._making:
            answered = []
            while self._noted:
                answered.append(self._noted.popleft())
            facts = [
                (
                    request.body,
                    response.body,
                    request.headers,
                    call.identifiers.request,
                    response.status,
                    call.began,
                    now,
                )
                for calls, responses, now in answered
                for call, response in zip(calls, responses)
                for request in (call.request,)
                if request.path != SWAGGER
            ]
            if facts:
                self._put(_Piece(self._bytes_of(facts), len(facts)))

    def _put(self, piece: _Piece) -> None:
        waiting, waiting_size = self._made - self._written, self._made_size - self._written_size
        if waiting + piece.records > MOST_WAITING or waiting_size + len(piece.data) > MOST_WAITING_SIZE:
            self._dropped += piece.records
            return
        self._pieces.append(piece)
        self._made += piece.records
        self._made_size += len(piece.data)
        if self._made_size >= self._wake_at:
            self._wake_at = self._made_size + WRITE_BYTES
            self._wake.set()

    def _bytes_of(self, facts: Sequence[_Facts]) -> bytes:
        """A batch, all columns at once."""
        sent, said, headers, ids, statuses, began, ended = zip(*facts)
        bodies = [body for pair in zip(sent, said) for body in pair]
        if self._redacted:
            bodies = list(map(self._shown, bodies))
        kinds = [one.get("content-type", "") for one in headers]
        forms = {kind: _form(kind) for kind in set(kinds)}
        head = {
            **self._about,
            "ids": ids,
            "traces": [one.get("traceparent", "") for one in headers],
            "forms": [forms[kind] for kind in kinds] if any(forms.values()) else [],
            # From the time that does not jump to the wall's, which is only known of now.
            "since": time.time() - time.monotonic(),
        }
        times = array("d", [*began, *ended]).tobytes()
        counts = array("q", [*statuses, *map(len, bodies)]).tobytes()
        return b"\n".join([_encode(head).encode(), times + counts, *bodies, b""])

    def _shown(self, body: bytes) -> bytes:
        """A body without the columns to redact; what is not JSON is left out as a whole."""
        try:
            return json.dumps(self._without(json.loads(body))).encode()
        except (ValueError, RecursionError):
            return REDACTED.encode()

    def _without(self, value: Any) -> Any:
        """The value with the named columns replaced, in frames and in records."""
        if not self._redacted:
            return value
        if isinstance(value, list):
            return [self._without(part) for part in value]
        if not isinstance(value, dict):
            return value
        columns, rows = value.get("columns"), value.get("data")
        if isinstance(columns, list) and isinstance(rows, list):
            hidden = [place for place, name in enumerate(columns) if name in self._redacted]
            return {**value, "data": [_hide(row, hidden) for row in rows]}
        return {name: REDACTED if name in self._redacted else self._without(part) for name, part in value.items()}

    def _write_all(self) -> None:
        file: Optional[_File] = None
        while True:
            self._wake.wait(WRITE_EVERY)
            self._wake.clear()
            is_last = self._is_closing
            self._make_piece()
            try:
                while self._pieces:
                    file = file or self._open()
                    self._write_to(file)
                if file is not None and (is_last or file.is_full):
                    file.write([self._dropped_since()])
                    file.complete()
                    file = None
            except OSError as error:
                log.say(f"the collection cannot be written: {error}")
                file = None
                time.sleep(1.0)
            if is_last:
                return

    def _write_to(self, file: "_File") -> None:
        """Write the pieces that wait, or as many as go at once; when that fails they are lost, and counted."""
        pieces = [self._pieces.popleft() for _ in range(min(len(self._pieces), _MOST_PIECES))]
        count = sum(piece.records for piece in pieces)
        try:
            file.write([piece.data for piece in pieces])
        except OSError:
            with self._making:
                self._dropped += count
            raise
        finally:
            self._written += count
            self._written_size += sum(len(piece.data) for piece in pieces)

    def _open(self) -> "_File":
        self._number += 1
        # Replicas in sandboxes have the same process number, and two may begin in the same second.
        name = f"predictions-{self._own}-{int(time.time())}-{self._number}.spool"
        return _File(os.path.join(self._folder, name), self.file_seconds)

    def _dropped_since(self) -> bytes:
        """A record of how many were dropped since the last one."""
        dropped = self._dropped
        count, self._told_dropped = dropped - self._told_dropped, dropped
        return b'{"kind":"dropped","count":%d,"sizes":[]}\n' % count if count else b""


def read(path: str) -> Iterator[Tuple[Dict[str, Any], List[bytes]]]:
    """Every whole record of a file: what is said of it, and its parts. One that was cut off is left out."""
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            head = json.loads(line)
            for one in _predictions(head, file) if "ids" in head else [head]:
                parts = [file.read(size + 1) for size in one["sizes"]]
                if any(len(part) != size + 1 for part, size in zip(parts, one["sizes"])):
                    return
                yield one, [part[:-1] for part in parts]


def _predictions(head: Dict[str, Any], file: BinaryIO) -> Iterator[Dict[str, Any]]:
    """What is said of each prediction of a batch, whose numbers come next; none when those were cut off."""
    count = len(head["ids"])
    times, counts = array("d"), array("q")
    split = 2 * count * times.itemsize
    size = split + 3 * count * counts.itemsize
    numbers = file.read(size + 1)
    if len(numbers) <= size:
        return
    times.frombytes(numbers[:split])
    counts.frombytes(numbers[split:-1])
    shared = {"kind": "prediction", "deployment": head["deployment"], "model": head["model"]}
    forms = head["forms"] or [""] * count
    facts = zip(head["ids"], head["traces"], forms, times[:count], times[count:], counts[:count])
    for place, (request_id, trace, form, began, ended, status) in enumerate(facts):
        of_form = {form: True} if form else {}
        when = {"time": ended + head["since"], "latency_ms": round((ended - began) * 1000, 3)}
        sizes = counts[count + 2 * place : count + 2 * place + 2].tolist()
        yield {**shared, "id": request_id, "trace": trace, "status": status, **of_form, **when, "sizes": sizes}


def _form(kind: str) -> str:
    """What a body is that is not JSON, by its content type."""
    return "csv" if kind.startswith("text/csv") else "arrow" if arrow.is_arrow(kind) else ""


class _File:
    """One file of the spool while it is written."""

    def __init__(self, path: str, seconds: float) -> None:
        self._path = path
        self._file = open(f"{path}.part", "ab", buffering=0)  # noqa: SIM115 - closed by `complete`.
        self._until = time.monotonic() + seconds
        self._size = 0

    @property
    def is_full(self) -> bool:
        return self._size >= FILE_BYTES or time.monotonic() >= self._until

    def write(self, pieces: Sequence[bytes]) -> None:
        size = sum(map(len, pieces))
        written = os.writev(self._file.fileno(), pieces)
        if written < size:
            rest = memoryview(b"".join(pieces))[written:]
            while rest:
                rest = rest[self._file.write(rest) :]
        self._size += size

    def complete(self) -> None:
        self._file.close()
        os.rename(f"{self._path}.part", self._path)


def _hide(row: Any, places: List[int]) -> Any:
    return [REDACTED if place in places else value for place, value in enumerate(row)] if isinstance(row, list) else row
