"""Searching: what is found, page by page, with an index, without one, and with one that is behind or broken."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.console.explorer import blocks, store, words
from firewall.console.explorer.seen import Seen
from firewall.console.explorer.store import Index
from firewall.console.explorer.wish import Wish, looked
from tests.support.logs_to_search import START_US, Written, judged, scattered, written


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Written]:
    """An empty log."""
    with written(tmp_path) as one:
        yield one


def _seqs(log: Written, wish: Wish, *, most: int = 50) -> list[int]:
    """Return everything that is found, over as many pages as it takes."""
    found: list[int] = []
    before = 0
    while True:
        page = log.searcher().search(wish, before=before, most=most, limit_s=60)
        found += [seen.seq for seen in page.entries]
        before = page.next
        if not before:
            return found


_WISHES = (
    Wish(),
    Wish(actor="alice"),
    Wish(actor="bob/codex"),
    Wish(environment="production", verdict="deny"),
    Wish(effect="destructive"),
    Wish(resource="volume:railway"),
    Wish(resource="vol_2"),
    Wish(kind="tool"),
    Wish(session="ses_2", effect="write"),
    Wish(approval="apr_1"),
    Wish(text="volumedelete NAÏVE"),
    Wish(text="full list"),
    Wish(text="payroll"),
    Wish(actor="alice", text="delete", verdict="ask", environment="staging"),
    Wish(since=START_US + 700_000_000, until=START_US + 1_300_000_000, text="list"),
)
_EMPTY = (
    Wish(actor="nobody"),
    Wish(environment="nowhere"),
    Wish(resource="/srv/data"),
    Wish(kind="approval"),
    Wish(text="absent"),
    Wish(since=START_US + 100_000_000_000),
)


def test_the_index_finds_what_reading_everything_finds(log: Written) -> None:
    """With an index of the older part, all pages together are what a walk over every entry says, newest first."""
    log.write(scattered(7, 2_600))
    before = {wish: _seqs(log, wish) for wish in (*_WISHES, *_EMPTY)}
    assert log.indexed() == 2 * blocks.WIDTH
    for wish, expected in before.items():
        assert _seqs(log, wish, most=37) == expected, wish
        assert expected == sorted(expected, reverse=True)
        assert bool(expected) == (wish not in _EMPTY), wish


def test_a_page_ends_at_its_bytes_and_one_entry_always_fits(log: Written) -> None:
    """With any number of bytes, even none, all pages together hold everything once, and each says why it ended."""
    log.write(judged(word="w" * (at * 37 % 900)) for at in range(60))
    everything = _seqs(log, Wish())
    for most in (0, 1, 2_000, 10_000):
        found: list[int] = []
        before = 0
        while before or not found:
            page = log.searcher().search(Wish(), before=before, most_bytes=most, limit_s=60)
            assert len(page.entries) == 1 or sum(seen.weight for seen in page.entries) <= most
            assert page.ended == ("bytes" if page.next else "log")
            found += [seen.seq for seen in page.entries]
            before = page.next
        assert found == everything


def test_a_page_is_full_and_says_where_the_next_begins(log: Written) -> None:
    """A page has no more entries than it may; the next one begins below its last."""
    log.fill(1_100)
    log.indexed()
    page = log.searcher().search(Wish(), most=10)
    assert [seen.seq for seen in page.entries] == list(range(1_099, 1_089, -1))
    assert page.is_full
    assert page.next == 1_090
    last = log.searcher().search(Wish(), before=5, most=10)
    assert [seen.seq for seen in last.entries] == [4, 3, 2, 1, 0]
    assert (last.next, last.is_full) == (0, False)


def test_when_the_time_is_up_the_page_says_how_far_it_came(log: Written) -> None:
    """With no time at all a page looks at something, says where it ended, and the pages together are complete."""
    log.write([judged(word="first")])
    for count in (40, blocks.WIDTH):  # without an index, and with one
        log.fill(count)
        log.indexed()
        found: list[int] = []
        before, pages = 0, 0
        while True:
            page = log.searcher().search(Wish(text="first"), before=before, limit_s=0)
            found += [seen.seq for seen in page.entries]
            pages += 1
            assert page.is_full is False
            if not page.next:
                break
            assert page.next < (before or log.size)
            before = page.next
        assert found == [0]
        assert pages > 1


def test_an_entry_with_more_words_than_are_kept_is_still_found(log: Written) -> None:
    """What the index could not keep is looked at by every question: nobody hides behind many words."""
    many = " ".join(f"w{at}" for at in range(5_000))
    log.write([judged(word=f"{many} hidden")])
    log.fill(blocks.WIDTH)
    log.indexed()
    assert _seqs(log, Wish(text="hidden w4999")) == [0]


def test_long_entries_hide_none_behind_them(log: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block full of entries with too many words is looked at without cutting one of them into words."""
    many = " ".join(f"w{at}" for at in range(words.MOST_WORDS + 10))
    log.write([judged(word="needle")])
    log.write(judged(word=many) for _ in range(blocks.WIDTH - 1))
    log.write([judged(word=many)])
    log.indexed()

    def cut(text: str) -> Iterator[str]:
        raise AssertionError(text[:20])

    monkeypatch.setattr(words, "said", cut)
    monkeypatch.setattr(words, "_parts", cut)
    found: list[int] = []
    before, pages = 0, 0
    while not pages or before:
        page = log.searcher().search(Wish(text="needle"), before=before)
        found += [seen.seq for seen in page.entries]
        before, pages = page.next, pages + 1
    assert found == [0]
    assert pages <= 50


def test_what_is_not_looked_at_to_its_end_is_told(log: Written) -> None:
    """An entry that is longer than what is looked at is counted where its beginning does not have the words."""
    log.write([judged(word="x " * (words.MOST_LOOKED // 2) + "needle"), judged(word="needle")])
    page = log.searcher().search(Wish(text="needle"))
    assert ([seen.seq for seen in page.entries], page.cut) == ([1], 1)
    assert log.searcher().search(Wish(text="x")).cut == 0


def test_many_resources_are_all_found(log: Written) -> None:
    """An entry with more resources than are kept is looked at by every question."""
    record = judged()
    many = [{"resource": f"volume:v{at}"} for at in range(words.MOST_WORDS + 5)]
    log.write([replace(record, private={**(record.private or {}), "actions": many})])
    log.fill(blocks.WIDTH)
    log.indexed()
    assert _seqs(log, Wish(resource=f"volume:v{words.MOST_WORDS + 4}")) == [0]


def test_an_index_of_another_log_goes_with_its_journal(log: Written) -> None:
    """What SQLite keeps beside the file is removed with it, and never played into the next one."""
    log.fill(blocks.WIDTH)
    log.indexed()
    with sqlite3.connect(log.index) as changed:
        changed.execute("UPDATE blocks SET leaf = 'other'")
    changed.close()
    removed: list[set[str]] = []
    own = store.remove

    def noted(path: Path) -> None:
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).touch()
        own(path)
        removed.append({one.name for one in path.parent.glob("search.db*")})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("firewall.console.explorer.indexing.remove", noted)
        assert log.indexed() == blocks.WIDTH
    assert removed == [set()]


def test_an_erased_person_is_erased_from_search(log: Written) -> None:
    """Once the key is gone neither the name nor any word finds anything, in the index as in what is behind it."""
    log.write([judged(owner="mallory", word="payroll")])
    log.fill(blocks.WIDTH)
    log.write([judged(owner="mallory", word="payroll")])
    log.indexed()
    assert _seqs(log, Wish(text="payroll")) == [blocks.WIDTH + 1, 0]
    assert _seqs(log, Wish(actor="mallory")) == [blocks.WIDTH + 1, 0]
    log.keystore.erase("mallory")
    assert _seqs(log, Wish(text="payroll")) == []
    assert _seqs(log, Wish(actor="mallory")) == []
    assert _seqs(log, Wish(resource="file:/srv/data", session="ses_1"))[0] == blocks.WIDTH
    everything = log.searcher().search(Wish(), most=1).entries[0]
    assert everything.is_erased


def test_a_principal_has_a_name_while_its_person_has_a_key(log: Written) -> None:
    """People and agents that the installation knows are named on pages; an erased one is a pseudonym at once."""
    with sqlite3.connect(log.path) as conn:
        conn.execute("CREATE TABLE people (name TEXT)")
        conn.execute("CREATE TABLE tokens (grant_json TEXT, kind TEXT, created_at INTEGER)")
        conn.execute("""INSERT INTO tokens VALUES ('{"owner": "mallory", "agent": "claude"}', 'agent', 1)""")
    conn.close()
    log.write([judged(owner="mallory"), judged(owner="alice")])
    searcher = log.searcher()
    assert list(searcher.search(Wish()).names.values()) == ["mallory/claude"]
    log.keystore.erase("mallory")
    assert searcher.search(Wish()).names == {}
    log.keystore.key_for("mallory")  # somebody else under the same name
    assert searcher.search(Wish()).names == {}


def test_asking_for_somebody_makes_no_key(log: Written) -> None:
    """A question about a name that nobody has leaves the keystore as it was."""
    log.fill(3)
    assert _seqs(log, Wish(actor="ghost")) == []
    assert log.keystore.known("ghost") is None


def test_a_broken_block_is_read_from_the_log(log: Written) -> None:
    """A block that does not open hides nothing: its entries are read."""
    log.write([judged(word="needle")])
    log.fill(blocks.WIDTH)
    log.indexed()
    with sqlite3.connect(log.index) as index:
        index.execute("UPDATE blocks SET marks = zeroblob(100)")
    index.close()
    assert _seqs(log, Wish(text="needle")) == [0]


def test_nothing_secret_stands_in_the_index(log: Written) -> None:
    """Names, resources, sessions and words are nowhere in the file, in no spelling of a text."""
    secrets = ("mallory", "canarysession", "canaryvolume", "canaryword", "canaryplaceholder")
    log.write(
        judged(owner="mallory", session="canarysession", resource="volume:canaryvolume", word="canaryword")
        for _ in range(blocks.WIDTH)
    )
    log.indexed()
    raw = b"".join(path.read_bytes() for path in log.folder.glob("search.db*"))
    assert len(raw) > 10_000
    for secret in secrets:
        assert secret.encode() not in raw
        assert secret.encode("utf-16-le") not in raw


def test_another_log_makes_the_index_anew(log: Written) -> None:
    """An index of a log that was longer, or another one, is thrown away."""
    log.write(scattered(1, blocks.WIDTH))
    log.indexed()
    index = Index.reading(log.index)
    assert index is not None
    leaf = index.last_leaf()
    index.close()
    with sqlite3.connect(log.index) as changed:
        changed.execute("UPDATE blocks SET leaf = 'other'")
    changed.close()
    assert log.indexed() == blocks.WIDTH
    index = Index.reading(log.index)
    assert index is not None
    assert index.last_leaf() == leaf
    index.close()
    log.index.write_bytes(b"no database" * 1_000)
    assert log.indexed() == blocks.WIDTH


def test_an_entry_of_a_token_is_found_by_its_id(log: Written) -> None:
    """A token's id is unsealed in entries, and asked for as an actor."""
    log.write([judged(more={"token": "tok_0123456789012345678901"}), judged()])
    assert _seqs(log, Wish(actor="tok_0123456789012345678901")) == [0]


def test_effects_of_an_unknown_shape_say_nothing() -> None:
    """An entry whose fields have other types than ours is not found by them."""
    odd = Seen(0, START_US, "tool.judged", "", "", "", {"effects": "read", "environment": 3, "verdict": ["deny"]})
    assert looked(Wish(kind="tool"), None, odd) == (True, True)
    assert looked(Wish(effect="read"), None, odd) == (False, True)
    assert looked(Wish(environment="3"), None, odd) == (False, True)
    assert looked(Wish(text="deny 3"), None, replace(odd)) == (True, True)
