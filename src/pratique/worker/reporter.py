"""What a unit says, brought to the platform: records in their order, and logs byte by byte.

Steps never wait for the platform. Logs go, masked, into files of the unit's folder,
and from there by their offsets; records wait in memory. One thread sends both, what a
step printed before the record that says it ended. While the platform is away it
asks again; what was sent twice is taken once.

Each request costs the platform a transaction, so what is said within a moment
travels together: a job of some milliseconds is one request.
"""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.base.errors import PratiqueError
from pratique.delivery.masking import MaskedLines, Masker
from pratique.delivery.records import Record
from pratique.worker.processes import Cancellation
from pratique.worker.routes import Piece, Routes

_LONGEST_PAUSE: Final = 5.0
"""Seconds between two attempts to reach the platform."""
_BREATH: Final = 0.05
"""Seconds in which more may be said before something is sent; the end of the job waits for nothing."""
_PIECE: Final = 1 << 18
_BATCH: Final = 1 << 16
"""Characters of a log that may wait to be masked together."""
_TOGETHER: Final = 50
"""Records of one request."""
_LITTLE: Final = 1 << 15
"""Bytes of all logs that travel with records; more go by themselves."""
LARGEST_LOG: Final = 1 << 30
"""Bytes of one step's log; what comes after is not kept, and that is said."""


class StepLog:
    """The log of one step."""

    def __init__(self, number: int, file: Path, masker: Masker, changed: threading.Condition) -> None:
        self.number = number
        self.sent = 0
        self._file = file
        self._size = 0
        self._is_full = False
        self._lines = MaskedLines(masker)
        self._turn = threading.Lock()
        self._waiting: list[str] = []
        """Lines that are not masked yet; they are nowhere but here."""
        self._waiting_size = 0
        self._changed = changed
        self._stream = file.open("ab")

    def write(self, line: str) -> None:
        """Add a line."""
        with self._turn:
            self._waiting.append(line)
            self._waiting_size += len(line) + 1
            if self._waiting_size >= _BATCH:
                self._mask()
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Add what was held back, at the end of the step."""
        with self._turn:
            self._mask()
            self._put(self._lines.rest())
            self._stream.close()

    @property
    def has_news(self) -> bool:
        return self.sent < self._size or bool(self._waiting)

    def unsent(self) -> bytes:
        """The next piece that the platform does not have."""
        with self._turn:
            self._mask()
            if self.sent >= self._size:
                return b""
        with self._file.open("rb") as stream:
            stream.seek(self.sent)
            return stream.read(min(_PIECE, self._size - self.sent))

    def piece(self, data: bytes) -> Piece | None:
        """`data`, which was not sent yet, as text; None when it is cut within a letter."""
        try:
            return Piece(self.number, self.sent, data.decode())
        except UnicodeDecodeError:
            return None

    def _mask(self) -> None:
        """Mask the lines that wait, and write them; many at once, because looking for each secret has its price."""
        if self._waiting:
            text = "\n".join([*self._waiting, ""])
            self._waiting.clear()
            self._waiting_size = 0
            self._put(self._lines.feed(text))

    def _put(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        if not data or self._is_full:
            return
        if self._size + len(data) > LARGEST_LOG:
            self._is_full = True
            data = f"##[warning]the log ends here: more than {LARGEST_LOG:,} bytes are not kept\n".encode()
        self._stream.write(data)
        self._stream.flush()
        self._size += len(data)


class Reporter:
    """Sends in a thread of its own."""

    def __init__(self, routes: Routes, folder: Path, masker: Masker, cancellation: Cancellation) -> None:
        self._routes = routes
        self._folder = folder
        self._masker = masker
        self._cancellation = cancellation
        self._changed = threading.Condition()
        self._records: list[Record] = []
        self._logs: list[StepLog] = []
        self._sequence = 0
        self._under_way = 0
        """How many of the records that wait are being sent."""
        self._closing = threading.Event()
        self.refused = ""
        """Why the platform takes nothing from this unit any more; empty while it does."""
        self._thread = threading.Thread(target=self._work, name="reporter", daemon=True)
        self._thread.start()

    def log(self, number: int) -> StepLog:
        """The new log of a step."""
        log = StepLog(number, self._folder / f"{number}.log", self._masker, self._changed)
        with self._changed:
            self._logs.append(log)
        return log

    def record(self, record: Record) -> None:
        """Report `record`; its sequence is given here."""
        with self._changed:
            self._sequence += 1
            if self._is_repeated(record):
                self._records.pop()
            self._records.append(replace(record, sequence=self._sequence))
            self._changed.notify()

    def _is_repeated(self, record: Record) -> bool:
        """Whether the last record that waits says less of the same: of many only the last one is sent."""
        last = self._records[-1] if len(self._records) > self._under_way else None
        return last is not None and (last.step, last.state) == (record.step, record.state)

    def close(self, within: timedelta) -> bool:
        """Send what is left; False when the platform did not take it in time."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join(within.total_seconds())
        return not self._thread.is_alive() and not self.refused

    def _work(self) -> None:
        pause = 0.2
        while not self.refused:
            with self._changed:
                while not self._has_news() and not self._closing.is_set():
                    self._changed.wait()
                if self._closing.is_set() and not self._has_news():
                    return
            self._closing.wait(_BREATH)
            try:
                self._send()
                pause = 0.2
            except PratiqueError as error:
                if error.status < 500:
                    self._give_up(f"the platform takes nothing from this job any more: {error.message}")
                time.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
            except OSError as error:
                self._give_up(f"the log cannot be kept: {error}")

    def _give_up(self, reason: str) -> None:
        """End the job: nobody would hear how it goes on."""
        self.refused = reason
        self._cancellation.ask(reason)

    def _has_news(self) -> bool:
        return bool(self._records) or any(log.has_news for log in self._logs)

    def _send(self) -> None:
        """Everything that there is now; the records last, because they were made after what they follow."""
        with self._changed:
            records, logs = self._records[:_TOGETHER], list(self._logs)
            self._under_way = len(records)
        beside: list[Piece] = []
        room = _LITTLE if records else 0
        for log in logs:
            while data := log.unsent():
                piece = log.piece(data)
                if piece is None or len(data) > room:
                    self._routes.send_log(log.number, log.sent, data)
                    log.sent += len(data)
                    continue
                room -= len(data)
                beside.append(piece)
                break
        if records:
            self._routes.send_records(records, beside)
            for log in logs:
                log.sent = next((one.end for one in beside if one.step == log.number), log.sent)
            with self._changed:
                del self._records[: len(records)]
                self._under_way = 0
