"""Inputs, outputs and latencies of predictions, for whoever watches the model.

    <spool>/<name>-<process>-<number>.jsonl.part   is being written
    <spool>/<name>-<process>-<number>.jsonl        is complete; a process of the platform takes it away

One line for each request that was sampled. Making the line must not slow the
prediction: it is handed to a thread through a queue with a bound, and when the
disk does not keep up lines are dropped and counted, never waited for.

Columns named in `PRATIQUE_COLLECT_REDACT` are replaced before anything is
written. Bodies are parsed for that only, so it costs more.
"""

import json
import os
import random
import threading
import time
from collections import deque
from typing import Any, Deque, FrozenSet, List, Optional

from pratique_serving import log
from pratique_serving.wire import Request, Response

MOST_WAITING = 20_000
MOST_WAITING_SIZE = 64 * 1024 * 1024
WRITE_EVERY = 0.25
FILE_BYTES = 16 * 1024 * 1024
FILE_SECONDS = 60.0

REDACTED = "redacted"

# Bodies are text within the line, whatever they are: who reads the spool parses them.
_quoted = json.encoder.encode_basestring_ascii  # With the quotation marks.
_LINE = '{"kind":"prediction","id":%s,"trace":%s,"time":%.6f,"status":%d,"latency_ms":%.3f,%s"input":%s,"output":%s}\n'


class Collection:
    """The spool of one process."""

    def __init__(self, folder: str, sampling: float, redacted: FrozenSet[str], about: str) -> None:
        self._folder = folder
        self._sampling = sampling
        self._redacted = redacted
        self._about = about
        self._lines: Deque[str] = deque()
        self._waiting_size = 0
        self._wake = threading.Event()
        self._is_closing = False
        self._number = 0
        self.collected = 0
        self.dropped = 0
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._writer = threading.Thread(target=self._write_all, daemon=True)
        self._writer.start()

    def note(self, request: Request, response: Response, request_id: str, seconds: float) -> None:
        """One prediction; by the thread whose turn it is."""
        if self._sampling < 1 and random.random() >= self._sampling:  # noqa: S311 - a sample, not a secret.
            return
        self._put(
            _LINE
            % (
                _quoted(request_id),
                _quoted(request.headers.get("traceparent", "")),
                time.time(),
                response.status,
                seconds * 1000,
                self._about,
                _quoted(self._shown(request.body)),
                _quoted(self._shown(response.body)),
            )
        )

    def note_own(self, name: str, correlation: str, data: Any) -> None:
        """What a script collects itself, already as JSON values."""
        record = {"kind": name, "id": correlation, "time": time.time(), "data": self._without(data)}
        self._put(json.dumps(record, default=str) + "\n")

    def close(self) -> None:
        """Write what is waiting, and complete the file."""
        self._is_closing = True
        self._wake.set()
        self._writer.join(5)

    def _put(self, line: str) -> None:
        if len(self._lines) >= MOST_WAITING or self._waiting_size > MOST_WAITING_SIZE:
            self.dropped += 1
            return
        self._lines.append(line)
        self._waiting_size += len(line)
        self.collected += 1

    def _shown(self, body: bytes) -> str:
        """A body as text; with columns to redact it must be JSON, otherwise all of it is left out."""
        if not self._redacted:
            return body.decode("utf-8", "replace")
        try:
            return json.dumps(self._without(json.loads(body)))
        except (ValueError, RecursionError):
            return REDACTED

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
                lines = self._take()
                if lines:
                    file = file or self._open()
                    file.write(lines)
                if file is not None and (is_last or file.is_full):
                    file.complete()
                    file = None
            except OSError as error:
                log.say(f"the collection cannot be written: {error}")
                file = None
                self._wake.clear()
                time.sleep(1.0)
            if is_last:
                return

    def _take(self) -> List[str]:
        lines = []
        while self._lines:
            lines.append(self._lines.popleft())
        self._waiting_size = 0
        return lines

    def _open(self) -> "_File":
        self._number += 1
        return _File(os.path.join(self._folder, f"predictions-{os.getpid()}-{int(time.time())}-{self._number}.jsonl"))


class _File:
    """One file of the spool while it is written."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open(f"{path}.part", "ab", buffering=0)  # noqa: SIM115 - closed by `complete`.
        self._until = time.monotonic() + FILE_SECONDS
        self._size = 0

    @property
    def is_full(self) -> bool:
        return self._size >= FILE_BYTES or time.monotonic() >= self._until

    def write(self, lines: List[str]) -> None:
        data = "".join(lines).encode()
        self._size += len(data)
        self._file.write(data)

    def complete(self) -> None:
        self._file.close()
        os.rename(f"{self._path}.part", self._path)


def _hide(row: Any, places: List[int]) -> Any:
    return [REDACTED if place in places else value for place, value in enumerate(row)] if isinstance(row, list) else row
