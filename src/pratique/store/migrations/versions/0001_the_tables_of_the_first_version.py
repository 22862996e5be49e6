"""The tables of the first version"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=128), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_events_subject_sequence"), ["subject", "sequence"], unique=False)
        batch_op.create_index(batch_op.f("ix_events_type_sequence"), ["type", "sequence"], unique=False)

    op.create_table(
        "journal_seals",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_journal_seals")),
    )

    op.create_table(
        "manifests",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_manifests")),
    )
    op.create_table(
        "principals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=True),
        sa.Column("secret_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_generation", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('user', 'service_principal', 'group', 'managed_identity')", name=op.f("ck_principals_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principals")),
        sa.UniqueConstraint("name", name=op.f("uq_principals_name")),
    )
    op.create_table(
        "principal_members",
        sa.Column("group", sa.String(length=36), nullable=False),
        sa.Column("member", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group"], ["principals.id"], name=op.f("fk_principal_members_group"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["member"], ["principals.id"], name=op.f("fk_principal_members_member"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group", "member", name=op.f("pk_principal_members")),
    )
    op.create_index(op.f("ix_principal_members_member"), "principal_members", ["member"], unique=False)
    op.create_table(
        "federated_credentials",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("principal", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal"], ["principals.id"], name=op.f("fk_federated_credentials_principal"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_federated_credentials")),
        sa.UniqueConstraint("principal", "name", name=op.f("uq_federated_credentials_principal_name")),
    )
    op.create_table(
        "role_definitions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("not_actions", sa.JSON(), nullable=False),
        sa.Column("data_actions", sa.JSON(), nullable=False),
        sa.Column("not_data_actions", sa.JSON(), nullable=False),
        sa.Column("assignable_scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_definitions")),
        sa.UniqueConstraint("key", name=op.f("uq_role_definitions_key")),
    )
    op.create_table(
        "resource_groups",
        sa.Column("name", sa.String(length=90), nullable=False),
        sa.Column("location", sa.String(length=90), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_resource_groups")),
    )
    op.create_table(
        "assigned_identities",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("resource_group", sa.String(length=90), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("location", sa.String(length=90), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["id"], ["principals.id"], name=op.f("fk_assigned_identities_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["resource_group"], ["resource_groups.name"], name=op.f("fk_assigned_identities_resource_group")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assigned_identities")),
        sa.UniqueConstraint("resource_group", "name", name=op.f("uq_assigned_identities_resource_group_name")),
    )
    op.create_table(
        "browser_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("principal", sa.String(length=36), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("purpose IN ('link', 'session')", name=op.f("ck_browser_tokens_purpose")),
        sa.ForeignKeyConstraint(
            ["principal"], ["principals.id"], name=op.f("fk_browser_tokens_principal"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_browser_tokens")),
    )
    op.create_table(
        "role_assignments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("principal", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal"], ["principals.id"], name=op.f("fk_role_assignments_principal"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_assignments")),
        sa.UniqueConstraint("principal", "role", "scope", name=op.f("uq_role_assignments_principal_role_scope")),
    )
    op.create_table(
        "workspaces",
        sa.Column("name", sa.String(length=33), nullable=False),
        sa.Column("resource_group", sa.String(length=90), nullable=False),
        sa.Column("location", sa.String(length=90), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.Column("tracking", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_group"], ["resource_groups.name"], name=op.f("fk_workspaces_resource_group")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("tracking", name=op.f("uq_workspaces_tracking")),
    )
    op.create_table(
        "artifacts",
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_artifacts_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace", "path", name=op.f("pk_artifacts")),
    )
    op.create_table(
        "assets",
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("next_version", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('data', 'environments', 'models', 'components')", name=op.f("ck_assets_kind")),
        sa.CheckConstraint("next_version >= 1", name=op.f("ck_assets_next_version")),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_assets_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace", "kind", "name", name=op.f("pk_assets")),
    )
    op.create_table(
        "computes",
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.CheckConstraint("state IN ('Running', 'Stopped')", name=op.f("ck_computes_state")),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_computes_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace", "name", name=op.f("pk_computes")),
    )
    op.create_table(
        "data_profiles",
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("manifest", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_data_profiles_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace", "manifest", name=op.f("pk_data_profiles")),
    )
    op.create_table(
        "trusted_keys",
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_trusted_keys_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace", "fingerprint", name=op.f("pk_trusted_keys")),
        sa.UniqueConstraint("workspace", "name", name=op.f("uq_trusted_keys_workspace_name")),
    )
    op.create_table(
        "model_signatures",
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("manifest", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_model_signatures_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace", "manifest", "fingerprint", name=op.f("pk_model_signatures")),
    )
    op.create_table(
        "datastores",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_datastores_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datastores")),
        sa.UniqueConstraint("workspace", "name", name=op.f("uq_datastores_workspace_name")),
    )
    op.create_table(
        "datastore_files",
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("datastore", sa.String(length=255), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_datastore_files_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace", "datastore", "path", name=op.f("pk_datastore_files")),
    )
    op.create_table(
        "holdings",
        sa.Column("workspace", sa.String(length=96), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('blob', 'manifest')", name=op.f("ck_holdings_kind")),
        sa.PrimaryKeyConstraint("workspace", "digest", "kind", name=op.f("pk_holdings")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("parent", sa.String(length=36), nullable=True),
        sa.Column("root", sa.String(length=36), nullable=True),
        sa.Column("step", sa.String(length=255), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("reused_from", sa.String(length=36), nullable=True),
        sa.Column("cores", sa.Float(), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.Column("git", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("experiment_id", sa.String(length=64), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("outputs", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.Column("lease_token", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('NotStarted', 'Queued', 'Starting', 'Preparing', 'Running', 'Finalizing', 'Completed', 'Failed', 'Canceled')",
            name=op.f("ck_jobs_status"),
        ),
        sa.CheckConstraint("type IN ('command', 'pipeline')", name=op.f("ck_jobs_type")),
        sa.CheckConstraint("(parent IS NULL) = (root IS NULL)", name=op.f("ck_jobs_parent")),
        sa.ForeignKeyConstraint(["workspace"], ["workspaces.name"], name=op.f("fk_jobs_workspace"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("workspace", "name", name=op.f("uq_jobs_workspace_name")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_status_created_at"), ["status", "created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_root"), ["root"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_workspace_fingerprint"), ["workspace", "fingerprint"], unique=False)

    op.create_table(
        "online_endpoints",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("traffic", sa.JSON(), nullable=False),
        sa.Column("mirror_traffic", sa.JSON(), nullable=False),
        sa.Column("primary_key", sa.Text(), nullable=False),
        sa.Column("secondary_key", sa.Text(), nullable=False),
        sa.Column("provisioning_state", sa.String(length=20), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.Column("lease_token", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name=op.f("fk_online_endpoints_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_online_endpoints")),
        sa.UniqueConstraint("workspace", "name", name=op.f("uq_online_endpoints_workspace_name")),
    )
    op.create_table(
        "asset_labels",
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace", "kind", "name"],
            ["assets.workspace", "assets.kind", "assets.name"],
            name=op.f("fk_asset_labels_workspace_kind_name"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace", "kind", "name", "label", name=op.f("pk_asset_labels")),
    )
    op.create_table(
        "asset_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=30), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("manifest", sa.String(length=64), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("job_name", sa.String(length=255), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace", "kind", "name"],
            ["assets.workspace", "assets.kind", "assets.name"],
            name=op.f("fk_asset_versions_workspace_kind_name"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_versions")),
        sa.UniqueConstraint(
            "workspace", "kind", "name", "version", name=op.f("uq_asset_versions_workspace_kind_name_version")
        ),
    )
    with op.batch_alter_table("asset_versions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_asset_versions_workspace_kind_run_id"),
            ["workspace", "kind", "run_id"],
            unique=False,
        )

    op.create_table(
        "examinations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.Column("lease_token", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('conversion', 'profile', 'scan')", name=op.f("ck_examinations_kind")),
        sa.CheckConstraint(
            "status IN ('Queued', 'Running', 'Completed', 'Failed')", name=op.f("ck_examinations_status")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["asset_versions.id"], name=op.f("fk_examinations_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_examinations")),
    )
    with op.batch_alter_table("examinations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_examinations_version_id_kind"), ["version_id", "kind"], unique=False)

    op.create_table(
        "online_deployments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=33), nullable=False),
        sa.Column("endpoint", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("all_traffic", sa.Boolean(), nullable=False),
        sa.Column("provisioning_state", sa.String(length=20), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("applied_spec", sa.JSON(), nullable=False),
        sa.Column("timings", sa.JSON(), nullable=False),
        sa.Column("retire_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.Column("lease_token", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["online_endpoints.id"],
            name=op.f("fk_online_deployments_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_online_deployments")),
        sa.UniqueConstraint("endpoint_id", "name", name=op.f("uq_online_deployments_endpoint_id_name")),
    )

    op.create_table(
        "replicas",
        sa.Column("deployment_id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("falls", sa.Integer(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('Starting', 'Ready', 'Unready', 'Down')", name=op.f("ck_replicas_state")),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["online_deployments.id"],
            name=op.f("fk_replicas_deployment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", "revision", "slot", name=op.f("pk_replicas")),
    )

    op.create_table(
        "counters",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=255), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "prefix", name=op.f("pk_counters")),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("repository_type", sa.String(length=16), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("queue_status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "queue_status IN ('enabled', 'paused', 'disabled')", name=op.f("ck_deliveries_queue_status")
        ),
        sa.CheckConstraint("repository_type IN ('git', 'folder')", name=op.f("ck_deliveries_repository_type")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_deliveries_project"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("project", "name", name=op.f("uq_deliveries_project_name")),
    )
    op.create_table(
        "delivery_runs",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("delivery", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("system", sa.JSON(), nullable=False),
        sa.Column("counted", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=24), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("canceled_by", sa.JSON(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("appends_message", sa.Boolean(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.Column("lease_token", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('notStarted', 'inProgress', 'cancelling', 'completed')", name=op.f("ck_delivery_runs_status")
        ),
        sa.ForeignKeyConstraint(
            ["delivery"], ["deliveries.id"], name=op.f("fk_delivery_runs_delivery"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_runs")),
    )
    with op.batch_alter_table("delivery_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_runs_delivery_id"), ["delivery", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_delivery_runs_status_created_at"), ["status", "created_at"], unique=False)

    op.create_table(
        "delivery_artifacts",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("manifest", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run"], ["delivery_runs.id"], name=op.f("fk_delivery_artifacts_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run", "name", name=op.f("pk_delivery_artifacts")),
    )
    op.create_table(
        "delivery_stages",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=24), nullable=True),
        sa.Column("decided", sa.String(length=24), nullable=True),
        sa.Column("admission", sa.String(length=16), nullable=True),
        sa.Column("is_triggered", sa.Boolean(), nullable=False),
        sa.Column("outlives_cancel", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'waiting', 'running', 'completed')", name=op.f("ck_delivery_stages_state")
        ),
        sa.ForeignKeyConstraint(["run"], ["delivery_runs.id"], name=op.f("fk_delivery_stages_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "name", name=op.f("pk_delivery_stages")),
    )
    op.create_table(
        "delivery_units",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=255), nullable=False),
        sa.Column("job", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=24), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("outputs", sa.JSON(), nullable=False),
        sa.Column("secret_outputs", sa.Text(), nullable=True),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("cancel_timeout", sa.Integer(), nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("runs_on_server", sa.Boolean(), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'completed')", name=op.f("ck_delivery_units_state")),
        sa.ForeignKeyConstraint(["run"], ["delivery_runs.id"], name=op.f("fk_delivery_units_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_units")),
        sa.UniqueConstraint(
            "run", "stage", "job", "name", "attempt", name=op.f("uq_delivery_units_run_stage_job_name_attempt")
        ),
    )
    with op.batch_alter_table("delivery_units", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_units_look_at"), ["look_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_delivery_units_state_created_at"), ["state", "created_at"], unique=False)

    op.create_table(
        "delivery_jobs",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=24), nullable=True),
        sa.Column("decided", sa.String(length=24), nullable=True),
        sa.Column("expected", sa.JSON(), nullable=False),
        sa.Column("continues_on_error", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'running', 'completed')", name=op.f("ck_delivery_jobs_state")),
        sa.ForeignKeyConstraint(
            ["run", "stage"],
            ["delivery_stages.run", "delivery_stages.name"],
            name=op.f("fk_delivery_jobs_run_stage"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run", "stage", "name", name=op.f("pk_delivery_jobs")),
    )
    op.create_table(
        "delivery_steps",
        sa.Column("unit", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=24), nullable=True),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["unit"], ["delivery_units.id"], name=op.f("fk_delivery_steps_unit"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("unit", "number", name=op.f("pk_delivery_steps")),
    )

    op.create_table(
        "repositories",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("default_branch", sa.Text(), nullable=False),
        sa.Column("denies_force", sa.Boolean(), nullable=False),
        sa.Column("denies_deletes", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_login", sa.Text(), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.name"], name=op.f("fk_repositories_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("project", "name", name=op.f("uq_repositories_project_name")),
    )
    with op.batch_alter_table("repositories", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_repositories_look_at"), ["look_at"], unique=False)

    op.create_table(
        "repository_refs",
        sa.Column("repository", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("object", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository"], ["repositories.id"], name=op.f("fk_repository_refs_repository"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository", "name", name=op.f("pk_repository_refs")),
    )
    op.create_table(
        "pushes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("repository", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("wished", sa.JSON(), nullable=False),
        sa.Column("updates", sa.JSON(), nullable=False),
        sa.Column("decisions", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.Column("lease_token", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('Receiving', 'Received', 'Decided', 'Void')", name=op.f("ck_pushes_state")),
        sa.ForeignKeyConstraint(
            ["repository"], ["repositories.id"], name=op.f("fk_pushes_repository"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushes")),
    )
    with op.batch_alter_table("pushes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pushes_state_created_at"), ["state", "created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_pushes_repository_id"), ["repository", "id"], unique=False)
    op.create_table('service_connections',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=128), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('principal', sa.String(length=36), nullable=True),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('resource_group', sa.String(length=90), nullable=False),
    sa.Column('workspace', sa.String(length=33), nullable=False),
    sa.Column('is_for_all', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['principal'], ['principals.id'], name=op.f('fk_service_connections_principal'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['project'], ['projects.name'], name=op.f('fk_service_connections_project'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service_connections')),
    sa.UniqueConstraint('project', 'name', name=op.f('uq_service_connections_project_name'))
    )
    op.create_table('stage_environments',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=128), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('lock_run', sa.Integer(), nullable=True),
    sa.Column('lock_stage', sa.String(length=255), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.JSON(), nullable=False),
    sa.CheckConstraint('(lock_run IS NULL) = (lock_stage IS NULL)', name=op.f('ck_stage_environments_lock')),
    sa.ForeignKeyConstraint(['project'], ['projects.name'], name=op.f('fk_stage_environments_project'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stage_environments')),
    sa.UniqueConstraint('project', 'name', name=op.f('uq_stage_environments_project_name'))
    )
    op.create_table('variable_groups',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=128), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('vault', sa.String(length=24), nullable=True),
    sa.Column('is_for_all', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['project'], ['projects.name'], name=op.f('fk_variable_groups_project'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_variable_groups')),
    sa.UniqueConstraint('project', 'name', name=op.f('uq_variable_groups_project_name'))
    )
    op.create_table('vaults',
    sa.Column('name', sa.String(length=24), nullable=False),
    sa.Column('resource_group', sa.String(length=90), nullable=False),
    sa.Column('location', sa.String(length=90), nullable=False),
    sa.Column('tags', sa.JSON(), nullable=False),
    sa.Column('retention_days', sa.Integer(), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.JSON(), nullable=False),
    sa.CheckConstraint('retention_days BETWEEN 7 AND 90', name=op.f('ck_vaults_retention_days')),
    sa.ForeignKeyConstraint(['resource_group'], ['resource_groups.name'], name=op.f('fk_vaults_resource_group')),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_vaults'))
    )
    op.create_table('delivery_permissions',
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('resource', sa.String(length=36), nullable=False),
    sa.Column('delivery', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.JSON(), nullable=False),
    sa.CheckConstraint("kind IN ('variable_group', 'service_connection', 'environment', 'repository', 'repository_push')", name=op.f('ck_delivery_permissions_kind')),
    sa.ForeignKeyConstraint(['delivery'], ['deliveries.id'], name=op.f('fk_delivery_permissions_delivery'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('kind', 'resource', 'delivery', name=op.f('pk_delivery_permissions'))
    )
    op.create_table('environment_checks',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('environment_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('settings', sa.JSON(), nullable=False),
    sa.Column('timeout_minutes', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['environment_id'], ['stage_environments.id'], name=op.f('fk_environment_checks_environment_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_environment_checks'))
    )
    op.create_table('group_variables',
    sa.Column('group_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=256), nullable=False),
    sa.Column('name', sa.String(length=256), nullable=False),
    sa.Column('is_secret', sa.Boolean(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['variable_groups.id'], name=op.f('fk_group_variables_group_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('group_id', 'key', name=op.f('pk_group_variables'))
    )
    op.create_table('secrets',
    sa.Column('vault', sa.String(length=24), nullable=False),
    sa.Column('key', sa.String(length=127), nullable=False),
    sa.Column('name', sa.String(length=127), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('purge_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(deleted_at IS NULL) = (purge_at IS NULL)', name=op.f('ck_secrets_deleted')),
    sa.ForeignKeyConstraint(['vault'], ['vaults.name'], name=op.f('fk_secrets_vault'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('vault', 'key', name=op.f('pk_secrets'))
    )
    op.create_table('vault_policies',
    sa.Column('vault', sa.String(length=24), nullable=False),
    sa.Column('holder', sa.String(length=64), nullable=False),
    sa.Column('permissions', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['vault'], ['vaults.name'], name=op.f('fk_vault_policies_vault'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('vault', 'holder', name=op.f('pk_vault_policies'))
    )
    op.create_table('asked_checks',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('run', sa.Integer(), nullable=False),
    sa.Column('stage', sa.String(length=255), nullable=False),
    sa.Column('environment_id', sa.Integer(), nullable=False),
    sa.Column('environment', sa.String(length=128), nullable=False),
    sa.Column('project', sa.String(length=64), nullable=False),
    sa.Column('check_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('settings', sa.JSON(), nullable=False),
    sa.Column('requested_by', sa.JSON(), nullable=False),
    sa.Column('bound', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('answers', sa.JSON(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'waiting', 'passed', 'failed', 'expired', 'withdrawn', 'voided')", name=op.f('ck_asked_checks_state')),
    sa.ForeignKeyConstraint(['project'], ['projects.name'], name=op.f('fk_asked_checks_project'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['run'], ['delivery_runs.id'], name=op.f('fk_asked_checks_run'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_asked_checks')),
    sa.UniqueConstraint('run', 'stage', 'check_id', name=op.f('uq_asked_checks_run_stage_check_id'))
    )
    with op.batch_alter_table('asked_checks', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_asked_checks_state_project'), ['state', 'project'], unique=False)
        batch_op.create_index(batch_op.f("ix_asked_checks_look_at"), ["look_at"], unique=False)

    op.create_table('run_uses',
    sa.Column('run', sa.Integer(), nullable=False),
    sa.Column('workspace', sa.String(length=33), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=320), nullable=False),
    sa.Column('is_made', sa.Boolean(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['run'], ['delivery_runs.id'], name=op.f('fk_run_uses_run'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('run', 'workspace', 'kind', 'digest', 'name', name=op.f('pk_run_uses'))
    )
    op.create_table('secret_versions',
    sa.Column('vault', sa.String(length=24), nullable=False),
    sa.Column('key', sa.String(length=127), nullable=False),
    sa.Column('version', sa.String(length=32), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('content_type', sa.Text(), nullable=False),
    sa.Column('tags', sa.JSON(), nullable=False),
    sa.Column('is_enabled', sa.Boolean(), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['vault', 'key'], ['secrets.vault', 'secrets.key'], name=op.f('fk_secret_versions_vault_key'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('vault', 'key', 'version', name=op.f('pk_secret_versions')),
    sa.UniqueConstraint('vault', 'key', 'ordinal', name=op.f('uq_secret_versions_vault_key_ordinal'))
    )

    op.create_table(
        "delivery_waits",
        sa.Column("delivery", sa.Integer(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery"], ["deliveries.id"], name=op.f("fk_delivery_waits_delivery"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery", "branch", name=op.f("pk_delivery_waits")),
    )
    op.create_table(
        "delivery_schedules",
        sa.Column("delivery", sa.Integer(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("is_always", sa.Boolean(), nullable=False),
        sa.Column("is_batched", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery"], ["deliveries.id"], name=op.f("fk_delivery_schedules_delivery"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery", "branch", "position", name=op.f("pk_delivery_schedules")),
    )
    with op.batch_alter_table("delivery_schedules", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_schedules_due_at"), ["due_at"], unique=False)

    op.create_table(
        "trigger_positions",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_trigger_positions")),
    )
    op.create_table(
        "api_services",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("resource_group", sa.String(length=90), nullable=False),
        sa.Column("location", sa.String(length=90), nullable=False),
        sa.Column("publisher_name", sa.Text(), nullable=False),
        sa.Column("publisher_email", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("allow_any_audience", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_group"], ["resource_groups.name"], name=op.f("fk_api_services_resource_group")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_services")),
    )
    op.create_table(
        "apis",
        sa.Column("service", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("service_url", sa.Text(), nullable=False),
        sa.Column("subscription_required", sa.Boolean(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("allow_any_audience", sa.Boolean(), nullable=False),
        sa.Column("provisioning_state", sa.String(length=20), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["service"], ["api_services.name"], name=op.f("fk_apis_service"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("service", "name", name=op.f("pk_apis")),
        sa.UniqueConstraint("service", "path", name=op.f("uq_apis_service_path")),
    )
    op.create_table(
        "api_operations",
        sa.Column("service", sa.String(length=50), nullable=False),
        sa.Column("api", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("url_template", sa.String(length=1000), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("allow_any_audience", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["service", "api"],
            ["apis.service", "apis.name"],
            name=op.f("fk_api_operations_service_api"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("service", "api", "name", name=op.f("pk_api_operations")),
    )
    op.create_table(
        "api_named_values",
        sa.Column("service", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("is_secret", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("vault_secret", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["service"], ["api_services.name"], name=op.f("fk_api_named_values_service"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("service", "name", name=op.f("pk_api_named_values")),
    )
    op.create_table(
        "api_subscriptions",
        sa.Column("service", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("primary_key", sa.Text(), nullable=False),
        sa.Column("secondary_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.JSON(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_api_subscriptions_state")),
        sa.ForeignKeyConstraint(
            ["service"], ["api_services.name"], name=op.f("fk_api_subscriptions_service"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("service", "name", name=op.f("pk_api_subscriptions")),
    )
    op.create_table(
        "api_key_sets",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("key_set", sa.JSON(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_api_key_sets")),
    )
