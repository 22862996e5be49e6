"""Relative paths: what passes, and that no payload of the traversal class does."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput, PratiqueError
from pratique.content.paths import check_relative
from pratique.content.safeopen import open_beneath

TRAVERSALS = (
    "../x", "..", ".", "./x", "a/../b", "a/..", "/etc/passwd", "//etc/passwd", "a//b", "a/", "", "~/../x",
    "..\\x", "..\\..\\windows\\win.ini", "a\\b", "C:/windows", "C:\\windows", "c:x", "\\\\host\\share",
    "%2e%2e/x", "..%2fx", "%252e%252e%252fx", "a%00b", "%", "..%c0%afx", "..%5cx", "a/%2e%2e/b",
    "x#/../../etc", "#", "a?b", "?x=../..", "x;/../..", "..;/x", "a;b",
    "a\0b", "a\nb", "a\rb", "a\tb", "\x1b[2Jx", "a\x7fb", "a\x85b", "a\u2028b",
    "file:///etc/passwd", "file:etc/passwd", "http://h/../x", "azureml://jobs/x", "runs:/x/y",
    "\uff0e\uff0e/x", "\u2024\u2024/x", "a/\uff0e\uff0e", "a\uff0fb", "\uff3c", "\u2025/x",
    "evil\u202egpj.exe", "\ud800", "a/" * 70 + "b", "x" * 256, "/".join(["d" * 200] * 6),
)  # fmt: skip

PLAIN = (
    "a", "a/b", "a.b/c-d_e", "..a", "a..", "...", "a/..b/c", ".hidden", "-rf", "a b/c d.csv", "10:30.csv",
    "~x", "größe.csv", "データ/分類\uff1f.csv", "смета.xlsx", "x" * 255, "naïve café", "emoji-👩\u200d🚀.png",
    "a=b&c,d@e+(1)[2]{3}'!$^",
)  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS, ids=ascii)
def test_no_payload_of_the_traversal_class_passes(path: str) -> None:
    with pytest.raises(InvalidInput):
        check_relative(path)


@pytest.mark.parametrize("path", PLAIN, ids=ascii)
def test_a_plain_path_passes_unchanged(path: str) -> None:
    assert check_relative(path) == path


def test_the_message_names_what_is_wrong_and_prints_safely() -> None:
    with pytest.raises(InvalidInput, match=r"'a\\x1b' cannot be the path of a file: it contains the character U\+001B"):
        check_relative("a\x1b")


PIECES = (
    "a", "b", ".", "..", "/", "\\", "%", "%2e", "%2f", ";", "#", "?", "\0", "~", "link", "file:", "etc", "\u2024",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)


@given(HOSTILE)
def test_what_passes_stays_below_any_root_however_it_is_decoded(path: str) -> None:
    try:
        check_relative(path)
    except InvalidInput:
        return
    assert os.path.normpath(f"/base/{path}") == f"/base/{path}"
    assert Path("/root", path).is_relative_to("/root")
    assert not set(path) & set("\\%;#?\0")


@given(path=HOSTILE, write=st.booleans())
def test_nothing_outside_the_root_is_ever_read_or_written(
    tmp_path_factory: pytest.TempPathFactory, path: str, write: bool
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    root = outside / "root"
    (root / "a").mkdir(parents=True)
    (outside / "secret").write_text("secret")
    (root / "link").symlink_to(outside)
    (root / "a" / "b").symlink_to(outside / "secret")
    try:
        with open_beneath(root, path, write=write) as stream:
            written = Path(f"/proc/self/fd/{stream.fileno()}").readlink()
    except PratiqueError:
        pass
    else:
        assert written.is_relative_to(root)
    assert sorted(outside.iterdir()) == [root, outside / "secret"]
    assert (outside / "secret").read_text() == "secret"
