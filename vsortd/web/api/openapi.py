"""The description of the page's API (OpenAPI 3.1), made from the table that its routes are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import vsortd
from vsortd.web.access import cookie_name
from vsortd.web.api.answer_schemas import AnswerSchemas
from vsortd.web.api.operation import PLACEHOLDERS
from vsortd.web.api.operations import OPERATIONS
from vsortd.web.api.told import RefusalDocument
from vsortd.web.request_model import NothingMore

if TYPE_CHECKING:
    from vsortd.web.api.answer_schemas import Schema
    from vsortd.web.api.operation import ApiOperation

_USUAL: Final = {
    401: "not logged in: use `vsortd open`",
    403: "the request comes from another page, or uses another host name",
    422: "the request names something that doesn't exist, or can't be carried out",
    503: "the model, one of vsortd's files or a disk is not available at the moment",
}
_JSON: Final = "application/json"


def openapi_document(port: int) -> dict[str, Any]:
    """Return the description of the API of the page at a port."""
    schemas = AnswerSchemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vsortd's page",
            "version": vsortd.__version__,
            "description": "The page, for scripts. Every request but GET needs the page's own address as Origin.",
        },
        "servers": [{"url": "/"}],
        "security": [{"session": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": cookie_name(port)}},
        },
    }


def _described(operation: ApiOperation[Any], schemas: AnswerSchemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*map(_placeholder, operation.placeholders), *_query(operation), *_if_match(operation)],
        "responses": _answers(operation, schemas),
    }
    if operation.brings:
        described["requestBody"] = {"required": True, "content": {operation.brings: {}}}
    elif not operation.in_query and operation.asks is not NothingMore:
        schema = _schema_of(operation)
        needed = bool(schema.get("required"))
        described["requestBody"] = {"required": needed, "content": {_JSON: {"schema": schema}}}
    return described


def _placeholder(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": PLACEHOLDERS[name].json_schema()}


def _query(operation: ApiOperation[Any]) -> list[dict[str, Any]]:
    if not operation.in_query:
        return []
    schema = _schema_of(operation)
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": _never_null(one)}
        for name, one in schema["properties"].items()
    ]


def _if_match(operation: ApiOperation[Any]) -> list[dict[str, Any]]:
    """Return the header by which a PUT says what it writes over."""
    if operation.method != "PUT":
        return []
    return [{"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}]


def _schema_of(operation: ApiOperation[Any]) -> Schema:
    schema: Schema = operation.asks.model_json_schema()
    schema["description"] = " ".join(schema.get("description", "").split())
    return schema


def _never_null(schema: Schema) -> Schema:
    """Return what stands in a query: there a field is missing or is something."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    rest = {name: one for name, one in schema.items() if name not in {"anyOf", "default"} or one is not None}
    return rest if len(kinds) != 1 else {name: one for name, one in rest.items() if name != "anyOf"} | kinds[0]


def _answers(operation: ApiOperation[Any], schemas: AnswerSchemas) -> dict[str, Any]:
    done: dict[str, Any] = {"description": operation.summary}
    schema = {} if operation.answers is None else schemas.of(operation.answers)
    done["content"] = {operation.media_type: {"schema": schema} if schema else {}}
    if operation.headers:
        done["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in operation.headers.items()
        }
    refusals = {
        str(code): {"description": text, "content": {_JSON: {"schema": schemas.of(RefusalDocument)}}}
        for code, text in sorted({**_USUAL, **operation.refusals}.items())
    }
    return {str(operation.status): done, **refusals}
