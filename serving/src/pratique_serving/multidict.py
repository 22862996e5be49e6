"""Headers, and the arguments of a query or a form, as scoring scripts know them: one name may have several values.

The methods are those of Flask's; a script that uses them must not have to know whose they are.
"""

from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

Pairs = Union[Mapping[str, Any], Iterable[Tuple[str, Any]], "Headers"]


class Headers:
    """Headers in order; names are compared without case. Looping over them gives pairs."""

    def __init__(self, pairs: Pairs = ()) -> None:
        self._pairs: List[Tuple[str, str]] = [(name, _line(value)) for name, value in _pairs_of(pairs)]

    def __getitem__(self, name: Union[str, int]) -> Any:
        if isinstance(name, int):
            return self._pairs[name]
        values = self.getlist(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __setitem__(self, name: str, value: object) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.remove(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.getlist(name))

    def __iter__(self) -> Iterator[Tuple[str, str]]:
        return iter(list(self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and _folded(self) == _folded(other)

    __hash__ = None  # type: ignore[assignment]

    def __ior__(self, other: Pairs) -> "Headers":
        self.update(other)
        return self

    def __str__(self) -> str:
        return "".join(f"{name}: {value}\r\n" for name, value in self._pairs) + "\r\n"

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"

    def get(self, name: str, default: Any = None, type: Optional[Callable[[str], Any]] = None) -> Any:  # noqa: A002
        """The first value, as `type` makes it; `default` when there is none, or `type` does not take it."""
        return _first(self.getlist(name), default, type)

    def getlist(self, name: str, type: Optional[Callable[[str], Any]] = None) -> List[Any]:  # noqa: A002
        """Every value of that name, in order."""
        wanted = name.lower()
        return _made([value for found, value in self._pairs if found.lower() == wanted], type)

    def get_all(self, name: str) -> List[str]:
        """The same."""
        return self.getlist(name)

    def items(self, lower: bool = False) -> List[Tuple[str, str]]:
        """Every pair, repeated names included."""
        return [(name.lower() if lower else name, value) for name, value in self._pairs]

    def keys(self, lower: bool = False) -> List[str]:
        """Every name, as often as it comes."""
        return [name for name, _ in self.items(lower)]

    def values(self) -> List[str]:
        """Every value."""
        return [value for _, value in self._pairs]

    def to_wsgi_list(self) -> List[Tuple[str, str]]:
        """Every pair."""
        return self.items()

    def add(self, name: str, value: object, **options: object) -> None:
        """One more value, beside those already there; options are written after it, as ``; name=value``."""
        parts = [str(value)]
        for option, chosen in options.items():
            word = option.replace("_", "-")
            parts.append(word if chosen is None else f"{word}={_quoted(str(chosen))}")
        self._pairs.append((name, _line("; ".join(parts))))

    add_header = add

    def set(self, name: str, value: object) -> None:
        """This value in the place of all others."""
        self.setlist(name, [value])

    def setlist(self, name: str, values: Iterable[object]) -> None:
        """These values in the place of all others; the first stands where the first stood."""
        lines = [(name, _line(value)) for value in values]
        wanted = name.lower()
        place = next((at for at, (found, _) in enumerate(self._pairs) if found.lower() == wanted), None)
        kept = [pair for pair in self._pairs if pair[0].lower() != wanted]
        if place is None:
            self._pairs = kept + lines
        else:
            self._pairs = kept[:place] + lines[:1] + kept[place:] + lines[1:]

    def setdefault(self, name: str, default: object) -> str:
        """The value that is there, or this one from now on."""
        if name not in self:
            self.set(name, default)
        return str(self[name])

    def extend(self, pairs: Pairs = (), **more: object) -> None:
        """Add all of these."""
        for name, value in [*_pairs_of(pairs), *more.items()]:
            self.add(name, value)

    def update(self, pairs: Pairs = (), **more: object) -> None:
        """These in the place of what has their names; a list is several values."""
        for name, value in [*_pairs_of(pairs), *more.items()]:
            self.setlist(name, value if isinstance(value, (list, tuple)) else [value])

    def remove(self, name: str) -> None:
        """Without that name; nothing happens when it is not there."""
        wanted = name.lower()
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != wanted]

    def pop(self, name: str, *default: Any) -> Any:
        """The value, which is removed."""
        if name not in self and default:
            return default[0]
        value = self[name]
        self.remove(name)
        return value

    def clear(self) -> None:
        """Remove all."""
        self._pairs = []

    def copy(self) -> "Headers":
        """One that can be changed on its own."""
        return Headers(self._pairs)


class Arguments(Dict[str, Any]):
    """Values by name, of which one name may have several (`getlist`); reading gives the first.

    A dict, as Flask's is: scripts send it on as JSON.
    """

    def __init__(self, pairs: Iterable[Tuple[str, Any]] = ()) -> None:
        super().__init__()
        self._values: Dict[str, List[Any]] = {}
        for name, value in pairs:
            self.setdefault(name, value)
            self._values.setdefault(name, []).append(value)

    def get(self, name: str, default: Any = None, type: Optional[Callable[[Any], Any]] = None) -> Any:  # noqa: A002
        """The first value, as `type` makes it; `default` when there is none, or `type` does not take it."""
        return _first(self._values.get(name, []), default, type)

    def getlist(self, name: str, type: Optional[Callable[[Any], Any]] = None) -> List[Any]:  # noqa: A002
        """Every value of that name, in order; without those that `type` does not take."""
        return _made(self._values.get(name, []), type)

    def items(self, multi: bool = False) -> Any:
        """Names and first values; with ``multi`` every value."""
        if not multi:
            return super().items()
        return [(name, value) for name, values in self._values.items() for value in values]

    def lists(self) -> List[Tuple[str, List[Any]]]:
        """Names and all their values."""
        return [(name, list(values)) for name, values in self._values.items()]

    def listvalues(self) -> List[List[Any]]:
        """All values of each name."""
        return [list(values) for values in self._values.values()]

    def to_dict(self, flat: bool = True) -> Dict[str, Any]:
        """First values, or with ``flat=False`` lists of all."""
        return {name: values[0] if flat else list(values) for name, values in self._values.items()}

    def copy(self) -> "Arguments":
        """The same once more."""
        return Arguments(self.items(multi=True))


def _pairs_of(pairs: Pairs) -> List[Tuple[str, Any]]:
    return list(pairs.items()) if isinstance(pairs, (Mapping, Headers)) else list(pairs)


def _line(value: object) -> str:
    text = str(value)
    if "\r" in text or "\n" in text:
        raise ValueError("Header values must not contain newline characters.")
    return text


def _quoted(text: str) -> str:
    if text and all(character.isalnum() or character in "!#$%&'*+-.^_`|~" for character in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _first(values: List[Any], default: Any, make: Optional[Callable[[Any], Any]]) -> Any:
    if not values:
        return default
    if make is None:
        return values[0]
    try:
        return make(values[0])
    except (ValueError, TypeError):
        return default


def _made(values: List[Any], make: Optional[Callable[[Any], Any]]) -> List[Any]:
    if make is None:
        return list(values)
    made = []
    for value in values:
        try:
            made.append(make(value))
        except (ValueError, TypeError):
            continue
    return made


def _folded(headers: Headers) -> List[Tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in headers)
