"""An answer that breaks off anywhere: it begins again after text alone, in one stream with one end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.dialects import CODECS
from firewall.codecs.restarting.interface import WORDS
from firewall.core.dialect import Dialect
from tests.support.restarts import BREAKS, Played, beginning_of, ends, play, reply, stream_of, understood

EVERY = pytest.mark.parametrize("dialect", list(Dialect), ids=[one.value for one in Dialect])
FIRST, SECOND = "One two three four five.", "Six seven."
WITH_CALL = {one: stream_of(one, reply("first", FIRST, command="rm first")) for one in Dialect}
WITH_TEXT = {one: stream_of(one, reply("first", FIRST)) for one in Dialect}
INSTEAD = {one: stream_of(one, reply("second", SECOND, command="ls second")) for one in Dialect}


def check(dialect: Dialect, played: Played) -> None:
    """Hold a client's stream against what holds for every break."""
    assert ends(dialect, played.out) == 1, played.out[-300:]
    said = understood(dialect, played.out)
    if not played.restarted:
        assert said.commands in ([], ["rm first"])
        assert len(said.commands) <= played.judged
        assert WORDS.encode() not in played.out
        assert b"second" not in played.out
        return
    assert (said.error, said.ends, said.is_last) == ("", 1, True)
    assert said.commands == ["ls second"]
    assert played.judged == 1
    assert b"rm first" not in played.out
    before, words, after = said.text.partition(WORDS)
    assert after.strip() == SECOND if words else said.text == SECOND
    assert FIRST.startswith(before.rstrip("\n")) if words else True
    CODECS[dialect].read_answer(CODECS[dialect].answer_of(played.out))


@EVERY
@pytest.mark.parametrize("breaks", BREAKS)
@given(data=st.data())
def test_an_answer_broken_off_anywhere_ends_once(dialect: Dialect, breaks: str, data: st.DataObject) -> None:
    """Wherever it breaks and however it comes, there is one end, and no call leaves twice or in two versions."""
    whole = data.draw(st.sampled_from([WITH_CALL[dialect], WITH_TEXT[dialect]]))
    cut = data.draw(st.integers(0, len(whole)))
    step = data.draw(st.sampled_from([0, 1, 7, 64]))
    check(dialect, play(dialect, whole[:cut], INSTEAD[dialect], breaks=breaks, step=step))


@EVERY
def test_what_comes_with_the_end_and_is_none_takes_nothing_from_it(dialect: Dialect) -> None:
    """The end leaves, although what came in the same bytes behind it cannot be read."""
    whole = WITH_CALL[dialect]
    for step in (0, *range(16, 65)):
        check(dialect, play(dialect, whole, INSTEAD[dialect], breaks="garbage", step=step))


@EVERY
def test_everywhere_in_an_answer_is_a_place_to_break(dialect: Dialect) -> None:
    """Around every frame and within: before a call was given it begins again, afterwards never."""
    whole = WITH_CALL[dialect]
    gap = b"\r\n\r\n" if b"\r\n\r\n" in whole else b"\n\n"
    edges = [at + len(gap) for at in range(len(whole)) if whole.startswith(gap, at)]
    cuts = sorted({cut for edge in edges for cut in (edge - 1, edge, edge + 9) if cut <= len(whole)})
    restarted = []
    for cut in cuts:
        played = play(dialect, whole[:cut], INSTEAD[dialect], breaks="connection")
        check(dialect, played)
        restarted.append(played.restarted)
    assert restarted == sorted(restarted, reverse=True), "after a place to begin again there is none before it"
    assert True in restarted
    assert False in restarted


@EVERY
def test_thoughts_are_not_begun_again(dialect: Dialect) -> None:
    """What a client has of one model's thoughts belongs to that model: its answer ends in an error."""
    begun = beginning_of(dialect, reply("first", FIRST, thinking="Well then."), b"One")
    if dialect is Dialect.OPENAI_CHAT:
        begun = begun.replace(b'"delta":{"content"', b'"delta":{"reasoning_content":"Well then.","content"', 1)
    assert any(word in begun for word in (b"thinking", b"thought", b"reasoning"))
    played = play(dialect, begun, INSTEAD[dialect], breaks="end")
    assert not played.restarted
    check(dialect, played)
    assert understood(dialect, played.out).error


@EVERY
@pytest.mark.parametrize("breaks", BREAKS)
def test_an_answer_that_took_anothers_place_may_break_off_too(dialect: Dialect, breaks: str) -> None:
    """The second model's answer breaks off as well: the third begins again, and the client reads of both."""
    first = beginning_of(dialect, reply("first", FIRST), b"One")
    other = beginning_of(dialect, reply("other", "Eight nine."), b"Ei")
    played = play(dialect, first, other, INSTEAD[dialect], breaks=breaks, step=16)
    assert played.restarted
    said = understood(dialect, played.out)
    assert (ends(dialect, played.out), said.error, said.commands) == (1, "", ["ls second"])
    assert said.text.count(WORDS) == 2
    assert said.text.endswith(SECOND)
    CODECS[dialect].read_answer(CODECS[dialect].answer_of(played.out))
