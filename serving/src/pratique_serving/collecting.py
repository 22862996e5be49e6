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
written (see `redaction`). Bodies are parsed for that only, so it costs more.

A sample is made by the request's id, so whatever is collected of one request is
collected together, by scripts and by a deployment that mirrors another as well.

The first line of a file names the columns of the model, when it has a signature.
A file that is being written is locked; the lock ends with its process.
"""

import contextlib
import fcntl
import json
import os
import threading
import time
import zlib
from array import array
from collections import deque
from typing import Any, BinaryIO, Deque, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from pratique_serving import arrow, log
from pratique_serving.redaction import Redaction
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
_MOST_PIECES = 500

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
    spool.headers = tuple(sorted(settings.collect_headers))
    # A script says itself what its model was given; what it was sent is kept when that is asked for.
    of_calls = BODIES if settings.entry_script else BODIES | ROWS
    spool.keeps_calls = not settings.collect_only or bool(settings.collect_only & of_calls)
    return spool


class Spool(Collection):
    """The spool of one process."""

    def __init__(self, folder: str, sampling: float, redacted: FrozenSet[str], about: Dict[str, str]) -> None:
        self._folder = folder
        self._sampling = sampling
        self._redaction = Redaction(redacted)
        self._about = about
        self._most_noted = BATCH_REDACTED if redacted else BATCH
        self._columns: List[Tuple[str, str]] = []
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
        self.headers: Tuple[str, ...] = ()
        """Of requests, in lower case, that are kept beside the bodies."""
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

    def know(self, columns: Sequence[Any]) -> None:
        self._columns = [(str(one.name), str(one.type)) for one in columns if one.name is not None]
        self._redaction.know([name for name, _ in self._columns])

    def keeps(self, name: str) -> bool:
        return not self.only or name in self.only

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
        kept = [place for place, call in enumerate(calls) if chance_of(call.identifiers.request) < self._sampling]
        return [calls[place] for place in kept], [responses[place] for place in kept]

    def note_own(self, name: str, correlation: str, data: Any) -> bool:
        trace, request = log.present()
        if not self.keeps(name) or chance_of(request or correlation) >= self._sampling:
            return True
        part = json.dumps(self._redaction.of(data) if self._redaction else data).encode()
        head = {
            **self._about,
            "kind": name,
            "id": correlation,
            "request": request,
            "trace": trace,
            "time": time.time(),
            "sizes": [len(part)],
        }
        with self._making:
            return self._put(_Piece(b"%b\n%b\n" % (json.dumps(head).encode(), part), 1))

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

    def _put(self, piece: _Piece) -> bool:
        """Whether there was room for it."""
        waiting, waiting_size = self._made - self._written, self._made_size - self._written_size
        if waiting + piece.records > MOST_WAITING or waiting_size + len(piece.data) > MOST_WAITING_SIZE:
            self._dropped += piece.records
            return False
        self._pieces.append(piece)
        self._made += piece.records
        self._made_size += len(piece.data)
        if self._made_size >= self._wake_at:
            self._wake_at = self._made_size + WRITE_BYTES
            self._wake.set()
        return True

    def _bytes_of(self, facts: Sequence[_Facts]) -> bytes:
        """A batch, all columns at once."""
        sent, said, headers, ids, statuses, began, ended = zip(*facts)
        kinds = [one.get("content-type", "") for one in headers]
        forms = {kind: _form(kind) for kind in set(kinds)}
        form_of = [forms[kind] for kind in kinds] if any(forms.values()) else []
        if self._redaction:
            shown = list(map(self._redaction.of_body, sent, form_of or [""] * len(sent)))
            form_of = [form for _, form in shown]
            sent, said = tuple(body for body, _ in shown), tuple(map(self._redaction.of_answer, said, statuses))
        bodies = [body for pair in zip(sent, said) for body in pair]
        head: Dict[str, Any] = {
            **self._about,
            "ids": ids,
            "traces": [one.get("traceparent", "") for one in headers],
            "forms": form_of,
            # From the time that does not jump to the wall's, which is only known of now.
            "since": time.time() - time.monotonic(),
        }
        if self.headers:
            head["headers"] = [{name: one[name] for name in self.headers if name in one} for one in headers]
        times = array("d", [*began, *ended]).tobytes()
        counts = array("q", [*statuses, *map(len, bodies)]).tobytes()
        return b"\n".join([_encode(head).encode(), times + counts, *bodies, b""])

    def _write_all(self) -> None:
        file: Optional[_File] = None
        is_in_trouble = False
        while True:
            self._wake.wait(WRITE_EVERY)
            self._wake.clear()
            is_last = self._is_closing
            self._make_piece()
            try:
                while self._pieces:
                    file = file or self._open()
                    self._write_to(file)
                    is_in_trouble = False
                if file is not None and (is_last or file.is_full):
                    self._tell_dropped(file)
                    whole, file = file, None
                    whole.complete()
            except OSError as error:
                if not is_in_trouble:
                    log.say(f"the collection cannot be written, and what is collected meanwhile is dropped: {error}")
                is_in_trouble = True
                time.sleep(1.0)
            if is_last:
                return

    def _write_to(self, file: "_File") -> None:
        """Write the pieces that wait, or as many as go at once; when that fails they are lost, and counted."""
        pieces = [self._pieces.popleft() for _ in range(min(len(self._pieces), _MOST_PIECES))]
        count = sum(piece.records for piece in pieces)
        try:
            file.write([*self._first_line(file), *(piece.data for piece in pieces)])
        except OSError:
            with self._making:
                self._dropped += count
            raise
        finally:
            self._written += count
            self._written_size += sum(len(piece.data) for piece in pieces)

    def _first_line(self, file: "_File") -> List[bytes]:
        if not self._columns or not file.is_empty:
            return []
        return [_encode({"kind": "columns", "columns": self._columns, "sizes": []}).encode() + b"\n"]

    def _open(self) -> "_File":
        self._number += 1
        # Replicas in sandboxes have the same process number, and two may begin in the same second.
        name = f"predictions-{self._own}-{int(time.time())}-{self._number}.spool"
        return _File(os.path.join(self._folder, name), self.file_seconds)

    def _tell_dropped(self, file: "_File") -> None:
        """Write how many were dropped since it was told last."""
        count = self._dropped - self._told_dropped
        if count:
            file.write([b'{"kind":"dropped","count":%d,"sizes":[]}\n' % count])
            self._told_dropped += count


def chance_of(request: str) -> float:
    """From 0 to below 1, always the same for an id: what is below the share that is kept is collected."""
    return zlib.crc32(request.encode("utf-8", "replace")) / 4294967296


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
    forms, headers = head["forms"] or [""] * count, head.get("headers") or [{}] * count
    facts = zip(head["ids"], head["traces"], forms, headers, times[:count], times[count:], counts[:count])
    for place, (request_id, trace, form, kept, began, ended, status) in enumerate(facts):
        of_form: Dict[str, Any] = {form: True} if form else {}
        if kept:
            of_form["headers"] = kept
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
        # Who takes the files of processes that have ended sees by that which have not. Not every file system can.
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._until = time.monotonic() + seconds
        self._size = 0

    @property
    def is_empty(self) -> bool:
        return not self._size

    @property
    def is_full(self) -> bool:
        return self._size >= FILE_BYTES or time.monotonic() >= self._until

    def write(self, pieces: Sequence[bytes]) -> None:
        """All of them, or none: raises OSError."""
        size = sum(map(len, pieces))
        try:
            written = os.writev(self._file.fileno(), pieces)
            if written < size:
                rest = memoryview(b"".join(pieces))[written:]
                while rest:
                    rest = rest[self._file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
            raise
        self._size += size

    def complete(self) -> None:
        self._file.close()
        os.rename(f"{self._path}.part", self._path)
