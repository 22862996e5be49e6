"""Which kind a file is: by its ``$schema``, else by its `type`, else by keys that only one kind has."""

from collections.abc import Mapping
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotYet
from pratique.base.names import problem_with_name
from pratique.specs.component import mapping_at
from pratique.specs.job import DATA_TYPES, MODEL_TYPES
from pratique.specs.kinds import FORMS, KINDS, PLANNED_FORMS, PLANNED_KINDS, form_of, kind_of_schema, mapping_of
from pratique.specs.reader import YamlDocument
from pratique.specs.types import OTHER_TYPES
from pratique.specs.words import shown

_OF_COMPONENTS: Final = ("is_deterministic", "version", "additional_includes")
_OF_JOBS: Final = ("experiment_name", "compute", "limits", "services", "settings", "parent_job_name")
_BY_KEY: Final = (
    # A key that only one kind has, and the kind; the first that a file has decides.
    ("create_job", "schedule"),
    ("create_monitor", "monitor"),
    ("import_data", "schedule"),
    ("trigger", "schedule"),
    ("mini_batch_size", "batch-deployment"),
    ("job_definition", "batch-deployment"),
    ("output_action", "batch-deployment"),
    ("max_concurrency_per_instance", "batch-deployment"),
    ("endpoint_name", "online-deployment"),
    ("code_configuration", "online-deployment"),
    ("defaults", "batch-endpoint"),
    ("auth_mode", "online-endpoint"),
    ("traffic", "online-endpoint"),
    ("mirror_traffic", "online-endpoint"),
    ("index_columns", "feature-store-entity"),
    ("specification", "feature-set"),
    ("offline_store", "feature-store"),
    ("materialization_identity", "feature-store"),
    ("replication_locations", "registry"),
    ("model_id", "serverless-endpoint"),
    ("transformations", "mltable"),
    ("conda_file", "environment"),
    ("image", "environment"),
    ("build", "environment"),
    ("flavors", "model"),
    ("stage", "model"),
    ("target", "connection"),
    ("path", "data"),
    ("jobs", "pipeline-job"),
    ("trial", "job"),
    ("search_space", "job"),
    ("command", "job"),
    ("hbi_workspace", "workspace"),
    ("location", "workspace"),
    ("resource_group", "workspace"),
    ("storage_account", "workspace"),
    ("managed_network", "workspace"),
)


def detect(document: YamlDocument) -> str:
    """The kind of `document`, one of `specs.kinds.KINDS`.

    Raises `NotYet` for kinds and types that Azure ML knows and this version
    has not, and `InvalidInput` when the file does not show what it is.
    """
    value = mapping_of(document)
    named = kind_of_schema(document)
    if named in FORMS:
        return form_of(named, document)
    if named in PLANNED_KINDS:
        raise _not_yet(document, "$schema", f"{named}: not in this version")
    if named in ("job", "pipeline-job"):
        return _job(value, document, named)
    if named:
        return named
    return _by_type(value, document)


def _by_type(value: Mapping[str, Any], document: YamlDocument) -> str:
    given = value.get("type")
    named = given.lower() if isinstance(given, str) else ""
    for noun in ("datastore", "compute"):
        if named in FORMS[noun] and not (named == "kubernetes" and "endpoint_name" in value):
            return FORMS[noun][named]
    if named in ("command", "pipeline"):
        return _command_or_pipeline(named, value)
    if named in OTHER_TYPES or named in PLANNED_FORMS["component"]:
        return _job(value, document, "job")
    if named in MODEL_TYPES:
        return "model"
    if named in DATA_TYPES:
        return "data"
    return _by_key(value, document)


def _by_key(value: Mapping[str, Any], document: YamlDocument) -> str:
    if "dependencies" in value or "channels" in value:
        problem = document.problem((), "this is a conda file", hint="name it in the conda_file of an environment")
        raise InvalidInput.of([problem], what=document.file or "input")
    kind = next((kind for key, kind in _BY_KEY if key in value), "")
    if kind in PLANNED_KINDS:
        key = next(key for key, of in _BY_KEY if of == kind and key in value)
        raise _not_yet(document, key, f"{kind}: not in this version")
    if kind == "job":
        return _job(value, document, "pipeline-job" if "jobs" in value else "job")
    if kind in KINDS:
        return kind
    problem = document.problem((), "it does not show what it describes", hint="add $schema or type")
    raise InvalidInput.of([problem], what=document.file or "input")


def _job(value: Mapping[str, Any], document: YamlDocument, named: str) -> str:
    """A job of either kind; `named` is what the schema or the shape says."""
    given = value.get("type", "pipeline" if named == "pipeline-job" else _type_of_schema(value))
    kind = str(given).lower()
    if "trial" in value or "search_space" in value:
        kind = "sweep"
    if kind in OTHER_TYPES and kind != "pipeline":
        raise _not_yet(document, "type", f"{kind}: {OTHER_TYPES[kind]} not run in this version")
    if kind in PLANNED_FORMS["component"]:
        raise _not_yet(document, "type", f"{shown(kind)}: not in this version")
    return "pipeline-job" if kind == "pipeline" else "job"


def _type_of_schema(value: Mapping[str, Any]) -> str:
    """The type of a job that leaves it to its ``$schema``, such as automl for …/autoMLClassificationJob.schema.json."""
    name = str(value.get("$schema", "")).rpartition("/")[2].lower()
    return next((kind for kind in OTHER_TYPES if name.startswith(kind)), "command")


def _command_or_pipeline(named: str, value: Mapping[str, Any]) -> str:
    """A component declares its ports; a job gives its inputs values and paths, and is seldom named by hand."""
    job = "job" if named == "command" else "pipeline-job"
    if any(key in value for key in _OF_JOBS) or "name" not in value:
        return job
    if any(key in value for key in _OF_COMPONENTS):
        return f"{named}-component"
    has_values = any(_is_worth(given) for given in mapping_at(value, "inputs").values())
    has_values = has_values or any(_is_placed(output) for output in mapping_at(value, "outputs").values())
    return job if has_values or problem_with_name("component", str(value["name"])) else f"{named}-component"


def _is_worth(given: Any) -> bool:
    """Whether an input has a value or a path, which the port of a component has not."""
    return not isinstance(given, Mapping) or "path" in given or "value" in given


def _is_placed(output: Any) -> bool:
    """Whether an output says where it goes or what it is called, which the port of a component does not."""
    return isinstance(output, Mapping) and ("path" in output or "name" in output)


def _not_yet(document: YamlDocument, key: str, said: str) -> NotYet:
    problem = document.problem((key,), said)
    return NotYet(f"{document.file or 'input'}: {problem.message}", problems=[problem])
