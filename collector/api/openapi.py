"""The OpenAPI 3.1 document, made from the routes and from the types of the documents."""

import re
from typing import Any

import msgspec

from collector.api.detail import TargetGroup
from collector.api.documents import Document, Faulty
from collector.api.requests import MAX_SHOWN, MAX_TEXT, PARTS
from collector.api.routes import ROUTES, SITE, TEXT, Parameter, Route

_REFERENCE = "#/components/schemas/{name}"
_ABOUT = """\
What a collector knows of its sites, read-only. Values are in base units (the end of a metric's name says which), times are ISO 8601 in
UTC, and `null` means not observed: it is never 0, and never good news. Every document has an entity tag: send it back as `If-None-Match`
to be told that nothing changed. Access is as for the page: whatever the web configuration asks for (TLS, a name
and a password, or a token)."""
_REFUSED = {
    "400": "A parameter is not possible; the text says what would be.",
    "404": "There is no such site, room, device or figure.",
    "429": "Too many requests from this address, or wrong passwords.",
}


def openapi_document() -> dict[str, Any]:
    """The document as plain data."""
    documents: list[type[Document]] = [route.document for route in ROUTES]
    _, components = msgspec.json.schema_components([*documents, Faulty, TargetGroup], ref_template=_REFERENCE)
    paths = {f"/api/v1/{route.path}": {"get": _operation(route)} for route in ROUTES}
    paths["/api/v1/events"] = {"get": _events()}
    paths["/api/v1/sd"] = {"get": _targets()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Rackflow collector", "version": "1", "description": _ABOUT, "license": _LICENSE},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "password": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "A name of `basic_auth_users`, or of a token.",
                },
                "token": {"type": "http", "scheme": "bearer", "description": "One of `bearer_auth_tokens`."},
            },
        },
        "security": [{}, {"password": []}, {"token": []}],
    }


_SHOW = f"^({'|'.join(PARTS[:-1])}|(floor|device):[^,\\s]+)(,({'|'.join(PARTS[:-1])}|(floor|device):[^,\\s]+))*$"
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _operation(route: Route) -> dict[str, Any]:
    inside = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {**TEXT, "minLength": 1},
        }
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters = [*inside, *(_parameter(each) for each in (SITE, *route.parameters))]
    if route.takes_labels:
        parameters.append(
            {
                "name": "labels",
                "in": "query",
                "description": "Labels of the figure, each a parameter of its own, as in `rack=b07&feed=A`.",
                "style": "form",
                "explode": True,
                "schema": {"type": "object", "additionalProperties": TEXT},
            }
        )
    schema = {"$ref": _REFERENCE.format(name=route.document.__name__)}
    tag = {"ETag": {"schema": {"type": "string"}}}
    return {
        "operationId": re.sub(r"\W+", "_", route.path).strip("_"),
        "summary": route.help,
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The document.",
                "headers": tag,
                "content": {"application/json": {"schema": schema}},
            },
            "304": {"description": "It is the same as the one named by If-None-Match.", "headers": tag},
            **_refusals(),
            **(_several() if route.takes_labels else {}),
        },
    }


def _several() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REFERENCE.format(name="Faulty")}}}
    return {
        "409": {
            "description": "Several figures have these labels; the text says what tells them apart.",
            "content": content,
        }
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {"name": parameter.name, "in": "query", "description": parameter.help, "schema": dict(parameter.schema)}


def _refusals() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REFERENCE.format(name="Faulty")}}}
    found: dict[str, Any] = {status: {"description": why, "content": content} for status, why in _REFUSED.items()}
    found["429"] = {"description": _REFUSED["429"], "content": {"text/plain": {"schema": {"type": "string"}}}}
    return found


def _events() -> dict[str, Any]:
    show = {
        "name": "show",
        "in": "query",
        "required": True,
        "description": (
            f"What to show, at most {MAX_SHOWN} of {', '.join(f'`{each}`' for each in PARTS)}, separated by commas; a room and a device"
            " are named after a colon: `site,floor:hall-1,problems,device:ups-1`."
        ),
        "schema": {"type": "string", "maxLength": MAX_TEXT, "pattern": _SHOW},
    }
    about = (
        'Server-sent events. Each has the part as its type, a version as its id, and as data either `{"whole": …}`, the document, or'
        ' `{"patch": …}`, a JSON merge patch (RFC 7386) against the last one. `floor`, `agents` and `site` are as under their own'
        " address, `problems` has causes by id, `device` is without sparklines. At most one event a second for each part."
    )
    return {
        "operationId": "events",
        "summary": "Changes as they happen.",
        "description": about,
        "parameters": [show, _parameter(SITE)],
        "responses": {
            "200": {
                "description": "A stream without end.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "503": {
                "description": "Too many streams are open.",
                "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(name="Faulty")}}},
            },
            **_refusals(),
        },
    }


def _targets() -> dict[str, Any]:
    schema = {"type": "array", "items": {"$ref": _REFERENCE.format(name="TargetGroup")}}
    return {
        "operationId": "sd",
        "summary": "This collector as a target of Prometheus' HTTP service discovery; also at /sd.",
        "responses": {
            "200": {"description": "Target groups.", "content": {"application/json": {"schema": schema}}},
            "304": {"description": "It is the same as the one named by If-None-Match."},
            "429": _refusals()["429"],
        },
    }
