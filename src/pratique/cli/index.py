"""The index of every verb of the command line, without its imports."""

from typing import Final

from pratique.cli.table import Row

INDEX: Final = (
    Row("ml component", "pratique.cli.component", "Steps of pipelines under a name, versioned.", is_group=True),
    Row("ml compute", "pratique.cli.compute", "Names of this machine, where jobs run.", is_group=True),
    Row("ml data", "pratique.cli.data", "Files and folders that jobs read, versioned.", is_group=True),
    Row("ml data profile", "pratique.cli.data_profile", "Measure a table: types, missing values, distributions."),
    Row("ml datastore", "pratique.cli.datastore", "Places for files, of the workspace or elsewhere.", is_group=True),
    Row(
        "ml environment",
        "pratique.cli.environment",
        "The Python packages that jobs and deployments run with.",
        is_group=True,
    ),
    Row("ml job", "pratique.cli.job", "Submit jobs, follow their logs, fetch what they made.", is_group=True),
    Row("ml model", "pratique.cli.model", "The registry of models, explicit versions.", is_group=True),
    Row("ml online-deployment", "pratique.cli.online_deployment", "Models behind an endpoint.", is_group=True),
    Row(
        "ml online-endpoint",
        "pratique.cli.online_endpoint",
        "Addresses that answer requests, and their traffic.",
        is_group=True,
    ),
    Row("ml validate", "pratique.cli.validate", "Check Azure ML files of any kind, without a platform."),
    Row("ml workspace", "pratique.cli.workspace", "Where assets, jobs and endpoints live.", is_group=True),
    Row("devops project", "pratique.cli.devops_project", "What pipelines belong to.", is_group=True),
    Row("pipelines", "pratique.cli.pipelines", "Azure Pipelines files: what they mean, under a name.", is_group=True),
    Row("pipelines run", "pratique.cli.pipelines_run", "Run a pipeline, of a working tree or by its name."),
    Row("pipelines runs", "pratique.cli.pipelines_runs", "What runs and what ran.", is_group=True),
    Row("pipelines runs tag", "pratique.cli.pipelines_runs_tag", "Words on a run.", is_group=True),
    Row("repos", "pratique.cli.repos", "Git repositories, and how git gets in.", is_group=True),
    Row("repos import", "pratique.cli.repos_import", "Repositories that lie elsewhere, brought here.", is_group=True),
    Row(
        "devops service-endpoint",
        "pratique.cli.devops_service_endpoint",
        "Service connections: as whom tasks speak to the platform.",
        is_group=True,
    ),
    Row(
        "pipelines variable-group",
        "pratique.cli.pipelines_variable_group",
        "Values and secrets for runs.",
        is_group=True,
    ),
    Row(
        "pipelines variable-group variable",
        "pratique.cli.pipelines_group_variable",
        "The variables of a group.",
        is_group=True,
    ),
    Row("pipelines permission", "pratique.cli.pipelines_permission", "Which pipelines may use what.", is_group=True),
    Row("pipelines environment", "pratique.cli.pipelines_environment", "What stages deploy to.", is_group=True),
    Row(
        "pipelines environment check",
        "pratique.cli.pipelines_environment_check",
        "What is asked before a stage deploys to an environment.",
        is_group=True,
    ),
    Row(
        "pipelines approval",
        "pratique.cli.pipelines_approval",
        "What people are asked, and their answers.",
        is_group=True,
    ),
    Row("keyvault", "pratique.cli.keyvault", "Vaults of secrets, and who may read them.", is_group=True),
    Row("keyvault secret", "pratique.cli.keyvault_secret", "Secrets of a vault, versioned.", is_group=True),
    Row("group", "pratique.cli.group", "Resource groups, which hold workspaces.", is_group=True),
    Row("account", "pratique.cli.account", "Who is logged in, and tokens.", is_group=True),
    Row("ad user", "pratique.cli.ad_user", "People.", is_group=True),
    Row("ad sp", "pratique.cli.ad_sp", "Service principals: programs with a secret.", is_group=True),
    Row("role assignment", "pratique.cli.role_assignment", "Who may do what, where.", is_group=True),
    Row("login", "pratique.cli.login", "Log in as a service principal."),
    Row("audit", "pratique.cli.audit", "The journal as evidence: verified, exported, signed.", is_group=True),
    Row("audit key", "pratique.cli.audit_key", "What the journal is signed with.", is_group=True),
    Row("logout", "pratique.cli.logout", "Forget who logged in."),
    Row("configure", "pratique.cli.configure", "Set or list defaults: group, workspace, location."),
    Row("config", "pratique.cli.config", "Read and write single settings of the command line.", is_group=True),
    Row("env", "pratique.cli.env", "Make this shell speak to the platform: az, MLflow."),
    Row("extension", "pratique.cli.extension", "Accepted for scripts written for az; does nothing.", is_group=True),
    Row("version", "pratique.cli.version", "The version of Pratique."),
)

GROUPS: Final = {
    "": "Azure Machine Learning's life cycle on your own machines: same YAML, same commands.",
    "ml": "Data, environments, jobs, models and endpoints of a workspace.",
    "ad": "Users and service principals.",
    "role": "Roles.",
    "devops": "Projects and what their pipelines use.",
}
