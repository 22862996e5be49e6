"""How the outputs of steps are kept: where, in which way, and which of them are the pipeline's."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pratique.base.errors import NotYet, Problem
from pratique.control import datastores
from pratique.control.step_scope import Scope
from pratique.control.workspace_lookups import WorkspaceLookups
from pratique.specs.bindings import bindings_of
from pratique.specs.graph import IMPLICIT_OUTPUTS
from pratique.specs.job import DATA_TYPES
from pratique.specs.references import DatastorePath, parse_reference

Output = dict[str, Any]

_OUTPUT_MODES: Final = ("rw_mount", "mount", "upload")
_PLACE: Final = "azureml://datastores/${{default_datastore}}/paths/azureml/${{name}}/${{output_name}}"
"""Where Azure keeps an output that says nothing else."""


@dataclass(frozen=True)
class StepOutputs:
    """Decides how outputs are kept; what is wrong with one is kept in `lookups`."""

    lookups: WorkspaceLookups
    datastore: str
    """The pipeline's; empty when it names none."""

    def of_step(
        self, name: str, step: Mapping[str, Any], component: Mapping[str, Any] | None, scope: Scope, key: str
    ) -> dict[str, Output]:
        """How each output of a step is kept; one that is the pipeline's says so there."""
        given = step.get("outputs") or {}
        ports = {} if component is None else component.get("outputs") or {}
        found: dict[str, Output] = {}
        for port in [*ports, *(each for each in given if each not in ports)]:
            at = f"{key}.outputs.{port}"
            if port in IMPLICIT_OUTPUTS:
                self.lookups.wrong(at, f"{port} is the output that every step has and cannot be declared")
                continue
            output = _declared(ports.get(port), given.get(port))
            self._bind(output, given.get(port), (name, port), scope)
            if output.get("path"):
                output["path"] = self._place(str(output["path"]), name, port, at)
            output.setdefault("type", "uri_folder")
            self.check(output, at)
            found[port] = output
        return found

    def _bind(self, output: Output, said: Any, made_by: tuple[str, str], scope: Scope) -> None:
        """Let `output` be the one of the pipeline that `said` names; one that is nobody's has a place of its own."""
        text = said if isinstance(said, str) else (said or {}).get("path")
        bindings = [*bindings_of(text)] if isinstance(text, str) else []
        if not bindings or bindings[0].parts[:2] != ("parent", "outputs"):
            if self.datastore:
                output.setdefault("path", _PLACE)
            return
        output.pop("path", None)
        of_pipeline = scope.outputs.get(bindings[0].parts[2])
        if of_pipeline is not None:
            of_pipeline["from"] = [*made_by]
            output.setdefault("type", of_pipeline.get("type") or "uri_folder")
            of_pipeline["type"] = output["type"]

    def _place(self, path: str, step: str, port: str, key: str) -> str:
        """Where in a datastore an output is kept; a place that cannot be written is told before anything runs."""
        whole = path.replace("${{default_datastore}}", self.datastore or datastores.DEFAULT)
        sample = whole.replace("${{name}}", step).replace("${{output_name}}", port)

        def check(at: str) -> None:
            reference = parse_reference(sample)
            if isinstance(reference, DatastorePath):
                datastores.check_writable(self.lookups.tx, self.lookups.workspace, reference, key=f"{at}.path")

        self.lookups.tried(key, check)
        return whole

    def check(self, output: Mapping[str, Any], key: str) -> None:
        """What cannot be written here is refused in words."""
        kind, mode = str(output.get("type") or "uri_folder"), str(output.get("mode") or "rw_mount")
        if kind not in DATA_TYPES and kind != "path":
            self.lookups.tried(key, partial(_refuse, f"an output of type {kind} is not run in this version", ""))
        if mode not in _OUTPUT_MODES:
            hint = f"use {' or '.join(_OUTPUT_MODES)}"
            self.lookups.tried(
                key, lambda at: _refuse(f"mode {mode!r} of an output is not run in this version", at, hint)
            )


def _declared(port: Any, said: Any) -> Output:
    """What a component declares of an output, with what the step says of it."""
    output = {**(port or {}), **(said if isinstance(said, Mapping) else {})}
    return {each: value for each, value in output.items() if value is not None and each != "description"}


def _refuse(said: str, hint: str, key: str) -> None:
    raise NotYet(said, hint=hint, problems=[Problem(said, key=key, hint=hint)])
