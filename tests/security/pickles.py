"""Pickles that would leave a mark if anybody loaded them, in every wrapping that models come in."""

import bz2
import collections
import datetime
import decimal
import gzip
import io
import lzma
import os
import pickle
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final


class _Call:
    """Becomes a call when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._call


def calls(mark: Path) -> dict[str, bytes]:
    """Payloads by their trick; each makes the file `mark` when it is loaded."""
    touch = f"touch {mark}"
    by_hand = {
        "os by text": f"cposix\nsystem\n(S'{touch}'\ntR.".encode(),
        "builtins exec": pickle.dumps(_Call(exec, f"open({str(mark)!r}, 'w')")),
        "eval": pickle.dumps(_Call(eval, f"open({str(mark)!r}, 'w')")),
        "importlib and getattr_static": (
            b"\x80\x04cimportlib\nimport_module\n(\x8c\x02ostR\x94cinspect\ngetattr_static\n(h\x00\x8c\x06systemtR("
            + b"\x8c"
            + bytes([len(touch)])
            + touch.encode()
            + b"tR."
        ),
        "distutils spawn": f"cdistutils.spawn\nspawn\n((lS'sh'\naS'-c'\naS'{touch}'\natR.".encode(),
        "runpy": f"crunpy\nrun_path\n(S'{mark}'\ntR.".encode(),
        "built from memo": (
            b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94h\x00h\x01\x93\x8c"
            + bytes([len(touch)])
            + touch.encode()
            + b"\x85R."
        ),
        "names made by a call": (
            b"\x80\x04c_codecs\nencode\n(\x8c\x05posix\x8c\x05asciitR\x8c\x06system\x93\x8c"
            + bytes([len(touch)])
            + touch.encode()
            + b"\x85R."
        ),
        "code of cloudpickle": (
            b"\x80\x04ccloudpickle.cloudpickle\nsubimport\n(\x8c\x02ostR\x94cpickle\nloads\n(C\x01.tR."
        ),
        "joblib inside": b"cjoblib.externals.loky.backend.popen_loky_posix\nmain\n)R.",
        "numpy runs": f"cnumpy.testing._private.utils\nrunstring\n(S'open({str(mark)!r}, \"w\")'\n}}tR.".encode(),
        "pandas reads": f"cpandas.io.pickle\nread_pickle\n(S'{mark}'\ntR.".encode(),
        "an instance": f"(S'{touch}'\niposix\nsystem\n.".encode(),
        "an extension": b"\x80\x02\x82\x01)R.",
        "after a good one": pickle.dumps({"weights": [1.0]}) + pickle.dumps(_Call(os.system, touch)),
        "cut off": pickle.dumps(_Call(subprocess.call, ["sh", "-c", touch]))[:-1],
    }
    protocols = {f"os of protocol {number}": pickle.dumps(_Call(os.system, touch), number) for number in range(6)}
    return by_hand | protocols


def harmless() -> dict[str, bytes]:
    """Pickles that hold data alone."""
    return {
        "dict": pickle.dumps({"a": [1, 2.5, None, True], "b": (b"x", {1, 2}, frozenset([3]))}),
        "old": pickle.dumps({"a": 1}, 0),
        "times": pickle.dumps([datetime.datetime(2026, 1, 1), decimal.Decimal(1), collections.OrderedDict(a=1)]),
    }


def npy(payload: bytes, descr: str = "|O") -> bytes:
    """A ``.npy`` whose objects are `payload`."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + payload


def zipped(name: str, payload: bytes) -> bytes:
    """A zip with one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, payload)
    return out.getvalue()


def tarred(name: str, payload: bytes) -> bytes:
    """A tar with one file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(payload)
        archive.addfile(entry, io.BytesIO(payload))
    return out.getvalue()


WRAPPINGS: Final[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "plain": ("model.pkl", lambda data: data),
    "under another name": ("weights.dat", lambda data: data),
    "without a name": ("model", lambda data: data),
    "as text": ("README.md", lambda data: data),
    "gzip": ("model.pkl.gz", gzip.compress),
    "gzip twice": ("model.bin", lambda data: gzip.compress(gzip.compress(data))),
    "zlib, as joblib writes it": ("model.joblib", zlib.compress),
    "bzip2": ("model.joblib", bz2.compress),
    "xz": ("model.xz", lzma.compress),
    "lzma": ("model.lzma", lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE)),
    "zip, as torch writes it": ("model.pt", lambda data: zipped("archive/data.pkl", data)),
    "zip of gzip": ("model.npz", lambda data: zipped("x.npy", gzip.compress(data))),
    "npz": ("arrays.npz", lambda data: zipped("arr_0.npy", npy(data))),
    "npy": ("array.npy", npy),
    "tar": ("model.tar", lambda data: tarred("data.pkl", data)),
    "tar of gzip": ("model.tgz", lambda data: gzip.compress(tarred("data.pkl", data))),
    "in an MLflow model": ("artifacts/deep/python_model.pkl", lambda data: data),
    "behind a zip": ("both.bin", lambda data: data + zipped("x", b"nothing")),
}
"""Wrapping → the name of the file, and how it is made."""
