"""``yaml.md``: every key of every kind of file, from the models that read them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from generator.markdown import code, document, table
from pratique.specs.component import Component
from pratique.specs.grammar import Part, Spec
from pratique.specs.kinds import KEPT_KINDS, KINDS, PLANNED_FORMS, PLANNED_KINDS, RUN_KINDS, class_of
from pratique.specs.own_settings import OWN_SETTINGS
from pratique.specs.problems import NOT_YET
from pratique.specs.types import OTHER_TYPES

_INTRODUCTION: Final = """The files are those of Azure Machine Learning v2.
A key that is not on this page is an error that names the file, the line and what was probably meant.

| state | meaning |
| --- | --- |
| run | It does what it says. |
| planned | It is understood and checked, and not run by this version; the verb that reads it says so. |
| refused | It is understood, and this version stops there instead of doing something else. |

`<name>` stands for a name of your own, `[]` for each item of a list.
Words are compared without their case where a key takes one of a few.
YAML is read as 1.2: `yes` and `on` are text except where a key expects true or false or a literal, as the inputs \
of a job do; a version such as `1.10` should be quoted, and duplicate keys, tabs and aliases \
that expand without bound are errors."""

_CHECKED_TOGETHER: Final = {
    ("environment", "build"): "refused",
    ("job", "component"): "refused",
}
"""Keys which are refused by a rule between keys, or whatever their value is."""

_NOT_ON_THIS_COMPUTE: Final = {("inputs.<name>.mode", "direct")}
"""Choices that the language takes and that the only compute of this version refuses when the job is made."""

_TITLES: Final = {
    "data": "Data asset",
    "environment": "Environment",
    "model": "Model",
    "job": "Command job",
    "online-endpoint": "Online endpoint",
    "online-deployment": "Online deployment",
    "workspace": "Workspace",
    "pipeline-job": "Pipeline job",
    "command-component": "Command component",
    "pipeline-component": "Pipeline component",
    "blob-datastore": "Datastore: blobs",
    "file-datastore": "Datastore: file share",
    "gen1-datastore": "Datastore: Data Lake Gen1",
    "gen2-datastore": "Datastore: Data Lake Gen2",
    "one-lake-datastore": "Datastore: OneLake",
    "amlcompute": "Compute: cluster",
    "computeinstance": "Compute: workstation",
    "kubernetes-compute": "Compute: Kubernetes",
    "synapsespark-compute": "Compute: Spark pool of Synapse",
    "virtual-machine-compute": "Compute: virtual machine",
}


@dataclass(frozen=True)
class Key:
    """One key of a file."""

    path: str
    """Dotted, with ``<name>`` and ``[]`` for what users choose."""
    value: str
    state: str
    meaning: str
    is_required: bool
    default: str
    instead: tuple[str, ...] = ()
    """Keys of the other forms that the same mapping can have, one of which is required where this one is not."""


def keys_of(kind: type[Part], prefix: str = "", *, state: str = "run") -> Iterator[Key]:
    """Every key of `kind` and of the mappings inside it; a part of something planned is planned."""
    kind.model_rebuild()  # A kind that names a later one knows its type when it is first used.
    for name, field in kind.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        own = _state(path, kind, field) if state == "run" else state
        yield Key(
            path=path,
            value=_marked(path, ", ".join(dict.fromkeys(_values(field.annotation, field.metadata)))),
            state=own,
            meaning=str(field.description or ""),
            is_required=field.is_required(),
            default=_default(field),
        )
        # A component in a step has the keys of its own section; a pipeline's would never end.
        parts = dict.fromkeys(_parts(field.annotation))
        forms = [(inner, step) for inner, step in parts if not issubclass(inner, Component)]
        yield from _merged([[*keys_of(inner, f"{path}{step}.", state=own)] for inner, step in forms])


def _merged(forms: list[list[Key]]) -> Iterator[Key]:
    """The keys of a mapping that has one of several forms; what they share is one key."""
    found: dict[str, Key] = {}
    own_depth = min((_depth(key) for keys in forms for key in keys), default=0)
    for keys in forms:
        others = [key for other in forms if other is not keys for key in other]
        required = tuple(key.path for key in others if key.is_required and _depth(key) == own_depth)
        for key in keys:
            known = found.get(key.path)
            chosen_by_form = key.is_required and _depth(key) == own_depth
            found[key.path] = (
                _joined(known, key) if known else replace(key, instead=required) if chosen_by_form else key
            )
    yield from found.values()


def _depth(key: Key) -> int:
    return key.path.count(".")


def _joined(first: Key, second: Key) -> Key:
    both = dict.fromkeys((first.meaning, second.meaning))
    return replace(
        first,
        value=", ".join(dict.fromkeys((*first.value.split(", "), *second.value.split(", ")))),
        meaning=" ".join(both),
        default=first.default or second.default,
    )


def page() -> str:
    """The page."""
    return document(
        "YAML",
        _INTRODUCTION,
        *(part for name in KINDS for part in _section(name, class_of(name))),
        "## Settings of Pratique in tags and properties",
        "A key of `tags` or `properties` that begins with `pratique.` must be one of these, so that every file stays "
        "valid on Azure.",
        table(("key", "meaning"), [(code(name), meaning) for name, meaning in OWN_SETTINGS.items()]),
        "## Kinds that are not there yet",
        "Azure Machine Learning has these kinds of files and this version has not; they are refused by name.",
        ", ".join(code(kind) for kind in sorted(PLANNED_KINDS)),
        "A job's `type` can be `command` and `pipeline`; "
        f"{', '.join(code(name) for name in OTHER_TYPES)} are refused by name.",
        "A component's `type` can be `command` and `pipeline`; "
        f"{', '.join(code(name) for name in sorted(PLANNED_FORMS['component']))} are refused by name.",
    )


def _section(name: str, kind: type[Spec]) -> Iterator[str]:
    state = "run" if name in RUN_KINDS else "planned"
    yield f"## {_TITLES[name]}"
    if name in KEPT_KINDS:
        yield "Kept as it is described and shown again; what its keys ask for is not done in this version."
    elif name not in RUN_KINDS:
        yield "Understood and checked in full by `pratique ml validate`; this version has no verb that creates it."
    yield table(
        ("key", "value", "state", "meaning"),
        [(code(key.path), key.value, key.state, _meaning(key)) for key in keys_of(kind, state=state)],
    )
    silent = ", ".join(code(key) for key in sorted(kind.written_by_platform))
    yield f"Accepted and left out, because `show` prints them: {silent}."


def _meaning(key: Key) -> str:
    instead = "".join(
        f", or {code(path.rpartition('.')[2])}" for path in dict.fromkeys(key.instead) if path != key.path
    )
    required = f"**Required{instead}.** " if key.is_required else ""
    return f"{required}{key.meaning}{f' Default: {key.default}.' if key.default else ''}"


def _state(path: str, kind: type[Part], field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra.get("planned"):
        return "planned"
    noun = kind.__name__.removeprefix("Inline").removeprefix("Command").lower()
    return _CHECKED_TOGETHER.get((noun, path.rpartition(".")[2]), "run")


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required() or field.default_factory is not None or value is None:
        return ""
    return code(value)


def _values(annotation: Any, metadata: list[Any]) -> Iterator[str]:
    """What a value may be, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _values(inner[0], [*inner[1:], *metadata])
    elif origin in (Union, UnionType):
        for choice in inner:
            if choice is not NoneType:
                yield from _values(choice, metadata)
    elif origin is Literal:
        whole = TypeAdapter(Annotated[annotation, *metadata] if metadata else annotation)
        yield from (f"{code(choice)}{' (refused)' if _is_refused(whole, choice) else ''}" for choice in inner)
    elif origin is list:
        yield f"a list of {' or '.join(_values(inner[0], []))}"
    elif annotation == dict[str, JsonValue]:
        yield "a mapping"
    elif origin is dict:
        yield f"a mapping of names to {' or '.join(dict.fromkeys(_values(inner[1], [])))}"
    else:
        yield _word(annotation)


def _marked(path: str, values: str) -> str:
    """`values` with what the compute refuses marked like what the language refuses."""
    for place, choice in _NOT_ON_THIS_COMPUTE:
        if place == path:
            values = values.replace(code(choice), f"{code(choice)} (refused)")
    return values


def _word(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return "a mapping"
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return words.get(annotation, "any value")


def _is_refused(adapter: TypeAdapter[Any], choice: str) -> bool:
    """Whether the choice is understood and not run: asked of the very type that reads the files."""
    try:
        adapter.validate_python(choice)
    except ValidationError as error:
        return any(details["type"] == NOT_YET for details in error.errors())
    return False


def _parts(annotation: Any, step: str = "") -> Iterator[tuple[type[Part], str]]:
    """The mappings with keys of their own inside a type, and the step that leads to each."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation, step
    elif origin is dict:
        yield from _parts(inner[1], f"{step}.<name>")
    elif origin is list:
        yield from _parts(inner[0], f"{step}[]")
    elif origin is Annotated:
        yield from _parts(inner[0], step)
    elif origin in (Union, UnionType):
        for choice in inner:
            yield from _parts(choice, step)
