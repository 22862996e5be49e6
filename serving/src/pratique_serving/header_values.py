"""What lines of a request say beyond their text, by the names that Flask's request has for it."""

import base64
import contextlib
from typing import Iterator, Optional, Sequence, Tuple

from pratique_serving.multipart import parameters_of


class Authorization:
    """Who the caller says to be; the gateway has checked it, and keeps its own keys to itself."""

    def __init__(self, line: str) -> None:
        scheme, _, rest = line.partition(" ")
        self.type = scheme.lower()
        self.token: Optional[str] = rest.strip() or None
        self.username: Optional[str] = None
        self.password: Optional[str] = None
        if self.type == "basic":
            self.token = None
            with contextlib.suppress(ValueError):
                self.username, _, self.password = base64.b64decode(rest).decode().partition(":")
        self._line = line

    def __str__(self) -> str:
        return self._line


class UserAgent:
    """The caller's program, as it calls itself."""

    def __init__(self, line: str) -> None:
        self.string = line

    def __str__(self) -> str:
        return self.string

    def __bool__(self) -> bool:
        return bool(self.string)


class Accepted:
    """What the caller likes to have."""

    def __init__(self, line: str) -> None:
        liked = [_liking(part) for part in line.split(",") if part.strip()]
        self._liked = sorted(liked, key=lambda pair: -pair[1])

    def __iter__(self) -> Iterator[Tuple[str, float]]:
        """Names, the best first, and how much each is liked (0 to 1)."""
        return iter(self._liked)

    def __len__(self) -> int:
        return len(self._liked)

    @property
    def best(self) -> Optional[str]:
        return self._liked[0][0] if self._liked else None

    @property
    def accept_json(self) -> bool:
        return "application/json" in self

    @property
    def accept_html(self) -> bool:
        return "text/html" in self or "application/xhtml+xml" in self

    def quality(self, wanted: str) -> float:
        """How much it is liked; 0 is not at all."""
        family = wanted.partition("/")[0] + "/*"
        return max(
            (liked for name, liked in self._liked if name.lower() in (wanted.lower(), family, "*/*", "*")), default=0
        )

    def __contains__(self, wanted: object) -> bool:
        return isinstance(wanted, str) and self.quality(wanted) > 0

    def best_match(self, offered: Sequence[str], default: Optional[str] = None) -> Optional[str]:
        """The one of these that is liked most; the first of equals."""
        best = max(offered, key=self.quality, default=None)
        return best if best is not None and self.quality(best) > 0 else default


def _liking(part: str) -> Tuple[str, float]:
    name, _, rest = part.partition(";")
    try:
        return name.strip(), min(1.0, max(0.0, float(parameters_of(f";{rest}").get("q", "1"))))
    except ValueError:
        return name.strip(), 0.0
