"""``permissions.md``: which role may do what."""

from typing import Final

from generator.markdown import code, document, table
from pratique.control.actor import Actor, Grant
from pratique.control.permissions import ACTIONS, ASSIGNABLE, ROLES, is_permitted

_INTRODUCTION: Final = """Every verb of the API asks one question: may this actor do this action at this scope?
What no role grants is denied, and a route of the API that names no action does not start.

A role is given at a scope and counts for everything below it: `/` is the whole home, `/groups/NAME` a resource group \
with its workspaces, `/workspaces/NAME` one workspace, `/delivery/PROJECT` a project with its pipelines, \
`/workspaces/NAME/endpoints/NAME` one online endpoint with its deployments, \
`/delivery/PROJECT/environments/NAME` an environment that stages deploy to, where an Approver decides, and \
`/vaults/NAME` one vault, `/groups/NAME/identities/NAME` one identity that somebody made.
The actions of secrets are data actions: as in Azure no `*` of an ordinary role reaches them, so an Owner reads \
a vault only by an access policy or a role of secrets.
Azure's ids of these are taken as well.

```sh
pratique role assignment create --assignee ci --role Contributor --scope /workspaces/dev
```"""

_CUSTOM: Final = """A role of your own names actions of this table, with `*`, `noun/*` or `*/verb` for several, \
and the scopes at which it may be given.
What means no action is refused by its name.

```json
{
  "Name": "Job Operator",
  "Description": "Looks at everything, starts and stops jobs.",
  "Actions": ["*/read", "jobs/*"],
  "NotActions": [],
  "DataActions": [],
  "AssignableScopes": ["/workspaces/dev"]
}
```

```sh
pratique role definition create --role-definition job-operator.json
pratique role assignment create --assignee ci --role "Job Operator" --scope /workspaces/dev
```"""

_OTHERS: Final = {
    "Tracking": "the MLflow server, in every workspace",
    "Job": "a running job, in its own workspace and until it ends",
    "Delivery": "the worker of a job of a run, in its own run and until it ends",
    "Checkout": "git for a job of a run: the repositories of that run, until the job ends",
    "Push": "the same for the repositories of its run that its pipeline may push to",
    "Run reader": "System.AccessToken of a job of a run, beside Checkout: that run, until the job ends",
}
"""Who has the roles that nobody can be given."""


def _has(role: str, action: str) -> str:
    actor = Actor("0", "anybody", "user", (Grant(role, "/"),))
    return "yes" if is_permitted(actor, action, "/") else ""


def page() -> str:
    """The page."""
    internal = [role for role in ROLES if role not in ASSIGNABLE]
    actions = sorted(ACTIONS)
    return document(
        "Roles and permissions",
        _INTRODUCTION,
        table(("action", *ASSIGNABLE), [(code(one), *(_has(role, one) for role in ASSIGNABLE)) for one in actions]),
        "## Roles of your own",
        _CUSTOM,
        "## Roles of the platform's own parts",
        "Nobody can be given these.",
        table(
            ("role", "who has it", "actions"),
            [
                (code(role), _OTHERS[role], ", ".join(code(one) for one in actions if _has(role, one)))
                for role in internal
            ],
        ),
    )
