"""The last lines of a log, whatever is in it."""

from pathlib import Path

from pratique.engine.tails import last_lines


def test_the_last_lines_come_oldest_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{number}\n" for number in range(100)))
    assert last_lines(log, 3) == ["97", "98", "99"]


def test_a_log_that_is_not_there_or_empty_has_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert last_lines(tmp_path / "none", 3) == last_lines(tmp_path / "empty", 3) == []


def test_only_the_end_of_a_huge_log_is_read_and_broken_text_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 1_000_000 + b"\nbad \xff byte\nlast")
    assert last_lines(log, 2) == ["bad � byte", "last"]
    assert sum(map(len, last_lines(log, 100))) < 100_000
