"""A request to AWS as it is judged and bound: what of it is data, what it is about, what changes at each try."""

import json
import re
from dataclasses import replace
from urllib.parse import parse_qsl, unquote

from firewall.classify.api.aws import bucket_of
from firewall.classify.api.request import MAX_BODY_CHARS, object_of, query_of
from firewall.core.outgoing import Outgoing

_STORES = frozenset({"s3", "s3-outposts", "s3-object-lambda"})
_OF_DATA = frozenset({"x-id", "partnumber", "uploadid"})
_NAMING = re.compile(
    r"(?:.*(?:Identifier|Name|Id|Arn|ARN|Url)|name|id|arn|Bucket|.*(?:Ids?|Names?)(?:\.member)?\.1)", re.ASCII
)
_NOT_NAMING = re.compile(r"Action|Version|.*Token|.*KmsKeyId|Final.*|.*ImageId|.*RequestId", re.ASCII)
_TOKEN = re.compile(r"(?:client|creation|request|client_?request|(?:client_?)?idempotency)_?token", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_FREE = frozenset({"lambda", "iotdata", "sagemaker", "bedrock", "execute-api"})
"""Signing names whose bodies may be anybody's own documents: nothing of them is left out."""


def is_data(outgoing: Outgoing) -> bool:
    """Tell whether the body is an object, or a part of one, that goes into a store as it is."""
    if outgoing.method != "PUT" or outgoing.scope.partition("/")[2] not in _STORES:
        return False
    has_key = outgoing.path.strip("/").partition("/")[2] != ""
    names = {name.lower() for name, _ in parse_qsl(outgoing.query, keep_blank_values=True)}
    return has_key and names <= _OF_DATA


def subject_of(outgoing: Outgoing) -> str:
    """Return the first name of what a request is about: `prod`, `i-0abc`, `bucket/key`; empty: none is seen."""
    if outgoing.scope.partition("/")[2] in _STORES or (
        outgoing.path != "/" and not outgoing.path.startswith("/service/")
    ):
        return unquote(outgoing.path).strip("/")[:200]
    try:
        body = object_of(outgoing.body.decode("utf-8"), {"content-type": outgoing.header("content-type")})
    except UnicodeDecodeError:
        body = None
    for name, value in {**query_of(outgoing.query), **(body or {})}.items():
        first = value[0] if isinstance(value, list) and value else value
        if _NAMING.fullmatch(name) and not _NOT_NAMING.fullmatch(name) and isinstance(first, str) and first:
            return first[:200]
    return ""


def path_of(outgoing: Outgoing) -> str:
    """Return the path as a service reads it: of S3 with the bucket in front, wherever the address has it."""
    bucket = bucket_of(outgoing.host) if outgoing.scope.partition("/")[2] == "s3" else ""
    return f"/{bucket}{outgoing.path}" if bucket else outgoing.path


def given(outgoing: Outgoing) -> dict[str, object]:
    """Return a request's arguments: of its address, and of its form or JSON body."""
    body = None
    if not is_data(outgoing):
        try:
            body = object_of(outgoing.body.decode("utf-8"), {"content-type": outgoing.header("content-type")})
        except UnicodeDecodeError:
            body = None
    return {**query_of(outgoing.query), **(body or {})}


def without_token(outgoing: Outgoing) -> Outgoing:
    """Return the request without the random token by which AWS knows a repeated call: each try has another."""
    if outgoing.scope.partition("/")[2] in _FREE | _STORES or len(outgoing.body) > MAX_BODY_CHARS:
        return outgoing
    try:
        text = outgoing.body.decode("utf-8")
    except UnicodeDecodeError:
        return outgoing
    if outgoing.header("content-type").startswith("application/x-www-form-urlencoded"):
        kept = "&".join(pair for pair in text.split("&") if not _is_token(*pair.partition("=")[::2]))
        return replace(outgoing, body=kept.encode("utf-8"))
    if not text.startswith("{") or "oken" not in text:
        return outgoing
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return outgoing
    left = {name: value for name, value in document.items() if not _is_token(name, value)}
    return outgoing if len(left) == len(document) else replace(outgoing, body=json.dumps(left).encode("utf-8"))


def _is_token(name: str, value: object) -> bool:
    return (
        _TOKEN.fullmatch(name) is not None
        and isinstance(value, str)
        and _UUID.fullmatch(unquote(value)) is not None
    )
