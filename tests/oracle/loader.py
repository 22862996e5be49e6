"""Loads files with the real loaders of azure-ai-ml; runs inside the oracle's own environment.

One line of JSON in, one line of JSON out, until the input ends:

    {"kind": "job", "file": "/folder/x.yml"}
    {"value": {...}}  or  {"refused": "what it said"}

`value` is what the loaded entity dumps, in the words of the YAML. A file counts
as accepted when it loads and, for the entities that validate themselves (jobs
and components, as ``az ml job validate`` does), has no errors.
"""

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any


def loaders() -> dict[str, Callable[..., Any]]:
    """The loader of each kind; importing them takes some seconds."""
    # The pipe of the answers is kept before the SDK may print into it, so it is imported here.
    import azure.ai.ml as sdk  # type: ignore[import-not-found] # noqa: PLC0415

    job, component = sdk.load_job, sdk.load_component
    datastore, compute = sdk.load_datastore, sdk.load_compute
    return {
        "data": sdk.load_data, "environment": sdk.load_environment, "model": sdk.load_model,
        "job": job, "pipeline-job": job,
        "command-component": component, "pipeline-component": component,
        "online-endpoint": sdk.load_online_endpoint, "online-deployment": sdk.load_online_deployment,
        "workspace": sdk.load_workspace,
        "blob-datastore": datastore, "file-datastore": datastore, "gen1-datastore": datastore,
        "gen2-datastore": datastore, "one-lake-datastore": datastore,
        "amlcompute": compute, "computeinstance": compute, "kubernetes-compute": compute,
        "synapsespark-compute": compute, "virtual-machine-compute": compute,
    }  # fmt: skip


def answer(load: Callable[..., Any], file: str) -> dict[str, Any]:
    """What the loader makes of `file`."""
    try:
        entity = load(file)
        value = json.loads(json.dumps(entity._to_dict(), default=str))  # Validation rewrites some entities.
        validate = getattr(entity, "_validate", None)
        if validate is not None:
            found = validate()
            if hasattr(found, "passed") and not found.passed:
                return {"refused": json.dumps(found._to_dict(), default=str)[:2000]}
        return {"value": value}
    except Exception as error:  # noqa: BLE001 - loaders raise whatever a value made them stumble over.
        return {"refused": f"{type(error).__name__}: {error}"[:2000]}


def main() -> None:
    """Answer each line until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # What the SDK prints is no answer.
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    by_kind = loaders()
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(answer(by_kind[asked["kind"]], asked["file"])), file=answers)


if __name__ == "__main__":
    main()
