"""`trigger`, `pr`, `schedules` and `resources`."""

from pratique.delivery.building.fields import Fields
from pratique.delivery.nodes import Mapping, Scalar, Sequence
from pratique.delivery.pipeline import (
    Filter,
    PipelineResource,
    PullRequestTrigger,
    PushTrigger,
    Repository,
    Resources,
    Schedule,
    Webhook,
)
from pratique.delivery.schedules import cron_problem

OWN_EVENTS = "pratique"
"""The connection by which a webhook names the platform's own events."""
_REPOSITORY_TYPES = ("git", "github", "githubenterprise", "bitbucket")


def push_trigger(fields: Fields, key: str = "trigger") -> PushTrigger:
    """`trigger`: absent means every branch, `none` means no push at all."""
    value = fields.node.get(key)
    if isinstance(value, Scalar):
        return PushTrigger(is_enabled=value.text != "none", branches=Filter(_one(value.text)))
    if isinstance(value, Sequence):
        branches = fields.texts(key) or ()
        if branches == ("none",):
            said, hint = "this is a branch called none; no other branch starts a run", "write trigger: none"
            fields.troubles.warn(said, value.place, hint=hint)
        return PushTrigger(branches=Filter(branches))
    inner = fields.mapping(key, key, ("batch", "branches", "paths", "tags", "enabled"))
    if inner is None:
        return PushTrigger()
    return PushTrigger(
        is_enabled=inner.boolean("enabled", default=True),
        is_batched=inner.boolean("batch", default=False),
        branches=inner.filter("branches"),
        paths=inner.filter("paths"),
        tags=inner.filter("tags"),
    )


def pull_request_trigger(fields: Fields) -> PullRequestTrigger:
    """`pr`, read as `trigger` is."""
    value = fields.node.get("pr")
    if isinstance(value, Scalar):
        return PullRequestTrigger(is_enabled=value.text != "none", branches=Filter(_one(value.text)))
    if isinstance(value, Sequence):
        return PullRequestTrigger(branches=Filter(fields.texts("pr") or ()))
    inner = fields.mapping("pr", "pr", ("autoCancel", "branches", "paths", "drafts", "enabled"))
    if inner is None:
        return PullRequestTrigger()
    return PullRequestTrigger(
        is_enabled=inner.boolean("enabled", default=True),
        branches=inner.filter("branches"),
        paths=inner.filter("paths"),
        cancels_older=inner.boolean("autoCancel", default=True),
        takes_drafts=inner.boolean("drafts", default=True),
    )


def _one(text: str) -> tuple[str, ...]:
    return (text,) if text and text != "none" else ()


def schedules(fields: Fields) -> tuple[Schedule, ...]:
    return tuple(_schedule(item, fields) for item in fields.mappings("schedules"))


def _schedule(item: Mapping, around: Fields) -> Schedule:
    keys = ("cron", "displayName", "branches", "always", "batch")
    fields = Fields(item, "a schedule", keys, around.troubles)
    cron = fields.text("cron")
    if problem := cron_problem(cron):
        around.troubles.refuse(problem, fields.place("cron"), hint="minute hour day month weekday, such as 0 3 * * 1-5")
    return Schedule(
        cron,
        item.place,
        fields.text("displayName"),
        fields.filter("branches"),
        fields.boolean("always", default=False),
        fields.boolean("batch", default=False),
    )


def resources(fields: Fields) -> Resources:
    """`resources`; the older list form names only the repository itself and says nothing."""
    value = fields.node.get("resources")
    if value is None or isinstance(value, Sequence):
        return Resources()
    known = ("repositories", "pipelines", "containers", "builds", "packages", "webhooks")
    inner = fields.mapping("resources", "resources", known)
    if inner is None:
        return Resources()
    for planned in ("builds", "packages"):
        if inner.has(planned):
            fields.troubles.refuse(f"resources.{planned} is not run here", inner.place(planned), is_not_yet=True)
    return Resources(
        tuple(_repository(item, inner) for item in inner.mappings("repositories")),
        tuple(_pipeline(item, inner) for item in inner.mappings("pipelines")),
        tuple(_webhook(item, inner) for item in inner.mappings("webhooks")),
        tuple(_alias(item) for item in inner.mappings("containers")),
    )


def _webhook(item: Mapping, around: Fields) -> Webhook:
    """Events that come by a connection called pratique, which is the platform itself; no other one sends any here."""
    fields = Fields(item, "a webhook", ("webhook", "connection", "type", "filters"), around.troubles)
    is_own = fields.text("connection").lower() == OWN_EVENTS
    if not is_own:
        said = f"resources.webhooks are not run here, but for those of the connection {OWN_EVENTS}"
        fields.troubles.refuse(said, fields.place("connection"), is_not_yet=True)
    filters = []
    for one in fields.mappings("filters"):
        inner = Fields(one, "a filter", ("path", "value"), around.troubles)
        filters.append((inner.text("path"), inner.text("value")))
    if is_own and not any(path.removeprefix("$.") == "type" for path, _ in filters):
        hint = "such as Microsoft.MachineLearningServices.ModelRegistered"
        fields.troubles.refuse("a webhook of pratique needs a filter with the path type", item.place, hint=hint)
    return Webhook(fields.alias("webhook"), item.place, tuple(filters))


def _alias(item: Mapping) -> str:
    name = item.get("container")
    return name.text if isinstance(name, Scalar) else ""


def _repository(item: Mapping, around: Fields) -> Repository:
    keys = ("repository", "type", "name", "ref", "endpoint", "trigger", "project")
    fields = Fields(item, "a repository", keys, around.troubles)
    return Repository(
        fields.alias("repository"),
        fields.word("type", _REPOSITORY_TYPES, "git"),
        fields.text("name"),
        item.place,
        fields.text("ref"),
        fields.text("endpoint"),
        push_trigger(fields) if fields.has("trigger") else None,
    )


def _pipeline(item: Mapping, around: Fields) -> PipelineResource:
    keys = ("pipeline", "source", "project", "version", "branch", "tags", "trigger")
    fields = Fields(item, "a pipeline resource", keys, around.troubles)
    value = item.get("trigger")
    inner = None
    is_triggering = False
    if isinstance(value, Mapping):
        inner = fields.mapping("trigger", "a trigger", ("enabled", "branches", "stages", "tags"))
        is_triggering = inner is not None and inner.boolean("enabled", default=True)
    elif isinstance(value, Scalar) and value.text not in ("", "none"):
        is_triggering = fields.boolean("trigger", default=False)
    elif isinstance(value, Scalar) and not value.text:
        is_triggering = True
    return PipelineResource(
        fields.alias("pipeline"),
        fields.text("source"),
        item.place,
        fields.text("project"),
        fields.text("version"),
        fields.text("branch"),
        fields.texts("tags") or (),
        is_triggering,
        inner.filter("branches") if inner else Filter(),
        (inner.texts("stages") or ()) if inner else (),
        (inner.texts("tags") or ()) if inner else (),
    )
