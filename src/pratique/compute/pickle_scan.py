"""Looks for what the pickles of a model would run, without running any of it.

    python -I pickle_scan.py MODEL OUT        writes OUT/scan.json

A program of its own, in a process and a sandbox of its own: what it reads comes
from strangers, and a parser may have holes. It reads opcodes and loads nothing.

A pickle can call whatever it can name, so the names are the question:

    dangerous     known to run code or to reach files, network or processes (picklescan's list, which is maintained),
                  anything of Python's standard library that is not known to be harmless, and what makes code of
                  bytes (cloudpickle, dill, marshal)
    unknown       of a package that nobody here knows
    harmless      data: of numpy, pandas, SciPy, scikit-learn and the like, and of a short list of Python's own

What cannot be read to its end is *unreadable*, which counts as dangerous:
a scanner that shrugs can be told to shrug. Wrappings are opened, in memory and within
bounds: gzip, zlib, bzip2, xz, zip and tar, one in another, numpy's files,
and joblib's pickles with arrays between their opcodes.
"""

import bz2
import contextlib
import io
import json
import lzma
import math
import os
import pickletools
import re
import resource
import sys
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from picklescan.scanner import SafetyLevel, scan_pickle_bytes

REPORT: Final = "scan.json"
VERDICTS: Final = ("harmless", "unknown", "dangerous", "unreadable")
"""From the best to the worst."""
_DEPTH: Final = 6
"""Wrappings in one another."""
_MOST: Final = 4 << 30
"""Bytes that one file may have, and that all which is unwrapped may have together."""
_PARTS: Final = 10_000
"""Files in archives, together."""
_MEMORY: Final = 16 << 30
_SECONDS: Final = 1500
_NAMED: Final = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".dill", ".cloudpickle")
"""Names under which something is a pickle even if it does not look like one."""
_OTHER_WRAPPINGS: Final = {b"7z\xbc\xaf": "7z", b"\x04\x22\x4d\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd"}

_DATA: Final = re.compile(
    r"numpy(\.(core|_core)\.(multiarray|_multiarray_umath|numeric|_internal))?|numpy\.(random|dtypes|ma)(\..*)?"
    r"|scipy\.(sparse|stats|spatial|interpolate|special|optimize)(\..*)?"
    r"|sklearn(\.(?!externals|datasets|utils\._testing).*)?"
    r"|pandas(\.(?!io\b|core\.computation|_?testing|util|compat|plotting).*)?"
    r"|joblib\.numpy_pickle"
)
"""Modules that describe data and models, and hardly do anything else."""
_CLASSES: Final = re.compile(r"(xgboost|lightgbm|catboost|imblearn|statsmodels)(\..*)?")
"""Modules whose classes do the same."""
_READS: Final = re.compile(
    r"loads?|read_.*|to_.*|from(file|regex|string|pyfunc)|eval|exec|query|run.*|load(txt|_.*)|genfromtxt|save.*|"
    r"memmap|open_.*|DataSource|HDFStore|Excel.*|test|show_.*|vectorize|deprecate.*|source|lookfor|info"
)
"""Names in them that load, run or read something."""
_HARMLESS: Final = frozenset(
    f"{module}.{name}"
    for module, names in {
        "builtins": "set frozenset dict list tuple bytearray bytes complex slice range object int float bool str",
        "__builtin__": "set frozenset dict list tuple bytearray complex slice xrange object int long float bool "
        "str unicode",
        "collections": "OrderedDict defaultdict deque Counter",
        "copyreg": "_reconstructor __newobj__ __newobj_ex__",
        "copy_reg": "_reconstructor",
        "_codecs": "encode",
        "datetime": "datetime date time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "uuid": "UUID",
        "array": "array _array_reconstructor",
        "re": "_compile",
        "types": "SimpleNamespace",
        "random": "Random",
        "zoneinfo": "ZoneInfo ZoneInfo._unpickle",
        "pathlib": "PosixPath PurePosixPath WindowsPath PureWindowsPath",
    }.items()
    for name in names.split()
)
_MAKE_CODE: Final = frozenset("cloudpickle dill marshal types _thread code codeop".split())
_ARRAY: Final = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_PLAIN_DTYPE: Final = re.compile(r"[<>|=]?[biufcSUVmM]([0-9]{1,6})")
_ALIGNED: Final = "numpy_array_alignment_bytes"


class UnreadableError(Exception):
    """It cannot be told what this would do."""


@dataclass
class Found:
    """What was found in one file, or in one part of it."""

    path: str
    verdict: str = "harmless"
    """One of `VERDICTS`."""
    names: list[str] = field(default_factory=list)
    """What is dangerous or unknown in it, each as ``module.name``."""
    reason: str = ""


@dataclass
class Bounds:
    """What is left of what may be unwrapped."""

    bytes: int = _MOST
    parts: int = _PARTS

    def take(self, size: int) -> None:
        """Count a part of `size` bytes; raises `UnreadableError` when it is too much."""
        self.bytes -= size
        self.parts -= 1
        if self.bytes < 0 or self.parts < 0:
            raise UnreadableError("it unwraps to more than is looked at")


def scan(model: Path) -> dict[str, Any]:
    """What the pickles below `model` would do, as a document."""
    with warnings.catch_warnings(action="ignore"):  # Python's reader of opcodes warns about escapes in foreign bytes.
        found = _all(model, Bounds())
    worst = max((one.verdict for one in found), key=VERDICTS.index, default="harmless")
    return {"verdict": worst, "pickles": len(found), "found": [vars(one) for one in found]}


def _all(model: Path, bounds: Bounds) -> list[Found]:
    found: list[Found] = []
    for path in sorted(path for path in model.rglob("*") if path.is_file() and not path.is_symlink()):
        name = path.relative_to(model).as_posix()
        if path.stat().st_size > _MOST:
            found.append(Found(name, "unreadable", reason="it is larger than is looked at"))
        else:
            found += _look(name, path.read_bytes(), bounds)
    return found


def _look(name: str, data: bytes, bounds: Bounds, depth: int = 0) -> Iterator[Found]:
    """Every pickle in one file, and in what it wraps; what cannot be read is told as such."""
    try:
        if depth > _DEPTH:
            raise UnreadableError("it is wrapped too often")
        for inner, part in _unwrapped(name, data, bounds):
            yield from _look(inner, part, bounds, depth + 1)
        if (stream := _pickled(name, data)) is not None:
            yield _judged(name, stream)
    except UnreadableError as error:
        yield Found(name, "unreadable", reason=str(error))
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        yield Found(name, "unreadable", reason=f"its wrapping is damaged: {type(error).__name__}")
    except (zipfile.BadZipFile, NotImplementedError, MemoryError) as error:
        yield Found(name, "unreadable", reason=f"its wrapping cannot be opened: {type(error).__name__}")


def _unwrapped(name: str, data: bytes, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    """What a compressed file or an archive holds."""
    if kind := _OTHER_WRAPPINGS.get(data[:4]):
        raise UnreadableError(f"{kind} is not opened here")
    if data[:2] == b"\x1f\x8b":
        yield f"{name}!gzip", _inflated(data, 31, bounds)
    elif data[:1] == b"\x78" and len(data) > 2 and int.from_bytes(data[:2], "big") % 31 == 0:
        with contextlib.suppress(zlib.error):  # Two bytes are a weak sign: most such files are no zlib.
            yield f"{name}!zlib", _inflated(data, 15, bounds)
    elif data[:3] == b"BZh":
        yield f"{name}!bzip2", _decompressed(bz2.BZ2Decompressor(), data, bounds)
    elif data[:6] == b"\xfd7zXZ\x00" or data[:3] == b"\x5d\x00\x00":
        yield f"{name}!xz", _decompressed(lzma.LZMADecompressor(), data, bounds)
    if zipfile.is_zipfile(io.BytesIO(data)):
        yield from _zipped(name, data, bounds)
    elif data[257:262] == b"ustar":
        yield from _tarred(name, data, bounds)


def _inflated(data: bytes, form: int, bounds: Bounds) -> bytes:
    machine = zlib.decompressobj(form)
    out = machine.decompress(data, bounds.bytes + 1)
    bounds.take(len(out))
    if not machine.eof:
        raise UnreadableError("it is cut off")
    if machine.unused_data[:2] == b"\x1f\x8b":
        return out + _inflated(machine.unused_data, form, bounds)
    return out


def _decompressed(machine: Any, data: bytes, bounds: Bounds) -> bytes:
    out: bytes = machine.decompress(data, bounds.bytes + 1)
    bounds.take(len(out))
    if not machine.eof:
        raise UnreadableError("it is cut off")
    return out


def _zipped(name: str, data: bytes, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            if entry.flag_bits & 1:
                raise UnreadableError(f"{entry.filename} in it is encrypted")
            if entry.is_dir():
                continue
            bounds.take(entry.file_size)
            with archive.open(entry) as stream:
                part = stream.read(entry.file_size + 1)
            if len(part) != entry.file_size:
                raise UnreadableError(f"{entry.filename} in it is not as large as it says")
            yield f"{name}!{entry.filename}", part


def _tarred(name: str, data: bytes, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for entry in archive:
            if entry.isreg() and (stream := archive.extractfile(entry)) is not None:
                bounds.take(entry.size)
                yield f"{name}!{entry.name}", stream.read()


def _pickled(name: str, data: bytes) -> bytes | None:
    """The pickles in a file, if it is one: by its first bytes, its name, or because it reads as one that calls."""
    if data[:6] == b"\x93NUMPY":
        return _objects_of_numpy(data)
    if data[:1] == b"\x80" and data[1:2] in (b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"):
        return data
    base = name.rpartition("!")[2].lower()
    if base.endswith(_NAMED):
        return None if zipfile.is_zipfile(io.BytesIO(data)) or _is_compressed(data) else data
    machine = Machine(io.BytesIO(data))
    with contextlib.suppress(UnreadableError, RecursionError):
        machine.read_one()
        return data if machine.names else None
    return None


def _is_compressed(data: bytes) -> bool:
    return data[:2] == b"\x1f\x8b" or data[:1] == b"\x78" or data[:3] in (b"BZh", b"\x5d\x00\x00", b"\xfd7z")


def _objects_of_numpy(data: bytes) -> bytes | None:
    """What follows the header of a ``.npy`` of objects, which is a pickle; None for numbers."""
    width = 2 if data[6:7] == b"\x01" else 4
    length = int.from_bytes(data[8 : 8 + width], "little")
    header = data[8 + width : 8 + width + length]
    return data[8 + width + length :] if re.search(rb"['\"]\|?O", header) else None


def _judged(name: str, data: bytes) -> Found:
    """The verdict over one stream of pickles."""
    machine = Machine(io.BytesIO(data))
    reason = ""
    try:
        machine.read_all()
    except UnreadableError as error:
        reason = str(error)
    except RecursionError:
        reason = "it nests too deeply"
    graded = _graded(machine.names)
    bad = sorted({f"{module}.{name}" for (module, name), verdict in graded.items() if verdict == "dangerous"})
    unknown = sorted({f"{module}.{name}" for (module, name), verdict in graded.items() if verdict == "unknown"})
    if bad:
        return Found(name, "dangerous", bad, reason)
    if reason:
        return Found(name, "unreadable", unknown, reason)
    return Found(name, "unknown" if unknown else "harmless", unknown)


def _graded(names: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Each name with its verdict: picklescan's, where it condemns, else ours.

    It is asked of a pickle that names them and does nothing else: the names are known exactly here, and guessed
    there where joblib's arrays lie between the opcodes.
    """
    plain = {one for one in names if all(part.isascii() and part.isprintable() and " " not in part for part in one)}
    asked = b"".join(b"c%s\n%s\n0" % (module.encode(), name.encode()) for module, name in sorted(plain)) + b"N."
    with open(os.devnull, "w", encoding="utf-8") as quiet, contextlib.redirect_stderr(quiet):
        known = scan_pickle_bytes(io.BytesIO(asked), "model")
    condemned = {(one.module, one.name) for one in known.globals if one.safety is SafetyLevel.Dangerous}
    return {one: "dangerous" if one in condemned or one not in plain else _own_verdict(*one) for one in names}


def _own_verdict(module: str, name: str) -> str:
    root = module.partition(".")[0]
    if f"{module}.{name}" in _HARMLESS:
        return "harmless"
    if root in _MAKE_CODE or root in sys.stdlib_module_names or root in ("__builtin__", "copy_reg", "commands"):
        return "dangerous"
    if "." in name or _READS.fullmatch(name):  # An attribute can be anything that the module has imported.
        return "dangerous" if _DATA.fullmatch(module) or _CLASSES.fullmatch(module) else "unknown"
    if _DATA.fullmatch(module) or (_CLASSES.fullmatch(module) and name[:1].isupper()):
        return "harmless"
    return "unknown"


@dataclass(frozen=True)
class Name:
    """A name that a pickle imports."""

    module: str
    name: str


@dataclass
class Made:
    """What a call in a pickle makes, and the state that it is given."""

    by: object
    arguments: object
    state: dict[Any, Any] = field(default_factory=dict)


_MARK: Final = object()
_OPAQUE: Final = object()
"""A value that is not followed."""


class Machine:
    """Reads the opcodes of pickles and follows only what names, and what is needed to skip joblib's arrays."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.names: set[tuple[str, str]] = set()
        self._stream = stream
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def read_all(self) -> None:
        """Read one pickle after another; what follows the last and is none may not name anything."""
        self.read_one()
        while self._stream.read(1):
            self._stream.seek(-1, os.SEEK_CUR)
            before, start = set(self.names), self._stream.tell()
            try:
                self.read_one()
            except UnreadableError:
                if self.names != before:
                    raise
                self._stream.seek(start)
                return

    def read_one(self) -> None:
        """Read up to the end of one pickle; raises `UnreadableError` when there is none."""
        self._stack, self._memo = [], {}
        try:
            for opcode, argument, _ in pickletools.genops(self._stream):
                self._step(opcode, argument)
                if opcode.name == "BUILD" and self._stack and self._is_array(self._stack[-1]):
                    self._skip(self._stack[-1])
        except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableError(f"it is no whole pickle: {str(error)[:80]}") from error

    def _step(self, opcode: Any, argument: Any) -> None:
        act = getattr(self, f"_on_{opcode.name.lower()}", None)
        if act is not None:
            act(argument)
            return
        taken = self._taken(opcode.stack_before)
        if opcode.name in ("EXT1", "EXT2", "EXT4"):
            raise UnreadableError("it names something by a number of this machine")
        for _ in opcode.stack_after:
            self._stack.append(_value(opcode.name, argument, taken))

    def _taken(self, before: list[Any]) -> list[Any]:
        """What an opcode takes from the stack, by the description of it that Python has."""
        names = [one.name for one in before]
        if "mark" not in names:
            taken = self._stack[len(self._stack) - len(names) :] if names else []
            if len(taken) != len(names):
                raise UnreadableError("it takes more than it has made")
            del self._stack[len(self._stack) - len(names) :]
            return taken
        taken = self._since_mark()
        for _ in names[: names.index("mark")]:
            taken.insert(0, self._stack.pop())
        return taken

    def _since_mark(self) -> list[Any]:
        at = len(self._stack) - 1
        while at >= 0 and self._stack[at] is not _MARK:
            at -= 1
        if at < 0:
            raise UnreadableError("it takes more than it has made")
        taken = self._stack[at + 1 :]
        del self._stack[at:]
        return taken

    # What is followed; everything else only moves the stack.

    def _on_mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def _on_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _on_inst(self, argument: str) -> None:
        arguments = tuple(self._since_mark())
        module, _, name = argument.partition(" ")
        self._name(module, name)
        self._stack[-1] = Made(self._stack[-1], arguments)

    def _on_stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise UnreadableError("it computes what it imports")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        self.names.add((module, name))
        self._stack.append(Name(module, name))

    def _on_reduce(self, _: Any) -> None:
        arguments, by = self._stack.pop(), self._stack.pop()
        self._stack.append(Made(by, arguments))

    _on_newobj = _on_reduce

    def _on_build(self, _: Any) -> None:
        state = self._stack.pop()
        if isinstance(self._stack[-1], Made) and isinstance(state, dict):
            self._stack[-1].state = state

    def _on_setitem(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def _on_setitems(self, _: Any) -> None:
        self._set(self._since_mark())

    def _set(self, pairs: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            target.update((key, value) for key, value in zip(pairs[::2], pairs[1::2], strict=True) if type(key) is str)

    def _on_memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _on_put(self, argument: Any) -> None:
        self._memo[int(argument)] = self._stack[-1]

    _on_binput = _on_long_binput = _on_put

    def _on_get(self, argument: Any) -> None:
        self._stack.append(self._memo[int(argument)])

    _on_binget = _on_long_binget = _on_get

    # joblib writes an array as an object that describes it, and its bytes right after the opcode that ends that.

    def _is_array(self, value: object) -> bool:
        return isinstance(value, Made) and isinstance(value.by, Name) and (value.by.module, value.by.name) == _ARRAY

    def _skip(self, wrapper: Made) -> None:
        """Move behind an array's bytes; raises `UnreadableError` unless they are plain."""
        shape, dtype = wrapper.state.get("shape"), wrapper.state.get("dtype")
        if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
            raise UnreadableError("an array in it has no plain shape")
        if _dtype(dtype) == "O":  # Objects: a pickle of their own follows.
            outer = self._stack, self._memo
            self.read_one()
            self._stack, self._memo = outer
            return
        if wrapper.state.get(_ALIGNED) is not None:
            self._stream.seek((self._stream.read(1) or b"\0")[0], os.SEEK_CUR)
        size = _size(_dtype(dtype)) * math.prod(shape)
        if size > len(self._stream.getbuffer()) - self._stream.tell():
            raise UnreadableError("an array in it is cut off")
        self._stream.seek(size, os.SEEK_CUR)


def _dtype(value: object) -> str:
    """The plain type of an array's numbers, such as ``f8``."""
    if isinstance(value, Made) and value.by == Name("numpy", "dtype") and isinstance(value.arguments, tuple):
        text = value.arguments[0] if value.arguments else None
        if isinstance(text, str) and (text.lstrip("|<>=").startswith("O") or _PLAIN_DTYPE.fullmatch(text)):
            return "O" if "O" in text else text
    raise UnreadableError("an array in it has no plain type")


def _size(dtype: str) -> int:
    found = _PLAIN_DTYPE.fullmatch(dtype)
    if found is None:
        raise UnreadableError("an array in it has no plain type")
    return int(found[1]) * (4 if "U" in dtype else 1)


def _value(name: str, argument: Any, taken: list[Any]) -> Any:
    """What an opcode pushes, as far as it matters."""
    if name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
        return tuple(taken)
    if name == "EMPTY_TUPLE":
        return ()
    if name == "EMPTY_DICT":
        return {}
    if name == "DICT":
        return {key: value for key, value in zip(taken[::2], taken[1::2], strict=True) if type(key) is str}
    if name in ("NONE", "NEWTRUE", "NEWFALSE"):
        return {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name]
    if name == "DUP":
        return taken[0] if taken else _OPAQUE
    return argument if isinstance(argument, str | int) else _OPAQUE


def main(model: str, out: str) -> int:
    """Write the report; what it may take is bounded, beside what the sandbox bounds."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    (Path(out) / REPORT).write_text(json.dumps(scan(Path(model))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
