"""AzureKeyVault@2: secrets of a vault become secret variables, read with the rights of the service connection."""

from pratique.client.vaults import Secrets
from pratique.delivery.expressions.macros import Variable
from pratique.worker.azure import platform_as
from pratique.worker.step import DONE, Outcome
from pratique.worker.tasks.work import Work


def read_vault(work: Work) -> Outcome:
    """Read the named secrets, or with * every one that is enabled."""
    run, inputs = work.run, work.inputs
    vault = inputs.text("keyVaultName").strip()
    secrets = Secrets(platform_as(run, inputs.text("azureSubscription")), vault)
    wanted = [part.strip() for part in inputs.text("secretsFilter").split(",") if part.strip()]
    if wanted in ([], ["*"]):
        wanted = [str(one["name"]) for one in secrets.all() if one.get("attributes", {}).get("enabled", True)]
    for name in wanted:
        value = str(secrets.show(name)["value"])
        run.job.variables.set(Variable(name, value, is_secret=True))
        run.say(f"{name}: read from {vault}, masked from here on")
    return DONE
