"""Scanning folders: ignore rules, links, and what identity does not depend on."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput, NotFound
from pratique.content.folder import scan, source_of


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"this is {path}")
    return root


def paths_of(root: Path, *, honour_ignore: bool = True) -> list[str]:
    return [entry.path for entry in scan(root, honour_ignore=honour_ignore, keep_executable=False).entries]


def test_every_file_is_found_in_the_order_of_paths(tmp_path: Path) -> None:
    assert paths_of(make(tmp_path, "b", "a/z", "a/b/c", "größe.csv")) == ["a/b/c", "a/z", "b", "größe.csv"]


def test_a_single_file_is_one_entry_with_its_base_name(tmp_path: Path) -> None:
    make(tmp_path, "data/x.csv")
    (entry,) = scan(tmp_path / "data/x.csv", honour_ignore=True, keep_executable=True).entries
    assert (entry.path, entry.size) == ("x.csv", 18)
    assert source_of(tmp_path / "data/x.csv", entry) == tmp_path / "data/x.csv"


def test_an_entry_leads_back_to_its_file(tmp_path: Path) -> None:
    make(tmp_path, "a/x")
    (entry,) = scan(tmp_path, honour_ignore=True, keep_executable=False).entries
    assert source_of(tmp_path, entry).read_text() == "this is a/x"


def test_identity_does_not_depend_on_time_or_umask(tmp_path: Path) -> None:
    for name, mode, when in (("one", 0o600, 1_000), ("two", 0o664, 2_000_000)):
        make(tmp_path / name, "x", "a/y")
        for file in (tmp_path / name / "x", tmp_path / name / "a/y"):
            file.chmod(mode)
            os.utime(file, (when, when))
    one, two = (scan(tmp_path / name, honour_ignore=True, keep_executable=True) for name in ("one", "two"))
    assert one.digest == two.digest


def test_the_executable_bit_counts_only_where_it_is_kept(tmp_path: Path) -> None:
    make(tmp_path, "run.sh")
    plain = scan(tmp_path, honour_ignore=True, keep_executable=True)
    (tmp_path / "run.sh").chmod(0o700)
    assert scan(tmp_path, honour_ignore=True, keep_executable=True).digest != plain.digest
    assert scan(tmp_path, honour_ignore=True, keep_executable=False).digest == plain.digest


def test_amlignore_wins_over_gitignore(tmp_path: Path) -> None:
    make(tmp_path, "a.csv", "b.log")
    (tmp_path / ".gitignore").write_text("*.csv\n")
    assert paths_of(tmp_path) == [".gitignore", "b.log"]
    (tmp_path / ".amlignore").write_text("*.log\n")
    assert paths_of(tmp_path) == [".amlignore", ".gitignore", "a.csv"]


def test_ignore_rules_are_those_of_git(tmp_path: Path) -> None:
    make(tmp_path, "keep.tmp", "x.tmp", "out/a", "deep/out/b", "/only".lstrip("/"), "deep/only", "c/d/e/f")
    (tmp_path / ".amlignore").write_text("# a comment\r\n*.tmp\r\n!keep.tmp\r\nout/\r\n/only\r\nc/**/f\r\n")
    assert paths_of(tmp_path) == [".amlignore", "deep/only", "keep.tmp"]


def test_a_file_below_an_ignored_folder_cannot_be_brought_back(tmp_path: Path) -> None:
    make(tmp_path, "out/keep", "x")
    (tmp_path / ".amlignore").write_text("out/\n!out/keep\n")
    assert paths_of(tmp_path) == [".amlignore", "x"]


def test_ignore_files_in_deeper_folders_are_not_read(tmp_path: Path) -> None:
    make(tmp_path, "a/x")
    (tmp_path / "a/.gitignore").write_text("*\n")
    assert paths_of(tmp_path) == ["a/.gitignore", "a/x"]


def test_data_is_taken_as_it_is(tmp_path: Path) -> None:
    make(tmp_path, "x.csv", "__pycache__/y.pyc")
    (tmp_path / ".gitignore").write_text("*\n")
    assert paths_of(tmp_path, honour_ignore=False) == [".gitignore", "__pycache__/y.pyc", "x.csv"]


def test_running_the_code_does_not_change_its_identity(tmp_path: Path) -> None:
    make(tmp_path, "train.py")
    before = scan(tmp_path, honour_ignore=True, keep_executable=True).digest
    make(
        tmp_path,
        "__pycache__/train.cpython-311.pyc",
        "lib/__pycache__/x.pyc",
        ".git/HEAD",
        ".ipynb_checkpoints/x",
    )
    assert scan(tmp_path, honour_ignore=True, keep_executable=True).digest == before


def test_the_user_can_bring_back_what_we_leave_out(tmp_path: Path) -> None:
    make(tmp_path, "__pycache__/x.pyc")
    (tmp_path / ".amlignore").write_text("!__pycache__/\n")
    assert paths_of(tmp_path) == [".amlignore", "__pycache__/x.pyc"]


@pytest.mark.parametrize(("body", "said"), [(b"\xff\xfe\xfa", "not UTF-8"), (b"x\n" * 600_000, "larger than 1 MB")])
def test_an_ignore_file_that_is_none_is_refused(tmp_path: Path, body: bytes, said: str) -> None:
    (tmp_path / ".amlignore").write_bytes(body)
    with pytest.raises(InvalidInput, match=said):
        paths_of(tmp_path)


def test_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    make(tmp_path, "real/x")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "file").symlink_to(tmp_path / "real/x")
    manifest = scan(tmp_path, honour_ignore=True, keep_executable=False)
    assert [entry.path for entry in manifest.entries] == ["file", "folder/x", "real/x"]
    assert len({entry.digest for entry in manifest.entries}) == 1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/etc/passwd", "leads out"),
        ("../outside", "leads out"),
        ("..", "leads out"),
        ("nowhere", "leads nowhere"),
        ("link", "leads nowhere"),
        (".", "leads back"),
    ],
)
def test_links_that_leave_or_loop_are_refused(tmp_path: Path, target: str, said: str) -> None:
    root = make(tmp_path / "root", "x")
    make(tmp_path, "outside")
    (root / "link").symlink_to(target)
    with pytest.raises(InvalidInput, match=f"link: the link {said}"):
        paths_of(root)


def test_links_that_loop_through_each_other_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "a/x", "b/y")
    (tmp_path / "a/b").symlink_to("../b")
    (tmp_path / "b/a").symlink_to("../a")
    with pytest.raises(InvalidInput, match="leads back"):
        paths_of(tmp_path)


def test_a_link_that_is_ignored_does_no_harm(tmp_path: Path) -> None:
    make(tmp_path, "x")
    (tmp_path / "venv").symlink_to("/usr")
    (tmp_path / ".amlignore").write_text("venv\n")
    assert paths_of(tmp_path) == [".amlignore", "x"]


def test_a_pipe_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="pipe: it is not a regular file"):
        paths_of(tmp_path)


def test_every_path_that_cannot_be_taken_is_told_at_once(tmp_path: Path) -> None:
    make(tmp_path, "a#b", "c%d", "fine")
    (tmp_path / os.fsdecode(b"latin-\xe9")).write_text("x")
    with pytest.raises(InvalidInput) as caught:
        paths_of(tmp_path)
    assert [problem.key for problem in caught.value.problems] == ["a#b", "c%d", "'latin-\\udce9'"]


def test_names_that_differ_only_by_case_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="only by case"):
        paths_of(make(tmp_path, "README.md", "readme.md"))


def test_an_empty_folder_is_an_empty_manifest(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert paths_of(tmp_path) == []


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        paths_of(tmp_path / "none")


@given(st.text(min_size=1, max_size=20))
def test_any_name_is_taken_as_it_is_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.mktemp("root")
    try:
        (root / name).write_bytes(b"x")
    except (OSError, ValueError):
        return
    if not (root / name).is_file() or (root / name).parent != root:
        return
    try:
        found = paths_of(root)
    except InvalidInput:
        return
    assert found == [name]
