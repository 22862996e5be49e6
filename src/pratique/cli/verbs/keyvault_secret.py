"""`keyvault secret`: values go in by a flag, a file or standard input, and come out of `show` alone."""

import base64
import getpass
import os
import re
import sys
from pathlib import Path
from typing import Final

from pratique.base.errors import Conflict, InvalidInput
from pratique.cli.arguments import SET_TAGS, YES
from pratique.cli.confirm import confirm_if_somebody_is_here
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag, switch
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, pairs
from pratique.client.vaults import Secrets

TABLE = Table("keyvault secret")

VAULT: Final = flag("vault_name", "--vault-name", help="Name of the vault.")
NAME: Final = flag("name", "--name", "-n", help="Name of the secret.")
ID: Final = flag("secret_id", "--id", help="The secret's id instead of its vault and name.")
VERSION: Final = flag("version", "--version", "-v", help="A version; the current one by default.")
EXPIRES: Final = flag("expires", help="Told, not enforced: 2027-01-31T00:00:00Z.")
NOT_BEFORE: Final = flag("not_before", "--not-before", help="Told, not enforced: 2026-12-01T00:00:00Z.")
CONTENT_TYPE: Final = flag("content_type", "--content-type", "--description", help="What it is, for people.")
ENCODINGS: Final = ("utf-8", "ascii", "base64", "hex")
COLUMNS: Final = {
    "Name": "name", "Id": "id", "ContentType": "contentType", "Enabled": "attributes.enabled",
    "Expires": "attributes.expires",
}  # fmt: skip

_ID: Final = re.compile(r"https?://[^/]+/vaults/([^/]+)/(?:deleted)?secrets/([^/]+)(?:/([^/]+))?/?")


@TABLE.verb(
    "set",
    arguments=(
        VAULT, NAME,
        flag("value", help="The value; whoever may list processes sees it there, so rather give --file."),
        flag("file", "--file", "-f", help="File with the value; - reads standard input, without its last line end."),
        flag("encoding", "--encoding", "-e", choices=ENCODINGS, default="utf-8",
             help="How the file becomes text; base64 and hex keep any bytes."),
        CONTENT_TYPE, SET_TAGS, EXPIRES, NOT_BEFORE,
        switch("disabled", help="Let nobody read it yet."),
    ),
    examples={
        "From a file": "pratique keyvault secret set --vault-name kv-credit-dev -n api-key --file key.txt",
        "From standard input": "printf %s \"$KEY\" | pratique keyvault secret set --vault-name kv-credit-dev "
        "-n api-key --file -",
    },
    columns=COLUMNS,
)  # fmt: skip
def set_secret(
    platform: Place,
    *,
    vault_name: str | None,
    name: str | None,
    value: str | None,
    file: str | None,
    encoding: str,
    content_type: str | None,
    tags: list[str],
    expires: str | None,
    not_before: str | None,
    disabled: bool,
) -> Document:
    """Make a secret, or another version of it, which is the current one then.

    Without --value and --file it is asked for. The answer does not repeat the value.
    """
    vault, called, _ = _which(vault_name, name, None)
    given = pairs(tags, flag="--tags")
    if value is not None and file is not None:
        raise UsageError("--value and --file exclude each other")
    if file is not None:
        value, given = _from_file(file, encoding), {"file-encoding": encoding, **given}
    body = {
        "value": _asked() if value is None else value,
        "content_type": content_type or "",
        "tags": given,
        "enabled": not disabled,
        **_dates(expires, not_before),
    }
    return Secrets(platform.connection, vault).set(called, body)


@TABLE.verb(
    "show",
    arguments=(VAULT, NAME, ID, VERSION),
    examples={
        "Its value": "pratique keyvault secret show --vault-name kv-credit-dev -n api-key --query value -o tsv",
    },
    columns=COLUMNS,
)
def show(
    platform: Place, *, vault_name: str | None, name: str | None, secret_id: str | None, version: str | None
) -> Document:
    """Show a secret with its value; that you read it is written down."""
    vault, called, said = _which(vault_name, name, secret_id)
    return Secrets(platform.connection, vault).show(called, version or said)


@TABLE.verb(
    "download",
    arguments=(
        VAULT, NAME, ID, VERSION,
        flag("file", "--file", "-f", help="File to write; it must not be there.", required=True),
        flag("encoding", "--encoding", "-e", choices=ENCODINGS, default="utf-8", help="How the text becomes bytes."),
    ),
    examples={"Into a file": "pratique keyvault secret download --vault-name kv-credit-dev -n api-key --file key.txt"},
)  # fmt: skip
def download(
    platform: Place,
    *,
    vault_name: str | None,
    name: str | None,
    secret_id: str | None,
    version: str | None,
    file: str,
    encoding: str,
) -> None:
    """Write the value of a secret to a file that only you can read."""
    vault, called, said = _which(vault_name, name, secret_id)
    found = Secrets(platform.connection, vault).show(called, version or said)
    _write_private(file, _bytes(str(found["value"]), encoding))
    say(f"{file}: the value of {called}")


@TABLE.verb(
    "list",
    arguments=(VAULT,),
    examples={"List the secrets": "pratique keyvault secret list --vault-name kv-credit-dev -o table"},
    columns=COLUMNS,
)
def list_all(platform: Place, *, vault_name: str | None) -> list[Document]:
    """List the secrets of a vault, without values."""
    return Secrets(platform.connection, _vault(vault_name)).all()


@TABLE.verb(
    "list-versions",
    arguments=(VAULT, NAME, ID),
    examples={"Its versions": "pratique keyvault secret list-versions --vault-name kv-credit-dev -n api-key"},
    columns=COLUMNS,
)
def list_versions(
    platform: Place, *, vault_name: str | None, name: str | None, secret_id: str | None
) -> list[Document]:
    """List the versions of a secret, the newest first, without values."""
    vault, called, _ = _which(vault_name, name, secret_id)
    return Secrets(platform.connection, vault).versions(called)


@TABLE.verb(
    "set-attributes",
    arguments=(
        VAULT, NAME, ID, VERSION,
        flag("enabled", choices=["true", "false"], help="Whether it can be read."),
        CONTENT_TYPE, SET_TAGS, EXPIRES, NOT_BEFORE,
    ),
    examples={
        "Let nobody read it": "pratique keyvault secret set-attributes --vault-name kv-credit-dev -n api-key "
        "--enabled false"
    },
    columns=COLUMNS,
)  # fmt: skip
def set_attributes(
    platform: Place,
    *,
    vault_name: str | None,
    name: str | None,
    secret_id: str | None,
    version: str | None,
    enabled: str | None,
    content_type: str | None,
    tags: list[str],
    expires: str | None,
    not_before: str | None,
) -> Document:
    """Change what is said about a version of a secret."""
    vault, called, said = _which(vault_name, name, secret_id)
    changes: Document = _dates(expires, not_before)
    changes |= {"enabled": enabled == "true"} if enabled else {}
    changes |= {"content_type": content_type} if content_type is not None else {}
    changes |= {"tags": pairs(tags, flag="--tags")} if tags else {}
    if not changes:
        raise UsageError("nothing to change", hint="give --enabled, --tags, --expires or --content-type")
    return Secrets(platform.connection, vault).change(called, changes, version or said)


@TABLE.verb(
    "delete",
    arguments=(VAULT, NAME, ID),
    examples={"Delete it": "pratique keyvault secret delete --vault-name kv-credit-dev -n api-key"},
)
def delete(platform: Place, *, vault_name: str | None, name: str | None, secret_id: str | None) -> Document:
    """Delete a secret with its versions; until the vault's days are over it can be recovered."""
    vault, called, _ = _which(vault_name, name, secret_id)
    return Secrets(platform.connection, vault).delete(called)


@TABLE.verb(
    "list-deleted",
    arguments=(VAULT,),
    examples={"What can be recovered": "pratique keyvault secret list-deleted --vault-name kv-credit-dev"},
    columns=COLUMNS,
)
def list_deleted(platform: Place, *, vault_name: str | None) -> list[Document]:
    """List the deleted secrets."""
    return Secrets(platform.connection, _vault(vault_name)).deleted()


@TABLE.verb(
    "recover",
    arguments=(VAULT, NAME, ID),
    examples={"Take it back": "pratique keyvault secret recover --vault-name kv-credit-dev -n api-key"},
)
def recover(platform: Place, *, vault_name: str | None, name: str | None, secret_id: str | None) -> Document:
    """Take a deleted secret back with its versions."""
    vault, called, _ = _which(vault_name, name, secret_id)
    return Secrets(platform.connection, vault).recover(called)


@TABLE.verb(
    "purge",
    arguments=(VAULT, NAME, ID, YES),
    examples={"Remove it for good": "pratique keyvault secret purge --vault-name kv-credit-dev -n api-key --yes"},
)
def purge(platform: Place, *, vault_name: str | None, name: str | None, secret_id: str | None, yes: bool) -> None:
    """Remove a deleted secret for good."""
    vault, called, _ = _which(vault_name, name, secret_id)
    confirm_if_somebody_is_here(
        f"The deleted secret {called} of {vault} will be removed with its versions, for good.", yes=yes
    )
    Secrets(platform.connection, vault).purge(called)
    say(f"{called}: purged")


def _which(vault: str | None, name: str | None, secret_id: str | None) -> tuple[str, str, str]:
    """The vault, the name and the version, empty for none, from the flags or the id."""
    if secret_id:
        if vault or name:
            raise UsageError("--id stands alone, without --vault-name and --name")
        if found := _ID.fullmatch(secret_id):
            return found[1], found[2], found[3] or ""
        raise UsageError(
            f"--id: {secret_id[:200]!r} is not the id of a secret", hint="see pratique keyvault secret list"
        )
    if not name:
        raise UsageError("--name/-n is required")
    return _vault(vault), name, ""


def _vault(name: str | None) -> str:
    if not name:
        raise UsageError("--vault-name is required")
    return name


def _dates(expires: str | None, not_before: str | None) -> Document:
    said = {"expires": expires, "not_before": not_before}
    return {key: value for key, value in said.items() if value is not None}


def _asked() -> str:
    if not sys.stdin.isatty():
        raise UsageError("--value or --file is required", hint="--file - reads standard input")
    return getpass.getpass("Value: ")


def _from_file(file: str, encoding: str) -> str:
    try:
        if file == "-":
            raw = sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
        else:
            raw = Path(file).read_bytes()
    except OSError as error:
        raise InvalidInput(f"--file: {file} cannot be read: {error.strerror}") from error
    if encoding == "base64":
        return base64.b64encode(raw).decode()
    if encoding == "hex":
        return raw.hex()
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        # Its text would show what could not be decoded.
        raise InvalidInput(
            f"--file: {file} is not text in {encoding}", hint="--encoding base64 keeps any bytes"
        ) from None


def _bytes(value: str, encoding: str) -> bytes:
    try:
        if encoding == "base64":
            return base64.b64decode(value, validate=True)
        return bytes.fromhex(value) if encoding == "hex" else value.encode(encoding)
    except ValueError:
        raise InvalidInput(f"the value is not {encoding}", hint="leave --encoding out") from None


def _write_private(file: str, data: bytes) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{file} is there already", hint="remove it, or choose another place") from error
    except OSError as error:
        raise InvalidInput(f"--file: {file} cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
