"""A job as `show` prints it, taken as the file of another job: a clone, with changes where they are wanted.

    pratique ml job show -n OLD -o yaml > again.yml
    pratique ml job create -f again.yml --set name=NEW inputs.lr=0.1

What only the platform writes is no statement about the next job and is left
out: states, times, services, the places that outputs got, the names of steps'
own jobs. What ran stays: code by its digest, environments, inputs. The old
name stays as well, so that a clone is named on purpose.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pratique.specs.reader import YamlDocument

GIT: Final = ("mlflow.source.git.", "azureml.git.")
"""What the names of properties begin with that say which commit the code was."""

_OWN: Final = (*GIT, "azureml.", "pratique.", "StepType")
"""What the names of properties begin with that the platform writes."""

_WRITTEN: Final = frozenset(
    {
        "id", "creation_context", "status", "error", "run_id", "services", "start_time", "end_time", "is_archived",
        "cancel_requested", "log_files", "parent_job_name", "resourceGroup", "reused_from", "step", "attempt", "parent",
        "root",
    }
)  # fmt: skip


def is_export(document: YamlDocument) -> bool:
    """Whether `document` is a job as the platform printed it, and not one that somebody wrote."""
    value = document.value
    return isinstance(value, Mapping) and "creation_context" in value and "status" in value


def as_spec(document: YamlDocument) -> YamlDocument:
    """`document` without what only the platform writes."""
    return replace(document, value=_job(document.value))


def git_facts(document: YamlDocument) -> dict[str, str]:
    """Which commit the code of an exported job was; nothing when it does not say."""
    properties = document.value.get("properties") if is_export(document) else None
    if not isinstance(properties, Mapping):
        return {}
    return {name: str(value) for name, value in properties.items() if name.startswith(GIT)}


def _job(value: Mapping[str, Any]) -> dict[str, Any]:
    """A job or a step, what is inside it as well."""
    kept = {name: inner for name, inner in value.items() if name not in _WRITTEN}
    if isinstance(kept.get("outputs"), Mapping):
        kept["outputs"] = {name: _output(inner) for name, inner in kept["outputs"].items()}
    if isinstance(kept.get("properties"), Mapping):
        kept["properties"] = {name: inner for name, inner in kept["properties"].items() if not name.startswith(_OWN)}
    if kept.get("component"):
        kept.pop("jobs", None)  # The steps stand in the component; here they only say how they ran.
    elif isinstance(kept.get("jobs"), Mapping):
        kept["jobs"] = {name: _step(step) for name, step in kept["jobs"].items()}
    return kept


def _step(step: Any) -> Any:
    if not isinstance(step, Mapping):
        return step
    return {name: inner for name, inner in _job(step).items() if name != "name"}


def _output(output: Any) -> Any:
    """An output without the place that it got."""
    if not isinstance(output, Mapping) or not str(output.get("path")).startswith("azureml://jobs/"):
        return output
    return {name: inner for name, inner in output.items() if name != "path"}
