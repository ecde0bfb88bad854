"""What led to a call that people are asked about: the last messages, cut to a bound, credentials hidden.

At the models gate a call says itself which conversation it came of (`ToolCall.led`). A call at another gate is
joined to the last request to a model of the same run, and of the same session where both name one. Bodies of
requests are held for that in memory alone, bounded, for minutes; nothing is read before people are asked.
INVARIANT: what a request says is a claim: it decides nothing, and whoever reads it is told how it was found.
"""

import asyncio
import contextlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

import orjson

from firewall.classify.credentials.armour import SIGNS, in_parts
from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.positions import ARMOUR_MOST
from firewall.codecs.spoken import spoken
from firewall.core.call import ToolCall
from firewall.core.conversation import (
    MOST_BYTES,
    MOST_MESSAGES,
    Conversation,
    Led,
    Message,
    Part,
    Source,
    Spoken,
    SpokenPart,
)
from firewall.core.dialect import Dialect
from firewall.core.fast_init import maker
from firewall.core.ports import Clock
from firewall.guard.foreign import TARGETS_OWN, Known
from firewall.guard.requester import Requester

WINDOW_US = 900_000_000
"""How long a request counts as what led to a call at another gate."""
MOST_RUNS = 512
MOST_HELD = 32 << 20
"""Bytes of all bodies that are held."""
MOST_BODY = 4 << 20
"""Of a longer request nothing is held."""
PART_BYTES = 6 << 10
"""Of one part; of a longer one the beginning and the end are kept."""
_TAIL = PART_BYTES // 3
_AROUND = ARMOUR_MOST + 128
"""Bytes beside what is kept in which a credential that is cut may begin or end."""
MOST_SEARCHED = 256 << 10
"""Bytes of one conversation in which credentials are looked for; no part is begun behind them."""
MOST_KEYED = 512 << 10
"""Bytes of one conversation in which private keys are looked for; nothing is kept of what lies behind them."""
MOST_PARTS_OF_ALL = 64
"""Parts of all messages that are kept; the newest."""
_LEAST_LEFT = 256
_LEAST_SECRET = 8
_OURS = re.compile(rb"sh[dl]_[0-9A-Za-z_.-]{16,128}")
"""Tokens and codes of ours: no business of whoever reads a conversation."""
_Span = tuple[int, int, str]


@dataclass(slots=True, eq=False, weakref_slot=True)
class Heard:
    """The last request of a session to a model; equal to itself alone."""

    dialect: Dialect
    body: bytes
    at_us: int


_heard = maker(Heard)


@dataclass(frozen=True, slots=True)
class _Done:
    """What is kept of one conversation, and by which rules credentials were hidden in it."""

    detector: Detector
    secrets: Sequence[bytes]
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class _Keys:
    """Private keys in one part."""

    spans: Sequence[_Span] = ()
    looked: int = -1
    """Bytes of the part in which they were looked for; -1: there is nothing to look for."""


_NO_KEYS = _Keys()


class Leading:
    """Finds and shortens what led to calls."""

    def __init__(self, detector: Callable[[], Detector], known: Known, clock: Clock) -> None:
        """`known`: the credentials of our own targets, which are hidden as well."""
        self._detector = detector
        self._known = known
        self._clock = clock
        self._bodies: OrderedDict[tuple[str, str], Heard] = OrderedDict()
        self._held = 0
        self._done: WeakKeyDictionary[Led | Heard, _Done] = WeakKeyDictionary()
        """What was kept of a conversation last, as long as calls come of it."""
        self._reader = ThreadPoolExecutor(1, "leading")
        """One thread of its own: conversations that take long keep nobody else from a thread."""

    def close(self) -> None:
        """End the thread behind what it reads just now; nothing can be asked after."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    def heard(self, requester: Requester, dialect: Dialect, body: bytes) -> None:
        """Remember a request to a model until the run's next one."""
        key = (_run(requester), requester.session)
        old = self._bodies.pop(key, None)
        if old is not None:
            self._held -= len(old.body)
        if len(body) > MOST_BODY:
            return
        now = self._clock.now_us()
        self._bodies[key] = _heard(dialect, body, now)
        self._held += len(body)
        while self._held > MOST_HELD or len(self._bodies) > MOST_RUNS or self._oldest() <= now - WINDOW_US:
            _, gone = self._bodies.popitem(last=False)
            self._held -= len(gone.body)

    def ended(self, token_id: str) -> None:
        """Forget the requests of a run whose token was revoked."""
        for key in [one for one in self._bodies if one[0] == token_id]:
            self._held -= len(self._bodies.pop(key).body)

    def _oldest(self) -> int:
        return next(iter(self._bodies.values())).at_us

    async def of(self, call: ToolCall, requester: Requester) -> Conversation | None:
        """Return the end of the conversation that led to a call; None: none is known.

        Read, cut and searched in a thread, and once for all calls of one answer or request.
        """
        found = (Source.CALL, call.led) if call.led is not None else self._joined(requester)
        if found is None:
            return None
        source, led = found
        detector, secrets = self._detector(), _spellings(self._known)
        done = self._done.get(led)
        if done is None or done.detector is not detector or done.secrets != secrets:
            work = partial(_kept, led, lambda data: _spans(data, detector, secrets))
            messages = await asyncio.get_running_loop().run_in_executor(self._reader, work)
            done = self._done[led] = _Done(detector, secrets, messages)
        return Conversation(source, done.messages) if done.messages else None

    def _joined(self, requester: Requester) -> tuple[Source, Heard] | None:
        run, since = _run(requester), self._clock.now_us() - WINDOW_US
        if requester.session:
            heard = self._bodies.get((run, requester.session))
            if heard is not None:
                return (Source.SESSION, heard) if heard.at_us > since else None
            heard = self._bodies.get((run, ""))  # a request that names another session led to nothing in this one
            return (Source.RUN, heard) if heard is not None and heard.at_us > since else None
        of_run = [one for (name, _), one in self._bodies.items() if name == run and one.at_us > since]
        return (Source.RUN, max(of_run, key=lambda one: one.at_us)) if of_run else None


def _kept(led: Led | Heard, find: Callable[[bytes], Sequence[_Span]]) -> tuple[Message, ...]:
    """Return the last messages within all bounds; what `find` finds is hidden."""
    said = _read(led) if isinstance(led, Heard) else led()
    left, searched, count, keyed = MOST_BYTES, 0, 0, MOST_KEYED

    def counted(data: bytes) -> Sequence[_Span]:
        nonlocal searched
        searched += len(data)
        return find(data)

    messages: list[Message] = []
    for one in reversed(said[-MOST_MESSAGES:]):
        parts: list[Part] = []
        is_full = left < _LEAST_LEFT or searched >= MOST_SEARCHED or count >= MOST_PARTS_OF_ALL
        keys = _keys(() if is_full else one.parts, keyed)
        keyed -= sum(here.looked for here in keys.values())
        for index in reversed(range(len(one.parts))):
            if left < _LEAST_LEFT or searched >= MOST_SEARCHED or count >= MOST_PARTS_OF_ALL:
                break
            kept = shortened(one.parts[index], min(left, PART_BYTES), counted, keys.get(index, _NO_KEYS))
            left -= len(kept.head.encode()) + len(kept.tail.encode()) + len(kept.name.encode())
            count += 1
            parts.append(kept)
        if one.parts and not parts:
            break
        gone = one.earlier + len(one.parts) - len(parts)
        messages.append(Message(one.turn, one.role, tuple(reversed(parts)), gone))
    return tuple(reversed(messages))


def shortened(
    part: SpokenPart, most: int, find: Callable[[bytes], Sequence[_Span]], keys: _Keys = _NO_KEYS
) -> Part:
    """Return a part with `most` bytes of its text at most, its beginning and its end; what `find` finds is hidden.

    Credentials are looked for in what was written, before anything is cut, so that none is cut in two and missed.
    `keys`: private keys, which have no longest; behind what was looked at for them nothing is kept.
    """
    data = part.text.encode("utf-8", "replace")
    looked = len(data) if keys.looked < 0 else keys.looked
    name = _hidden(part.name.encode("utf-8", "replace"), find(part.name.encode("utf-8", "replace")), 0, None)
    if len(data) <= min(most, looked):
        return Part(part.kind, name, _hidden(data, [*find(data), *keys.spans], 0, None))
    tail = min(_TAIL, most // 3)
    head = min(most - tail, looked)
    first = data[: head + _AROUND]
    kept_head = _hidden(first, [*find(first), *keys.spans], 0, head)
    if looked < len(data):
        return Part(part.kind, name, kept_head, len(data) - head)
    begin = max(0, len(data) - tail - _AROUND)
    last = data[begin:]
    behind = [(start - begin, end - begin, rule) for start, end, rule in keys.spans]
    kept_tail = _hidden(last, [*find(last), *behind], len(data) - tail - begin, None)
    return Part(part.kind, name, kept_head, len(data) - most, kept_tail)


def _hidden(data: bytes, spans: Sequence[_Span], start: int, end: int | None) -> str:
    """Return `data` from `start` to `end` with every span, also one that reaches over an edge, taken out."""
    stop = len(data) if end is None else end
    out: list[bytes] = []
    at = start
    for begin, over, rule in sorted(spans):
        if over <= at or begin >= stop:
            continue
        out += (data[at : max(at, begin)], b"[redacted:%s]" % rule.encode())
        at = over
    out.append(data[at:stop])
    return b"".join(out).decode("utf-8", "ignore")


def _spans(data: bytes, detector: Detector, secrets: Sequence[bytes]) -> list[_Span]:
    spans = [(one.start, one.end, one.rule) for one in detector.find(data, in_answer=True)]
    spans += [(one.start(), one.end(), "stayhand-token") for one in _OURS.finditer(data)]
    for value in secrets:
        at = data.find(value)
        while at >= 0:
            spans.append((at, at + len(value), TARGETS_OWN))
            at = data.find(value, at + len(value))
    return spans


def _keys(parts: Sequence[SpokenPart], most: int) -> Mapping[int, _Keys]:
    """Return private keys in armour, of any length and also those that were cut, by parts of one message.

    A key that one part begins may go on in the next. `most`: bytes that are looked at, from the first part on.
    """
    if not any(sign in part.text for part in parts for sign in SIGNS):
        return {}
    texts: list[bytes] = []
    left, is_cut = most, False
    for part in parts:
        data = part.text.encode("utf-8", "replace")
        texts.append(data[:left])
        is_cut = is_cut or len(data) > left
        left -= len(texts[-1])
    found = in_parts(texts, is_cut=is_cut)
    spans = [[(one.start, one.end, one.rule) for one in here] for here in found]
    return {index: _Keys(here, len(texts[index])) for index, here in enumerate(spans)}


def _spellings(known: Known) -> list[bytes]:
    return [form for _, secret in known() for form in secret.spellings if len(form) >= _LEAST_SECRET]


def _read(heard: Heard) -> Sequence[Spoken]:
    with contextlib.suppress(orjson.JSONDecodeError):
        value: object = orjson.loads(heard.body)
        if isinstance(value, Mapping):
            return spoken(heard.dialect, value)
    return ()


def _run(requester: Requester) -> str:
    return requester.lineage[-1] if requester.lineage else requester.token_id
