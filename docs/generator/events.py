"""``events.md``: every type of event, found in the code and explained here.

The types are the texts of the modules that write events; the explanations are
in the table below, and a type without one, or one that nobody writes any more,
is an error.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pratique
from generator.markdown import code, document, table

_WRITERS: Final = ("control", "engine", "app")
_AZURE: Final = "Microsoft.MachineLearningServices."
_OURS: Final = "Pratique."

MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    # type: its subject, what happened
    "Microsoft.MachineLearningServices.ModelRegistered": (
        "models/NAME:VERSION",
        "A version of a model was registered, by a verb, by a job's output or by an MLflow client.",
    ),
    "Microsoft.MachineLearningServices.ModelDeployed": (
        "endpoints/ENDPOINT/deployments/NAME",
        "A deployment is ready and routed; `data.by` is who asked for it.",
    ),
    "Microsoft.MachineLearningServices.RunStatusChanged": ("jobs/NAME", "A job went on to `data.status`."),
    "Microsoft.MachineLearningServices.RunCompleted": (
        "jobs/NAME",
        "A job ended, well or not: `data.status` is `Completed`, `Failed` or `Canceled`.",
    ),
    "Pratique.ApiServiceCreated": ("apim/SERVICE", "A service of API management was made."),
    "Pratique.ApiServiceUpdated": ("apim/SERVICE", "A service of API management was changed."),
    "Pratique.ApiServiceDeleted": ("apim/SERVICE", "A service is gone, with its APIs, named values and subscriptions."),
    "Pratique.ApiCreated": ("apim/SERVICE/apis/API", "An API was made."),
    "Pratique.ApiUpdated": ("apim/SERVICE/apis/API", "Path, endpoint or words of an API changed."),
    "Pratique.ApiDeleted": ("apim/SERVICE/apis/API", "An API is gone."),
    "Pratique.ApiPolicySet": (
        "apim/SERVICE, apim/SERVICE/apis/API or apim/SERVICE/apis/API/operations/NAME",
        "All APIs, one, or an operation have another policy; `data.checks_tokens`, `data.audiences` and "
        "`data.configurations` say who gets in.",
    ),
    "Pratique.ApiPolicyDeleted": (
        "apim/SERVICE, apim/SERVICE/apis/API or apim/SERVICE/apis/API/operations/NAME",
        "The policy of all APIs, one, or an operation was taken away.",
    ),
    "Pratique.ApiOperationSet": ("apim/SERVICE/apis/API/operations/NAME", "An operation was made or changed."),
    "Pratique.ApiOperationDeleted": ("apim/SERVICE/apis/API/operations/NAME", "An operation is gone."),
    "Pratique.ApiNamedValueSet": ("apim/SERVICE/values/NAME", "A named value was set. No event has what it says."),
    "Pratique.ApiNamedValueRead": ("apim/SERVICE/values/NAME", "Somebody was shown what a named value says."),
    "Pratique.ApiNamedValueDeleted": ("apim/SERVICE/values/NAME", "A named value is gone."),
    "Pratique.ApiSubscriptionSet": (
        "apim/SERVICE/subscriptions/NAME",
        "A subscription was made or changed: `data.scope` and `data.state`.",
    ),
    "Pratique.ApiSubscriptionKeysRead": ("apim/SERVICE/subscriptions/NAME", "Somebody was shown the keys."),
    "Pratique.ApiSubscriptionKeyRegenerated": (
        "apim/SERVICE/subscriptions/NAME",
        "A key was replaced; `data.key_type` says which.",
    ),
    "Pratique.ApiSubscriptionDeleted": (
        "apim/SERVICE/subscriptions/NAME",
        "A subscription is gone; its keys open nothing.",
    ),
    "Pratique.OpenIdKeysChanged": (
        "apim/key-sets",
        "The OpenID configuration `data.url` names other keys, which count from now on; `data.keys` are their ids.",
    ),
    "Pratique.ArtifactPublished": ("delivery-runs/ID", "A run published `data.artifact`."),
    "Pratique.DeliveryCreated": ("deliveries/ID", "A pipeline was registered."),
    "Pratique.DeliveryDeleted": ("deliveries/ID", "A pipeline is gone, with its runs."),
    "Pratique.DeliveryJobCompleted": ("delivery-runs/ID", "A job of a run ended: `data.result`, and `data.reason`."),
    "Pratique.DeliveryJobStarted": ("delivery-runs/ID", "A job of a run began."),
    "Pratique.DeliveryRunCancelRequested": ("delivery-runs/ID", "Somebody asked for the end of a run."),
    "Pratique.DeliveryRunCompleted": (
        "delivery-runs/ID",
        "A run ended: `data.result` is `succeeded`, `partiallySucceeded`, `failed` or `canceled`.",
    ),
    "Pratique.DeliveryRunQueued": ("delivery-runs/ID", "A run was queued; `data.reason` says why."),
    "Pratique.DeliveryRunStarted": ("delivery-runs/ID", "The first stage of a run began."),
    "Pratique.DeliveryRunTagged": ("delivery-runs/ID", "The tags of a run changed; `data.tags` are all of them."),
    "Pratique.DeliveryStageCompleted": ("delivery-runs/ID", "A stage of a run ended, or was skipped: `data.result`."),
    "Pratique.DeliveryStageStarted": ("delivery-runs/ID", "A stage of a run began."),
    "Pratique.DeliveryStageTriggered": ("delivery-runs/ID", "Somebody started a stage that waits for a person."),
    "Pratique.DeliveryStageWaiting": ("delivery-runs/ID", "A stage waits for a person, an approval or a check."),
    "Pratique.DeliveryUpdated": ("deliveries/ID", "Name, branch, file or state of a pipeline changed."),
    "Pratique.ProjectCreated": ("projects/NAME", "A project was made."),
    "Pratique.ProjectDeleted": ("projects/NAME", "A project is gone, with all that it held."),
    "Pratique.AssetDeleted": ("KIND/NAME:VERSION", "A version, or all of a name, was deleted."),
    "Pratique.AssetUpdated": (
        "KIND/NAME:VERSION",
        "Tags, properties or description changed; `data.changed` says which.",
    ),
    "Pratique.ComputeCreated": ("computes/NAME", "A compute was described: another name of the machine."),
    "Pratique.ComputeUpdated": (
        "computes/NAME",
        "What is kept of a compute changed, or its `data.state`.",
    ),
    "Pratique.ComputeDeleted": ("computes/NAME", "A compute is forgotten."),
    "Pratique.CredentialReset": ("principals/ID", "A service principal has a new secret, or a user a new password."),
    "Pratique.DataProfiled": ("data/NAME:VERSION", "Somebody measured the table in a data asset."),
    "Pratique.DataRegistered": ("data/NAME:VERSION", "A version of a data asset was registered."),
    "Pratique.DatastoreCreated": ("datastores/NAME", "A datastore was described."),
    "Pratique.DatastoreUpdated": (
        "datastores/NAME",
        "The description of a datastore changed; `data.changed` says where, and never shows credentials.",
    ),
    "Pratique.DatastoreDeleted": ("datastores/NAME", "The description of a datastore is gone."),
    "Pratique.DeploymentCreated": ("endpoints/ENDPOINT/deployments/NAME", "A deployment was asked for."),
    "Pratique.DeploymentUpdated": (
        "endpoints/ENDPOINT/deployments/NAME",
        "Another generation of a deployment was asked for.",
    ),
    "Pratique.DeploymentFailed": (
        "endpoints/ENDPOINT/deployments/NAME",
        "A generation did not get ready; what served before goes on serving.",
    ),
    "Pratique.DeploymentDeleteRequested": (
        "endpoints/ENDPOINT/deployments/NAME",
        "A deployment is to be deleted.",
    ),
    "Pratique.DeploymentDeleted": ("endpoints/ENDPOINT/deployments/NAME", "A deployment is gone."),
    "Pratique.EndpointCreated": ("endpoints/NAME", "An endpoint was asked for."),
    "Pratique.EndpointUpdated": (
        "endpoints/NAME",
        "Traffic, mirror traffic, network access, tags or description changed.",
    ),
    "Pratique.EndpointPromoted": (
        "endpoints/NAME",
        "One deployment was given all traffic in one step: `data.to`; `data.previous_traffic` is what was before.",
    ),
    "Pratique.EndpointDeleteRequested": ("endpoints/NAME", "An endpoint is to be deleted with its deployments."),
    "Pratique.EndpointDeleted": ("endpoints/NAME", "An endpoint is gone."),
    "Pratique.EndpointKeysRead": ("endpoints/NAME", "Somebody was shown the keys."),
    "Pratique.EndpointTokenIssued": (
        "endpoints/NAME",
        "Somebody was given a token that opens the endpoint for an hour.",
    ),
    "Pratique.EndpointKeyRegenerated": ("endpoints/NAME", "A key was replaced; `data.key_type` says which."),
    "Pratique.EnvironmentRegistered": ("environments/NAME:VERSION", "A version of an environment was registered."),
    "Pratique.ComponentRegistered": ("components/NAME:VERSION", "A version of a component was registered."),
    "Pratique.JournalKeyChanged": (
        "audit/key",
        "The journal is signed with another key from this event on; `data` is signed by the old and the new one.",
    ),
    "Pratique.IdentityCreated": ("groups/NAME/identities/NAME", "A managed identity was made."),
    "Pratique.IdentityUpdated": ("groups/NAME/identities/NAME", "The tags of a managed identity were changed."),
    "Pratique.IdentityDeleted": ("groups/NAME/identities/NAME", "A managed identity is gone, with its roles."),
    "Pratique.JobCreated": (
        "jobs/NAME",
        "A job was queued; `data.identities` are those that its file names, of its steps too.",
    ),
    "Pratique.JobCancelRequested": ("jobs/NAME", "Somebody asked for the end of a job."),
    "Pratique.JobUpdated": ("jobs/NAME", "Words about a job changed; `data.changed` says which."),
    "Pratique.JobArchived": ("jobs/NAME", "A job was hidden from lists."),
    "Pratique.JobRestored": ("jobs/NAME", "An archived job was shown in lists again."),
    "Pratique.LinkCreated": ("principals/ID", "A one-time link for a browser was made."),
    "Pratique.SessionOpened": ("principals/ID", "A one-time link was used; a browser session began."),
    "Pratique.SessionClosed": ("principals/ID", "A browser session was ended."),
    "Pratique.ModelAliasSet": ("models/NAME", "An alias of a model points to a version."),
    "Pratique.ModelAliasRemoved": ("models/NAME", "An alias of a model was removed."),
    "Pratique.ModelConverted": (
        "models/NAME:VERSION",
        "A model was made ONNX with proof, or was refused; `data.outcome` says it.",
    ),
    "Pratique.ModelNameCreated": ("models/NAME", "An MLflow client made a registered model without a version."),
    "Pratique.ModelProfiled": (
        "models/NAME:VERSION",
        "Somebody measured how much load a model bears; `data.outcome` says what is recommended.",
    ),
    "Pratique.KeyDistrusted": ("trusted-keys/NAME", "A workspace believes a key no more; `data.key` says which."),
    "Pratique.KeyTrusted": ("trusted-keys/NAME", "A workspace believes what a key signs; `data.key` says which."),
    "Pratique.ModelScanned": (
        "models/NAME:VERSION",
        "The pickles of a model were looked through; `data.outcome` says what was found.",
    ),
    "Pratique.ModelSigned": (
        "models/NAME:VERSION",
        "Somebody signed the files of a model; `data.key` is whose key, by its SHA-256.",
    ),
    "Pratique.ModelRenamed": ("models/NAME", "A registered model has another name; `data.from` is the one before."),
    "Pratique.PrincipalDeleted": ("principals/ID", "A user or a service principal was deleted."),
    "Pratique.ReplicaEnded": (
        "endpoints/ENDPOINT/deployments/NAME",
        "The process of a deployment ended by itself; it is started again.",
    ),
    "Pratique.RepositoryCreated": ("repositories/NAME", "A Git repository was made."),
    "Pratique.RepositoryUpdated": ("repositories/NAME", "A Git repository was changed."),
    "Pratique.RepositoryDeleted": ("repositories/NAME", "A Git repository is gone."),
    "Pratique.ResourceGroupWritten": ("groups/NAME", "A resource group was created or changed."),
    "Pratique.ResourceGroupDeleted": ("groups/NAME", "A resource group was deleted."),
    "Pratique.RoleAssigned": ("role-assignments/ID", "A principal was given a role."),
    "Pratique.FederatedCredentialCreated": (
        "principals/ID",
        "A program may prove itself by a token of `data.issuer` for `data.subject`.",
    ),
    "Pratique.FederatedCredentialDeleted": ("principals/ID", "A program may prove itself so no more."),
    "Pratique.RoleDefined": ("role-definitions/ID", "A role was defined; `data.actions` are all that it grants."),
    "Pratique.RoleRedefined": ("role-definitions/ID", "A role grants something else, `data.actions`."),
    "Pratique.RoleForgotten": ("role-definitions/ID", "A role that somebody defined is gone."),
    "Pratique.PrincipalGroupCreated": ("principals/ID", "A group of principals was made."),
    "Pratique.GroupMemberAdded": ("principals/ID", "Somebody is in a group now, `data.member`."),
    "Pratique.GroupMemberRemoved": ("principals/ID", "Somebody is in a group no more, `data.member`."),
    "Pratique.TokensRevoked": ("principals/ID", "Every token and browser session of a principal was ended."),
    "Pratique.SigningKeyRotated": ("signing-keys", "Another key was announced to sign tokens with, `data.key`."),
    "Pratique.RoleUnassigned": ("role-assignments/ID", "A role was taken from a principal."),
    "Pratique.ServicePrincipalCreated": ("principals/ID", "A service principal was made."),
    "Pratique.UserCreated": ("principals/ID", "A user was made."),
    "Pratique.ApprovalRequested": ("approvals/ID", "A stage asks people; what they would approve is bound to it."),
    "Pratique.ApprovalGiven": (
        "approvals/ID",
        "Somebody approved; `data.binding` is the digest of what, and `data.state` what came of it.",
    ),
    "Pratique.ApprovalRefused": ("approvals/ID", "Somebody rejected, with `data.comment`."),
    "Pratique.ApprovalVoided": (
        "approvals/ID",
        "An approval counts no more, because what it was given for changed or something else was promoted.",
    ),
    "Pratique.ApprovalWithdrawn": ("approvals/ID", "An approval is asked no more: its run was cancelled or has ended."),
    "Pratique.CheckAdded": ("environments/NAME", "An environment has another check, `data.check`."),
    "Pratique.CheckRemoved": ("environments/NAME", "A check of an environment is asked no more."),
    "Pratique.CheckPassed": ("approvals/ID", "A check let a stage of a run pass; `data.reason` says why."),
    "Pratique.CheckFailed": ("approvals/ID", "A check refused a stage of a run; `data.reason` says why."),
    "Pratique.CheckExpired": ("approvals/ID", "Nobody answered a check of a stage in time; the stage is skipped."),
    "Pratique.DeliveryAllowed": ("KIND/ID", "A pipeline may use a variable group or a service connection."),
    "Pratique.DeliveryRevoked": ("KIND/ID", "A pipeline may use it no more."),
    "Pratique.HomeBackedUp": ("home", "Whoever holds the home wrote a backup of it, keys included, to `data.path`."),
    "Pratique.SettingsChanged": (
        "settings",
        "The platform was started with other settings than before: `data.changed` has each with old and new value, "
        "`data.file_before` and `data.file` are the SHA-256 of `config.toml`.",
    ),
    "Pratique.FilesRefused": (
        "files",
        "Files that only the platform writes, `data.files`, had been changed by somebody else; they were not used and "
        "are written anew.",
    ),
    "Pratique.HomeRestored": ("home", "The home was made from a backup, which was made at `data.made_at`."),
    "Pratique.HomePruned": ("home", "What nothing named any more was removed; `data.removed` counts it."),
    "Pratique.MasterKeyReplaced": (
        "master-key",
        "Every secret of the home is sealed with another key; `data.sealed` is how many.",
    ),
    "Pratique.SecretSet": ("vaults/VAULT/secrets/NAME", "A secret has another version. No event has its value."),
    "Pratique.SecretRead": (
        "vaults/VAULT/secrets/NAME",
        "Somebody, or a variable group for a run, was given the value of `data.version`.",
    ),
    "Pratique.SecretUpdated": ("vaults/VAULT/secrets/NAME", "What is said about a version changed."),
    "Pratique.SecretDeleted": ("vaults/VAULT/secrets/NAME", "A secret was deleted and can be recovered."),
    "Pratique.SecretRecovered": ("vaults/VAULT/secrets/NAME", "A deleted secret is there again."),
    "Pratique.SecretPurged": ("vaults/VAULT/secrets/NAME", "A deleted secret is gone for good."),
    "Pratique.ServiceConnectionCreated": ("service-connections/ID", "Tasks may speak to the platform as a principal."),
    "Pratique.ServiceConnectionUpdated": ("service-connections/ID", "A service connection changed."),
    "Pratique.ServiceConnectionDeleted": ("service-connections/ID", "A service connection is gone."),
    "Pratique.ServiceConnectionUsed": (
        "service-connections/ID",
        "A unit of a run was given a token of the connection's principal.",
    ),
    "Pratique.StageEnvironmentCreated": (
        "environments/NAME",
        "An environment was made, by somebody or because a pipeline deploys to it.",
    ),
    "Pratique.StageEnvironmentDeleted": ("environments/NAME", "An environment is gone, with its checks."),
    "Pratique.VariableGroupCreated": ("variable-groups/ID", "A variable group was made."),
    "Pratique.VariableGroupUpdated": ("variable-groups/ID", "A variable group changed; no event has its values."),
    "Pratique.VariableGroupRead": (
        "variable-groups/ID",
        "A unit of the run `data.run` was given the secret values of `data.variables`.",
    ),
    "Pratique.VariableGroupDeleted": ("variable-groups/ID", "A variable group is gone."),
    "Pratique.VaultCreated": ("vaults/NAME", "A vault was made."),
    "Pratique.VaultDeleted": ("vaults/NAME", "A vault was deleted and can be recovered."),
    "Pratique.VaultRecovered": ("vaults/NAME", "A deleted vault is there again."),
    "Pratique.VaultPurged": ("vaults/NAME", "A deleted vault is gone for good, with its secrets."),
    "Pratique.VaultPolicySet": (
        "vaults/NAME",
        "What a principal or a variable group may do with the secrets changed: `data.permissions`.",
    ),
    "Pratique.WorkspaceCreated": ("workspaces/NAME", "A workspace was made."),
    "Pratique.WorkspaceUpdated": ("workspaces/NAME", "A workspace was changed."),
    "Pratique.WorkspaceDeleted": ("workspaces/NAME", "A workspace was deleted."),
}

_INTRODUCTION: Final = f"""What the platform does is written down as events in the shape of CloudEvents 1.0.
[Events](../concepts/events.md) says what that promises.
Types that begin with `{_AZURE}` are Azure's own names, so that a handler written for Azure Event Grid knows them."""


def types_in_code() -> set[str]:
    """Every type of event that the code names."""
    root = Path(pratique.__file__).parent
    return {text for layer in _WRITERS for file in (root / layer).rglob("*.py") for text in _types(file)}


def _types(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.removeprefix(_AZURE).removeprefix(_OURS)
            if name != node.value and name.isalpha():
                yield node.value


def page() -> str:
    """The page."""
    found = types_in_code()
    if found != set(MEANINGS):
        raise LookupError(f"events without a meaning, or without an author: {sorted(found ^ set(MEANINGS))}")
    return document(
        "Events",
        _INTRODUCTION,
        table(
            ("type", "subject", "what happened"),
            [(code(one), code(MEANINGS[one][0]), MEANINGS[one][1]) for one in sorted(found)],
        ),
    )
