"""Questions of our own to a model: whether an answer is good, how hard a question is. Charged like every attempt.

The words of the conversation are data to whoever is asked; what comes back is an opinion, never an instruction.
"""

from dataclasses import replace

import orjson

from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import Usage
from firewall.codecs.neutral.events import Answer
from firewall.codecs.neutral.registry import reader
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError, UpstreamError
from firewall.routing.call import Attempt, Candidate, ModelCall, Plan, UnansweredError
from firewall.routing.checks import text_of
from firewall.routing.choosing.reading import newest_turn
from firewall.routing.trying.answers import Kept
from firewall.routing.trying.asker import Note
from firewall.routing.trying.frame import Frame
from firewall.routing.trying.run import Run
from firewall.spend.estimate import MOST_ASIDE_WROTE, MOST_QUESTION

MOST_BYTES = 16 << 20
"""A longer answer is not read: it counts as one that cannot be."""
_PATH = "/v1/messages"


class Found:
    """What an answer says and used, as far as it can be read."""

    __slots__ = ("answer", "usage")

    def __init__(self, call: ModelCall, kept: Kept) -> None:
        codec = CODECS[call.dialect]
        self.answer: Answer | None = None
        """None: it cannot be read."""
        self.usage: Usage | None = kept.usage
        try:
            whole = codec.answer_of(kept.body) if call.request.stream else kept.body
            self.usage = self.usage or codec.read_answer(whole).usage
            self.answer = reader(call.dialect).read_answer(whole, seed="")
        except FirewallError:
            self.answer = None  # FAIL-CLOSED: what cannot be read has not passed


class Aside:
    """Asks one model one thing."""

    def __init__(self, frame: Frame, note: Note) -> None:
        """`note` is told of every question."""
        self._frame = frame
        self._note = note

    async def ask(
        self, run: Run, whom: Candidate, system: str, words: str, *, outcome: str
    ) -> tuple[str, list[Attempt]]:
        """Return what is said, nothing where nobody answers, and what that used, noted as `outcome`."""
        call = _question(run.call, system, words)
        try:
            answer = await self._frame.open(
                Run(call, Plan(run.plan.route, (whom,)), run.entry, trail=run.trail, again=run.again)
            )
        except UnansweredError as error:
            return "", list(error.heard.tried if error.heard else ())
        try:
            body = await answer.read(MOST_BYTES)
        except UpstreamError:
            return "", [replace(one, may_cost=True) for one in answer.heard.tried]
        finally:
            answer.close()
        kept = Kept(answer.status, answer.fields, body, answer.heard, usage=answer.usage)
        found = Found(call, kept) if kept.status == 200 else None
        spent = [
            run.learned_more(one, replace(one, outcome=outcome, usage=used(found, one), may_cost=True))
            for one in kept.heard.tried
        ]
        for one in spent:
            run.tried.append(one)
            self._note(run, one)
        return text_of(found.answer).strip() if found is not None and found.answer is not None else "", spent


def newest_words(call: ModelCall) -> str:
    """Return the newest turn as text, as far as a model of our own is shown it."""
    return orjson.dumps(newest_turn(call.value))[:MOST_QUESTION].decode("utf-8", "ignore")


def used(found: Found | None, one: Attempt) -> Usage | None:
    """Return what an attempt used, as far as anybody says."""
    return found.usage if found is not None and found.usage is not None else one.usage


def _question(call: ModelCall, system: str, words: str) -> ModelCall:
    value: dict[str, object] = {
        "model": "aside",
        "max_tokens": MOST_ASIDE_WROTE,
        "system": system,
        "messages": [{"role": "user", "content": words}],
    }
    body = orjson.dumps(value)
    request = CODECS[Dialect.ANTHROPIC].read_request(body, value, {}, _PATH)
    return replace(
        call,
        dialect=Dialect.ANTHROPIC,
        request=request,
        value=value,
        path=_PATH,
        query="",
        own_login=call.own_login if call.dialect is Dialect.ANTHROPIC else None,
        fields=((b"content-type", b"application/json"), (b"anthropic-version", b"2023-06-01")),
        headers={"content-type": "application/json", "anthropic-version": "2023-06-01"},
    )
