"""Lineage: what an agent was told is searched once, hashed, and followed to where it is used."""

import gc
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.codecs.sightings import first_sighting
from firewall.core.call import CallForm, ToolCall
from firewall.core.outgoing import Outgoing
from firewall.core.running import Digests
from firewall.core.secret import Secret
from firewall.guard import lineage
from firewall.guard.foreign import Foreign
from firewall.guard.lineage import Lineage, Told
from tests.support.guarding import Kept, call, keeping

PAT = "gh" + "p_" + "aZ3kQ9xW7vB2nM5tR8yU1iO4pL6sD0fGhJkc"
UUID = "3d2c42fb-9e1a-4c7b-8a55-0d1f6b7c8e90"


def history(*results: str, command: str = "cat deploy/.env") -> dict[str, object]:
    """Build a conversation in which a command printed these texts."""
    messages: list[object] = [{"role": "user", "content": "deploy it"}]
    for number, text in enumerate(results):
        used = {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": {"command": command}}
        messages.append({"role": "assistant", "content": [used]})
        messages.append(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{number}", "content": text}]}
        )
    return {"model": "coder", "messages": messages, "system": "be brief", "max_tokens": 10}


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


async def told(kept: Kept, request: Mapping[str, object]) -> None:
    """Let the guard read a request, as the models gate does."""
    body = json.dumps(request).encode()
    seen = Told(Digests(body), lambda value: first_sighting(request, value))
    await kept.guard.read(kept.requester(), seen)


def said(body: bytes, words: str) -> Told:
    """Return a request whose every word is first met at one place."""
    return Told(Digests(body), lambda _: words)


def _lineage(kept: Kept) -> Lineage:
    return Lineage(kept.installation.writer, list)


async def test_a_find_in_a_result_is_recorded_once_and_refuses_nothing(kept: Kept) -> None:
    """The history comes again with every request: one entry, not used, with the keyed hash alone."""
    await told(kept, history(f"RAILWAY_TOKEN={UUID}\n"))
    await told(kept, history(f"RAILWAY_TOKEN={UUID}\n", "fine"))
    assert kept.kinds() == ["credential.foreign"]
    body = json.dumps(kept.body(0))
    assert '"used": false' in body
    assert '"rule": "railway-token"' in body
    assert UUID not in body
    await told(kept, history(f"RAILWAY_TOKEN={UUID}\n", "fine", f"export X={PAT}"))
    assert kept.kinds() == ["credential.foreign"] * 2


async def test_what_was_read_in_a_conversation_is_known_at_another_gate(kept: Kept) -> None:
    """A token printed by a command and sent to a target has the same hash in both entries."""
    await told(kept, history(f"RAILWAY_TOKEN={UUID}\n"))
    outgoing = Outgoing("POST", "/graphql/v2", headers=(("x-token", f"Bearer {UUID}"),), body=b"{}")
    request = ToolCall("req_1", "infra/shop", outgoing.encode(), form=CallForm.REQUEST)
    await kept.guard.judge(request, kept.requester(gate="infra"))
    assert kept.kinds()[:2] == ["credential.foreign", "credential.foreign"]
    one, two = (json.loads(json.dumps(kept.body(seq)))["data"]["credential"] for seq in (0, 1))
    assert one == two


async def test_first_words_stay_and_name_the_gate(kept: Kept) -> None:
    """The first sighting counts; from another gate its gate is named; another owner knows nothing of it."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    here, there = kept.requester(), kept.requester(gate="infra")
    assert found.note(here, PAT, "result of Bash: cat deploy/.env, message 17", detector)
    assert not found.note(there, PAT, "answer of infra/shop", detector)
    assert found.first(here, PAT) == "result of Bash: cat deploy/.env, message 17"
    assert found.first(there, PAT) == "result of Bash: cat deploy/.env, message 17 (at the models gate)"
    assert found.first(here, UUID) == ""


async def test_nothing_is_kept_in_the_clear(kept: Kept) -> None:
    """Neither the value nor another one in the words that say where it was."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    words = f"result of Bash: curl -H 'Authorization: Bearer {UUID}' {PAT}"
    found.note(kept.requester(), PAT, words, detector)
    held = repr(gc.get_referents(*gc.get_referents(found)))
    assert "result of Bash: curl" in held
    assert PAT not in held
    assert UUID not in held


async def test_what_is_remembered_is_bounded(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr(lineage, "MOST_SEEN", 3)
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    for number in range(5):
        found.note(kept.requester(), f"{PAT}{number}", f"place {number}", detector)
    assert [found.first(kept.requester(), f"{PAT}{number}") for number in range(5)] == [
        "", "", "place 2", "place 3", "place 4",
    ]  # fmt: skip


async def test_a_large_history_is_searched_to_its_bound(kept: Kept) -> None:
    """A credential across two steps of the search is found; of more than four megabytes the newest is searched."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    piece = b"x " * (64 << 10) + b"gh" + PAT.encode()[2:] + b" y" * 1000
    shifted = [piece[at:] for at in range(0, 44, 4)]
    for one in shifted:
        await found.read(kept.requester(), said(one, "here"), detector)
    assert found.first(kept.requester(), PAT) == "here"
    old = b" AK" + b"IA" + b"Q3VNX7RT2LKP5WJ4 " + b"z" * (4 << 20)
    await found.read(kept.requester(), said(old, "there"), detector)
    assert found.first(kept.requester(), "AK" + "IAQ3VNX7RT2LKP5WJ4") == ""


async def test_an_entry_says_where_a_value_was_first_met(kept: Kept) -> None:
    """What a call's own conversation knows counts before what was met elsewhere."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    found.note(kept.requester(), PAT, "elsewhere", detector)
    one = Foreign("github-pat", Secret(PAT), "body")
    assert found.origin(PAT, kept.requester(), None) == "elsewhere"
    assert found.origin(PAT, kept.requester(), lambda _: "here") == "here"
    await found.record((one,), kept.requester(), name="Bash", is_used=True)
    await found.record((), kept.requester(), name="Bash", is_used=True)
    assert kept.kinds() == ["credential.foreign"]


async def test_calls_are_remembered_too(kept: Kept) -> None:
    """A credential that a tool wrote somewhere is known when it is sent."""
    path = kept.folder / "workspace" / "notes.txt"
    wrote = ToolCall("toolu_1", "Write", json.dumps({"file_path": str(path), "content": PAT}).encode())
    await kept.guard.judge(wrote, kept.requester())
    await kept.guard.judge(
        call(f"curl -H 'Authorization: token {PAT}' https://api.github.com/user"), kept.requester()
    )
    assert [json.loads(json.dumps(kept.body(seq)))["data"]["used"] for seq in (0, 3)] == [False, True]


async def test_what_could_not_be_recorded_is_found_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A find without an entry is not remembered: the same request, sent again, is searched and recorded."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    recorded: list[object] = []

    async def record(foreign: object) -> None:
        recorded.append(foreign)
        if len(recorded) == 1:
            raise OSError("the disk is full")

    monkeypatch.setattr(Lineage, "record", lambda _, foreign, *__, **___: record(foreign))
    with pytest.raises(OSError, match="full"):
        await found.read(kept.requester(), said(PAT.encode(), "here"), detector)
    assert found.first(kept.requester(), PAT) == ""
    await found.read(kept.requester(), said(PAT.encode(), "here"), detector)
    assert found.first(kept.requester(), PAT) == "here"
    assert recorded[0] == recorded[1] != []


async def test_more_finds_than_one_request_records_are_recorded_with_the_next(kept: Kept) -> None:
    """Thirty-two entries a request: the history comes again, and with it the rest; nothing is recorded twice."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    body = b"\n".join(b"gh" + b"p_" + b"aZ3kQ9xW7vB2nM5tR8yU1iO4pL6sD0f%05d" % at for at in range(40))
    for expected in (32, 40, 40):
        await found.read(kept.requester(), said(body, "here"), detector)
        assert len(kept.kinds()) == expected


async def test_however_json_spells_it(kept: Kept) -> None:
    """Escaped letters and slashes are the characters that they stand for."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in PAT)
    await found.read(kept.requester(), said(f'{{"text":"{escaped}"}}'.encode(), "here"), detector)
    assert found.first(kept.requester(), PAT) == "here"


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_however_deep_json_stands_in_json(kept: Kept, depth: int) -> None:
    """A tool's result is often JSON itself: an escape in it is escaped once more."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    text = PAT[:20] + f"\\u{ord(PAT[20]):04x}" + PAT[21:]
    told = '{"token":"' + text + '"}'
    for _ in range(depth - 1):
        told = json.dumps({"content": told})
    await found.read(kept.requester(), said(told.encode(), "here"), detector)
    assert found.first(kept.requester(), PAT) == "here"


async def test_another_owner_is_searched_for_himself(kept: Kept) -> None:
    """What was searched for one owner is new for another: the same words are found for both."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    for owner in ("olga", "oleg"):
        grant = replace(kept.requester().grant, owner=owner)
        await found.read(replace(kept.requester(), grant=grant), said(PAT.encode(), owner), detector)
        assert found.first(replace(kept.requester(), grant=grant), PAT) == owner


async def test_what_an_erased_owner_was_told_is_forgotten(kept: Kept) -> None:
    """Whoever comes later under his name is not told his words, and is searched anew; others stay as they are."""
    found, detector = _lineage(kept), kept.snapshot.catalogue.credentials
    body = json.dumps(history(f"RAILWAY_TOKEN={UUID}\n")).encode()
    anna, bert = kept.requester(), kept.requester(grant_owner="bert")
    for one in (anna, bert):
        await found.read(one, said(body, f"words of {one.grant.owner}"), detector)
    found.forget(anna.grant.owner)
    assert found.first(anna, UUID) == ""
    assert found.first(bert, UUID) == "words of bert"
    before = len(kept.kinds())
    for one in (anna, bert):
        await found.read(one, said(body, "later words"), detector)
    assert found.first(anna, UUID) == "later words"
    assert found.first(bert, UUID) == "words of bert"
    assert kept.kinds()[before:] == ["credential.foreign"]
