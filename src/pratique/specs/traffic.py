"""Traffic: how many per cent of an endpoint's requests each deployment answers.

Azure's rules: whole numbers from 0 to 100 that add up to 100, or to 0 for an
endpoint that answers nothing; at most one deployment is mirrored to, with at
most 50 per cent, and it must not answer live requests as well.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from pratique.base.errors import InvalidInput, Problem

MAX_MIRROR: Final = 50


def check_traffic(traffic: Mapping[str, int], mirror: Mapping[str, int], deployments: Collection[str]) -> None:
    """Raises `InvalidInput` with everything that is wrong with the rule for these `deployments`."""
    problems = [*problems_with_traffic(traffic, mirror), *_unknown(traffic, mirror, deployments)]
    if problems:
        raise InvalidInput.of(problems, what="traffic")


def problems_with_traffic(traffic: Mapping[str, int], mirror: Mapping[str, int]) -> Iterator[Problem]:
    """What is wrong with a rule whatever the deployments are."""
    wrong = [*_shares("traffic", traffic), *_shares("mirror_traffic", mirror)]
    yield from wrong
    if not wrong and (total := sum(traffic.values())) not in (0, 100):
        rule = " ".join(f"{name}={share}" for name, share in traffic.items())
        yield Problem(f"the shares must add up to 100, or to 0; {rule} is {total}", key="traffic")
    if len(mirror) > 1:
        yield Problem(f"only one deployment can be mirrored to; got {', '.join(mirror)}", key="mirror_traffic")
    for name, share in mirror.items():
        if _is_share(share) and share > MAX_MIRROR:
            yield Problem(f"at most {MAX_MIRROR} per cent can be mirrored; got {share}", key=f"mirror_traffic.{name}")
        if share and traffic.get(name):
            said = f"{name} answers live requests, so it cannot be mirrored to as well"
            yield Problem(said, key=f"mirror_traffic.{name}")


def _is_share(share: object) -> bool:
    return isinstance(share, int) and not isinstance(share, bool) and 0 <= share <= 100


def _shares(key: str, rule: Mapping[str, int]) -> Iterator[Problem]:
    for name, share in rule.items():
        if not _is_share(share):
            yield Problem(f"expected a whole number from 0 to 100; got {share}", key=f"{key}.{name}")


def _unknown(traffic: Mapping[str, int], mirror: Mapping[str, int], deployments: Collection[str]) -> Iterator[Problem]:
    there = ", ".join(sorted(deployments)) or "none yet"
    for key, rule in (("traffic", traffic), ("mirror_traffic", mirror)):
        for name, share in rule.items():
            if share and name not in deployments:
                hint = f"deployments: {there}"
                yield Problem(f"the endpoint has no deployment {name}", key=f"{key}.{name}", hint=hint)
