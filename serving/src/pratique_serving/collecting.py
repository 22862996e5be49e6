"""Inputs, outputs and latencies of predictions, for whoever watches the model.

    <spool>/predictions-<own>-<time>-<number>.spool.part   is being written
    <spool>/predictions-<own>-<time>-<number>.spool        is complete; the platform takes it away

For each request that was sampled, if a wanted collection needs it, a record: a line of JSON that says of how many
bytes its parts are (`sizes`), then these parts, each with a line end: the body
that came and the body that went, as they were. What a script collects itself
has one part, JSON. `read` gives the records back.

Collecting must not slow the prediction: records are handed to a thread through
a queue with a bound, and when the disk does not keep up they are dropped and
counted, never waited for. So bodies are kept as they are and not looked into.

Columns named in `PRATIQUE_COLLECT_REDACT` are replaced before anything is
written. Bodies are parsed for that only, so it costs more.
"""

import json
import os
import random
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, FrozenSet, Iterator, List, Optional, Tuple

from pratique_serving import arrow, log
from pratique_serving.routes import Collection
from pratique_serving.settings import Settings
from pratique_serving.wire import Request, Response

MOST_WAITING = 20_000
MOST_WAITING_SIZE = 64 * 1024 * 1024
WRITE_EVERY = 0.25
FILE_BYTES = 16 * 1024 * 1024
FILE_SECONDS = 60.0

REDACTED = "redacted"

ROWS = frozenset({"model_inputs", "model_outputs"})
BODIES = frozenset({"request", "response"})

_quoted = json.encoder.encode_basestring_ascii  # With the quotation marks.


def open_spool(settings: Settings) -> Collection:
    """Where the settings say. Raises OSError when the folder cannot be made."""
    about = f'"deployment":{json.dumps(settings.deployment)},"model":{json.dumps(settings.model)},'
    spool = Spool(settings.collect, settings.collect_sampling, settings.collect_redact, about)
    spool.only, spool.file_seconds = settings.collect_only, settings.collect_seconds
    # A script says itself what its model was given; what it was sent is kept when that is asked for.
    of_calls = BODIES if settings.entry_script else BODIES | ROWS
    spool.keeps_calls = not settings.collect_only or bool(settings.collect_only & of_calls)
    return spool


class Spool(Collection):
    """The spool of one process."""

    def __init__(self, folder: str, sampling: float, redacted: FrozenSet[str], about: str) -> None:
        self._folder = folder
        self._sampling = sampling
        self._redacted = redacted
        self._about = about
        self._records: Deque[bytes] = deque()
        self._waiting_size = 0
        self._wake = threading.Event()
        self._is_closing = False
        self._number = 0
        self._own = os.urandom(6).hex()
        self.only: FrozenSet[str] = frozenset()
        """Names of collections; all when empty."""
        self.keeps_calls = True
        """Whether requests and answers are kept, or only what a script collects."""
        self.file_seconds = FILE_SECONDS
        self.collected = 0
        self.dropped = 0
        self._told_dropped = 0
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._writer = threading.Thread(target=self._write_all, daemon=True)
        self._writer.start()

    def note(self, request: Request, response: Response, request_id: str, seconds: float) -> None:
        """One prediction; by the thread whose turn it is."""
        if not self.keeps_calls:
            return
        if self._sampling < 1 and random.random() >= self._sampling:  # noqa: S311 - a sample, not a secret.
            return
        kind = request.headers.get("content-type", "")
        form = '"csv":true,' if kind.startswith("text/csv") else '"arrow":true,' if arrow.is_arrow(kind) else ""
        sent, said = self._shown(request.body), self._shown(response.body)
        trace = request.headers.get("traceparent", "")
        head = (
            f'{{"kind":"prediction","id":{_quoted(request_id)},"trace":{_quoted(trace)},"time":{time.time():.6f},'
            f'"status":{response.status},"latency_ms":{seconds * 1000:.3f},{form}{self._about}'
            f'"sizes":[{len(sent)},{len(said)}]}}\n'
        )
        self._put(b"%b%b\n%b\n" % (head.encode(), sent, said))

    def note_own(self, name: str, correlation: str, data: Any) -> None:
        """What a script collects itself, already as JSON values."""
        if self.only and name not in self.only:
            return
        part = json.dumps(self._without(data), default=str).encode()
        head = {"kind": name, "id": correlation, "time": time.time(), "sizes": [len(part)]}
        self._put(b"%b\n%b\n" % (json.dumps(head).encode(), part))

    def close(self) -> None:
        """Write what is waiting, and complete the file."""
        self._is_closing = True
        self._wake.set()
        self._writer.join(5)

    def _put(self, record: bytes) -> None:
        size = len(record)
        if len(self._records) >= MOST_WAITING or self._waiting_size + size > MOST_WAITING_SIZE:
            self.dropped += 1
            return
        self._records.append(record)
        self._waiting_size += size
        self.collected += 1

    def _shown(self, body: bytes) -> bytes:
        """A body; with columns to redact it must be JSON, otherwise all of it is left out."""
        if not self._redacted:
            return body
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
            is_last = self._is_closing
            try:
                data = self._take()
                if data:
                    file = file or self._open()
                    file.write(data)
                if file is not None and (is_last or file.is_full):
                    file.write(self._dropped_since())
                    file.complete()
                    file = None
            except OSError as error:
                log.say(f"the collection cannot be written: {error}")
                file = None
                self._wake.clear()
                time.sleep(1.0)
            if is_last:
                return

    def _take(self) -> bytes:
        records = []
        while self._records:
            records.append(self._records.popleft())
        self._waiting_size = 0
        return b"".join(records)

    def _open(self) -> "_File":
        self._number += 1
        # Replicas in sandboxes have the same process number, and two may begin in the same second.
        name = f"predictions-{self._own}-{int(time.time())}-{self._number}.spool"
        return _File(os.path.join(self._folder, name), self.file_seconds)

    def _dropped_since(self) -> bytes:
        """A record of how many were dropped since the last one."""
        count, self._told_dropped = self.dropped - self._told_dropped, self.dropped
        return b'{"kind":"dropped","count":%d,"sizes":[]}\n' % count if count else b""


def read(path: str) -> Iterator[Tuple[Dict[str, Any], List[bytes]]]:
    """Every whole record of a file: what its first line says, and its parts. One that was cut off is left out."""
    with open(path, "rb") as file:
        for line in file:
            head = json.loads(line)
            parts = [file.read(size + 1) for size in head["sizes"]]
            if any(len(part) != size + 1 for part, size in zip(parts, head["sizes"])):
                return
            yield head, [part[:-1] for part in parts]


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

    def write(self, data: bytes) -> None:
        self._size += len(data)
        self._file.write(data)

    def complete(self) -> None:
        self._file.close()
        os.rename(f"{self._path}.part", self._path)


def _hide(row: Any, places: List[int]) -> Any:
    return [REDACTED if place in places else value for place, value in enumerate(row)] if isinstance(row, list) else row
