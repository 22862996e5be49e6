"""Components: what a step of a pipeline runs, under a name and a version.

A component keeps what its references meant when it was made: a label such as
``@latest`` becomes the version that it stood for, and code is named by its
digest. So a pipeline that uses version 3 of a component runs the same
tomorrow. A component that a pipeline describes inline has no row: it stays
inside the job's spec.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pratique.control import assets, workspaces
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.control.workspace_lookups import WorkspaceLookups
from pratique.specs.references import Asset, parse_reference
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction


def create(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    spec: Mapping[str, Any],
    *,
    now: datetime,
) -> AssetVersion:
    """Make the version of a component that `spec` describes, values as `specs` gives them.

    Raises what `assets.create` raises, and everything that is wrong with its references at once.
    """
    workspaces.get(tx, actor, workspace)
    permit(actor, "components/write", workspace_scope(workspace))
    pinning = _Pinning(tx, workspace, now)
    whole = pinning.component(spec, "")
    pinning.check(f"component {spec.get('name')}")
    return assets.create(tx, actor, workspace, "components", whole, now=now)


@dataclass
class _Pinning(WorkspaceLookups):
    """A spec with every reference replaced by what it means now; what means nothing is told by `check`."""

    def component(self, spec: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        """A component, or a step that brings a command of its own."""
        pinned = dict(spec)
        if spec.get("code"):
            pinned["code"] = self._code(str(spec["code"]), f"{prefix}code")
        if spec.get("environment"):
            pinned["environment"] = self._environment(spec["environment"], f"{prefix}environment")
        if spec.get("jobs"):
            pinned["jobs"] = {
                name: self._step(step, f"{prefix}jobs.{name}.") for name, step in dict(spec["jobs"]).items()
            }
        return pinned

    def _step(self, step: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        pinned = self.component(step, prefix)
        pinned["inputs"] = {
            name: self._input(given, f"{prefix}inputs.{name}.path")
            for name, given in dict(step.get("inputs") or {}).items()
        }
        component = step.get("component")
        if isinstance(component, str):
            pinned["component"] = self._asset(component, f"{prefix}component", "components")
        elif isinstance(component, Mapping):
            pinned["component"] = self.component(component, f"{prefix}component.")
        return pinned

    def _input(self, given: Any, key: str) -> Any:
        path = given.get("path") if isinstance(given, Mapping) else None
        if not isinstance(path, str) or "${{" in path or not isinstance(parse_reference(path), Asset):
            return given
        return {**given, "path": self._asset(path, key, "data", "models")}

    def _asset(self, text: str, key: str, *kinds: assets.Kind) -> str:
        found = self.asset(text, key, *kinds)
        return f"azureml:{found.name}:{found.version}" if found else text

    def _code(self, text: str, key: str) -> str:
        held = self.code(text, key)
        return held.reference if held else text

    def _environment(self, wanted: Any, key: str) -> Any:
        found = self.environment(wanted, key)
        if not found or not isinstance(wanted, str):
            return wanted
        reference = parse_reference(wanted)
        is_ours = isinstance(reference, Asset) and not reference.registry and found["name"]
        return f"azureml:{found['name']}:{found['version']}" if is_ours else wanted
