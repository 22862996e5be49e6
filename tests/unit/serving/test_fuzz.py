"""Whatever bytes come: a request, a refusal, or more is needed; never anything else."""

import json
import random
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pratique_serving import oip
from pratique_serving.errors import Malformed, Refused
from pratique_serving.identifiers import TooLong, identifiers_of
from pratique_serving.wire import Limits, Reader

GOOD = (
    b"POST /score?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def read_all(data: bytes, pieces: int) -> None:
    reader = Reader(Limits(1000, 1.0))
    size = max(1, len(data) // pieces)
    with suppress(Malformed):
        for at in range(0, len(data), size):
            request = reader.read(data[at : at + size])
            while request is not None:
                assert len(request.body) <= 1000
                request = reader.next()
        reader.end()


@given(st.binary(max_size=300), st.integers(1, 7))
def test_no_bytes_break_the_parser_of_requests(data: bytes, pieces: int) -> None:
    read_all(data, pieces)


@settings(max_examples=300)
@given(st.sampled_from(GOOD), st.integers(), st.binary(max_size=6), st.integers(1, 7))
def test_no_change_of_a_request_breaks_it(good: bytes, seed: int, other: bytes, pieces: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose.
    at = chance.randrange(len(good))
    read_all(good[:at] + other + good[at + chance.randrange(4) :], pieces)


def tensors(values: Any) -> dict[str, Any]:
    return {"name": "a", "shape": [2, 1], "datatype": "FP32", "data": values}


@given(JSON | st.builds(lambda value: {"inputs": [tensors(value)]}, JSON), st.binary(max_size=40))
def test_no_inference_request_breaks_its_reader(document: Any, rest: bytes) -> None:
    head = json.dumps(document).encode()
    for headers in ({}, {"inference-header-content-length": str(len(head))}, {"inference-header-content-length": "-3"}):
        with suppress(Refused):
            body, _ = oip.read(head + rest, headers)
            assert isinstance(json.loads(body)["inputs"], dict | list)


@given(
    st.sampled_from(sorted(["BYTES", "BOOL", "INT8", "INT64", "FP32", "FP64", "FP16", "", "x"])),
    st.lists(st.integers(-2, 4), max_size=3),
    st.binary(max_size=40),
    st.integers(-3, 50),
)
def test_no_binary_tensor_breaks_its_reader(kind: str, shape: list[int], data: bytes, size: int) -> None:
    one = {"name": "a", "shape": shape, "datatype": kind, "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [one]}).encode()
    with suppress(Refused):
        oip.read(head + data, {"inference-header-content-length": str(len(head))})


@given(st.dictionaries(st.sampled_from(["x-request-id", "x-ms-request-id", "x-ms-client-request-id"]), st.text()))
def test_no_identifier_breaks_an_answer(headers: dict[str, str]) -> None:
    with suppress(TooLong):
        assert identifiers_of(headers).request
