"""OpenAPI documents, as far as an API is made of one: its title, its address, and its operations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pratique.base.errors import InvalidInput
from pratique.specs.reader import YamlDocument

_METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options")
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class OpenApi:
    """What an OpenAPI document says."""

    is_swagger: bool
    """Whether it is Swagger 2, and not OpenAPI 3."""
    title: str
    description: str
    server: str
    """The first of its servers; empty when it names none."""
    operations: tuple[Mapping[str, str], ...]
    """Each with `name`, `method`, `url_template`, `display_name` and `description`."""


def read_openapi(document: YamlDocument) -> OpenApi:
    """The API in `document`, OpenAPI 3 or Swagger 2; raises `InvalidInput` with the line of what is wrong."""
    value = document.value if isinstance(document.value, dict) else {}
    problems = []
    if not str(value.get("openapi", "")).startswith("3") and str(value.get("swagger", "")) != "2.0":
        problems.append(document.problem((), "this is neither OpenAPI 3 nor Swagger 2"))
    paths = value.get("paths")
    if not isinstance(paths, dict) or not paths:
        problems.append(document.problem(("paths",), "expected a mapping of paths to operations"))
    if problems:
        raise InvalidInput.of(problems, what=document.file or "OpenAPI")
    said = value.get("info")
    info: dict[str, Any] = said if isinstance(said, dict) else {}
    found = [
        _operation(str(path), method, row[method])
        for path, row in (paths or {}).items()
        if isinstance(row, dict)
        for method in _METHODS
        if isinstance(row.get(method), dict)
    ]
    words = str(info.get("title", "")), str(info.get("description", ""))
    return OpenApi("swagger" in value, *words, _server(value), tuple(found))


def _operation(path: str, method: str, said: Mapping[str, Any]) -> dict[str, str]:
    name = _NOT_A_NAME.sub("-", str(said.get("operationId") or f"{method}-{path}")).strip("-.")[:80]
    return {
        "name": name.strip("-.") or method,
        "method": method.upper(),
        "url_template": path.split("?", 1)[0],
        "display_name": str(said.get("summary") or name),
        "description": str(said.get("description") or ""),
    }


def _server(value: Mapping[str, Any]) -> str:
    servers = value.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else None
    return str(first.get("url", "")) if isinstance(first, dict) else ""
