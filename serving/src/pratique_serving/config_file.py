"""The file of settings that Azure's inference server reads beside the environment.

`AZUREML_CONFIG_FILE` names it; else it is `config.json` in `AML_APP_ROOT` or beside the scoring script. What the
environment says goes before. The file of a user's own that happens to have this name may hold anything else.
"""

import json
import os
from typing import Dict, Mapping, Optional

from pratique_serving.errors import Usage

KEYS = (
    "AZUREML_ENTRY_SCRIPT",
    "AZUREML_SOURCE_DIRECTORY",
    "SCORING_TIMEOUT_MS",
    "SERVICE_NAME",
    "SERVICE_VERSION",
    "SERVICE_PATH_PREFIX",
)


def with_config_file(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, and what the file says beside it. Raises Usage when the file cannot be read."""
    path = _path(environment)
    if path is None:
        return environment
    try:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
    except (OSError, ValueError) as error:
        raise Usage(f"{path}: {error} (AZUREML_CONFIG_FILE, or config.json beside the scoring script)") from None
    if not isinstance(said, dict):
        raise Usage(f"{path}: expected a JSON object of settings (AZUREML_CONFIG_FILE, or config.json)")
    found: Dict[str, str] = {name: str(said[name]) for name in KEYS if said.get(name) is not None}
    return {**found, **environment}


def _path(environment: Mapping[str, str]) -> Optional[str]:
    named = environment.get("AZUREML_CONFIG_FILE")
    if named:
        return named
    script = environment.get("AZUREML_ENTRY_SCRIPT")
    if not script:
        return None
    root = os.path.abspath(environment.get("AML_APP_ROOT") or ".")
    for folder in (root, os.path.dirname(os.path.join(root, script))):
        path = os.path.join(folder, "config.json")
        if os.path.isfile(path) and os.path.getsize(path):
            return path
    return None
