"""MLflow's searches for registered models and versions: a filter, an order, a page at a time."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from pratique.base.errors import InvalidInput
from pratique.control import registry
from pratique.web.mlflow.errors import MlflowRoute
from pratique.web.mlflow.filters import Fields, parse_filter, parse_order
from pratique.web.mlflow.registry_documents import millis, model_document, touched, version_document
from pratique.web.mlflow.registry_words import Reader
from pratique.web.platform import Here

router = APIRouter(route_class=MlflowRoute)
_MODEL_FIELDS: Final = Fields({"name": False})
_MODEL_ORDER: Final = Fields({"name": False, "timestamp": True, "last_updated_timestamp": True})
_VERSION_FIELDS: Final = Fields(
    {
        "name": False,
        "run_id": False,
        "source_path": False,
        "version_number": True,
        "creation_timestamp": True,
        "last_updated_timestamp": True,
    }
)


@dataclass(frozen=True)
class Search:
    """What every search is asked with."""

    filter: Annotated[str, Query()] = ""
    order_by: Annotated[list[str] | None, Query()] = None
    page_token: Annotated[str, Query()] = ""

    def page(
        self, rows: Sequence[Mapping[str, Any]], fields: Fields, order: Fields, size: int
    ) -> tuple[Sequence[Any], dict[str, str]]:
        """The `rows` that fit, in their order, from where the page before ended."""
        fits, ordered = parse_filter(self.filter, fields), parse_order(self.order_by or [], order)
        return _page(ordered([row for row in rows if fits(row)]), size, self.page_token)


@router.get("/registered-models/search")
@router.get("/registered-models/list")
def search_names(
    platform: Here,
    actor: Reader,
    workspace: str,
    search: Annotated[Search, Depends()],
    max_results: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """The models that fit a filter, a page at a time."""
    with platform.database.read() as tx:
        every = registry.every(tx, actor, workspace)
    rows = [
        {
            "name": one.asset.name,
            "tags": one.asset.tags,
            "timestamp": millis(touched(one)),
            "last_updated_timestamp": millis(touched(one)),
            "found": one,
        }
        for one in every
    ]
    page, token = search.page(rows, _MODEL_FIELDS, _MODEL_ORDER, max_results)
    return {"registered_models": [model_document(row["found"]) for row in page]} | token


@router.get("/model-versions/search")
def search_versions(
    platform: Here,
    actor: Reader,
    workspace: str,
    search: Annotated[Search, Depends()],
    max_results: Annotated[int, Query(ge=1, le=200_000)] = 10_000,
) -> dict[str, Any]:
    """The versions that fit a filter, a page at a time; those that changed last come first."""
    with platform.database.read() as tx:
        every = registry.every(tx, actor, workspace)
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "run_id": one.run_id,
            "source_path": one.source,
            "version_number": one.ordinal or 0,
            "creation_timestamp": millis(one.created_at),
            "last_updated_timestamp": millis(one.updated_at),
            "tags": one.tags,
            "found": one,
            "aliases": model.aliases,
        }
        for model in every
        for one in model.versions
    ]
    rows.sort(key=lambda row: row["version_number"], reverse=True)
    rows.sort(key=lambda row: row["name"])
    rows.sort(key=lambda row: row["last_updated_timestamp"], reverse=True)
    page, token = search.page(rows, _VERSION_FIELDS, _VERSION_FIELDS, max_results)
    return {"model_versions": [version_document(row["found"], row["aliases"]) for row in page]} | token


def _page(rows: Sequence[Any], size: int, token: str) -> tuple[Sequence[Any], dict[str, str]]:
    """One page of `rows`, and the token of the next one when there is one."""
    try:
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(f"{token[:80]!r} is not a page token of this server") from error
    end = max(start, 0) + size
    following = {"next_page_token": base64.urlsafe_b64encode(str(end).encode()).decode()} if end < len(rows) else {}
    return rows[max(start, 0) : end], following
