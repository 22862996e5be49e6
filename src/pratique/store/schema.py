"""The tables, one group per noun.

Rules that a reader can rely on: times are UTC (`UtcDateTime`); documents are
JSON; whatever a reconciler claims has `lease_token` and `lease_until`; and a
name is unique inside its workspace, never across.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect

from pratique.store.json_text import to_canonical

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite drops time zones, so they are checked going in and put back coming out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Canonical(TypeDecorator[Any]):
    """A document of the journal, stored in the spelling that is hashed, so that nobody has to spell it again."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:  # noqa: ARG002
        """Any document of JSON becomes its spelling."""
        return to_canonical


class Spelt(TypeDecorator[str]):
    """A document that is spelt already: what `Canonical` would write."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002
        """It goes to the database as it is."""
        return


class Sealed(TypeDecorator[str]):
    """A text that `store.sealing.Sealer` made, empty for none; `context` names it by the columns of its row.

    Who changes the master key finds by this type what has to be sealed again.
    """

    impl = Text
    cache_ok = True

    def __init__(self, context: str) -> None:
        super().__init__()
        self.context = context
        """Such as ``{id}/primary``: what the text is bound to."""


def _lease() -> list[Column[Any]]:
    return [Column("lease_token", String(64)), Column("lease_until", UtcDateTime)]


resource_groups = Table(
    "resource_groups",
    metadata,
    Column("name", String(90), primary_key=True),
    Column("location", String(90), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("name", String(33), primary_key=True),
    Column("resource_group", ForeignKey("resource_groups.name"), nullable=False),
    Column("location", String(90), nullable=False),
    Column("display_name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    Column("tracking", String(63), nullable=False, unique=True),
)

principals = Table(
    "principals",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("name", String(256), nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("secret_hash", Text),
    Column("secret_expires_at", UtcDateTime),
    Column("token_generation", Integer, nullable=False),  # Tokens of another generation are good no more.
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("kind IN ('user', 'service_principal', 'group', 'managed_identity')", name="kind"),
)

assigned_identities = Table(
    # Managed identities that somebody made and assigns; each is a principal as well.
    "assigned_identities",
    metadata,
    Column("id", ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True),
    Column("resource_group", ForeignKey("resource_groups.name"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("location", String(90), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("resource_group", "name"),
)

principal_members = Table(
    # Which principals are in a group.
    "principal_members",
    metadata,
    Column("group", ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True),
    Column("member", ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "member"),
)

federated_credentials = Table(
    # Whom an issuer of somebody else's calls by a subject is this principal here.
    "federated_credentials",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("principal", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(120), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("principal", "name"),
)

role_definitions = Table(
    # Roles that somebody defined, beside those of the permission table.
    "role_definitions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("key", String(64), nullable=False, unique=True),  # The name as it is compared.
    Column("description", Text, nullable=False),
    Column("actions", JSON, nullable=False),
    Column("not_actions", JSON, nullable=False),
    Column("data_actions", JSON, nullable=False),
    Column("not_data_actions", JSON, nullable=False),
    Column("assignable_scopes", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
)

role_assignments = Table(
    "role_assignments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("principal", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("role", String(64), nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("principal", "role", "scope"),
)

browser_tokens = Table(
    # One-time links (purpose "link") and the sessions that they open (purpose "session").
    "browser_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("purpose", String(10), nullable=False),
    Column("principal", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    CheckConstraint("purpose IN ('link', 'session')", name="purpose"),
)

events = Table(
    "events",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False, unique=True),
    Column("type", String(128), nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("actor", Canonical, nullable=False),
    Column("targets", Canonical, nullable=False),
    Column("data", Canonical, nullable=False),
    Column("reason", Text, nullable=False),  # Why, in the words of who did it.
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "type", "sequence"),
    Index(None, "subject", "sequence"),
)

journal_seals = Table(
    # Signatures over the journal, each for the events since the one before: see `store.seals`.
    "journal_seals",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("head", String(64), nullable=False),  # The hash of the last event.
    Column("time", UtcDateTime, nullable=False),
    Column("key", String(16), nullable=False),
    Column("previous", String(64), nullable=False),  # The digest of the seal before.
    Column("signature", String(128), nullable=False),
)

manifests = Table(
    "manifests",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("document", JSON, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

holdings = Table(
    # What a workspace has proven to hold: bytes uploaded to it or made in it. Knowing a digest is not enough.
    # A project holds content as well, under a name that no workspace can have: see `store.projects.holder_of`.
    "holdings",
    metadata,
    Column("workspace", String(96), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("kind IN ('blob', 'manifest')", name="kind"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("blob", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

computes = Table(
    # Names that users gave to the machine; local and serverless are no rows.
    "computes",
    metadata,
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("spec", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    CheckConstraint("state IN ('Running', 'Stopped')", name="state"),
)

datastores = Table(
    # What users made; the four that every workspace has from the beginning are no rows.
    "datastores",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("spec", JSON, nullable=False),  # Without credentials.
    Column("credentials", Sealed("{id}/credentials"), nullable=False),  # Empty for none.
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("workspace", "name"),
)

datastore_files = Table(
    # What lies in the datastores that every workspace has: a path is a text here and no path of a disk.
    "datastore_files",
    metadata,
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), primary_key=True),
    Column("datastore", String(255), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("blob", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

data_profiles = Table(
    # What was measured of a table's content: the same for every version with these files.
    "data_profiles",
    metadata,
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), primary_key=True),
    Column("manifest", String(64), primary_key=True),
    Column("document", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
)

trusted_keys = Table(
    # Whose signatures of models a workspace believes.
    "trusted_keys",
    metadata,
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("pem", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("workspace", "name"),
)

model_signatures = Table(
    # Who vouches for the files of a model: the same for every version with these files. The document is content.
    "model_signatures",
    metadata,
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), primary_key=True),
    Column("manifest", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("pem", Text, nullable=False),
    Column("blob", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
)

assets = Table(
    # One row per name; `kind` is data, environments, models or components.
    "assets",
    metadata,
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("next_version", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("kind IN ('data', 'environments', 'models', 'components')", name="kind"),
    CheckConstraint("next_version >= 1", name="next_version"),
)

asset_versions = Table(
    "asset_versions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace", String(33), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(255), nullable=False),
    Column("version", String(30), nullable=False),
    Column("ordinal", BigInteger),  # The version as a number, when it is one; dates and times are, too.
    Column("type", String(32), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("path", Text, nullable=False),
    Column("manifest", String(64)),
    Column("description", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("properties", JSON, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("stage", String(32), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("job_name", String(255), nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("workspace", "kind", "name", "version"),
    ForeignKeyConstraint(
        ["workspace", "kind", "name"],
        ["assets.workspace", "assets.kind", "assets.name"],
        ondelete="CASCADE",
        onupdate="CASCADE",
    ),
    Index(None, "workspace", "kind", "run_id"),
)

asset_labels = Table(
    # Labels of our users are MLflow's aliases; `latest` is computed, never stored.
    "asset_labels",
    metadata,
    Column("workspace", String(33), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("label", String(100), primary_key=True),
    Column("version", String(30), nullable=False),
    ForeignKeyConstraint(
        ["workspace", "kind", "name"],
        ["assets.workspace", "assets.kind", "assets.name"],
        ondelete="CASCADE",
        onupdate="CASCADE",
    ),
)

examinations = Table(
    # What the platform was asked to find out about a version of a model: whether it converts, how much it bears.
    "examinations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace", String(33), nullable=False),
    Column("version_id", ForeignKey("asset_versions.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Text, nullable=False),
    Column("report", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("created_by", JSON, nullable=False),
    *_lease(),
    CheckConstraint("kind IN ('conversion', 'profile', 'scan')", name="kind"),
    CheckConstraint("status IN ('Queued', 'Running', 'Completed', 'Failed')", name="status"),
    Index(None, "version_id", "kind"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("type", String(16), nullable=False),
    Column("parent", String(36)),  # The pipeline of which it is a step, by id; none for a job of its own.
    Column("root", String(36)),  # The outermost of its pipelines.
    Column("step", String(255), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("resolved", JSON, nullable=False),  # What the references of the spec meant when the job was made.
    Column("fingerprint", String(64), nullable=False),  # What a step does to what; empty when it cannot be told.
    Column("reused_from", String(36)),  # The step whose results these are, by id; it has not run itself then.
    Column("cores", Float, nullable=False),  # What it takes of the machine while it runs.
    Column("memory", BigInteger, nullable=False),
    Column("git", JSON, nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("experiment_id", String(64), nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("outputs", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("created_by", JSON, nullable=False),
    *_lease(),
    UniqueConstraint("workspace", "name"),
    CheckConstraint(
        "status IN ('NotStarted', 'Queued', 'Starting', 'Preparing', 'Running', 'Finalizing',"
        " 'Completed', 'Failed', 'Canceled')",
        name="status",
    ),
    CheckConstraint("type IN ('command', 'pipeline')", name="type"),
    CheckConstraint("(parent IS NULL) = (root IS NULL)", name="parent"),
    Index(None, "status", "created_at"),
    Index(None, "root"),
    Index(None, "workspace", "fingerprint"),
)

online_endpoints = Table(
    "online_endpoints",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("workspace", ForeignKey("workspaces.name", ondelete="CASCADE"), nullable=False),
    Column("name", String(32), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("traffic", JSON, nullable=False),
    Column("mirror_traffic", JSON, nullable=False),
    Column("primary_key", Sealed("{id}/primary"), nullable=False),
    Column("secondary_key", Sealed("{id}/secondary"), nullable=False),
    Column("provisioning_state", String(20), nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("generation", Integer, nullable=False),  # Raised by every wish.
    Column("applied", Integer, nullable=False),  # The generation that the gateway serves.
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    *_lease(),
    UniqueConstraint("workspace", "name"),
)

online_deployments = Table(
    "online_deployments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("endpoint_id", ForeignKey("online_endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("workspace", String(33), nullable=False),
    Column("endpoint", String(32), nullable=False),
    Column("name", String(32), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("resolved", JSON, nullable=False),  # Model, code and environment, by digest.
    Column("all_traffic", Boolean, nullable=False),  # Wanted as soon as this generation is ready.
    Column("provisioning_state", String(20), nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("generation", Integer, nullable=False),  # Raised by every wish.
    Column("revision", Integer, nullable=False),  # The generation that last changed what runs.
    Column("applied", Integer, nullable=False),  # The revision that the doors lead to.
    Column("applied_spec", JSON, nullable=False),  # The spec that is served, which the wished one may differ from.
    Column("timings", JSON, nullable=False),
    Column("retire_at", UtcDateTime),  # When it goes, because another was promoted.
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    *_lease(),
    UniqueConstraint("endpoint_id", "name"),
)

replicas = Table(
    # One row for each process that should answer for a revision of a deployment.
    "replicas",
    metadata,
    Column("deployment_id", ForeignKey("online_deployments.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("slot", Integer, primary_key=True),  # 0 and up; its socket is named after it.
    Column("start", Integer, nullable=False),  # Which of its starts counts; its folder is named after it.
    Column("state", String(16), nullable=False),
    Column("falls", Integer, nullable=False),  # How often its shim started it again within this start, as told.
    Column("restarts", Integer, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("changed_at", UtcDateTime, nullable=False),
    CheckConstraint("state IN ('Starting', 'Ready', 'Unready', 'Down')", name="state"),
)


projects = Table(
    # What repositories, deliveries and all that they use belong to.
    "projects",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
)

counters = Table(
    # Numbers that only rise: those of deliveries and runs, and what `counter` and the revision of run names count.
    "counters",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("prefix", String(255), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

deliveries = Table(
    # A YAML file of a repository, registered.
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("project", ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("repository_type", String(16), nullable=False),
    Column("branch", Text, nullable=False),  # refs/heads/NAME; the default of a run.
    Column("path", Text, nullable=False),
    Column("variables", JSON, nullable=False),
    Column("queue_status", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("project", "name"),
    CheckConstraint("repository_type IN ('git', 'folder')", name="repository_type"),
    CheckConstraint("queue_status IN ('enabled', 'paused', 'disabled')", name="queue_status"),
)

delivery_runs = Table(
    "delivery_runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("delivery", ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
    Column("project", String(64), nullable=False),
    Column("number", String(255), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("path", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("version", String(64), nullable=False),  # Of the source: a commit, or empty.
    Column("sources", JSON, nullable=False),  # Each repository as it was, self first.
    Column("parameters", JSON, nullable=False),
    Column("variables", JSON, nullable=False),  # Given by whoever queued it.
    Column("left_out", JSON, nullable=False),
    Column("text", Text, nullable=False),  # The expanded file; nothing of it is expanded again.
    Column("system", JSON, nullable=False),  # The platform's variables of the run.
    Column("counted", JSON, nullable=False),  # What `counter` gave this run, by prefix.
    Column("status", String(16), nullable=False),
    Column("result", String(24)),
    Column("cancel_requested", Boolean, nullable=False),
    Column("canceled_by", JSON(none_as_null=True)),
    Column("tags", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("appends_message", Boolean, nullable=False),  # Whether its name is shown with what the commit says.
    Column("error", JSON(none_as_null=True)),
    Column("revision", Integer, nullable=False),  # Raised by all that happens to it.
    Column("settled", Integer, nullable=False),  # The revision from which was seen what follows.
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("created_by", JSON, nullable=False),
    *_lease(),
    CheckConstraint("status IN ('notStarted', 'inProgress', 'cancelling', 'completed')", name="status"),
    Index(None, "delivery", "id"),
    Index(None, "status", "created_at"),
)

delivery_stages = Table(
    "delivery_stages",
    metadata,
    Column("run", ForeignKey("delivery_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", String(24)),  # How it ended.
    Column("decided", String(24)),  # Set when it ended without any job.
    Column("admission", String(16)),
    Column("is_triggered", Boolean, nullable=False),
    Column("outlives_cancel", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    CheckConstraint("state IN ('pending', 'waiting', 'running', 'completed')", name="state"),
)

delivery_jobs = Table(
    "delivery_jobs",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("stage", String(255), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", String(24)),
    Column("decided", String(24)),  # Set when it ended without any unit.
    Column("expected", JSON, nullable=False),
    Column("continues_on_error", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    ForeignKeyConstraint(["run", "stage"], ["delivery_stages.run", "delivery_stages.name"], ondelete="CASCADE"),
    CheckConstraint("state IN ('pending', 'running', 'completed')", name="state"),
)

delivery_units = Table(
    # What one worker process runs, or the engine itself.
    "delivery_units",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("run", ForeignKey("delivery_runs.id", ondelete="CASCADE"), nullable=False),
    Column("stage", String(255), nullable=False),
    Column("job", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", String(24)),
    Column("reason", Text, nullable=False),
    Column("sequence", Integer, nullable=False),  # Of the last record that was taken.
    Column("message", Sealed("delivery unit {id}")),  # Gone as soon as its worker has begun, or its last step ended.
    Column("outputs", JSON, nullable=False),  # Those that are no secrets.
    Column("secret_outputs", Sealed("delivery unit {id}")),
    Column("timeout", Integer, nullable=False),
    Column("cancel_timeout", Integer, nullable=False),
    Column("cancel_requested_at", UtcDateTime),
    Column("runs_on_server", Boolean, nullable=False),  # Without a worker: the engine walks it.
    Column("look_at", UtcDateTime),  # Of those: when it has to be looked at; a wish, an answer or its time.
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("run", "stage", "job", "name", "attempt"),
    CheckConstraint("state IN ('queued', 'running', 'completed')", name="state"),
    Index(None, "state", "created_at"),
    Index(None, "look_at"),
)

delivery_steps = Table(
    "delivery_steps",
    metadata,
    Column("unit", ForeignKey("delivery_units.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", String(24)),
    Column("record", JSON, nullable=False),  # What its worker said last, without the values of secrets.
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
)

delivery_artifacts = Table(
    "delivery_artifacts",
    metadata,
    Column("run", ForeignKey("delivery_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("type", String(32), nullable=False),
    Column("manifest", String(64), nullable=False),
    Column("unit", String(36), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

repositories = Table(
    # Their files lie in the home, by id (`store.git`).
    "repositories",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project", ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("default_branch", Text, nullable=False),  # refs/heads/NAME.
    Column("denies_force", Boolean, nullable=False),
    Column("denies_deletes", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    Column("source", Text, nullable=False),  # What it follows, a path or a URL; empty: people push to it.
    Column("source_login", Sealed("repositories/{id}/login"), nullable=False),  # USER:SECRET; empty: it needs none.
    Column("look_at", UtcDateTime),  # When the source is looked at again.
    Column("problem", Text, nullable=False),  # Why the last look brought nothing.
    UniqueConstraint("project", "name"),
    Index(None, "look_at"),
)

repository_refs = Table(
    # As they were when somebody last looked: what differs on disk was pushed and not recorded.
    "repository_refs",
    metadata,
    Column("repository", ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("object", String(64), nullable=False),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("repository", ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("wished", JSON, nullable=False),  # What the pusher asked for: name, old, new.
    Column("updates", JSON, nullable=False),  # What came of it.
    Column("decisions", JSON, nullable=False),  # What each delivery made of it.
    Column("created_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime),
    Column("created_by", JSON, nullable=False),
    *_lease(),
    CheckConstraint("state IN ('Receiving', 'Received', 'Decided', 'Void')", name="state"),
    Index(None, "state", "created_at"),
    Index(None, "repository", "id"),
)

vaults = Table(
    "vaults",
    metadata,
    Column("name", String(24), primary_key=True),
    Column("resource_group", ForeignKey("resource_groups.name"), nullable=False),
    Column("location", String(90), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("retention_days", Integer, nullable=False),  # How long what was deleted can be recovered.
    Column("deleted_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    CheckConstraint("retention_days BETWEEN 7 AND 90", name="retention_days"),
)

vault_policies = Table(
    # What a holder may do with the secrets: a principal by its id, or variable-group:ID.
    "vault_policies",
    metadata,
    Column("vault", ForeignKey("vaults.name", ondelete="CASCADE"), primary_key=True),
    Column("holder", String(64), primary_key=True),
    Column("permissions", JSON, nullable=False),
)

secrets = Table(
    # One row per name; `key` is the name in lower case, because Azure's names differ by more than case.
    "secrets",
    metadata,
    Column("vault", ForeignKey("vaults.name", ondelete="CASCADE"), primary_key=True),
    Column("key", String(127), primary_key=True),
    Column("name", String(127), nullable=False),
    Column("deleted_at", UtcDateTime),
    Column("purge_at", UtcDateTime),  # When a deleted one goes for good.
    CheckConstraint("(deleted_at IS NULL) = (purge_at IS NULL)", name="deleted"),
)

secret_versions = Table(
    "secret_versions",
    metadata,
    Column("vault", String(24), primary_key=True),
    Column("key", String(127), primary_key=True),
    Column("version", String(32), primary_key=True),
    Column("ordinal", Integer, nullable=False),  # The highest is the current one.
    Column("value", Sealed("vaults/{vault}/{key}/{version}"), nullable=False),
    Column("content_type", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("not_before", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["vault", "key"], ["secrets.vault", "secrets.key"], ondelete="CASCADE"),
    UniqueConstraint("vault", "key", "ordinal"),
)

variable_groups = Table(
    "variable_groups",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("project", ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("vault", String(24)),  # The vault that its variables are secrets of; none: it has values of its own.
    Column("is_for_all", Boolean, nullable=False),  # Whether every delivery of the project may read it.
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("project", "name"),
)

group_variables = Table(
    "group_variables",
    metadata,
    Column("group_id", ForeignKey("variable_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(256), primary_key=True),  # The name in lower case.
    Column("name", String(256), nullable=False),
    Column("is_secret", Boolean, nullable=False),
    Column("value", Text, nullable=False),  # Of one that is no secret.
    Column("sealed", Sealed("variable-groups/{group_id}/{key}"), nullable=False),  # Of a secret; empty in a vault's.
)

service_connections = Table(
    "service_connections",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project", ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("principal", ForeignKey("principals.id", ondelete="CASCADE")),  # Null for one that is an address alone.
    Column("url", Text, nullable=False),  # Empty for one of a principal.
    Column("resource_group", String(90), nullable=False),
    Column("workspace", String(33), nullable=False),  # Empty: the whole group.
    Column("is_for_all", Boolean, nullable=False),  # Whether every delivery of the project may use it.
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("project", "name"),
)

delivery_permissions = Table(
    # Which delivery may use which variable group, service connection or repository, by ids.
    "delivery_permissions",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("resource", String(36), primary_key=True),
    Column("delivery", ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    CheckConstraint(
        "kind IN ('variable_group', 'service_connection', 'environment', 'repository', 'repository_push')", name="kind"
    ),
)

stage_environments = Table(
    # What users call an environment of a delivery: approvals and checks belong to it.
    "stage_environments",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("project", ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("lock_run", Integer),  # The run and the stage that hold its exclusive lock.
    Column("lock_stage", String(255)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("project", "name"),
    CheckConstraint("(lock_run IS NULL) = (lock_stage IS NULL)", name="lock"),
)

environment_checks = Table(
    "environment_checks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("environment_id", ForeignKey("stage_environments.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("timeout_minutes", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
)

asked_checks = Table(
    # A check as it was when a stage of a run asked it, and what was answered.
    "asked_checks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("run", ForeignKey("delivery_runs.id", ondelete="CASCADE"), nullable=False),
    Column("stage", String(255), nullable=False),
    Column("environment_id", Integer, nullable=False),
    Column("environment", String(128), nullable=False),
    Column("project", ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("check_id", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("requested_by", JSON, nullable=False),
    Column("bound", JSON, nullable=False),  # What an approval is given for.
    Column("state", String(10), nullable=False),
    Column("reason", Text, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("look_at", UtcDateTime),  # When it has to be judged again, whatever happens before.
    Column("ended_at", UtcDateTime),
    CheckConstraint(
        "state IN ('pending', 'waiting', 'passed', 'failed', 'expired', 'withdrawn', 'voided')",
        name="state",
    ),
    UniqueConstraint("run", "stage", "check_id"),
    Index(None, "state", "project"),
    Index(None, "look_at"),
)

run_uses = Table(
    # What a run of a delivery made or read through the API, by digest.
    "run_uses",
    metadata,
    Column("run", ForeignKey("delivery_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("workspace", String(33), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("name", String(320), primary_key=True),
    Column("is_made", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

delivery_waits = Table(
    # A batched trigger: pushes to a branch while a run of it goes on start one run together, of the last commit.
    "delivery_waits",
    metadata,
    Column("delivery", ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("branch", Text, primary_key=True),
    Column("version", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
)

delivery_schedules = Table(
    # What `schedules` of the file at the head of a branch says, with when it is due.
    "delivery_schedules",
    metadata,
    Column("delivery", ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("branch", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("cron", Text, nullable=False),
    Column("is_always", Boolean, nullable=False),
    Column("is_batched", Boolean, nullable=False),
    Column("due_at", UtcDateTime),  # None: never.
    Index(None, "due_at"),
)

trigger_positions = Table(
    # How far the journal was read for runs that follow from events.
    "trigger_positions",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)

api_services = Table(
    "api_services",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("resource_group", ForeignKey("resource_groups.name"), nullable=False),
    Column("location", String(90), nullable=False),
    Column("publisher_name", Text, nullable=False),
    Column("publisher_email", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("policy", Text, nullable=False),
    Column("allow_any_audience", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
)

apis = Table(
    "apis",
    metadata,
    Column("service", ForeignKey("api_services.name", ondelete="CASCADE"), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("path", String(400), nullable=False),
    Column("service_url", Text, nullable=False),
    Column("subscription_required", Boolean, nullable=False),
    Column("policy", Text, nullable=False),
    Column("allow_any_audience", Boolean, nullable=False),
    Column("provisioning_state", String(20), nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("generation", Integer, nullable=False),  # Raised by every wish.
    Column("applied", Integer, nullable=False),  # The generation that the gateway serves.
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    UniqueConstraint("service", "path"),
)

api_operations = Table(
    "api_operations",
    metadata,
    Column("service", String(50), primary_key=True),
    Column("api", String(256), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("method", String(16), nullable=False),
    Column("url_template", String(1000), nullable=False),
    Column("description", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("allow_any_audience", Boolean, nullable=False),
    ForeignKeyConstraint(["service", "api"], ["apis.service", "apis.name"], ondelete="CASCADE"),
)

api_named_values = Table(
    "api_named_values",
    metadata,
    Column("service", ForeignKey("api_services.name", ondelete="CASCADE"), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("is_secret", Boolean, nullable=False),
    Column("value", Text, nullable=False),  # Empty for a secret.
    Column("sealed", Sealed("apim/{service}/values/{name}"), nullable=False),
    Column("vault_secret", Text, nullable=False),  # VAULT/KEY or VAULT/KEY/VERSION, whose value it has; empty for none.
    Column("tags", JSON, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

api_subscriptions = Table(
    "api_subscriptions",
    metadata,
    Column("service", ForeignKey("api_services.name", ondelete="CASCADE"), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("primary_key", Sealed("apim/{service}/subscriptions/{name}/primary"), nullable=False),
    Column("secondary_key", Sealed("apim/{service}/subscriptions/{name}/secondary"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", JSON, nullable=False),
    CheckConstraint("state IN ('active', 'suspended')", name="state"),
)

api_key_sets = Table(
    # What each OpenID configuration that a policy names said last.
    "api_key_sets",
    metadata,
    Column("url", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("key_set", JSON, nullable=False),
    Column("fetched_at", UtcDateTime, nullable=False),
    Column("error", Text, nullable=False),
    Column("tried_at", UtcDateTime, nullable=False),
)
