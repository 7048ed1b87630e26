"""An HTTP API defined by an OpenAPI `Body` has its routes.

SAM writes the routes, integrations and authorizers of an `AWS::Serverless::HttpApi` into the API's `Body`.
Stock ministack ignores that property, so the deployed API answers every path with 404. Here the body is
imported on creation and again on each update that changes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_IAM = "awsSigv4"


def apply() -> None:
    """Import the `Body` when a template creates or updates an HTTP API."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    stock_create, stock_update = handler["create"], handler["update"]

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        created = stock_create(logical_id, _with_body_properties(props), stack_name)
        if isinstance(props.get("Body"), dict):
            _import(created[0], props["Body"])
        return created

    def update(
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
    ) -> Any:
        updated = stock_update(
            physical_id, _with_body_properties(old), _with_body_properties(new), stack_name, logical_id
        )
        if isinstance(new.get("Body"), dict):
            for store in (apigateway._routes, apigateway._integrations, apigateway._authorizers):
                store[updated[0]] = {}
            _import(updated[0], new["Body"])
        return updated

    handler["create"], handler["update"] = create, update


def _with_body_properties(props: dict[str, Any]) -> dict[str, Any]:
    """Complete the API's properties by what the body says of the API itself."""
    body = props.get("Body")
    if not isinstance(body, dict):
        return props
    title = (body.get("info") or {}).get("title")
    cors = body.get("x-amazon-apigateway-cors")
    stated = {"Name": title, "CorsConfiguration": cors}
    return {**{key: value for key, value in stated.items() if value}, **props}


def _import(api_id: str, body: dict[str, Any]) -> None:
    authorizations = dict(_authorizations(api_id, body))
    for path, methods in (body.get("paths") or {}).items():
        for method, operation in methods.items():
            if isinstance(operation, dict) and _INTEGRATION in operation:
                _import_operation(api_id, _route_key(method, path), operation, authorizations)


def _import_operation(
    api_id: str, route_key: str, operation: dict[str, Any], authorizations: dict[str, dict[str, Any]]
) -> None:
    written = operation[_INTEGRATION]
    integration = _created(
        apigateway._create_integration(
            api_id,
            {
                "integrationType": str(written.get("type", "aws_proxy")).upper(),
                "integrationUri": written.get("uri", ""),
                "integrationMethod": written.get("httpMethod", "POST"),
                "payloadFormatVersion": written.get("payloadFormatVersion", "2.0"),
                "timeoutInMillis": int(written.get("timeoutInMillis", 30000)),
            },
        )
    )
    route: dict[str, Any] = {"routeKey": route_key, "target": f"integrations/{integration['integrationId']}"}
    for requirement in operation.get("security") or []:
        for name, scopes in requirement.items():
            route |= authorizations.get(name, {})
            if scopes:
                route["authorizationScopes"] = scopes
    _created(apigateway._create_route(api_id, route))


def _authorizations(api_id: str, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each security scheme, what a route that requires it says of its authorization."""
    for name, scheme in ((body.get("components") or {}).get("securitySchemes") or {}).items():
        if scheme.get("x-amazon-apigateway-authtype") == _IAM:
            yield name, {"authorizationType": "AWS_IAM"}
        elif _AUTHORIZER in scheme:
            written = scheme[_AUTHORIZER]
            is_jwt = written.get("type") == "jwt"
            authorizer = _created(apigateway._create_authorizer(api_id, _authorizer(name, written, is_jwt)))
            kind = "JWT" if is_jwt else "CUSTOM"
            yield name, {"authorizationType": kind, "authorizerId": authorizer["authorizerId"]}


def _authorizer(name: str, written: dict[str, Any], is_jwt: bool) -> dict[str, Any]:
    source = written.get("identitySource") or "$request.header.Authorization"
    return {
        "name": name,
        "authorizerType": "JWT" if is_jwt else "REQUEST",
        "authorizerUri": written.get("authorizerUri", ""),
        "identitySource": source if isinstance(source, list) else [source],
        "jwtConfiguration": written.get("jwtConfiguration", {}),
        "authorizerPayloadFormatVersion": written.get("authorizerPayloadFormatVersion", "2.0"),
        "enableSimpleResponses": str(written.get("enableSimpleResponses", False)).lower() == "true",
        "authorizerResultTtlInSeconds": int(written.get("authorizerResultTtlInSeconds", 0)),
    }


def _route_key(method: str, path: str) -> str:
    if path.lstrip("/") == "$default":
        return "$default"
    verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
    return f"{verb} {path}"


def _created(response: tuple[int, Any, bytes | str]) -> dict[str, Any]:
    status, _, body = response
    if status >= 400:
        raise ValueError(f"the API's Body was refused: {body!r}")
    answer: dict[str, Any] = json.loads(body)
    return answer
