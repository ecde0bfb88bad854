"""Credentials at the infrastructure gate, over real sockets: foreign ones stopped, returned ones masked.

The canary part: the target's own credential and what the agent found stand in nothing that the server keeps,
prints or returns.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from firewall.demo.serving import served
from tests.support.installation import Served, install, serving, verify

TARGET_KEY = "tgt-canary-5b1d9e7a3c"
PAT = "gh" + "p_" + "aZ3kQ9xW7vB2nM5tR8yU1iO4pL6sD0fGhJkc"
LIVE = "sk_" + "live_" + "9xW7vB2nM5tR8yU1iO4pL6sD"
LIMIT_S = 30
_SETTINGS = """
[[target]]
name = "shop"
environment = "staging"
base_url = "{base}"
credential = {{ env = "SHOP_TOKEN" }}
hosting = "self"
hold_s = 1
scoped = true
"""
_NO_SECRETS = ["read", "write", "delete", "admin", "send", "exec"]


@dataclass(slots=True)
class House:
    """A server, the target behind it, and two agents: one that may see secrets and one that may not."""

    firewall: Served
    sees: str
    blind: str
    said: list[str] = field(default_factory=list)
    """What the server answered."""
    asked: list[bytes] = field(default_factory=list)
    """The bodies that the target was sent."""

    def ask(self, method: str, path: str, *, token: str = "", **more: object) -> httpx.Response:
        """Ask as the agent does."""
        headers = {"x-stayhand-token": token or self.blind, **dict(more.pop("headers", {}))}  # type: ignore[call-overload]  # a table
        with httpx.Client(trust_env=False, timeout=LIMIT_S) as client:
            got = client.request(
                method,
                f"{self.firewall.agents}/infra/{path}",
                headers=headers,
                **more,  # type: ignore[arg-type]  # as httpx takes them
            )
        self.said.append(got.text + repr(got.headers))
        return got


def _app(asked: list[bytes]) -> Starlette:
    async def answer(request: Request) -> Response:
        asked.append(await request.body())
        if request.url.path.endswith("/stream"):
            return StreamingResponse(_cut(), media_type="text/event-stream")
        if request.url.path.endswith("/binary"):
            return Response(b"\x00" + PAT.encode(), media_type="application/octet-stream")
        if request.url.path.endswith("/file"):
            asked_for, whole = request.headers.get("range"), f"key={PAT}\n".encode()
            return _part(whole, asked_for) if asked_for else Response(whole, media_type="text/plain")
        body = {"uri": f"postgres://app:{LIVE}@db.acme.net/app", "password": "hunter22", "keys": [PAT], "id": 7}
        return JSONResponse(body, headers={"x-issued": PAT, "x-kept": "yes"})

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def _part(whole: bytes, asked: str) -> Response:
    """Answer a Range as servers do."""
    first, _, last = asked.removeprefix("bytes=").partition("-")
    part = whole[int(first) : int(last) + 1]
    return Response(part, 206, {"content-range": f"bytes {first}-{last}/{len(whole)}"}, media_type="text/plain")


async def _cut() -> AsyncIterator[bytes]:
    text = f'data: {{"key": "{PAT}"}}\n\ndata: end\n\n'.encode()
    for at in range(0, len(text), 7):
        yield text[at : at + 7]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server with one target."""
    asked: list[bytes] = []
    with served(_app(asked)) as base:
        installed = install(tmp_path_factory.mktemp("creds"), settings=_SETTINGS.format(base=base))
        with serving(installed, env={"SHOP_TOKEN": TARGET_KEY}) as running:
            yield House(
                running,
                running.mint(env="staging", agent="seer"),
                running.mint(env="staging", agent="blind", verbs=_NO_SECRETS),
                asked=asked,
            )


def test_answers_are_masked_for_those_who_may_see_no_secret(house: House) -> None:
    """Without the verb `secret` an answer comes with its credentials hidden, still JSON, its length right."""
    got = house.ask("GET", "shop/v1/db")
    assert got.status_code == 200, got.text
    assert got.json() == {
        "uri": got.json()["uri"],
        "password": "[redacted:secret-field]",
        "keys": ["[redacted:github-pat]"],
        "id": 7,
    }
    assert LIVE not in got.text
    assert ("x-issued" in got.headers, got.headers["x-kept"]) == (False, "yes")


def test_a_secret_is_not_read_in_parts(house: House) -> None:
    """Who may see none gets the whole answer, masked, whatever part was asked for; who may, the part."""
    part = {"range": "bytes=0-15"}
    got = house.ask("GET", "shop/v1/file", headers=part)
    assert (got.status_code, got.text) == (200, "key=[redacted:github-pat]\n")
    seen = house.ask("GET", "shop/v1/file", headers=part, token=house.sees)
    assert (seen.status_code, seen.text) == (206, f"key={PAT}"[:16])
    house.said.clear()  # that one was for who may see it


def test_a_stream_is_masked_wherever_it_is_cut(house: House) -> None:
    """A key that arrives in pieces is hidden; the events stay events."""
    assert house.ask("GET", "shop/v1/stream").text == 'data: {"key": "[redacted:github-pat]"}\n\ndata: end\n\n'


def test_who_may_see_secrets_gets_them(house: House) -> None:
    """With the verb, and for what is no text, bytes come as they were sent."""
    assert house.ask("GET", "shop/v1/db", token=house.sees).json()["keys"] == [PAT]
    assert house.ask("GET", "shop/v1/binary").content == b"\x00" + PAT.encode()
    house.said.clear()  # these held what the target answered, as they should


@pytest.mark.parametrize(
    "more",
    [
        {"json": {"value": PAT}},
        {"params": {"key": PAT}},
        {"headers": {"x-note": PAT}},
        {"content": json.dumps({"value": PAT}).replace("ghp", "\\u0067hp").encode()},
    ],
)
def test_a_found_credential_is_stopped_wherever_it_stands(house: House, more: dict[str, object]) -> None:
    """In the body, the address, a header field that means nothing, or behind escapes: denied, nobody is asked."""
    before = len(house.asked)
    got = house.ask("POST", "shop/v1/items", token=house.sees, **more)
    assert (got.status_code, got.json()["code"]) == (403, "credential:foreign:used")
    assert len(house.asked) == before


def test_the_targets_own_credential_is_at_home_there(house: House) -> None:
    """A body that holds the target's own credential goes to the target."""
    got = house.ask("POST", "shop/v1/items", token=house.sees, json={"verify": TARGET_KEY})
    if got.status_code == 403:
        assert got.json()["code"] != "credential:foreign:used"


def test_a_providers_key_gets_a_hint(house: House) -> None:
    """A provider's key in place of our token: 401, and it says what to do; another bad token gets no hint."""
    with httpx.Client(trust_env=False, timeout=LIMIT_S) as client:
        key = "sk-" + "ant-api03-" + "a1B2" * 20
        got = client.get(f"{house.firewall.agents}/infra/shop/v1/items", headers={"x-api-key": key})
        other = client.get(f"{house.firewall.agents}/infra/shop/v1/items", headers={"authorization": "Bearer no"})
    assert (got.status_code, other.status_code) == (401, 401)
    assert "shd_" in got.json()["detail"]
    assert "shd_" not in other.json()["detail"]
    assert key not in got.text


def test_no_canary_is_kept_or_said(house: House) -> None:
    """Neither the target's credential nor what agents found stands in a file, a line or an answer."""
    done = verify(house.firewall.installed)
    assert done.returncode == 0, done.stdout + done.stderr
    told = "".join(house.firewall.lines) + "".join(house.said)
    exported = httpx.get(
        f"{house.firewall.control}/metrics", headers=house.firewall.admin, trust_env=False, timeout=LIMIT_S
    ).text
    for canary in (TARGET_KEY, PAT, LIVE):
        assert canary not in told + exported
        for path in house.firewall.installed.database.parent.iterdir():
            if path.is_file():
                assert canary.encode() not in path.read_bytes()
