"""Which shape a refusal at the edge of the agents' listener has."""

import json

import pytest

from firewall.app.refusals import rendered
from firewall.core.errors import LimitError, ProtocolError


@pytest.mark.parametrize(
    ("path", "kind", "where"),
    [
        ("/infra/shop/v1/x", b"application/problem+json", ()),
        ("/v1/messages", b"application/json", ("error",)),
        ("/elsewhere", b"application/json", ("error",)),
        ("", b"application/json", ("error",)),
    ],
)
def test_a_refusal_has_the_shape_of_its_gate(path: str, kind: bytes, where: tuple[str, ...]) -> None:
    """A problem at targets, the dialect's error at models, ours elsewhere; always with a stable code."""
    answer = rendered(path, ProtocolError("not like this", code="content_encoding_refused", status=415))
    document = json.loads(answer.body)
    for name in where:
        document = document[name]
    assert (answer.status, answer.content_type) == (415, kind)
    assert "content_encoding_refused" in json.dumps(document)
    assert not any(name == b"content-type" for name, _ in answer.headers)


def test_a_limit_says_when_to_come_back() -> None:
    """Retry-After stands beside the body at targets as well."""
    answer = rendered("/infra/shop/", LimitError("slowly", retry_after_s=7))
    assert (b"retry-after", b"7") in answer.headers
