"""Datastores: places for data outside of the content store, and what opens them.

One class for each `type`, because each has keys of its own. Nothing reads or
writes them in this version; a file that describes one is checked in full.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Discriminator, Field, Tag

from pratique.specs.grammar import Part, Spec
from pratique.specs.key_types import AssetName, Choice, FilledText, QuotedTags, Text

AUTHORITY = "https://login.microsoftonline.com"
"""Where identities of Azure's public cloud are asked for."""


class AccountKey(Part):
    """The key of a storage account."""

    account_key: FilledText = Field(repr=False, description="The key of the storage account.")


class SasToken(Part):
    """A signed token for a part of a storage account."""

    sas_token: FilledText = Field(repr=False, description="The signed token.")


class _Principal(Part):
    """What every service principal says of itself."""

    tenant_id: FilledText = Field(description="Tenant of the service principal.")
    client_id: FilledText = Field(description="Id of the service principal.")
    authority_url: Text = Field(default=AUTHORITY, description="Who vouches for it.")
    resource_url: Text | None = Field(default=None, description="What it asks access to.")


class ServicePrincipal(_Principal):
    """A service principal with a secret."""

    client_secret: FilledText = Field(repr=False, description="Its secret.")


class Certificate(_Principal):
    """A service principal with a certificate."""

    thumbprint: FilledText = Field(description="Thumbprint of the certificate.")
    certificate: Text | None = Field(default=None, repr=False, description="The certificate itself.")


class NoCredentials(Part):
    """Whoever asks is let in, or the identity of the caller decides."""


def _credentials(value: Any) -> str:
    """Which credentials a mapping means, by the keys that only they have."""
    if isinstance(value, BaseModel):
        return f"<{type(value).__name__}>"
    given = value if isinstance(value, Mapping) else {}
    if "sas_token" in given:
        return "<SasToken>"
    if "thumbprint" in given or "certificate" in given:
        return "<Certificate>"
    if "client_secret" in given or "client_id" in given or "tenant_id" in given:
        return "<ServicePrincipal>"
    return "<NoCredentials>" if given == {} and isinstance(value, Mapping) else "<AccountKey>"


StorageCredentials: TypeAlias = Annotated[
    Annotated[AccountKey, Tag("<AccountKey>")]
    | Annotated[SasToken, Tag("<SasToken>")]
    | Annotated[NoCredentials, Tag("<NoCredentials>")],
    Discriminator(lambda value: tag if (tag := _credentials(value)) in _STORAGE else "<AccountKey>"),
]
_STORAGE = frozenset({"<AccountKey>", "<SasToken>", "<NoCredentials>"})
IdentityCredentials: TypeAlias = Annotated[
    Annotated[ServicePrincipal, Tag("<ServicePrincipal>")]
    | Annotated[Certificate, Tag("<Certificate>")]
    | Annotated[NoCredentials, Tag("<NoCredentials>")],
    Discriminator(lambda value: tag if (tag := _credentials(value)) in _IDENTITY else "<ServicePrincipal>"),
]
_IDENTITY = frozenset({"<ServicePrincipal>", "<Certificate>", "<NoCredentials>"})


class _Datastore(Spec):
    """What every datastore has."""

    written_by_platform = Spec.written_by_platform | {"is_default", "has_credentials"}

    name: AssetName = Field(description="Name of the datastore.")
    description: Text | None = Field(default=None, description="What it is, for people.")
    tags: QuotedTags = Field(default_factory=dict, description="Tags; they can be changed later.")


class _Account(_Datastore):
    """What every datastore in a storage account has."""

    account_name: FilledText = Field(description="Name of the storage account.")
    endpoint: Text = Field(default="core.windows.net", description="Suffix of the account's address.")
    protocol: Text = Field(default="https", description="Protocol of the account's address.")


class BlobDatastore(_Account):
    """A container of blobs."""

    type: Annotated[Literal["azure_blob"], Choice] = Field(description="Kind of the datastore.")
    container_name: FilledText = Field(description="Name of the container.")
    credentials: StorageCredentials | None = Field(default=None, description="What opens it.")


class FileDatastore(_Account):
    """A share of files."""

    type: Annotated[Literal["azure_file"], Choice] = Field(description="Kind of the datastore.")
    file_share_name: FilledText = Field(description="Name of the share.")
    credentials: StorageCredentials | None = Field(default=None, description="What opens it.")


class Gen2Datastore(_Account):
    """A file system of Data Lake Storage Gen2."""

    type: Annotated[Literal["azure_data_lake_gen2"], Choice] = Field(description="Kind of the datastore.")
    filesystem: FilledText = Field(description="Name of the file system.")
    credentials: IdentityCredentials | None = Field(default=None, description="What opens it.")


class Gen1Datastore(_Datastore):
    """A store of Data Lake Storage Gen1."""

    type: Annotated[Literal["azure_data_lake_gen1"], Choice] = Field(description="Kind of the datastore.")
    store_name: FilledText = Field(description="Name of the store.")
    credentials: IdentityCredentials | None = Field(default=None, description="What opens it.")


class OneLakeArtifact(Part):
    """What of a OneLake workspace is meant."""

    name: FilledText = Field(description="Name or id of it.")
    type: Annotated[Literal["lake_house"], Choice] = Field(default="lake_house", description="Kind of it.")


class OneLakeDatastore(_Datastore):
    """A lake house of Microsoft Fabric."""

    type: Annotated[Literal["one_lake"], Choice] = Field(description="Kind of the datastore.")
    one_lake_workspace_name: FilledText = Field(description="Name or id of the Fabric workspace.")
    endpoint: FilledText = Field(description="Address of OneLake.")
    artifact: OneLakeArtifact = Field(description="What of the workspace is meant.")
    credentials: IdentityCredentials | None = Field(default=None, description="What opens it.")
