"""Samples of several replicas, put together as one text that Prometheus can read."""

import pytest

from pratique.engine.metrics import add


def added(*texts: str) -> list[str]:
    families: dict[str, list[str]] = {}
    for slot, text in enumerate(texts):
        add(text, f'replica="{slot}"', families)
    return [line for lines in families.values() for line in lines]


def test_samples_of_a_family_stand_together_each_with_its_replica() -> None:
    text = '# HELP a_total What it is.\n# TYPE a_total counter\na_total{d="x"} 1\n# TYPE b gauge\nb{d="x"} 2.5\n'
    assert added(text, text) == [
        "# HELP a_total What it is.",
        "# TYPE a_total counter",
        'a_total{d="x",replica="0"} 1',
        'a_total{d="x",replica="1"} 1',
        "# TYPE b gauge",
        'b{d="x",replica="0"} 2.5',
        'b{d="x",replica="1"} 2.5',
    ]


def test_a_family_is_explained_once_also_by_replicas_of_two_versions() -> None:
    assert added('# HELP a Before.\na{d="x"} 1', '# HELP a After.\na{d="x"} 2') == [
        "# HELP a Before.",
        'a{d="x",replica="0"} 1',
        'a{d="x",replica="1"} 2',
    ]


@pytest.mark.parametrize("value", ["0", "-1.5", "1e-05", "1.5e+16", "NaN", "+Inf"])
def test_any_number_is_a_sample(value: str) -> None:
    assert added(f'# TYPE a gauge\na{{d="\\"x\\\\"}} {value}')[1] == f'a{{d="\\"x\\\\",replica="0"}} {value}'


@pytest.mark.parametrize(
    "line",
    [
        "a 1",
        "a{} 1",
        'a{d="x"} many',
        'a{d="x",} 1',
        'a{d="x",replica="7"} 1',
        'a{d="x"} 1 2',
        'a{d="x} 1',
        "# what",
        "a{d=x} 1",
    ],
)
def test_what_is_no_sample_of_ours_is_left_out(line: str) -> None:
    assert added(f"# TYPE a gauge\n{line}\n") == ["# TYPE a gauge"]


def test_a_sample_without_a_family_is_left_out() -> None:
    assert added('a{d="x"} 1') == []
