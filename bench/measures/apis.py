"""What a checked token costs a request at the endpoints' door, beside a key and beside nothing to check.

    python -m bench.measures.apis

The model answers at once, so what is measured is the door. Variants take turns
in the same Envoy. Throughput is of one connection that does not wait for
answers, so the client is not what is measured.
"""

import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench import gateway as doors
from bench.measures.home import table
from joserfc import jwt
from joserfc.jwk import RSAKey

from pratique.gateway.apis import ApiRoute, KeySet, Operation, Treatment
from pratique.specs.policy_scopes import read_policy

_ISSUER = "https://login.example/tenant"
_URL = f"{_ISSUER}/.well-known/openid-configuration"
_POLICY = f"""<policies><inbound><validate-jwt><openid-config url="{_URL}"/>
<audiences><audience>api://credit</audience></audiences></validate-jwt></inbound></policies>"""
_ROUNDS = 15
_CALLS = 300
_BATCH = 100
_TOKENS = 1_500
"""More than the door remembers, so that a token which comes round again is not known any more."""


def measure() -> str:
    """The table, as Markdown."""
    signer = RSAKey.generate_key(2048, {"kid": "bench"})
    tokens = [_token(signer, number) for number in range(_TOKENS)]
    latencies: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    with doors.door() as (gateway, place, _):
        [endpoint] = doors.endpoints(1, place)
        known = {_URL: KeySet(_ISSUER, json.dumps({"keys": [signer.as_dict(private=False)]}))}
        api = ApiRoute(
            "bench", "credit", "credit", (Operation("score", "POST", "/score"),),
            Treatment(read_policy(_POLICY), endpoint, endpoint.label), needs_key=False, key_sets=known,
        )  # fmt: skip
        keyed = replace(
            api,
            name="keyed",
            path="keyed",
            needs_key=True,
            keys=(("bench", doors.KEY),),
            treatment=replace(api.treatment, policy=read_policy("<policies/>")),
        )
        published = gateway.publish(["team-a"], [endpoint], [api, keyed])
        assert not published.rejected
        port = gateway.actual_ports()[1]
        variants = {
            "an endpoint's key": _Caller(port, "/endpoints/team-a/endpoint-0/score", [_bearer(doors.KEY)]),
            "a subscription's key": _Caller(
                port, "/apis/bench/keyed/score", [{"ocp-apim-subscription-key": doors.KEY}]
            ),
            "a token, known": _Caller(port, "/apis/bench/credit/score", [_bearer(tokens[0])]),
            "a token, each time another": _Caller(port, "/apis/bench/credit/score", [_bearer(one) for one in tokens]),
        }
        for _ in range(_ROUNDS):
            for name, caller in variants.items():
                latencies.setdefault(name, []).append(caller.latency(_CALLS))
                rates.setdefault(name, []).append(caller.rate(_BATCH, 3))
    return _page(
        {name: statistics.median(found) for name, found in latencies.items()},
        {name: statistics.median(found) for name, found in rates.items()},
    )


def _page(latencies: Mapping[str, float], rates: Mapping[str, float]) -> str:
    plain = "an endpoint's key"
    rows = [
        [
            name,
            f"{latencies[name]:.0f} µs",
            f"{latencies[name] - latencies[plain]:+.0f} µs",
            f"{rates[name]:,.0f}/s",
            f"{rates[name] / rates[plain]:.2f} ×",
        ]
        for name in latencies
    ]
    words = (
        "One door, one connection, RS256 with 2048 bits. Bars: a token costs less than 100 µs at p50, and a known one "
        "at least 0.7 × the throughput of a key."
    )
    head = ["what opens it", "p50 of a call", "more than the key", "throughput", "of the key's"]
    return f"## APIs and tokens\n\n{words}\n\n{table(head, rows)}"


class _Caller(doors.Caller):
    """One kept connection that takes turns among its ways to prove itself."""

    def __init__(self, port: int, path: str, proofs: Sequence[Mapping[str, str]]) -> None:
        super().__init__(port, path)
        self._requests = [_request(path, proof) for proof in proofs]
        self._turn = 0

    def latency(self, calls: int) -> float:
        """The median of so many calls, in microseconds."""
        taken = []
        for _ in range(calls):
            self.request = self._next()
            begun = time.perf_counter_ns()
            self.call()
            taken.append(time.perf_counter_ns() - begun)
        return statistics.median(taken) / 1000

    def rate(self, batch: int, batches: int) -> float:
        """Answers in a second, when as many as `batch` are asked for at once."""
        sent = [b"".join(self._next() for _ in range(batch)) for _ in range(batches)]
        begun = time.perf_counter()
        for requests in sent:
            self.socket.sendall(requests)
            left, rest = batch, b""
            while left:
                got = self.socket.recv(1 << 18)
                assert got, f"the door closed the connection after {rest!r}"
                rest += got
                left -= rest.count(b"\r\n\r\n[1]")
                assert b"HTTP/1.1 4" not in rest, rest
                rest = rest[rest.rfind(b"[1]") + 3 :] if b"[1]" in rest else rest
        return batch * batches / (time.perf_counter() - begun)

    def _next(self) -> bytes:
        self._turn = (self._turn + 1) % len(self._requests)
        return self._requests[self._turn]


def _request(path: str, proof: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: localhost", f"content-length: {len(doors.BODY)}"]
    lines += [f"{name}: {value}" for name, value in proof.items()]
    return "\r\n".join([*lines, "", ""]).encode() + doors.BODY


def _bearer(value: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {value}"}


def _token(signer: RSAKey, number: int) -> str:
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": "api://credit", "sub": f"caller-{number}", "nbf": now, "exp": now + 3600}
    return jwt.encode({"alg": "RS256", "kid": signer.kid}, claims, signer, ["RS256"])


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n{measure()}")
