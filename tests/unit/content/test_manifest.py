"""Manifests: what identity means, and what a client's document may not say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput, NotFound
from pratique.content.manifest import MAX_ENTRIES, Entry, Manifest

A, B = "a" * 64, "b" * 64


def row(path: str, digest: str = A, size: int = 1, **more: Any) -> dict[str, Any]:
    return {"path": path, "digest": digest, "size": size} | more


def test_identity_does_not_depend_on_the_order_or_the_claimed_size() -> None:
    one = Manifest([Entry("x", A, 1), Entry("y", B, 2)])
    other = Manifest([Entry("y", B, 9), Entry("x", A, 9)])
    assert one.digest == other.digest
    assert (one.size, other.size) == (3, 18)


@pytest.mark.parametrize(
    "other",
    [
        [Entry("y", A, 1)],
        [Entry("x", B, 1)],
        [Entry("x", A, 1, executable=True)],
        [Entry("x", A, 1), Entry("y", A, 1)],
        [],
    ],
)
def test_identity_depends_on_path_digest_executable_bit_and_number(other: list[Entry]) -> None:
    assert Manifest(other).digest != Manifest([Entry("x", A, 1)]).digest


def test_identity_is_the_one_that_earlier_versions_wrote() -> None:
    manifest = Manifest([Entry("größe.csv", A, 1), Entry("run.sh", B, 2, executable=True)])
    assert manifest.digest == "eef3a62f6389cc1413b4a8acdc11d63ade92917edf9ed5a87833105cd45885dd"


segments = st.text(st.sampled_from("abcåäö_. "), min_size=1, max_size=4).filter(lambda text: text not in (".", ".."))
paths = st.lists(segments, min_size=1, max_size=3).map("/".join)
entries = st.lists(
    st.builds(Entry, paths, st.sampled_from([A, B]), st.integers(0, 9), st.booleans()),
    max_size=6,
    unique_by=lambda entry: entry.path,
)


@given(entries)
def test_a_document_read_back_is_the_same_manifest(given_entries: list[Entry]) -> None:
    try:
        manifest = Manifest(given_entries)
    except InvalidInput:
        return
    again = Manifest.from_document(manifest.to_document())
    assert (again, again.digest, again.size) == (manifest, manifest.digest, manifest.size)


@given(entries)
def test_every_valid_manifest_can_lie_in_one_folder(given_entries: list[Entry]) -> None:
    try:
        manifest = Manifest(given_entries)
    except InvalidInput:
        return
    files = {entry.path.casefold() for entry in manifest.entries}
    assert len(files) == len(given_entries)
    assert not any(other.startswith(f"{path}/") for path in files for other in files)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "a manifest is"),
        ([], "a manifest is"),
        ({}, "a manifest is"),
        ({"entries": {}}, "a manifest is"),
        ({"entries": [], "more": 1}, "a manifest is"),
        ({"entries": ["x"]}, "expected an object"),
        ({"entries": [row("x", more=1)]}, "unknown: more"),
        ({"entries": [row("../x")]}, "the part '..'"),
        ({"entries": [row("/etc/passwd")]}, "absolute"),
        ({"entries": [row("x", "A" * 64)]}, "64 lower-case"),
        ({"entries": [row("x", "../../etc")]}, "64 lower-case"),
        ({"entries": [{"path": 3, "digest": A, "size": 1}]}, "expected text"),
        ({"entries": [row("x", size=-1)]}, "whole number"),
        ({"entries": [row("x", size=True)]}, "whole number"),
        ({"entries": [row("x", size=1 << 60)]}, "whole number"),
        ({"entries": [{"path": "x", "digest": A, "size": 1.5}]}, "whole number"),
        ({"entries": [row("x", executable="yes")]}, "true or false"),
        ({"entries": [row("x"), row("x")]}, "given twice"),
        ({"entries": [row("x"), row("x/y")]}, "also the folder of another"),
        ({"entries": [row("a/x"), row("a/x/y/z")]}, "also the folder of another"),
        ({"entries": [row("README.md"), row("readme.md")]}, "only by case"),
        ({"entries": [row("Data/x"), row("data/y")]}, "only by case"),
        ({"entries": [row("Data"), row("data/y")]}, "only by case"),
        ({"entries": [row("caf\u00e9"), row("cafe\u0301")]}, "Unicode form"),
        ({"entries": [row("stra\u00dfe"), row("strasse")]}, "only by case"),
    ],
)
def test_a_document_that_lies_is_refused(document: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Manifest.from_document(document)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        Manifest.from_document({"entries": [row("a", "x"), row("b", size=-1), {"path": 1}]})
    keys = [problem.key for problem in caught.value.problems]
    assert keys == [
        "entries[0].digest",
        "entries[1].size",
        "entries[2].path",
        "entries[2].digest",
        "entries[2].size",
    ]


def test_a_manifest_with_too_many_files_is_refused() -> None:
    with pytest.raises(InvalidInput, match="100,001 files"):
        Manifest.from_document({"entries": [{}] * (MAX_ENTRIES + 1)})


@pytest.mark.parametrize("hostile", [{"entries": [row("a" * 100_000)]}, {"entries": [row("a/" * 5_000 + "b")]}])
def test_a_huge_path_is_refused(hostile: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Manifest.from_document(hostile)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["entries", "path", "digest", "size", "executable"]), inner)
    ),
)


@given(documents)
def test_any_document_is_a_manifest_or_invalid(document: Any) -> None:
    try:
        manifest = Manifest.from_document(document)
    except InvalidInput:
        return
    assert manifest.to_document() == {"entries": sorted(document["entries"], key=lambda row: row["path"])}


TREE = Manifest([Entry("model/MLmodel", A, 1), Entry("model/data/x.bin", B, 2), Entry("modelling", A, 3)])


def test_a_subtree_has_paths_relative_to_its_folder() -> None:
    assert [entry.path for entry in TREE.subtree("model").entries] == ["MLmodel", "data/x.bin"]
    assert TREE.subtree("model/") == TREE.subtree("model")
    assert TREE.subtree("model").digest == Manifest([Entry("MLmodel", A, 1), Entry("data/x.bin", B, 2)]).digest


def test_a_subtree_that_is_one_file_keeps_its_base_name() -> None:
    assert TREE.subtree("model/data/x.bin").entries == (Entry("x.bin", B, 2),)


def test_an_empty_prefix_is_the_whole() -> None:
    assert TREE.subtree("") == TREE


def test_nothing_at_a_prefix_is_not_found() -> None:
    with pytest.raises(NotFound):
        TREE.subtree("mod")


@pytest.mark.parametrize("prefix", ["../model", "/", "/model", "model/../x", "model//data"])
def test_a_prefix_is_a_plain_path(prefix: str) -> None:
    with pytest.raises(InvalidInput):
        TREE.subtree(prefix)
