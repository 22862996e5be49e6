"""`audit`: the journal as evidence."""

import json
from collections.abc import Generator
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, StorageFailed, Unavailable
from pratique.cli.place import Place
from pratique.cli.table import Document, Report, Table, Text, flag
from pratique.cli.talk import say, warn
from pratique.client.audit import Audit
from pratique.client.connection import StreamCutError
from pratique.content.journal_verifier import NotWholeError, Verified, changes_in, read_keys, verify

TABLE = Table("audit")
_EXPORTED: Final = flag("file", "--file", "-f", help="An exported journal instead of the platform's.")
_TARGET: Final = flag("file", "--file", "-f", help="Where it is written; a file that is not there yet.", required=True)
_KEY: Final = flag("key", help="The public key that was kept elsewhere, as PEM; else the platform's own.")
_HEAD: Final = flag("head", help="A signed head that was kept elsewhere, as `audit head` wrote it.")
_HEAD_FILE: Final = flag("file", "--file", "-f", help="Also write it to this file.")


@TABLE.verb(
    "verify",
    arguments=(_EXPORTED, _KEY, _HEAD),
    examples={
        "The journal of the platform": "pratique audit verify",
        "Against what was kept elsewhere": "pratique audit verify --key /mnt/kept/key.pem --head /mnt/kept/head.json",
    },
)
def verify_journal(platform: Place, *, file: str | None, key: str | None, head: str | None) -> Report:
    """Verify every event and every signature; exit code 1 when the journal is not whole.

    Each event names the hash of the one before, and every second the engine signs what was told. So a row that was
    changed, removed, added or moved is found. That the end was cut off, or that all was written and signed anew by
    whoever has the key, is found only against a head that was kept elsewhere: see `pratique audit head`.
    """
    known = {} if key and file else Audit(platform.connection).key()
    keys = read_keys_of(_read(key) if key else str(known["public_key"]), key or "the key")
    kept = _read_head(head) if head else None
    try:
        with closing(_lines(platform, file)) as lines:
            changes = changes_in(lines) if file else known["changes"]
        with closing(_lines(platform, file)) as lines:
            found = verify(lines, keys, kept, changes)
    except NotWholeError as error:
        said = {"whole": False, "problem": str(error), "kept_key": bool(key), "kept_head": bool(head)}
        return Report(f"NOT WHOLE: {error}", values=said, exit_code=1)
    return Report(_told(found, kept_key=bool(key)), values=_document(found, kept_key=bool(key)))


@TABLE.verb(
    "export",
    arguments=(_TARGET,),
    examples={"Into a file": "pratique audit export --file journal.jsonl"},
)
def export(platform: Place, *, file: str) -> Document:
    """Write the journal with its seals as JSON Lines, which `pratique audit verifier` checks without a platform."""
    count = 0
    try:
        with Path(file).open("x", encoding="utf-8", errors="backslashreplace", newline="\n") as target:
            for line in _lines(platform, None):
                target.write(f"{line}\n")
                count += 1
    except FileExistsError as error:
        raise InvalidInput(f"{file} is there already", hint="choose another name") from error
    except OSError as error:
        raise StorageFailed(f"{file} cannot be written: {error.strerror}") from error
    say(f"{file}: {count:,} lines")
    return {"file": file, "lines": count}


@TABLE.verb(
    "head",
    arguments=(_HEAD_FILE,),
    examples={
        "Show it": "pratique audit head",
        "Keep it where whoever runs the platform cannot write": "pratique audit head --file /mnt/kept/head.json",
    },
)
def head(platform: Place, *, file: str | None) -> Document:
    """Show the newest seal: number and hash of the last event that it covers, signed.

    Kept elsewhere, it proves later that nothing before it was cut off or written anew.
    """
    found = Audit(platform.connection).head()
    if file:
        try:
            Path(file).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageFailed(f"{file} cannot be written: {error.strerror}") from error
        say(f"{file}: the head of event {found['seal']['last']}")
    return found


@TABLE.verb(
    "verifier",
    examples={"Write it beside an exported journal": "pratique audit verifier > journal_verifier.py"},
)
def verifier() -> Text:
    """Print the program that verifies an exported journal without a platform: Python and `cryptography`, one file."""
    return Text(resources.files("pratique.content").joinpath("journal_verifier.py").read_text(encoding="utf-8"))


def read_keys_of(pem: str, name: str) -> dict[str, Any]:
    """The public keys of a text; raises `InvalidInput` for anything else."""
    try:
        return dict(read_keys(pem))
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}", hint="pratique audit key show -o tsv --query public_key") from error


def _lines(platform: Place, file: str | None) -> Generator[str, None, None]:
    if file is None:
        try:
            yield from Audit(platform.connection).lines()
        except StreamCutError as error:
            raise Unavailable(f"the journal broke off: {error}", hint="pratique status; see its log") from error
        return
    try:
        with Path(file).open(encoding="utf-8", errors="backslashreplace", newline="\n") as lines:
            yield from (line.rstrip("\n") for line in lines)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error


def _read_head(path: str) -> Document:
    try:
        found = json.loads(_read(path))
        return {"seal": {**found["seal"]}, "signature": str(found["signature"])}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is no signed head", hint="pratique audit head --file FILE writes one") from error


def _document(found: Verified, *, kept_key: bool) -> Document:
    return {
        "whole": True,
        "events": found.events,
        "seals": found.seals,
        "unsealed": found.unsealed,
        "head": found.head,
        "compared_to": found.compared_to,
        "kept_key": kept_key,
        "kept_head": found.compared_to is not None,
    }


def _told(found: Verified, *, kept_key: bool) -> str:
    sealed = found.events - found.unsealed
    said = [f"whole: {found.events:,} events, of which {found.seals:,} seals sign {sealed:,}; head {found.head}"]
    said.append(
        f"not sealed yet: the last {found.unsealed:,}, which the engine seals within a second"
        if found.unsealed
        else "not sealed yet: none"
    )
    said.append(
        "signed with the key that was kept elsewhere" if kept_key else "signed with the key that this platform names"
    )
    if found.compared_to is None:
        warn("compared with no head kept elsewhere, so a cut end or a journal signed anew would not show")
        said.append("compared with a head kept elsewhere: no; see `pratique audit head --help`")
    else:
        said.append(f"compared with the head of event {found.compared_to:,} that was kept elsewhere")
    return "\n".join(said)
