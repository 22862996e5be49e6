"""Protobuf's binary form, against what its specification says, byte by byte."""

from typing import Any

import pytest

from pratique.gateway.render import wire

_ROUTE = "envoy.config.route.v3."
_TYPE = "type.googleapis.com/"


@pytest.mark.parametrize(
    ("kind", "message", "written"),
    [
        (f"{_ROUTE}RouteMatch", {"prefix": "testing"}, "0a0774657374696e67"),
        (f"{_ROUTE}RouteMatch", {"prefix": ""}, "0a00"),
        (f"{_ROUTE}RouteMatch", {"path": "ü"}, "1202c3bc"),
        (f"{_ROUTE}DirectResponseAction", {"status": 150}, "089601"),
        (f"{_ROUTE}FilterConfig", {"disabled": True}, "1801"),
        (f"{_ROUTE}RouteAction", {"timeout": "0s"}, "4200"),
        (f"{_ROUTE}RouteAction", {"timeout": "0.025s"}, "420510c0f0f50b"),
        (f"{_ROUTE}RouteAction", {"timeout": "1.500s"}, "4208080110" + "80cab5ee01"),
        (f"{_ROUTE}RouteAction", {"timeout": "-1s"}, "420b08" + "ff" * 9 + "01"),
        (f"{_ROUTE}WeightedCluster.ClusterWeight", {"weight": 0}, "12020800"),
        (f"{_ROUTE}VirtualHost", {"domains": ["a", "b"]}, "120161120162"),
        ("envoy.type.matcher.v3.DoubleMatcher", {"exact": 1}, "11000000000000f03f"),
        ("envoy.config.core.v3.HeaderValueOption", {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}, "1802"),
        ("envoy.config.core.v3.Metadata", {"filter_metadata": {"f": {"k": True}}}, "0a0e0a016612090a070a016b12022001"),
    ],
)
def test_a_message_is_written_as_protobuf_says(kind: str, message: dict[str, Any], written: str) -> None:
    assert wire.encoded(kind, message).hex() == written


def test_a_message_that_says_its_type_is_wrapped() -> None:
    message = {"@type": f"{_TYPE}{_ROUTE}FilterConfig", "disabled": True}
    url = f"{_TYPE}{_ROUTE}FilterConfig".encode()
    assert wire.packed(message) == b"\x0a" + bytes([len(url)]) + url + b"\x12\x02\x18\x01"
    assert wire.unpacked(wire.packed(message)) == b"\x18\x01"


def test_bytes_stand_for_the_message_that_they_are() -> None:
    match = {"prefix": "/a"}
    made = wire.encoded(f"{_ROUTE}Route", {"match": wire.encoded(f"{_ROUTE}RouteMatch", match)})
    assert made == wire.encoded(f"{_ROUTE}Route", {"match": match})


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (f"{_ROUTE}Route", {"mach": {"prefix": "/"}}),
        (f"{_ROUTE}Route", {"match": {"prefx": "/"}}),
        ("envoy.config.core.v3.HeaderValueOption", {"append_action": "OVERWRITE"}),
        (f"{_ROUTE}RouteAction", {"timeout": "5"}),
        (f"{_ROUTE}Unknown", {}),
        (f"{_ROUTE}Route", {"typed_per_filter_config": {"f": {"@type": f"{_TYPE}google.protobuf.Empty"}}}),
    ],
)
def test_what_the_schema_does_not_know_is_never_left_out(kind: str, message: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"schema|duration"):
        wire.encoded(kind, message)


@pytest.mark.parametrize("cut", [b"\x0a", b"\x0a\x05abc", b"\x80", b"\x0b", b"\x80" * 11])
def test_what_is_no_message_is_said_to_be_none(cut: bytes) -> None:
    with pytest.raises(ValueError, match=r"message|number"):
        list(wire.fields(cut))


def test_fields_of_every_form_are_passed_over_until_the_wanted_one() -> None:
    name, mark = "envoy.config.route.v3.Route", b"\x0801" + b"\x11" + bytes(8) + b"\x1d" + bytes(4)
    message = wire.encoded(name, {"name": "split"})
    assert list(wire.values(name, message, "name")) == [b"split"]
    assert [number for number, _ in wire.fields(b"\x08\x01" + mark[3:] + message)] == [14]
