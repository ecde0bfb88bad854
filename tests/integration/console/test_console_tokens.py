"""Pages of tokens over a real log: who may open them, what they show, what their forms change and record."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firewall.console.tokens.room import PAGE, TokenRoom
from firewall.core.errors import AuthError
from firewall.core.grant import Verb, Wish
from firewall.core.token import TokenKind
from tests.support.real_console import ROLES, RealConsole, real_console

VERBS = {f"verb_{verb.value}": "on" for verb in Verb}


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[RealConsole]:
    """A console with the room of tokens."""
    async with real_console(tmp_path, lambda made: (TokenRoom(made.tokens, made.tokening, made.clock),)) as made:
        yield made


def _token(page: str) -> str:
    found = re.search(r"shd_[a-z]+_agent_\w+", page)
    assert found, page
    return found[0]


@pytest.mark.parametrize("role", ROLES)
async def test_only_admins_open_tokens(side: RealConsole, role: str) -> None:
    """Nobody else has the tab, a page or a form of it; signed out, everybody is asked to sign in."""
    minted = await side.minted()
    browser = await side.signed_in(role)
    is_admin = role == "admin"
    assert ("/console/tokens" in (await browser.open("/console/")).text) is is_admin
    for path in ("", "/mint", f"/{minted.id}"):
        answer = await browser.open(f"/console/tokens{path}")
        assert answer.status_code == (200 if is_admin else 403)
        assert is_admin or minted.id not in answer.text
    posted = await side.post(browser, f"/console/tokens/{minted.id}/revoke")
    assert posted.status_code == (303 if is_admin else 403)
    browser.client.cookies.clear()
    answer = await browser.open(f"/console/tokens/{minted.id}")
    assert "Sign in" in answer.text
    assert "coder" not in answer.text


async def test_a_token_is_minted_shown_once_and_recorded(side: RealConsole) -> None:
    """The answer to the form has it; no page after that, and it works as the form said."""
    admin = await side.signed_in("admin")
    form = (await admin.open("/console/tokens/mint")).text
    assert form.count(" checked") == form.count('name="verb_read" checked') == 1, (
        "a token only reads, until somebody ticks more"
    )
    made = await side.post(
        admin,
        "/console/tokens/mint",
        env="staging",
        owner="olga",
        agent="fixer",
        ttl="2h",
        tools="Bash, Read",
        resources="branch:github/acme/*",
        money="2.50",
        max_requests_per_minute="30",
        verb_read="on",
        verb_write="on",
    )
    assert made.status_code == 201
    text = _token(made.text)
    grant = side.tokens.check(text).grant
    assert grant is not None
    assert (grant.environment, grant.owner, grant.agent, grant.money_cap_micros, grant.requests_per_minute) == (
        "staging",
        "olga",
        "fixer",
        2_500_000,
        30,
    )
    assert (grant.verbs, grant.tools) == ({Verb.READ, Verb.WRITE}, ("Bash", "Read"))
    token_id = side.tokens.check(text).token_id
    page = (await admin.open(f"/console/tokens/{token_id}")).text
    assert text not in page
    for words in (
        "fixer for olga",
        "read, change",
        "delete, give rights",
        "Bash, Read",
        "$2.50 in all",
        "just now",
    ):
        assert words in page
    assert [one["data"]["token"] for one in side.entries("token.minted")] == [token_id]  # type: ignore[index]  # entries have it


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"env": "../x"} | VERBS, "one environment"),
        ({"env": "staging"}, "at least one thing"),
        ({"env": "staging", "ttl": "48h"} | VERBS, "24 hours"),
        ({"env": "staging", "ttl": "soon"} | VERBS, "soon"),
        ({"env": "staging", "money": "lots"} | VERBS, "2.50"),
        ({"env": "staging", "money": "0.0000001"} | VERBS, "2.50"),
        ({"env": "staging", "money": "NaN"} | VERBS, "2.50"),
        ({"env": "staging", "destructive_per_hour": "-1"} | VERBS, "whole number"),
        ({"env": "staging", "workspace": "/"} | VERBS, "too wide"),
    ],
)
async def test_a_wish_that_cannot_be_is_told_beside_the_form(
    side: RealConsole, fields: dict[str, str], words: str
) -> None:
    """Nothing is minted, and what was typed still stands in the form."""
    admin = await side.signed_in("admin")
    answer = await side.post(admin, "/console/tokens/mint", agent="kept-as-typed", **fields)
    assert answer.status_code == 400
    assert words in answer.text
    assert 'value="kept-as-typed"' in answer.text
    assert side.entries("token.minted") == []


async def test_a_child_stands_under_its_parent_and_may_no_more(side: RealConsole) -> None:
    """A wider wish is refused; a narrower one is shown once, and ends with its parent."""
    parent = await side.minted(verbs=frozenset({Verb.READ, Verb.WRITE}), resources=("branch:*",))
    admin = await side.signed_in("admin")
    path = f"/console/tokens/{parent.id}"
    assert 'name="verb_delete"' not in (await admin.open(path)).text
    wider = await side.post(admin, f"{path}/narrow", resources="volume:*", verb_read="on")
    assert wider.status_code == 400
    assert "wider than the parent" in wider.text
    made = await side.post(admin, f"{path}/narrow", agent="helper", ttl="1h", verb_read="on", verb_delete="on")
    assert made.status_code == 201
    child = side.tokens.check(_token(made.text))
    assert child.grant is not None
    assert child.grant.verbs == {Verb.READ}
    listed = (await admin.open("/console/tokens")).text
    assert listed.index(parent.id) < listed.index('class="below"') < listed.index(child.token_id)
    revoked = await side.post(admin, f"{path}/revoke")
    assert revoked.status_code == 303
    with pytest.raises(AuthError):
        side.tokens.check(_token(made.text))
    page = (await admin.open(f"/console/tokens/{child.token_id}")).text
    assert "ended with its parent" in page
    assert "/narrow" not in page
    assert "/revoke" not in page
    again = await side.post(admin, f"{path}/revoke")
    assert "no unrevoked token" in again.text
    assert (await side.post(admin, f"/console/tokens/{child.token_id}/narrow", **VERBS)).status_code == 400
    assert len(side.entries("token.narrowed")) == len(side.entries("token.revoked")) == 1


async def test_forms_need_their_token(side: RealConsole) -> None:
    """Without the CSRF token of the session nothing is minted, narrowed or revoked."""
    minted = await side.minted()
    admin = await side.signed_in("admin")
    for path in ("mint", f"{minted.id}/narrow", f"{minted.id}/revoke"):
        answer = await admin.client.post(
            f"/console/tokens/{path}", data={"csrf": "x", "env": "staging"} | VERBS, headers=admin.headers
        )
        assert answer.status_code == 403
        assert "csrf_refused" in answer.text
    assert len(side.entries("token.minted")) == 1
    assert side.entries("token.revoked") == []


async def test_tokens_are_paged_newest_first(side: RealConsole) -> None:
    """Every token stands on one page, and only one; what is no page is refused."""
    minted = []
    for number in range(PAGE + 3):
        side.clock.now += 1 if number % 2 else 0
        minted.append((await side.minted(agent=f"agent-{number}")).id)
    admin = await side.signed_in("admin")
    first = (await admin.open("/console/tokens")).text
    on_first = re.findall(r'class="name" href="/console/tokens/(tok_\w+)"', first)
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    on_second = re.findall(r'class="name" href="/console/tokens/(tok_\w+)"', (await admin.open(older[1])).text)
    assert len(on_first) == PAGE
    assert sorted(on_first + on_second) == sorted(minted)
    assert minted[-1] in on_first[:2]
    assert (await admin.open("/console/tokens?after=nobody")).status_code == 404
    assert (await admin.open("/console/tokens/tok_nobody")).status_code == 404


async def test_the_last_use_is_known_at_once_and_after_a_restart(side: RealConsole) -> None:
    """A request writes nothing; once a minute it is kept, and an older use replaces no newer one."""
    minted = await side.minted()
    assert side.tokens.uses.of([minted.id]) == {}
    side.tokens.check(minted.text)
    used_at = side.clock.now_us()
    assert side.tokens.uses.of([minted.id]) == {minted.id: used_at}
    assert side.installation.tokens.uses([minted.id]) == {}
    size = side.installation.writer.size
    await side.tokens.uses.keep()
    await side.tokens.uses.keep()
    assert side.installation.tokens.uses([minted.id]) == {minted.id: used_at}
    assert side.installation.writer.size == size
    side.tokens.uses.fresh[minted.id] = used_at - 1
    await side.tokens.uses.keep()
    assert side.tokens.uses.of([minted.id]) == {minted.id: used_at}
    side.clock.now += 2 * 3_600_000_000
    admin = await side.signed_in("admin")
    assert "used 2 h ago" in (await admin.open("/console/tokens")).text


async def test_names_from_outside_are_text(side: RealConsole) -> None:
    """An agent's or a child's name is shown, not run, and hidden characters are spelled out."""
    minted = await side.minted(agent="<b>\u202eevil</b>")
    side.tokens.check(minted.text)
    await side.tokens.narrow(side.tokens.check(minted.text), Wish(agent="<script>"))
    control = await side.tokens.mint_control(TokenKind.ADMIN, "root", minted.expires_at, by="root")
    admin = await side.signed_in("admin")
    page = (await admin.open("/console/tokens")).text
    assert "<b>" not in page
    assert "<script>" not in page
    assert "⟦U+202E⟧" in page
    assert "admin token of root" in page
    assert "has no grant" in (await admin.open(f"/console/tokens/{control.id}")).text
