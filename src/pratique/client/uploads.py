"""Local files of a spec become content of the workspace, and the spec says `upload:` where it named them."""

from pathlib import Path
from typing import Any, Final

from pratique.client.code import INCLUDES, included, laid_together
from pratique.client.connection import Connection
from pratique.client.sending import Progress, upload
from pratique.specs.grammar import Spec
from pratique.specs.keys import Key
from pratique.specs.reader import read_document
from pratique.specs.references import LocalUse, Purpose, local_paths, replaced

_CODE: Final[Purpose] = "code"


def with_uploads(connection: Connection, workspace: str, spec: Spec, progress: Progress) -> Spec:
    """`spec` with every local path uploaded and replaced by its reference.

    A conda file is not uploaded: its content takes the place of its path.
    """
    values: dict[Key, Any] = {}
    references: dict[tuple[Path, str], str] = {}
    uses = local_paths(spec)
    includes = included(uses)
    for use in uses:
        if use.purpose == "environment":
            values[use.key] = read_document(use.path).value
            continue
        if use.purpose == "include" or (use.purpose == _CODE and use.key[:-1] in includes):
            continue
        where = (use.path.resolve(), use.purpose)
        if where not in references:
            references[where] = _reference(connection, workspace, use, progress)
        values[use.key] = references[where]
    for component, more in includes.items():
        code = next((use.path for use in uses if use.key == (*component, _CODE)), None)
        with laid_together(code, more) as folder:
            whole = LocalUse((*component, _CODE), folder, _CODE)
            values[whole.key] = _reference(connection, workspace, whole, progress)
        values[*component, INCLUDES] = None
    return replaced(spec, values) if values else spec


def _reference(connection: Connection, workspace: str, use: LocalUse, progress: Progress) -> str:
    manifest = upload(connection, workspace, use.path, is_code=use.purpose == _CODE, progress=progress)
    # The base name is part of the contract: scripts join it to AZUREML_MODEL_DIR.
    return f"upload:{manifest.digest}/{use.path.resolve().name}"
