"""Secrets in what a step prints: found in every form in which they usually leave a program.

A secret is looked for as it is, and as JSON, URLs, shells, XML, base64 and
hexadecimal digits write it; base64 at each of the three offsets that it may have
inside a longer text. Where such digits are broken into lines, of whatever length, they
are found over the breaks. Of a secret of several lines every line that is long enough
is one by itself. Places that overlap become one mask.
"""

import base64
import json
import re
import shlex
import threading
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus

from pratique.delivery.run.masking import MASK

SHORTEST: Final = 3
"""Characters: what is shorter is in every other word, so that masking it would hide everything and nothing."""
_SHORTEST_LINE: Final = 8
"""Characters of a line of a longer secret, such as a key: `{` alone is none."""
_SHORTEST_PART: Final = 8
"""Characters of what is certain of a secret inside a longer base64 text."""
_BROKEN_OFF: Final = 4
"""Digits at the end of a line that may be the beginning of a secret that goes on in the next; fewer are shown."""
_BREAK: Final = re.compile(r"[ \t\r]*\n[ \t]*")
_UNSAFE: Final = re.compile(r"([^A-Za-z0-9_@%+=:,./-])")
_UNSAFE_ASCII: Final = re.compile(r"""([ !"#$&'()*;<>?\[\\\]^`{|}~])""")
_ANSI_C: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "'": "\\'", "\\": "\\\\"}


class Masker:
    """The secrets of one job; they only become more."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._forms: dict[str, None] = {}
        self._tails: tuple[str, ...] = ()
        self._digits: tuple[str, ...] = ()
        """Base64 and hexadecimal digits that may be broken into lines."""
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Mask these from now on; those below `SHORTEST` characters are not."""
        with self._lock:
            for secret in secrets:
                self._forms |= dict.fromkeys(_forms(secret))
                self._digits = tuple(dict.fromkeys((*self._digits, *_digits(secret))))
            ordered = sorted(self._forms, key=len, reverse=True)
            self._forms = dict.fromkeys(ordered)
            self._tails = tuple(form for form in ordered if "\n" in form)

    def masked(self, text: str) -> str:
        """`text` without any secret that is known by now."""
        with self._lock:
            return _covered(text, self._places(text))

    def cut(self, text: str) -> int:
        """Where to cut `text`: not through a secret, nor through what may be the beginning of one of several lines."""
        with self._lock:
            cut = len(text) - max((_overlap(text, form) for form in self._tails), default=0)
            cut = min(cut, self._broken_off(text))
            if cut == len(text):
                return cut
            return min([cut, *(start for start, stop in self._places(text) if start < cut < stop)])

    def _places(self, text: str) -> list[tuple[int, int]]:
        # Plain searches, one form after the other, are twenty times as quick as one expression of all of them.
        found = [place for form in self._forms for place in _found(text, form)]
        whole = _BREAK.sub("", text)
        # What stands in one line was found already, unless it begins in a line that was shown.
        if "\n" in text.rstrip("\n") or whole.lstrip().startswith(self._digits):
            broken = [place for form in self._digits for place in _found(whole, form)]
            at = _places_in(text) if broken else []
            found += [(at[start], at[stop - 1] + 1) for start, stop in broken]
        return sorted(found)

    def _broken_off(self, text: str) -> int:
        """Where the digits begin that end `text` and may go on in the next line; its end when there are none."""
        whole = _BREAK.sub("", text)
        last = whole[-_BROKEN_OFF:]
        sizes = [_overlap(whole, form) for form in self._digits if last and last in form]
        size = max(sizes, default=0)
        return _places_in(text)[len(whole) - size] if size >= _BROKEN_OFF else len(text)


class MaskedLines:
    """A text that arrives line by line, and leaves masked; a secret may go over several lines."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._kept = ""

    def feed(self, line: str) -> str:
        """What can be shown once `line` has arrived; it ends in a line break."""
        text = self._kept + line
        cut = self._masker.cut(text)
        self._kept = text[cut:]
        return self._masker.masked(text[:cut])

    def rest(self) -> str:
        """What is left at the end."""
        text, self._kept = self._masker.masked(self._kept), ""
        return text


def _found(text: str, form: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)


def _places_in(text: str) -> list[int]:
    """Where each character of `text` without its line breaks stands in it."""
    breaks = {at for found in _BREAK.finditer(text) for at in range(*found.span())}
    return [at for at in range(len(text)) if at not in breaks]


def _covered(text: str, places: list[tuple[int, int]]) -> str:
    out: list[str] = []
    copied = end = 0
    for start, stop in places:
        if start >= end:
            out += [text[copied:start], MASK]
        end = max(end, stop)
        copied = end
    return "".join([*out, text[copied:]])


def _overlap(text: str, form: str) -> int:
    """The length of the longest end of `text` that `form` begins with, and that is not all of it."""
    for size in range(min(len(text), len(form) - 1), 0, -1):
        if form.startswith(text[-size:]):
            return size
    return 0


def _forms(secret: str) -> Iterator[str]:
    """Every text that gives `secret` away."""
    lines = secret.splitlines()
    whole = [secret, secret.strip()] if len(lines) <= 1 else [secret, secret.strip(), "\n".join(lines)]
    parts = [line.strip() for line in lines if len(line.strip()) >= _SHORTEST_LINE] if len(lines) > 1 else []
    for text in dict.fromkeys((*whole, *parts)):
        if len(text.strip()) >= SHORTEST:
            yield text
            yield from (form for form in _encoded(text) if len(form) > SHORTEST)


def _encoded(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogateescape")
    for as_json in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        yield from (as_json, as_json.replace("/", "\\/"))
    for in_url in (quote(data), quote(data, safe=""), quote_plus(data)):
        yield from (in_url, _lower_digits(in_url))
    yield shlex.quote(text)[1:-1] if shlex.quote(text) != text else text
    yield text.replace("'", "'\\''")
    yield _UNSAFE.sub(r"\\\1", text)
    yield _UNSAFE_ASCII.sub(r"\\\1", text)
    yield "".join(map(_ansi_c, text))
    yield "".join(_ansi_c(char) if char < "\x80" else "".join(f"\\{one:o}" for one in char.encode()) for char in text)
    yield text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    yield from (escape(text), escape(text, quote=False), escape(text).replace("&#x27;", "&apos;"))
    yield from (data.hex(), data.hex().upper())
    for at in range(3):
        inside = _inside_base64(data, at)
        yield from (inside, inside.replace("+", "-").replace("/", "_"))
    whole = base64.b64encode(data).decode()
    yield from (whole, whole.rstrip("="), whole.replace("+", "-").replace("/", "_"))


def _digits(secret: str) -> Iterator[str]:
    """The digits of `secret` that may be broken into lines, and what is left when a few stand in the line before."""
    for text in dict.fromkeys((secret, secret.strip())):
        data = text.encode("utf-8", "surrogateescape")
        whole = base64.b64encode(data).decode()
        in_base64 = [whole, whole.rstrip("="), *(_inside_base64(data, at) for at in range(3))]
        in_urls = [one.replace("+", "-").replace("/", "_") for one in in_base64]
        for digits in (*in_base64, *in_urls, data.hex(), data.hex().upper()):
            yield from (digits[begun:] for begun in range(_BROKEN_OFF) if len(digits) - begun >= _SHORTEST_PART)


def _ansi_c(char: str) -> str:
    """A character as the shell writes it within $'…'."""
    return _ANSI_C.get(char, char)


def _lower_digits(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _inside_base64(data: bytes, at: int) -> str:
    """What is certain of `data` in the base64 of a text that has it behind 3n + `at` bytes; empty for too little."""
    text = base64.b64encode(b"\0" * at + data).decode().rstrip("=")
    # A character is certain when all of its six bits are of `data`.
    certain = text[-(-at * 8 // 6) : (at + len(data)) * 8 // 6]
    return certain if len(certain) >= _SHORTEST_PART else ""
