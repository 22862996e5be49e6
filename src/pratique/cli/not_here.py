"""What `az` has and this version has not: each with a sentence, so that nothing is ignored and nobody looks for a typo.

Patterns of verbs are those of `fnmatch`, with the words below ``ml`` or the other groups.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

_NO_NETWORK: Final = "there is no network of its own here: both doors are on loopback, see `pratique status`"
_SECRETS_ONLY: Final = "a vault holds secrets only in this version"
_NO_BATCH: Final = "read the files in a job and write its output: pratique ml job create"
_NO_RESOURCE: Final = (
    "Azure's own resources are not here: `pratique group create` and `pratique ml workspace create` make what is needed"
)
_NO_IMAGE: Final = (
    "no container image is built or run: an environment is a conda file, see `pratique ml environment create --help`"
)
_ONE_MACHINE: Final = "everything runs on this machine, see `pratique doctor`"
_NO_CLOUD: Final = "it asks Azure, and nothing here leaves the machine: take the line out of the script"

_ONE_REVISION: Final = (
    "an API has one revision, and changes in one step; try the next one under another --path: pratique apim api create"
)
_VERSIONS: Final = "each version is an API with its version in --path, such as credit/v2: pratique apim api create"
_KEY_NAMES: Final = "callers send it as Ocp-Apim-Subscription-Key, or as subscription-key in the query"
_LAST_WINS: Final = "there are no etags here: who writes last wins; leave it out"

GROUPS: Final[Mapping[str, str]] = {
    "ml batch-deployment": _NO_BATCH,
    "ml batch-endpoint": _NO_BATCH,
    "ml capability-host": _NO_RESOURCE,
    "ml connection": "keep the secret in a vault, and read it in the script: pratique keyvault secret set",
    "ml feature-set": "make the features in a step of a pipeline, and register its output as data",
    "ml feature-store": "make the features in a step of a pipeline, and register its output as data",
    "ml feature-store-entity": "make the features in a step of a pipeline, and register its output as data",
    "ml index": "make the index in a job, and register its output as a model or data",
    "ml marketplace-subscription": _NO_CLOUD,
    "ml registry": "download an asset, and create it in the other workspace: pratique ml model download",
    "ml schedule": "`schedules:` of an azure-pipelines.yml submits a job by the clock: pratique pipelines create",
    "ml serverless-endpoint": "deploy a model of your own: pratique ml online-deployment create",
    "ml workspace-hub": "there are no hubs: pratique ml workspace create",
    "apim api release": _ONE_REVISION,
    "apim api revision": _ONE_REVISION,
    "apim api schema": "what a body must be, the model says",
    "apim api versionset": _VERSIONS,
    "apim deletedservice": "a service that was deleted is gone; a backup of the home has it: pratique backup",
    "apim graphql": "an API leads to an online endpoint, which speaks JSON over HTTP",
    "apim product": "a subscription opens one API or all: pratique apim subscription create --scope /apis/NAME; "
    "what a product's policy says stands at all APIs or at each: pratique apim policy set",
    "acr": _NO_IMAGE,
    "aks": _ONE_MACHINE,
    "appservice": _NO_RESOURCE,
    "bicep": _NO_RESOURCE,
    "billing": _NO_CLOUD,
    "cloud": "this platform is the only cloud that `az` knows here, see `pratique account show`",
    "cognitiveservices": _NO_RESOURCE,
    "connectedk8s": _ONE_MACHINE,
    "consumption": _NO_CLOUD,
    "container": _NO_IMAGE,
    "containerapp": _NO_IMAGE,
    "cosmosdb": _NO_RESOURCE,
    "databricks": _NO_RESOURCE,
    "datafactory": _NO_RESOURCE,
    "deployment": _NO_RESOURCE,
    "eventgrid": "every event of the platform is there: pratique events tail --follow",
    "eventhubs": _NO_RESOURCE,
    "feature": _NO_CLOUD,
    "feedback": _NO_CLOUD,
    "find": "see `pratique --help`",
    "functionapp": _NO_RESOURCE,
    "graph": _NO_CLOUD,
    "identity federated-credential": "an identity proves itself by what runs; programs of another issuer are service "
    "principals: pratique ad app federated-credential create",
    "interactive": "see `pratique --help`",
    "iot": _NO_RESOURCE,
    "k8s-extension": _ONE_MACHINE,
    "keyvault certificate": _SECRETS_ONLY,
    "keyvault key": _SECRETS_ONLY,
    "keyvault network-rule": _NO_NETWORK,
    "keyvault storage": _SECRETS_ONLY,
    "lock": _NO_RESOURCE,
    "monitor": "there is no autoscaling and no Azure Monitor: instance_count says how many replicas, "
    "`pratique ml online-deployment get-logs` what they say",
    "network": _NO_NETWORK,
    "policy": _NO_RESOURCE,
    "redis": _NO_RESOURCE,
    "resource": _NO_RESOURCE,
    "rest": "ask with the verb of the noun, policies with `pratique apim api policy set`; or with curl and "
    "`pratique account get-access-token`",
    "search": _NO_RESOURCE,
    "security": _NO_CLOUD,
    "servicebus": _NO_RESOURCE,
    "sql": _NO_RESOURCE,
    "storage": "files come with what is made of them: pratique ml data create --path FOLDER, and with --datastore "
    "they lie in a datastore as well",
    "synapse": _NO_RESOURCE,
    "tag": "tags are set where a thing is made or updated: --set tags.NAME=VALUE",
    "ts": _NO_RESOURCE,
    "upgrade": "this `az` is Pratique; it is upgraded as it was installed",
    "vm": _ONE_MACHINE,
    "webapp": _NO_RESOURCE,
}
"""Whole groups, and single verbs beside them, and what to do instead."""

_NO_REGISTRY: Final = "this version has no registries"
_NO_MACHINE: Final = "a compute is a name of this machine, which nobody logs in to through the platform"

VERBS: Final[Mapping[str, str]] = {
    "identity list-resources": "their files name them: pratique ml online-endpoint list, pratique ml job list",
    "identity update": "pratique identity create with --tags changes the one that is there",
    "apim api export": "what the endpoint says of itself is at its swagger.json",
    "apim apply-network-updates": _NO_NETWORK,
    "apim backup": "a backup of the home holds the services: pratique backup create",
    "apim restore": "a backup of the home holds the services: pratique backup restore",
    "keyvault secret backup": "a backup of the home holds the vaults: pratique backup create",
    "keyvault secret restore": "a backup of the home holds the vaults: pratique backup restore",
    "keyvault update": "tags and days are those of its creation; see pratique keyvault set-policy",
    "ml component prepare-for-sign": _NO_REGISTRY,
    "ml compute attach": f"{_NO_MACHINE}; --type AmlCompute makes such a name: pratique ml compute create",
    "ml compute connect-ssh": _NO_MACHINE,
    "ml compute detach": "nothing is attached; pratique ml compute delete forgets a name",
    "ml compute enable-sso": _NO_MACHINE,
    "ml compute list-nodes": "this machine is the only node, see `pratique doctor`",
    "ml compute list-sizes": "this machine is the only size; what a job takes of it is its `resources`",
    "ml compute list-usage": "there are no quotas: jobs begin as cores and memory allow",
    "ml data import": "fetch the rows yourself and register them: pratique ml data create",
    "ml data list-materialization-status": "nothing is imported by a schedule in this version",
    "ml data mount": "a job reads data as an input",
    "ml data share": f"{_NO_REGISTRY}: create it in the other workspace from the same files",
    "ml datastore mount": "a job reads a place in a datastore as an input: azureml://datastores/NAME/paths/PATH",
    "ml environment share": f"{_NO_REGISTRY}: create it in the other workspace from the same file",
    "ml job connect-ssh": "a job is a process of this machine; see its log with pratique ml job stream",
    "ml job show-services": "jobs have no interactive services in this version",
    "ml model package": "a deployment builds what it needs: pratique ml online-deployment create",
    "ml model share": f"{_NO_REGISTRY}: download it with pratique ml model download and create it in the other "
    "workspace",
    "ml online-deployment list-model-monitor": "monitors are not in this version",
    "ml online-endpoint get-token": "it is one of the credentials: pratique ml online-endpoint get-credentials",
    "ml workspace diagnose": "see `pratique doctor`",
    "ml workspace list-keys": "a workspace has no storage account of its own, so it has no keys",
    "ml workspace outbound-rule": _NO_NETWORK,
    "ml workspace provision-network": _NO_NETWORK,
    "ml workspace sync-keys": "a workspace has no storage account of its own, so it has no keys",
}
"""Verbs of groups that are here, and what to do instead."""

FLAGS: Final[tuple[tuple[str, str, str], ...]] = (
    ("apim *", "--if-match", _LAST_WINS),
    ("apim *", "--public-network-access", _NO_NETWORK),
    ("apim *", "--disable-gateway", "there is one gateway"),
    ("apim update", "--set", "give --publisher-name, --publisher-email or --tags"),
    ("apim api *", "--subscription-key-header-name", _KEY_NAMES),
    ("apim api *", "--subscription-key-query-param-name", _KEY_NAMES),
    ("apim api *", "--subscription-key-required", "say --subscription-required"),
    ("apim api *", "--authorization-server-id", "tokens are checked by validate-jwt: pratique apim api policy set"),
    ("apim api *", "--authorization-scope", "claims are checked by validate-jwt: pratique apim api policy set"),
    ("apim api *", "--open-id-provider-id", "tokens are checked by validate-jwt: pratique apim api policy set"),
    ("apim api *", "--tags", "an API has no tags here; --description says what it is"),
    ("apim api *", "--api-version", _VERSIONS),
    ("apim api *", "--api-version-set-id", _VERSIONS),
    ("apim api *", "--api-revision", _ONE_REVISION),
    ("keyvault set-policy", "--key-permissions", _SECRETS_ONLY),
    ("keyvault set-policy", "--certificate-permissions", _SECRETS_ONLY),
    ("keyvault set-policy", "--storage-permissions", _SECRETS_ONLY),
    ("keyvault create", "--enable-purge-protection", "whoever may delete a vault may purge it"),
    ("keyvault create", "--hsm-name", "there is no hardware module here"),
    ("keyvault create", "--network-acls", _NO_NETWORK),
    ("keyvault create", "--default-action", _NO_NETWORK),
    ("ml *", "--registry-name", f"{_NO_REGISTRY}: leave the flag out, and the workspace's own is meant"),
    ("ml data create", "--skip-validation", "every file is checked; it takes no time to speak of"),
    ("ml component create", "--skip-validation", "every file is checked; it takes no time to speak of"),
    ("ml job create", "--skip-validation", "every file is checked; it takes no time to speak of"),
    ("ml job create", "--save-as", "print it instead: pratique ml job create -f FILE -o yaml > SAVED"),
    ("ml environment create", "--build-context", "no container image is built: give the packages with --conda-file"),
    ("ml environment create", "--dockerfile-path", "no container image is built: give the packages with --conda-file"),
    ("ml environment create", "--datastore", "an environment has no files to keep in a datastore"),
    ("ml model list", "--stage", "choose by --query \"[?stage=='Production']\""),
    ("ml compute create", "--admin-username", _NO_MACHINE),
    ("ml compute create", "--admin-password", _NO_MACHINE),
    ("ml compute create", "--ssh-key-value", _NO_MACHINE),
    ("ml compute create", "--ssh-public-access-enabled", _NO_MACHINE),
    ("ml compute create", "--enable-node-public-ip", _NO_NETWORK),
    ("ml compute create", "--vnet-name", _NO_NETWORK),
    ("ml compute create", "--subnet", _NO_NETWORK),
    ("ml compute create", "--user-object-id", "a compute belongs to everybody who may read the workspace"),
    ("ml compute create", "--user-tenant-id", "a compute belongs to everybody who may read the workspace"),
    ("ml compute *", "--user-assigned-identities", "a compute has no identity: jobs have that of their workspace"),
    ("ml online-deployment create", "--package-model", "models are not packaged into images in this version"),
    ("ml online-deployment create", "--vscode-debug", "start the model server yourself: python -m pratique_serving"),
    ("ml online-endpoint create", "--web", "an endpoint has no page of its own yet: pratique ml online-endpoint show"),
    ("ml workspace create", "--application-insights", "a workspace has no resources of its own to name"),
    ("ml workspace create", "--container-registry", "a workspace has no resources of its own to name"),
    ("ml workspace create", "--key-vault", "a workspace has no resources of its own to name"),
    ("ml workspace create", "--storage-account", "a workspace has no resources of its own to name"),
    ("ml workspace create", "--hub-id", "there are no hubs in this version"),
    ("ml workspace *", "--managed-network", _NO_NETWORK),
    ("ml workspace *", "--public-network-access", _NO_NETWORK),
    ("ml workspace update", "--image-build-compute", "no container image is built in this version"),
)
"""Verb, flag and why it is refused."""

ACCEPTED: Final[tuple[tuple[str, str, str], ...]] = (
    ("ml component create", "--no-wait", "it is registered at once"),
    ("ml data create", "--no-wait", "it is registered at once"),
    ("ml environment create", "--no-wait", "it is registered at once"),
    ("ml model create", "--no-wait", "it is registered at once"),
    ("ml workspace create", "--no-wait", "it is there at once"),
    ("ml workspace update", "--no-wait", "it is so at once"),
    ("ml workspace delete", "--no-wait", "it is gone at once"),
    ("ml workspace delete", "--all-resources", "a workspace has no resources beside itself"),
    ("ml workspace delete", "--permanently-delete", "a workspace is always deleted for good"),
    ("group delete", "--no-wait", "it is gone at once"),
    ("ml online-endpoint get-credentials", "--local", "everything runs on this machine; there is no other kind here"),
    ("ml online-endpoint update", "--local", "everything runs on this machine; there is no other kind here"),
    ("ml online-endpoint regenerate-keys", "--no-wait", "the key is new at once"),
    ("ml online-deployment update", "--skip-script-validation", "there is none to skip"),
    ("ml online-deployment update", "--local", "everything runs on this machine; there is no other kind here"),
)
"""Verb, switch and why it changes nothing: taken for scripts written for az, and said on stderr."""


def what_instead(path: str) -> str:
    """What to do instead of the group or verb `path` of az; empty when nothing is known of it."""
    return GROUPS.get(path) or VERBS.get(path, "")


def why_refused(verb: str, flag: str) -> str:
    """Why `verb` does not take `flag`; empty when nothing is known of it."""
    return next(_matching(FLAGS, verb, flag), "")


def why_nothing(verb: str, flag: str) -> str:
    """Why `flag` changes nothing of `verb`, and is taken all the same; empty when it is not."""
    return next(_matching(ACCEPTED, verb, flag), "")


def _matching(rows: tuple[tuple[str, str, str], ...], verb: str, flag: str) -> Iterator[str]:
    return (said for pattern, known, said in rows if known == flag and fnmatchcase(verb, pattern))
