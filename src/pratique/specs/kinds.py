"""From a document to the spec of its kind.

    data  environment  model  workspace  online-endpoint  online-deployment
    job (a command)  pipeline-job  command-component  pipeline-component
    blob-, file-, gen1-, gen2- and one-lake-datastore
    amlcompute  computeinstance  kubernetes-, synapsespark- and virtual-machine-compute

Some of these are forms of one noun, which the `type` of a file tells apart:
``component``, ``datastore`` and ``compute`` can be loaded by that name too.
What Azure ML knows besides these is refused by name with `NotYet`, so that
nobody looks for a misspelling.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pratique.base.errors import InvalidInput, NotYet
from pratique.specs.component_files import completed
from pratique.specs.reader import YamlDocument
from pratique.specs.types import OTHER_TYPES
from pratique.specs.words import did_you_mean, shown

if TYPE_CHECKING:
    from pratique.specs.grammar import Spec

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    # The module of the kind and its class in it. Only the kind that is asked for is imported: a class of
    # pydantic costs some milliseconds, and every command that reads a file would pay for all of them.
    "data": ("data", "Data"),
    "environment": ("environment", "Environment"),
    "model": ("model", "Model"),
    "job": ("job", "CommandJob"),
    "online-endpoint": ("endpoint", "OnlineEndpoint"),
    "online-deployment": ("deployment", "OnlineDeployment"),
    "workspace": ("workspace", "Workspace"),
    "pipeline-job": ("pipeline", "PipelineJob"),
    "command-component": ("component", "CommandComponent"),
    "pipeline-component": ("pipeline", "PipelineComponent"),
    "blob-datastore": ("datastore", "BlobDatastore"),
    "file-datastore": ("datastore", "FileDatastore"),
    "gen1-datastore": ("datastore", "Gen1Datastore"),
    "gen2-datastore": ("datastore", "Gen2Datastore"),
    "one-lake-datastore": ("datastore", "OneLakeDatastore"),
    "amlcompute": ("compute", "AmlCompute"),
    "computeinstance": ("compute", "ComputeInstance"),
    "kubernetes-compute": ("compute", "KubernetesCompute"),
    "synapsespark-compute": ("compute", "SynapseSparkCompute"),
    "virtual-machine-compute": ("compute", "VirtualMachineCompute"),
}

RUN_KINDS: Final = frozenset(
    {
        "data", "environment", "model", "job", "pipeline-job", "command-component", "pipeline-component",
        "online-endpoint", "online-deployment", "workspace",
    }
)  # fmt: skip
"""Kinds that this version creates and runs."""

KEPT_KINDS: Final = frozenset(
    {
        "amlcompute", "computeinstance", "blob-datastore", "file-datastore", "gen1-datastore", "gen2-datastore",
        "one-lake-datastore",
    }
)  # fmt: skip
"""Kinds that this version keeps as they are described, and whose keys change nothing; the rest is only checked."""

FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    # A noun, the `type` of its files, and the kind that this is.
    "component": {"command": "command-component", "pipeline": "pipeline-component"},
    "datastore": {
        "azure_blob": "blob-datastore",
        "azure_file": "file-datastore",
        "azure_data_lake_gen1": "gen1-datastore",
        "azure_data_lake_gen2": "gen2-datastore",
        "one_lake": "one-lake-datastore",
    },
    "compute": {
        "amlcompute": "amlcompute",
        "computeinstance": "computeinstance",
        "kubernetes": "kubernetes-compute",
        "synapsespark": "synapsespark-compute",
        "virtualmachine": "virtual-machine-compute",
    },
}

PLANNED_FORMS: Final[Mapping[str, frozenset[str]]] = {
    "component": frozenset(
        {"parallel", "spark", "sweep", "automl", "import", "data_transfer", "flow_parallel", "finetuning"}
    ),
    "datastore": frozenset({"hdfs"}),
    "compute": frozenset(),
}
"""Types that Azure ML knows and this version does not have."""

PLANNED_KINDS: Final = frozenset(
    {
        "schedule", "batch-endpoint", "batch-deployment", "connection", "registry", "serverless-endpoint",
        "feature-store", "feature-set", "feature-store-entity", "monitor", "index", "mltable", "capability-host",
        "deployment-template", "marketplace-subscription",
    }
)  # fmt: skip
"""Kinds that Azure ML knows and this version does not have."""

_SCHEMAS: Final = {
    # What the name of a schema file begins with, in lower case: the kind it is for, or the noun of several.
    "data": "data",
    "environment": "environment",
    "model": "model",
    "commandjob": "job",
    "pipelinejob": "pipeline-job",
    "sweepjob": "job",
    "paralleljob": "job",
    "sparkjob": "job",
    "importjob": "job",
    "automljob": "job",
    "commandcomponent": "command-component",
    "pipelinecomponent": "pipeline-component",
    "parallelcomponent": "component",
    "sparkcomponent": "component",
    "sweepcomponent": "component",
    "importcomponent": "component",
    "automlcomponent": "component",
    "managedonlineendpoint": "online-endpoint",
    "kubernetesonlineendpoint": "online-endpoint",
    "onlineendpoint": "online-endpoint",
    "managedonlinedeployment": "online-deployment",
    "kubernetesonlinedeployment": "online-deployment",
    "onlinedeployment": "online-deployment",
    "workspace": "workspace",
    "azureblob": "blob-datastore",
    "azurefile": "file-datastore",
    "azuredatalakegen1": "gen1-datastore",
    "azuredatalakegen2": "gen2-datastore",
    "onelake": "one-lake-datastore",
    "amlcompute": "amlcompute",
    "computeinstance": "computeinstance",
    "kubernetescompute": "kubernetes-compute",
    "synapsesparkcompute": "synapsespark-compute",
    "vmcompute": "virtual-machine-compute",
    "virtualmachinecompute": "virtual-machine-compute",
    "batchendpoint": "batch-endpoint",
    "batchdeployment": "batch-deployment",
    "modelbatchdeployment": "batch-deployment",
    "pipelinecomponentbatchdeployment": "batch-deployment",
    "schedule": "schedule",
    "monitorschedule": "monitor",
    "connection": "connection",
    "workspaceconnection": "connection",
    "registry": "registry",
    "featureset": "feature-set",
    "featurestore": "feature-store",
    "featurestoreentity": "feature-store-entity",
    "serverlessendpoint": "serverless-endpoint",
    "index": "index",
    "mltable": "mltable",
    "deploymenttemplate": "deployment-template",
    "marketplacesubscription": "marketplace-subscription",
}


def load(kind: str, document: YamlDocument) -> "Spec":
    """The spec of `kind` in `document`, to be run.

    Raises `InvalidInput` with every problem at its file, line and key, or
    `NotYet` for what is understood and not run by this version.
    """
    spec = understood(kind, document)
    if found := [document.problem(one.key, one.message, hint=one.hint) for one in spec.not_run()]:
        raise NotYet.of(found, what=document.file or kind)
    return spec


def understood(kind: str, document: YamlDocument) -> "Spec":
    """The spec of `kind` in `document`, whether this version runs all of it or not.

    Raises `InvalidInput` with every problem at its file, line and key, or
    `NotYet` for kinds and types that this version does not know.
    """
    if kind not in KINDS and kind not in FORMS:
        if kind in PLANNED_KINDS:
            raise NotYet(f"{kind}: not in this version")
        hint = did_you_mean(kind, [*KINDS, *FORMS, *PLANNED_KINDS]) or f"known: {', '.join(KINDS)}"
        raise InvalidInput(f"there is no kind {kind}", hint=hint)
    try:
        return _read(kind, document)
    except InvalidInput:
        _check_schema(kind, document)
        raise


def _read(kind: str, document: YamlDocument) -> "Spec":
    value = mapping_of(document)
    if kind == "job":
        _check_job_type(value, document)
    form = form_of(kind, document) if kind in FORMS else kind
    return _pipeline(form, document) if form.startswith("pipeline-") else class_of(form).of(document)


_NO_REFERENCE: Final = "expected azureml:NAME:VERSION"


def _pipeline(form: str, document: YamlDocument) -> "Spec":
    """A pipeline with its components; what is wrong with their files is told with all the rest."""
    whole, wrong = completed(document)
    try:
        spec = class_of(form).of(whole)
    except InvalidInput as error:
        if not wrong:
            raise
        # What could not be read still stands there as a path, which is no reference.
        rest = [
            found
            for found in error.problems
            if not (found.key.endswith("component") and _NO_REFERENCE in found.message)
        ]
        raise InvalidInput.of([*wrong, *rest], what=document.file or form) from error
    if wrong:
        raise InvalidInput.of(wrong, what=document.file or form)
    return spec


def class_of(kind: str) -> "type[Spec]":
    """The class of one of `KINDS`."""
    module, name = KINDS[kind]
    found: type[Spec] = getattr(import_module(f"pratique.specs.{module}"), name)
    return found


def mapping_of(document: YamlDocument) -> Mapping[str, Any]:
    """The keys of `document`; raises `InvalidInput` when it is no mapping."""
    value = document.value
    if not isinstance(value, Mapping):
        said = "the file is empty" if value is None else f"expected a mapping of keys; got {shown(value)}"
        raise InvalidInput.of([document.problem((), said)], what=document.file or "input")
    return value


def form_of(noun: str, document: YamlDocument) -> str:
    """The kind of a component, a datastore or a compute, by its `type`.

    Raises `NotYet` for a type that this version does not have, and `InvalidInput` for one that there is not.
    """
    forms, planned = FORMS[noun], PLANNED_FORMS[noun]
    given = mapping_of(document).get("type", "command" if noun == "component" else None)
    named = str(given).lower()
    if named in forms:
        return forms[named]
    what = document.file or noun
    if named in planned:
        raise NotYet.of([document.problem(("type",), f"a {noun} of type {named}: not in this version")], what=what)
    if given is None:
        raise InvalidInput.of([document.problem(("type",), f"this key is required: {', '.join(forms)}")], what=what)
    said = f"expected one of {', '.join([*forms, *sorted(planned)])}; got {shown(given)}"
    raise InvalidInput.of([document.problem(("type",), said, hint=did_you_mean(given, [*forms]))], what=what)


def kind_of_schema(document: YamlDocument) -> str:
    """The kind or noun that the ``$schema`` of `document` names; empty when it names none that is known."""
    schema = mapping_of(document).get("$schema")
    if not isinstance(schema, str):
        return ""
    name = schema.rpartition("/")[2].partition(".")[0].lower()
    return _SCHEMAS.get(name, "job" if name.startswith("automl") and name.endswith("job") else "")


def _check_schema(kind: str, document: YamlDocument) -> None:
    """Say of a wrong file whose ``$schema`` is of another kind that one problem instead of one for each key.

    A file that is right keeps whatever schema it was copied with, as on Azure.
    """
    meant = kind_of_schema(document) if isinstance(document.value, Mapping) else ""
    if meant in ("", kind) or noun_of(meant) == kind or (kind == "job" and meant == "pipeline-job"):
        return
    said = f"this file describes a thing of kind {meant}, not {kind}"
    hint = f"pratique ml {noun_of(meant)} create --file {document.file}" if meant in RUN_KINDS | KEPT_KINDS else ""
    raise InvalidInput.of([document.problem(("$schema",), said, hint=hint)], what=document.file or kind)


def noun_of(kind: str) -> str:
    """The noun of a kind: what its verbs are called on Azure."""
    if kind == "pipeline-job":
        return "job"
    return next((noun for noun, forms in FORMS.items() if kind in forms.values()), kind)


def _check_job_type(value: Mapping[str, Any], document: YamlDocument) -> None:
    """Other types of jobs have other keys, so their type is the only problem that is told."""
    given = value.get("type")
    named = str(given).lower()
    if given is None or named == "command":
        return
    if named in OTHER_TYPES:
        problem = document.problem(("type",), f"{named}: {OTHER_TYPES[named]} not run in this version")
        raise NotYet.of([problem], what=document.file or "job")
    choices = ["command", *OTHER_TYPES]
    said = f"expected one of {', '.join(choices)}; got {shown(given)}"
    problem = document.problem(("type",), said, hint=did_you_mean(given, choices))
    raise InvalidInput.of([problem], what=document.file or "job")
