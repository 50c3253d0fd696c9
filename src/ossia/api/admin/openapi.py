"""The description of the admin API, made from the declarations."""

from functools import lru_cache
from typing import Any, Final

import msgspec

from ossia import __version__
from ossia.api.admin.route import AdminCall, Route, Subject, admin
from ossia.api.admin.services import AdminServices

_REF: Final = "#/components/schemas/{name}"


class DescribeAdminApi(msgspec.Struct, frozen=True, kw_only=True):
    pass


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused."""

    code: str
    message: str
    request_id: str
    details: dict[str, str]


class AdminError(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every refusal."""

    error: ErrorDetail


async def _about_nothing(_services: AdminServices, _request: Any) -> Subject:
    return Subject()


@admin.route("GET", "/openapi.json", action=None, about=_about_nothing)
async def describe_admin_api(_call: AdminCall, request: DescribeAdminApi) -> dict[str, Any]:
    """Describe this API in OpenAPI 3.1."""
    del request
    return openapi()


@lru_cache(1)
def openapi() -> dict[str, Any]:
    """The document."""
    types = [each for route in admin.routes for each in (route.request, route.answer)]
    structs = [each for each in types if _is_struct(each)]
    _, schemas = msgspec.json.schema_components([*structs, AdminError], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    requests = {route.request.__name__ for route in admin.routes}
    for route in admin.routes:
        operation = _operation(route, schemas[route.request.__name__])
        paths.setdefault(route.template, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ossia admin API",
            "version": __version__,
            "description": (
                "Requests are signed as OSS requests are (V1 or V4, header or URL, any region), "
                "as path-style requests for the bucket '-' and the key 'api/…'."
            ),
        },
        "paths": paths,
        "components": {
            # Requests are taken apart into parameters and bodies.
            "schemas": {name: schemas[name] for name in schemas if name not in requests},
            "securitySchemes": {
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "OSS4-HMAC-SHA256 …, or OSS AccessKeyId:Signature",
                }
            },
        },
    }


def _is_struct(each: Any) -> bool:
    return isinstance(each, type) and issubclass(each, msgspec.Struct)


def _operation(route: Route, request: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = request.get("properties", {})
    required = set(request.get("required", ()))
    in_path = route.in_path
    others = {name: fields[name] for name in fields if name not in in_path}
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [
            _parameter(name, fields[name], "path", is_required=True) for name in in_path
        ],
        "responses": {
            "200": {"description": "Done", "content": _json(_answer_schema(route))},
            "default": {
                "description": "Refused",
                "content": _json({"$ref": _REF.format(name="AdminError")}),
            },
        },
    }
    if route.action is not None:
        operation["security"] = [{"signature": []}]
        operation["description"] = f"A policy must allow `{route.action}`."
    if route.takes_json:
        needed = sorted(required - set(in_path))
        schema: dict[str, Any] = {"type": "object", "properties": others}
        schema["additionalProperties"] = False
        if needed:
            schema["required"] = needed
        operation["requestBody"] = {"required": bool(needed), "content": _json(schema)}
    else:
        operation["parameters"] += [
            _parameter(name, schema, "query", is_required=name in required)
            for name, schema in others.items()
        ]
    return operation


def _answer_schema(route: Route) -> dict[str, Any]:
    if _is_struct(route.answer):
        return {"$ref": _REF.format(name=route.answer.__name__)}
    return {"type": "object"}


def _parameter(
    name: str, schema: dict[str, Any], place: str, *, is_required: bool
) -> dict[str, Any]:
    described = {"description": schema["description"]} if "description" in schema else {}
    bare = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": place, "required": is_required, **described, "schema": bare}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
