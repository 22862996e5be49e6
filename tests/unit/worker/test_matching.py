"""File patterns."""

from pathlib import Path

import pytest

from pratique.worker.matching import found_below, matching

FILES = ("a.yml", "b.py", ".env", "src/a.yml", "src/deep/b.py", "src/.hidden/c", ".azureml/d", "[x].txt", "{a}.txt")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["**"], FILES),
        (["**/*"], FILES),
        (["*"], ("a.yml", "b.py", ".env", "[x].txt", "{a}.txt")),
        (["**/*.yml"], ("a.yml", "src/a.yml")),
        (["src/**"], ("src/a.yml", "src/deep/b.py", "src/.hidden/c")),
        (["src"], ()),
        (["src/*"], ("src/a.yml",)),
        (["src/*/*.py"], ("src/deep/b.py",)),
        (["**/deep/**"], ("src/deep/b.py",)),
        (["**/*", "!.azureml/**/*"], tuple(one for one in FILES if one != ".azureml/d")),
        (["!b.py", "**"], FILES),
        (["**", "!**/*.py", "b.py"], tuple(one for one in FILES if one != "src/deep/b.py")),
        (["!!a.yml"], ("a.yml",)),
        (["# a comment", "", "  a.yml  "], ("a.yml",)),
        (["?.py", "[ab].yml"], ("a.yml", "b.py")),
        (["[!a].*"], ("b.py",)),
        (["[x.txt"], ()),
        (["{a}.txt"], ("{a}.txt",)),
        (["{a,b}.yml"], ()),
        (["@(a|b).*", "+(a|b).py"], ("a.yml", "b.py")),
        (["A.YML"], ()),
        (["./a.yml"], ("a.yml",)),
        (["src\\a.yml"], ("src/a.yml",)),
    ],
)
def test_patterns_choose_in_their_order(patterns: list[str], expected: tuple[str, ...]) -> None:
    assert tuple(matching(FILES, patterns)) == expected


def test_a_pattern_may_begin_anywhere(tmp_path: Path) -> None:
    for name in ("in/a.xml", "in/deep/b.xml", "out/c.xml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    root = tmp_path / "in"
    assert _names(tmp_path, found_below(root, ["**/*.xml"])) == ["in/a.xml", "in/deep/b.xml"]
    assert _names(tmp_path, found_below(root, [f"{tmp_path}/out/*.xml"])) == ["out/c.xml"]
    assert _names(tmp_path, found_below(root, ["../out/*.xml"])) == ["out/c.xml"]
    assert _names(tmp_path, found_below(root, ["a.xml", "no.xml"])) == ["in/a.xml"]
    assert _names(tmp_path, found_below(root, ["**", "!deep/**"])) == ["in/a.xml"]
    assert found_below(tmp_path / "none", ["**"]) == []


def test_links_that_lead_back_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert _names(tmp_path, found_below(tmp_path, ["**"])) == ["a/f"]


def _names(root: Path, found: list[Path]) -> list[str]:
    return [str(path.relative_to(root)) for path in found]
