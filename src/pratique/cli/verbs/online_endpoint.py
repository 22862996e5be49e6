"""`ml online-endpoint`."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.base.errors import InvalidInput, StorageFailed
from pratique.cli.arguments import FILE, LOCAL, NAME, NO_WAIT, OPTIONAL_NAME, YES
from pratique.cli.confirm import confirm
from pratique.cli.files import changes_of, spec_of
from pratique.cli.lineage_text import told
from pratique.cli.place import Place
from pratique.cli.table import Document, Report, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.cli.waiting import wait_until_gone, wait_until_succeeded
from pratique.client.account import token_end, token_for
from pratique.client.endpoints import Deployments, Endpoints, is_settled
from pratique.client.lineage import Lineage
from pratique.client.scoring import score
from pratique.specs.edits import Edits

TABLE = Table("ml online-endpoint")

COLUMNS: Final = {
    "Name": "name",
    "State": "provisioning_state",
    "Auth": "auth_mode",
    "Scoring URI": "scoring_uri",
}
CHANGEABLE: Final = ("description", "mirror_traffic", "public_network_access", "tags", "traffic")
AUDIENCE: Final = "https://ml.azure.com"
"""Whom a caller's own token is meant for that opens an endpoint with `auth_mode: aad_token`."""
TRAFFIC: Final = flag(
    "traffic", "--traffic", "-r", help='Shares in percent, such as "blue=90 green=10"; they add up to 100, or to 0.'
)
MIRROR: Final = flag(
    "mirror_traffic", "--mirror-traffic", "-m", help='Copies in percent, such as "green=10"; answers are dropped.'
)


@TABLE.verb(
    "create",
    arguments=(
        FILE, OPTIONAL_NAME,
        flag("auth_mode", "--auth-mode", choices=["key", "aml_token", "aad_token"],
             help="How callers prove who they are."),
        NO_WAIT, LOCAL,
    ),
    examples={
        "From a file": "pratique ml online-endpoint create -f endpoint.yml",
        "By name": "pratique ml online-endpoint create -n credit --auth-mode key",
    },
)  # fmt: skip
def create(
    place: Place,
    *,
    file: str | None,
    name: str | None,
    auth_mode: str | None,
    edits: Edits,
    no_wait: bool,
    local: bool,
) -> Document:
    """Create an endpoint, or change it, and wait until it is there."""
    if not file and not name:
        raise UsageError("name what to create", hint="give a file with -f, or --name")
    said_local(local)
    endpoints = Endpoints(place.connection, place.workspace)
    with spec_of("online-endpoint", file=file, given={"name": name, "auth_mode": auth_mode}, edits=edits) as spec:
        made = endpoints.put(str(spec["name"]), spec)
    return made if no_wait else _settled(endpoints, str(made["name"]))


@TABLE.verb(
    "show",
    arguments=(NAME, LOCAL),
    examples={"Where it answers": "pratique ml online-endpoint show -n credit --query scoring_uri -o tsv"},
    columns=COLUMNS,
)
def show(place: Place, *, name: str, local: bool) -> Document:
    """Show an endpoint."""
    said_local(local)
    return Endpoints(place.connection, place.workspace).show(name)


@TABLE.verb(
    "blame",
    arguments=(
        flag("endpoint", "endpoint", nargs="?", help="The endpoint, instead of --name."),
        OPTIONAL_NAME.saying("Name."),
        flag("at", help="The moment, such as 2026-03-04T05:06:07Z; UTC unless it says otherwise, default now."),
    ),
    examples={
        "What answers now": "pratique ml online-endpoint blame credit",
        "What answered then": "pratique ml online-endpoint blame --name credit --at 2026-03-04T05:06:07Z",
    },
)
def blame(place: Place, *, endpoint: str | None, name: str | None, at: str | None) -> Report:
    """Tell what answered at a moment: the split, who changed it and why, each model with its job, data, approvals.

    Read from the journal, so it is known of endpoints that are gone as well. With -o json the answer has the graph.
    """
    if bool(endpoint) == bool(name):
        raise UsageError("name one endpoint", hint="pratique ml online-endpoint blame NAME")
    return told(Lineage(place.connection, place.workspace).of_endpoint(str(endpoint or name), at or ""))


@TABLE.verb(
    "list",
    arguments=(LOCAL,),
    examples={"List the endpoints": "pratique ml online-endpoint list -o table"},
    columns=COLUMNS,
)
def list_all(place: Place, *, local: bool) -> list[Document]:
    """List the endpoints."""
    said_local(local)
    return Endpoints(place.connection, place.workspace).all()


@TABLE.verb(
    "update",
    arguments=(NAME, FILE, TRAFFIC, MIRROR, NO_WAIT),
    examples={
        "Share the traffic": 'pratique ml online-endpoint update -n credit --traffic "blue=90 green=10"',
        "Mirror a part": 'pratique ml online-endpoint update -n credit --mirror-traffic "green=10"',
    },
)  # fmt: skip
def update(
    place: Place,
    *,
    name: str,
    file: str | None,
    traffic: str | None,
    mirror_traffic: str | None,
    edits: Edits,
    no_wait: bool,
) -> Document:
    """Change the traffic, the tags or the description of an endpoint, and wait until it is so.

    --traffic replaces all shares: a deployment that is not named gets none.
    """
    endpoints = Endpoints(place.connection, place.workspace)
    current = endpoints.show(name)
    changes = _changes_in(file, name) if file else {}
    changes |= changes_of(current, edits, allowed=CHANGEABLE)
    if traffic is not None:
        changes["traffic"] = shares(traffic, flag="--traffic")
    if mirror_traffic is not None:
        changes["mirror_traffic"] = shares(mirror_traffic, flag="--mirror-traffic")
    if not changes:
        raise UsageError("nothing to change", hint='give --traffic "blue=100", --mirror-traffic, --set or a file')
    changed = endpoints.update(name, changes)
    return changed if no_wait else _settled(endpoints, name)


@TABLE.verb(
    "promote",
    arguments=(
        NAME,
        flag("to", "--to", help="The deployment that takes all traffic.", required=True),
        flag("keep_old", "--keep-old", help="Keep what had traffic warm for so long (90s, 10m, 2h), then delete it."),
        flag("seen", "--if-generation", type=int,
             help="Only if the endpoint is still at this generation (its property pratique.generation)."),
        NO_WAIT,
    ),
    examples={
        "Switch": "pratique ml online-endpoint promote -n credit --to green",
        "Switch, and let the old one go in ten minutes":
            "pratique ml online-endpoint promote -n credit --to green --keep-old 10m",
    },
)  # fmt: skip
def promote(place: Place, *, name: str, to: str, keep_old: str | None, seen: int | None, no_wait: bool) -> Document:
    """Send all traffic to one deployment in one step, and wait until it is so.

    Refused when the deployment is not ready, or when somebody else has changed the endpoint meanwhile. Without
    --keep-old the deployments that had traffic stay until you delete them.
    """
    endpoints = Endpoints(place.connection, place.workspace)
    if seen is None:
        seen = int(endpoints.show(name)["properties"]["pratique.generation"])
    kept = None if keep_old is None else duration(keep_old, flag="--keep-old")
    promoted = endpoints.promote(name, to, seen=seen, keep_old=kept)
    return promoted if no_wait else _settled(endpoints, name)


@TABLE.verb(
    "delete",
    arguments=(NAME, YES, NO_WAIT, LOCAL),
    examples={"Delete an endpoint": "pratique ml online-endpoint delete -n credit --yes"},
)
def delete(place: Place, *, name: str, yes: bool, no_wait: bool, local: bool) -> None:
    """Delete an endpoint and its deployments."""
    said_local(local)
    endpoints = Endpoints(place.connection, place.workspace)
    endpoints.show(name)
    behind = [str(one["name"]) for one in Deployments(place.connection, place.workspace, name).all()]
    confirm(f"The endpoint {name} and its deployments ({', '.join(behind) or 'none'}) will be deleted.", yes=yes)
    endpoints.delete(name)
    if not no_wait:
        wait_until_gone(
            lambda seconds: endpoints.show(name, wait=seconds),
            state="provisioning_state",
            name=name,
            resume=f"pratique ml online-endpoint show -n {name}",
        )


@TABLE.verb(
    "invoke",
    arguments=(
        NAME,
        flag("request_file", "--request-file", "-r", help="File with the JSON to send; - reads stdin.", required=True),
        flag("deployment_name", "--deployment-name", "-d", help="Send it to this one, whatever the traffic."),
        LOCAL,
    ),
    examples={
        "Send a request": "pratique ml online-endpoint invoke -n credit -r request.json",
        "Ask one deployment": "pratique ml online-endpoint invoke -n credit -r request.json -d green",
    },
)
def invoke(place: Place, *, name: str, request_file: str, deployment_name: str | None, local: bool) -> str:
    """Send a request to an endpoint and print its answer, as text like az (-o tsv is the bare answer)."""
    said_local(local)
    body = _request(request_file)
    endpoints = Endpoints(place.connection, place.workspace)
    uri = endpoints.show(name).get("scoring_uri")
    if not uri:
        raise InvalidInput(
            f"the endpoint {name} has no address yet", hint=f"see `pratique ml online-endpoint show -n {name}`"
        )
    found = _credentials(place, endpoints, name)
    key = str(found.get("primaryKey") or found.get("accessToken"))
    return score(str(uri), key=key, body=body, endpoint=name, deployment=deployment_name or "")


@TABLE.verb(
    "get-credentials",
    arguments=(NAME,),
    examples={"The key for curl": "pratique ml online-endpoint get-credentials -n credit --query primaryKey -o tsv"},
)
def get_credentials(place: Place, *, name: str) -> Document:
    """Show the keys of an endpoint, or a token for one that takes tokens."""
    return _credentials(place, Endpoints(place.connection, place.workspace), name)


@TABLE.verb(
    "regenerate-keys",
    arguments=(
        NAME,
        flag("key_type", "--key-type", choices=["primary", "secondary"], default="primary", help="Which key to renew."),
        YES.saying("Accepted: nobody is asked, as with az."),
    ),
    examples={"Renew a key": "pratique ml online-endpoint regenerate-keys -n credit --key-type secondary"},
)  # fmt: skip
def regenerate_keys(place: Place, *, name: str, key_type: str, yes: bool) -> Document:
    """Renew a key of an endpoint and show both; callers that use the old one are refused from then on."""
    if yes:
        say("--yes: nobody is asked before a key is renewed")
    endpoints = Endpoints(place.connection, place.workspace)
    endpoints.regenerate_key(name, key_type)
    return endpoints.keys(name)


def _credentials(place: Place, endpoints: Endpoints, name: str) -> Document:
    """What opens an endpoint: both keys, a token made for it, or one of the caller's own for Azure ML's audience."""
    match endpoints.show(name).get("auth_mode"):
        case "aml_token":
            return endpoints.token(name)
        case "aad_token":
            token = token_for(place.connection, AUDIENCE)
            return {"accessToken": token, "tokenType": "Bearer", "expiryTimeUtc": token_end(token)}
        case _:
            return endpoints.keys(name)


def said_local(local: bool) -> None:
    """Answer --local, which starts Docker on Azure's side of things."""
    if local:
        say("--local: everything runs on this machine; there is no other kind here")


def shares(text: str, *, flag: str) -> dict[str, int]:
    """``blue=90 green=10`` as whole percents; commas may stand for spaces. An empty text is no share at all."""
    found: dict[str, int] = {}
    for word in text.replace(",", " ").split():
        name, _, share = word.partition("=")
        is_share = share.isascii() and share.isdigit() and len(share) <= len("100")
        if not name or not is_share or name in found:
            raise UsageError(f"{flag}: {word!r} is not NAME=PERCENT, each name once", hint=f'{flag} "blue=90 green=10"')
        found[name] = int(share)
    return found


def duration(text: str, *, flag: str) -> timedelta:
    """``90s``, ``10m``, ``2h`` or ``1d``; a bare number is seconds."""
    number, unit = text.rstrip("smhd"), text[len(text.rstrip("smhd")) :] or "s"
    if not (number.isascii() and number.isdigit()) or unit not in _UNITS or len(number) > 8:
        raise UsageError(f"{flag}: {text!r} is not a time", hint=f"{flag} 10m; s, m, h and d are known")
    return timedelta(**{_UNITS[unit]: int(number)})


_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _changes_in(file: str, name: str) -> Document:
    """What a file says; one that says nothing of traffic must not take an endpoint down."""
    with spec_of("online-endpoint", file=file, given={"name": name}) as spec:
        return {key: spec[key] for key in CHANGEABLE if spec.get(key)}


def _request(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(
            f"{file}: there is no such file", hint="give the JSON to send with --request-file"
        ) from error
    except OSError as error:
        raise StorageFailed(f"{file} cannot be read: {error.strerror}") from error


def _settled(endpoints: Endpoints, name: str) -> Document:
    return wait_until_succeeded(
        lambda seconds: endpoints.show(name, wait=seconds),
        settled=is_settled,
        what="endpoint",
        name=name,
        resume=f"pratique ml online-endpoint show -n {name}",
    )
