"""`env`: a shell, a notebook or a script that speaks to the platform.

eval "$(pratique env)"                    az is pratique, MLflow is the workspace's
pratique env --format dotenv > .env       for tools that read such a file
pratique env --format json                for programs
"""

import json
import os
import shlex
import shutil
from pathlib import Path

from pratique.base.errors import PratiqueError
from pratique.cli.place import Place
from pratique.cli.table import Table, Text, flag
from pratique.cli.talk import say, warn
from pratique.client.account import read_account
from pratique.client.login import configuration_folder, write_az
from pratique.client.workspaces import Workspaces

TABLE = Table("env")


@TABLE.verb(
    "",
    arguments=(
        flag("format", "--format", choices=["shell", "dotenv", "json"], default="shell", help="How it is written."),
    ),
    examples={
        "For this shell": 'eval "$(pratique env)"',
        "For a notebook": "pratique env --format dotenv > .env",
    },
)
def env(place: Place, *, format: str) -> Text:  # noqa: A002 - the flag's word.
    """Print what makes a shell, a notebook or a script speak to the platform.

    In a shell, `az` becomes pratique until `pratique_deactivate`. The values hold a token: keep the output private.
    """
    if format == "shell":
        return Text(_shell(place))
    variables = variables_of(place)
    if format == "json":
        return Text(json.dumps(variables, indent=2))
    return Text("\n".join(f"{name}={json.dumps(value)}" for name, value in variables.items()))


def variables_of(place: Place) -> dict[str, str]:
    """The environment variables with which MLflow and Azure ML's tools find the workspace."""
    workspace = Workspaces(place.connection).show(place.workspace)
    return {
        "MLFLOW_TRACKING_URI": str(workspace["mlflow_tracking_uri"]),
        "MLFLOW_TRACKING_TOKEN": place.connection.door.token,
        "AZUREML_ARM_SUBSCRIPTION": str(read_account(place.connection)["subscription_id"]),
        "AZUREML_ARM_RESOURCEGROUP": str(workspace["resource_group"]),
        "AZUREML_ARM_WORKSPACE_NAME": str(workspace["name"]),
    }


def az_folder() -> Path:
    """The folder with an `az` that runs this pratique; made when it is not there."""
    folder = configuration_folder() / "bin"
    write_az(folder)
    return folder


def _shell(place: Place) -> str:
    """The shell code, for a shell that may have run it before; without a platform, az alone."""
    try:
        variables = variables_of(place)
    except PratiqueError as error:
        warn(f"MLflow's variables are left as they are: {error.message}; run this again when there is a workspace")
        variables = {}
    folder = az_folder()
    others = _other_az(folder)
    say(f"az in this shell is pratique{f', it shadows {others}' if others else ''}. To undo: pratique_deactivate")
    return shell_code(folder, variables)


def shell_code(folder: Path, variables: dict[str, str]) -> str:
    """Code for sh, bash and zsh that puts `folder` first and sets `variables`, and a function that takes both back."""
    lines = ["if command -v pratique_deactivate >/dev/null 2>&1; then pratique_deactivate; fi"]
    undo = ["PATH=$_PRATIQUE_OLD_PATH", "export PATH", "unset _PRATIQUE_OLD_PATH"]
    for name, value in variables.items():
        old = f"_PRATIQUE_OLD_{name}"
        lines += [
            f'if [ -n "${{{name}+x}}" ]; then {old}=${name}; fi',
            f"{name}={shlex.quote(value)}",
            f"export {name}",
        ]
        undo.append(f'if [ -n "${{{old}+x}}" ]; then {name}=${old}; unset {old}; else unset {name}; fi')
    lines += ["_PRATIQUE_OLD_PATH=$PATH", f"PATH={shlex.quote(str(folder))}:$PATH", "export PATH", "hash -r"]
    undo += ["unset -f pratique_deactivate", "hash -r"]
    return "\n".join([*lines, "pratique_deactivate() {", *(f"  {line}" for line in undo), "}", ""])


def _other_az(folder: Path) -> str:
    """The az that ours stands before; empty when there is none."""
    elsewhere = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part != str(folder)]
    return shutil.which("az", path=os.pathsep.join(elsewhere)) or ""
