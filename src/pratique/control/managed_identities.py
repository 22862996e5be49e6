"""Identities that nobody has a secret of: of the jobs of a workspace, and of the deployments of an endpoint.

    workspaces/dev                      the jobs of dev whose file says `identity: {type: managed}`
    workspaces/dev/endpoints/credit     every deployment of credit
    groups/team/identities/scorer       what somebody made, and named in the file of a job or an endpoint

Each is a principal and has the roles that somebody gave it; the first two are
made and removed with their workspace or endpoint, the third is the affair of
`control.assigned_identities`. A job with `user_identity` acts as who submitted it.

What runs is given a *proof*, which is good for nothing but to ask for
short-lived tokens of its identity, in the way of Azure's ``IDENTITY_ENDPOINT``.
Both end with the job or the deployment.

Whoever may run a job in a workspace, or deploy to an endpoint, acts as that
identity: give it no more than they should have.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pratique.base.errors import InvalidInput, Unauthenticated
from pratique.base.ids import new_id
from pratique.control.scopes import identity_of, parse_scope
from pratique.control.tokens import LONGEST, Issuer
from pratique.store import deployments, endpoints, jobs, principals, vaults
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.jobs import Job
from pratique.store.principals import Principal

KIND: Final = "managed_identity"
TOKEN_LASTS: Final = timedelta(hours=1)
PROOF: Final = "pratique-identity"
"""The audience of a proof: the API takes it for no token."""

PLACE: Final = "/identity/token"
"""Where a proof is shown."""

_JOB: Final = "job"
_DEPLOYMENT: Final = "deployment"


def of_workspace(workspace: str) -> str:
    """What the identity of a workspace's jobs is called."""
    return f"workspaces/{workspace}"


def of_endpoint(workspace: str, endpoint: str) -> str:
    """What the identity of an endpoint's deployments is called."""
    return f"{of_workspace(workspace)}/endpoints/{endpoint}"


def find(tx: Transaction, name: str) -> Principal | None:
    """The identity called so, if there is one."""
    found = principals.named(tx, name)
    return found if found and found.kind == KIND else None


def ensure(tx: Transaction, name: str, *, now: datetime) -> Principal:
    """The identity called `name`, made when there is none; the event of what it belongs to tells of it."""
    if found := find(tx, name):
        return found
    made = Principal(new_id(), KIND, name, name, None, None, now)
    principals.add(tx, made)
    return made


def forget(tx: Transaction, name: str) -> None:
    """Remove an identity with those below it, their roles and what vaults let them do."""
    for one in principals.every(tx, KIND):
        if one.name == name or one.name.startswith(f"{name}/"):
            principals.remove(tx, one.id)
            vaults.remove_policies_of(tx, one.id)


def is_asked_for(spec: Mapping[str, Any]) -> bool:
    """Whether the file of a job says that it acts as somebody: a managed identity, or who submits it."""
    return str((spec.get("identity") or {}).get("type", "")) in ("managed", "managed_identity", "user_identity")


def of_job(tx: Transaction, job: Job) -> list[Principal]:
    """As whom a job acts: whom its file names, else the identity of its workspace's jobs; none when that is gone."""
    named = job.resolved.get("identity")
    found = principals.get(tx, named["id"]) if named else find(tx, of_workspace(job.workspace))
    return [found] if found else []


def of_deployment(tx: Transaction, deployment: OnlineDeployment) -> list[Principal]:
    """As whom a deployment may act: the identities that its endpoint's file names, else the endpoint's own."""
    endpoint = endpoints.get(tx, deployment.workspace, deployment.endpoint)
    assigned = ((endpoint.spec.get("identity") if endpoint else None) or {}).get("user_assigned_identities")
    if assigned is None:
        own = find(tx, of_endpoint(deployment.workspace, deployment.endpoint))
        return [own] if own else []
    return [found for one in assigned if (found := principals.get(tx, str(one["client_id"])))]


def proof_of_job(issuer: Issuer, job: Job, *, lasting: timedelta, now: datetime) -> str:
    """What a job shows to get tokens of its identity."""
    return _proof(issuer, _JOB, job.id, lasting=lasting, now=now)


def proof_of_deployment(issuer: Issuer, deployment: OnlineDeployment, *, now: datetime) -> str:
    """The same for a replica of a deployment, for as long as a token may last at all."""
    return _proof(issuer, _DEPLOYMENT, deployment.id, lasting=LONGEST, now=now)


def is_of_use(tx: Transaction, deployment: OnlineDeployment, identities: Sequence[Principal]) -> bool:
    """Whether a deployment may be expected to ask for tokens: its endpoint's file says so, or an identity may do
    something."""
    endpoint = endpoints.get(tx, deployment.workspace, deployment.endpoint)
    if endpoint and endpoint.spec.get("identity"):
        return bool(identities)
    return any(principals.reaching(tx, one.id) or vaults.lets(tx, one.id) for one in identities)


def variables(door: str, proof: str, identities: Sequence[Principal]) -> dict[str, str]:
    """How a process finds its identities, as Azure ML's do: both generations of names; nothing when it has none."""
    if not identities:
        return {}
    place = f"{door}{PLACE}"
    given = {"IDENTITY_ENDPOINT": place, "IDENTITY_HEADER": proof, "MSI_ENDPOINT": place, "MSI_SECRET": proof}
    return {**given, "DEFAULT_IDENTITY_CLIENT_ID": identities[0].id} if len(identities) == 1 else given


def token(
    tx: Transaction, issuer: Issuer, proof: str, *, audience: str, asked: str = "", now: datetime
) -> tuple[Principal, str]:
    """The identity behind a proof, and a token of it for `audience`; raises `Unauthenticated` when it has ended.

    `asked` says which one where there are several: its client id, the same by another word, or its Azure id.
    """
    claims = issuer.verify(proof, now=now, audiences=(PROOF,))
    kind, one = str(claims["kind"]), str(claims["sub"])
    found = _asked_for(_behind(tx, kind, one), asked)
    claims_of_it = {kind: one, "gen": found.token_generation}
    made = issuer.issue(
        found.id, kind=found.kind, name=found.name, lasting=TOKEN_LASTS, now=now, audience=audience, claims=claims_of_it
    )
    return found, made


def check_runs(tx: Transaction, claims: Mapping[str, Any]) -> Job | None:
    """Raise `Unauthenticated` when what a token was given to has ended; the job that it was given to, if it was one."""
    if _JOB in claims:
        return _running_job(tx, str(claims[_JOB]))
    if _DEPLOYMENT in claims:
        _served(tx, str(claims[_DEPLOYMENT]))
    return None


def _behind(tx: Transaction, kind: str, one: str) -> list[Principal]:
    return of_job(tx, _running_job(tx, one)) if kind == _JOB else of_deployment(tx, _served(tx, one))


def _asked_for(identities: Sequence[Principal], asked: str) -> Principal:
    """The one that is asked for, or the only one; raises `InvalidInput`, and `Unauthenticated` where there is none."""
    if not identities:
        raise Unauthenticated("this proof stands for no identity (any more)")
    known = ", ".join(one.id for one in identities)
    if not asked:
        if len(identities) == 1:
            return identities[0]
        raise InvalidInput(
            f"what runs here has {len(identities)} identities: {known}", hint="say which one: client_id=ID"
        )
    place = identity_of(parse_scope(asked)) if asked.startswith("/") else None
    names = (asked, f"groups/{place[0]}/identities/{place[1]}" if place else "")
    for one in identities:
        if one.id == asked or one.name in names:
            return one
    raise InvalidInput(
        f"{asked[:200]!r} is no identity of what runs here: {known}",
        hint="leave the client id out" if len(identities) == 1 else "name one of these",
    )


def _running_job(tx: Transaction, one: str) -> Job:
    job = jobs.by_id(tx, one)
    if job is None or job.is_terminal:
        raise Unauthenticated("the job of this token has ended")
    return job


def _served(tx: Transaction, one: str) -> OnlineDeployment:
    deployment = deployments.by_id(tx, one)
    if deployment is None:
        raise Unauthenticated("the deployment of this token does not exist any more")
    return deployment


def _proof(issuer: Issuer, kind: str, one: str, *, lasting: timedelta, now: datetime) -> str:
    return issuer.issue(one, kind=kind, name=one, lasting=lasting, now=now, audience=PROOF)
