"""The OpenAPI documents at `/swagger.json`: 2.0, 3.0.3 and 3.1.0.

Operation names and the schema names ServiceInput and ServiceOutput are those of
Azure's inference server, because clients are generated from them. A script may
bring its own `swagger.json` (or `swagger2.json`, `swagger3.json`, `swagger3.1.json`).
"""

import json
import os
from typing import Any, Dict, NamedTuple, Sequence, Tuple

from pratique_serving import log
from pratique_serving.errors import Refused
from pratique_serving.settings import Settings
from pratique_serving.tables import Column

Document = Dict[str, Any]

ALIASES = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
ANYTHING: Document = {"type": "object", "example": {}}

_FILES = {"2": ("swagger.json", "swagger2.json"), "3": ("swagger3.json",), "3.1": ("swagger3.1.json",)}
_OPENAPI = {"3": "3.0.3", "3.1": "3.1.0"}


class Specifications(NamedTuple):
    """The documents by version: 2, 3, 3.1."""

    documents: Dict[str, Document]

    def of_version(self, version: str) -> Document:
        """Raises Refused (404), naming the versions there are."""
        document = self.documents.get(ALIASES.get(version, ""))
        if document is None:
            known = ", ".join(sorted(self.documents))
            trouble = f"is not valid. Supported versions: [{known}]."
            if version in ALIASES:
                trouble = f"is not supported for the scoring script. Supported swagger versions: [{known}]."
            raise Refused(404, f"Swagger version [{version[:40]}] {trouble}")
        return document


def describe(
    settings: Settings,
    input_schema: Document = ANYTHING,
    output_schema: Document = ANYTHING,
    own: Dict[str, Document] = {},  # noqa: B006
    versions: Tuple[str, ...] = ("2", "3", "3.1"),
) -> Specifications:
    """The documents of a service with these schemas; those in `own` are taken as they are."""
    supported = {ALIASES[version] for version in versions if version in ALIASES}
    documents = {version: _document(version, settings, input_schema, output_schema) for version in sorted(supported)}
    documents.update(own)
    return Specifications(documents)


def describe_columns(settings: Settings, columns: Sequence[Column]) -> Specifications:
    """The documents of a model whose signature names these columns."""
    types = ", ".join(f"{column.name} ({column.type})" for column in columns)
    needed = sum(column.is_required for column in columns)
    frame = {
        "type": "object",
        "description": f"A split frame: {types}",
        "properties": {
            "columns": {
                "type": "array",
                "items": {"type": "string", "enum": [column.name for column in columns]},
                "minItems": needed,
                "uniqueItems": True,
            },
            "index": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "data": {
                "type": "array",
                "items": {"type": "array", "items": {}, "minItems": needed, "maxItems": len(columns)},
                "minItems": 1,
            },
        },
        "required": ["columns", "data"],
    }
    return describe(settings, {"type": "object", "properties": {"input_data": frame}, "required": ["input_data"]})


def read_specifications(folder: str) -> Dict[str, Document]:
    """The documents that the user's own folder has. One that cannot be read is named in the log and left out."""
    found: Dict[str, Document] = {}
    for version, names in _FILES.items():
        for name in names:
            path = os.path.join(folder, name)
            if version in found or not os.path.isfile(path):
                continue
            try:
                with open(path, encoding="utf-8") as file:
                    document = json.load(file)
            except (OSError, ValueError) as error:
                log.say(f"{name} cannot be read and is ignored: {error}")
                continue
            if document:
                found[version] = document
    return found


def _document(version: str, settings: Settings, input_schema: Document, output_schema: Document) -> Document:
    prefix = f"/{settings.service_path_prefix}" if settings.service_path_prefix else ""
    info = {
        "title": settings.service_name,
        "description": f"What {settings.service_name} answers.",
        "version": settings.service_version,
    }
    schemas = {
        "ServiceInput": input_schema,
        "ServiceOutput": output_schema,
        "ErrorResponse": {"type": "object", "properties": {"message": {"type": "string"}}},
    }
    bearer = {"type": "apiKey", "name": "Authorization", "in": "header", "description": "Bearer and the key"}
    if version == "2":
        return {
            "swagger": "2.0",
            "info": info,
            "consumes": ["application/json"],
            "produces": ["application/json"],
            "securityDefinitions": {"Bearer": bearer},
            "paths": {prefix + path: item for path, item in _paths_2().items()},
            "definitions": schemas,
        }
    return {
        "openapi": _OPENAPI[version],
        "info": info,
        "security": [{"Bearer": []}],
        "paths": {prefix + path: item for path, item in _paths_3().items()},
        "components": {"schemas": schemas, "securitySchemes": {"Bearer": bearer}},
    }


def _paths_2() -> Document:
    body = {"name": "serviceInputPayload", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
    version = {"name": "version", "in": "query", "required": False, "type": "string", "enum": ["2", "3", "3.1"]}
    text = {"type": "string"}
    scored = {"$ref": "#/definitions/ServiceOutput"}
    score = _operation_2("RunMLService", "The model's prediction.", scored, [body])
    score["security"] = [{"Bearer": []}]
    return {
        "/": {"get": _operation_2("ServiceHealthCheck", "Whether the service is up.", text, [])},
        "/score": {"post": score},
        "/swagger.json": {"get": _operation_2("GetSwaggerSpec", "This document.", {"type": "object"}, [version])},
    }


def _operation_2(name: str, description: str, schema: Document, parameters: Any) -> Document:
    return {
        "operationId": name,
        "description": description,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Success.", "schema": schema},
            "default": {"description": "An error.", "schema": {"$ref": "#/definitions/ErrorResponse"}},
        },
    }


def _paths_3() -> Document:
    version = {"name": "version", "in": "query", "required": False, "schema": {"enum": ["2", "3", "3.1"]}}
    score = _operation_3("RunMLService", "The model's prediction.", _json("ServiceOutput"))
    score["security"] = [{"Bearer": []}]
    score["requestBody"] = {"content": _json("ServiceInput")}
    swagger = _operation_3("GetSwaggerSpec", "This document.", {"application/json": {"schema": {"type": "object"}}})
    swagger["parameters"] = [version]
    text = {"text/html": {"schema": {"type": "string", "example": "Healthy"}}}
    return {
        "/": {"get": _operation_3("ServiceHealthCheck", "Whether the service is up.", text)},
        "/score": {"post": score},
        "/swagger.json": {"get": swagger},
    }


def _operation_3(name: str, description: str, content: Document) -> Document:
    return {
        "operationId": name,
        "description": description,
        "responses": {
            "200": {"description": "Success.", "content": content},
            "default": {"description": "An error.", "content": _json("ErrorResponse")},
        },
    }


def _json(schema: str) -> Document:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
