"""Credentials in what leaves are hidden; every other byte stays."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.dialect import Dialect
from firewall.routing.masking import masked_body, masked_call
from tests.support.choosing import call_of
from tests.support.credentials import DETECTOR

RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "%s"}
KEY = "ghp_" + "w7R2kq9XbT4mZs8LdPvY3nHc6JfA1eGu5oQi"
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEAx7Zk\n" * 4 + "-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (Dialect.ANTHROPIC, {"system": "token %s"}),
        (Dialect.ANTHROPIC, {"messages": [{"role": "user", "content": [{"type": "text", "text": "is %s ok"}]}]}),
        (
            Dialect.ANTHROPIC,
            {"messages": [{"role": "user", "content": [RESULT]}]},
        ),
        (Dialect.OPENAI_CHAT, {"messages": [{"role": "tool", "tool_call_id": "c", "content": "a=%s"}]}),
        (Dialect.OPENAI_RESPONSES, {"input": [{"type": "function_call_output", "call_id": "c", "output": "%s"}]}),
        (Dialect.GEMINI, {"contents": [{"role": "user", "parts": [{"text": "x %s y"}]}]}),
    ],
)
def test_a_credential_is_hidden_in_prompts_and_results(dialect: Dialect, body: dict[str, object]) -> None:
    """In all dialects, in the bytes and in what was read of them; nothing else changes by a byte."""
    call = call_of(dialect=dialect, **json.loads(json.dumps(body) % KEY))
    hidden, count = masked_call(call, DETECTOR)
    assert count == 1
    rule = DETECTOR.find(KEY.encode())[0].rule
    assert hidden.request.body == call.request.body.replace(KEY.encode(), f"[redacted:{rule}]".encode())
    assert KEY not in json.dumps(hidden.value)
    assert hidden.value == json.loads(hidden.request.body)


def test_without_a_credential_the_very_bytes_leave() -> None:
    """Not a byte is copied, nor read again."""
    call = call_of(messages=[{"role": "user", "content": "password = get_password()"}])
    assert masked_call(call, DETECTOR) == (call, 0)
    assert masked_call(call, DETECTOR)[0] is call


def test_what_only_the_provider_reads_stays() -> None:
    """Signatures of thinking and pictures: changed, they would be refused, and no model reads them as text."""
    kept = [
        {"type": "thinking", "thinking": "hm", "signature": KEY},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": KEY[4:] * 40},
        },
    ]
    body = json.dumps({"a": kept, "b": "text", "c": {"encrypted_content": f"x {KEY}", "thoughtSignature": KEY}})
    assert masked_body(body.encode(), DETECTOR) == (body.encode(), 0)


def test_a_name_within_a_text_protects_nothing() -> None:
    """What a tool printed may look like a request: its credential is hidden all the same."""
    printed = json.dumps({"signature": KEY, "data": KEY})
    hidden, count = masked_body(json.dumps({"content": printed}).encode(), DETECTOR)
    assert (count, KEY.encode() in hidden) == (2, False)
    assert json.loads(json.loads(hidden)["content"]).keys() == {"signature", "data"}


def test_a_key_of_many_lines_is_hidden_within_its_text() -> None:
    """Its line breaks are written as two signs in JSON; the text around it stays."""
    hidden, count = masked_body(json.dumps({"content": f"before\n{PEM}\nafter", "x": 1}).encode(), DETECTOR)
    assert count == 1
    content = json.loads(hidden)["content"]
    assert content.startswith("before\n[redacted:")
    assert content.endswith("]\nafter")


HARD = [KEY, f"a {KEY} b", f'"{KEY}"', f"\\{KEY}", PEM, f"https://u:{KEY}@h/"]


@given(texts=st.lists(st.text() | st.sampled_from(HARD), max_size=6))
def test_json_stays_json_and_only_texts_change(texts: list[str]) -> None:
    """Whatever stands around a credential: what leaves has the same shape, and the credential is not in it."""
    body = json.dumps({"messages": [{"role": "user", "content": text} for text in texts]}).encode()
    hidden, count = masked_body(body, DETECTOR)
    after = json.loads(hidden)["messages"]
    assert [one.keys() for one in after] == [one.keys() for one in json.loads(body)["messages"]]
    assert KEY not in hidden.decode()
    for before, one in zip(texts, after, strict=True):
        assert one["content"] == before or "[redacted:" in one["content"]
    assert count or hidden == body


@pytest.mark.parametrize("where", ["value", "name", "twice"])
def test_escapes_hide_nothing(where: str) -> None:
    r"""A key written with `\u0067` leaves as little as any other, in the bytes and in what was read of them."""
    spelled = "".join(f"\\u{ord(sign):04x}" for sign in KEY)
    text = {"value": f"is {spelled} ok", "name": f"a {spelled[:6]}{KEY[1:]}", "twice": f"{spelled} {KEY}"}[where]
    body = b'{"messages": [{"role": "user", "content": "%s"}]}' % text.encode()
    hidden, count = masked_body(body, DETECTOR)
    assert count == (2 if where == "twice" else 1)
    content = json.loads(hidden)["messages"][0]["content"]
    assert KEY not in content
    assert "[redacted:" in content


def test_an_escaped_name_protects_nothing() -> None:
    """What only the provider reads keeps its bytes, spelled or not; a text beside it does not."""
    spelled = "".join(f"\\u{ord(sign):04x}" for sign in KEY)
    body = b'{"signature": "%s", "content": "%s"}' % (spelled.encode(), spelled.encode())
    hidden, count = masked_body(body, DETECTOR)
    assert (count, json.loads(hidden)["signature"]) == (1, KEY)
