"""Identities that nobody has a secret of: of the jobs of a workspace, and of the deployments of an endpoint.

    workspaces/dev                      the jobs of dev whose file says `identity: {type: managed}`
    workspaces/dev/endpoints/credit     every deployment of credit

Each is a principal, made and removed with its workspace or endpoint, and has
the roles that somebody gave it. What runs is given a *proof*, which is good for
nothing but to ask for short-lived tokens of its identity, in the way of Azure's
``IDENTITY_ENDPOINT``. Both end with the job or the deployment.

Whoever may run a job in a workspace, or deploy to an endpoint, acts as that
identity: give it no more than they should have.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pratique.base.errors import InvalidInput, Unauthenticated
from pratique.base.ids import new_id
from pratique.control.tokens import LONGEST, Issuer
from pratique.store import deployments, jobs, principals, vaults
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.jobs import Job
from pratique.store.principals import Principal

KIND: Final = "managed_identity"
TOKEN_LASTS: Final = timedelta(hours=1)
PROOF: Final = "pratique-identity"
"""The audience of a proof: the API takes it for no token."""

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
    """Whether the file of a job says that it has a managed identity."""
    return str((spec.get("identity") or {}).get("type", "")) in ("managed", "managed_identity")


def proof_of_job(issuer: Issuer, job: Job, *, lasting: timedelta, now: datetime) -> str:
    """What a job shows to get tokens of its identity."""
    return _proof(issuer, _JOB, job.id, lasting=lasting, now=now)


def proof_of_deployment(issuer: Issuer, deployment: OnlineDeployment, *, now: datetime) -> str:
    """The same for a replica of a deployment, for as long as a token may last at all."""
    return _proof(issuer, _DEPLOYMENT, deployment.id, lasting=LONGEST, now=now)


def variables(tx: Transaction, door: str, proof: str, name: str) -> dict[str, str]:
    """How a process finds its identity, as Azure ML's do: both generations of names."""
    found = find(tx, name)
    place = f"{door}/identity/token"
    given = {"IDENTITY_ENDPOINT": place, "IDENTITY_HEADER": proof, "MSI_ENDPOINT": place, "MSI_SECRET": proof}
    return {**given, "DEFAULT_IDENTITY_CLIENT_ID": found.id} if found else {}


def token(
    tx: Transaction, issuer: Issuer, proof: str, *, audience: str, client_id: str, now: datetime
) -> tuple[Principal, str]:
    """The identity behind a proof, and a token of it for `audience`; raises `Unauthenticated` when it has ended."""
    claims = issuer.verify(proof, now=now, audiences=(PROOF,))
    kind, one = str(claims["kind"]), str(claims["sub"])
    found = find(tx, _identity_of(tx, kind, one))
    if found is None:
        raise Unauthenticated("this proof stands for no identity (any more)")
    if client_id and client_id not in (found.id, found.name):
        raise InvalidInput(
            f"{client_id[:64]!r} is not the identity of what runs here, which is {found.id}",
            hint="leave the client id out: there is one identity",
        )
    claims_of_it = {kind: one, "gen": found.token_generation}
    made = issuer.issue(
        found.id, kind=KIND, name=found.name, lasting=TOKEN_LASTS, now=now, audience=audience, claims=claims_of_it
    )
    return found, made


def check_runs(tx: Transaction, claims: Mapping[str, Any]) -> int | None:
    """Raise `Unauthenticated` when what a token was given to has ended; the run that its job belongs to, if any."""
    if _JOB in claims:
        return _running_job(tx, str(claims[_JOB])).created_by.get("run")
    if _DEPLOYMENT in claims:
        _served(tx, str(claims[_DEPLOYMENT]))
    return None


def _identity_of(tx: Transaction, kind: str, one: str) -> str:
    if kind == _JOB:
        return of_workspace(_running_job(tx, one).workspace)
    deployment = _served(tx, one)
    return of_endpoint(deployment.workspace, deployment.endpoint)


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
