"""Bodies of the channel API: claims, outcomes, offers. Errors are problem+json (RFC 9457)."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellwave.domain.errors import Conflict, InputError, NotFound
from cellwave.domain.journey import Answer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Touch = Annotated[str, Field(min_length=20, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
Channel = Literal["sms", "mms", "push", "email", "outbound_call", "counter", "hotline", "web", "app", "self_service"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClaimBody(_Body):
    """`POST /v1/claims`: may this touch leave now."""

    touch: Touch


class OutcomeBody(_Body):
    """`POST /v1/outcomes`: what came back of a touch.

    `at` is when it happened, stream time in ms (default: now). `key` tells two like reports of one touch apart;
    without it the same answer of the same touch is the same outcome. `channel` says on which channel a passive
    answer was given.
    """

    touch: Touch
    outcome: Answer
    channel: Channel | None = None
    at: Annotated[int, Field(gt=0, lt=10**14)] | None = None
    key: Annotated[str, Field(max_length=64)] = ""


class OffersBody(_Body):
    """`POST /v1/offers`: what may be offered to the subscriber here.

    The number is in the body, never in a URL.
    """

    msisdn: Annotated[str, Field(min_length=8, max_length=24)]
    channel: Literal["counter", "hotline", "web", "app", "self_service"]


_Model = TypeVar("_Model", bound=BaseModel)


def respond(
    event: Mapping[str, Any],
    model: type[_Model],
    call: Callable[[_Model], "DataclassInstance | Sequence[DataclassInstance]"],
) -> dict[str, Any]:
    """Parse an HTTP API event's body (payload format 2.0), call, and map result or refusal to a response.

    400: the body is not what the model says, with each problem's JSON path; 404: no such touch; 409: the journey
    kept changing, send it again. Any other error rises: the platform answers 500 and the alarm counts it.
    """
    try:
        body = model.model_validate_json(_content(event))
    except ValidationError as error:
        problems = [
            {"path": "$" + "".join(f".{part}" for part in item["loc"]), "reason": item["msg"]}
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        return _problem(400, "The body cannot be used", problems)
    except (binascii.Error, UnicodeDecodeError):
        return _problem(400, "The body is not UTF-8 text", [])
    try:
        answer = call(body)
    except InputError as error:
        return _problem(400, str(error), [])
    except NotFound as error:
        return _problem(404, str(error), [])
    except Conflict as error:
        return _problem(409, str(error), [])
    content = {"items": [asdict(item) for item in answer]} if isinstance(answer, Sequence) else asdict(answer)
    return _response(200, "application/json", content)


def _content(event: Mapping[str, Any]) -> str:
    body = event.get("body") or ""
    return base64.b64decode(body, validate=True).decode() if event.get("isBase64Encoded") else body


def _problem(status: int, title: str, problems: list[dict[str, str]]) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    return _response(status, "application/problem+json", content | ({"problems": problems} if problems else {}))


def _response(status: int, content_type: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": content_type, "cache-control": "no-store"},
        "body": json.dumps(content, ensure_ascii=False),
    }
