"""Exactly the same question gets exactly the same answer: no similarity is measured (docs/adr/0003).

INVARIANT: the key holds everything that was asked, who asked within which environment, the route and the policy in
force, so that an answer is given again only to those to whom it would be given anew; and only complete answers
without tool calls to questions without tools at temperature 0 are kept. State of one process, bounded by bytes.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from firewall.codecs.dialects import CODECS
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError
from firewall.core.strict_json import loads_object
from firewall.core.terms import CacheTerms, Share
from firewall.routing.call import Candidate, ModelCall, Plan

HEADER = "x-stayhand-cache"
HIT, MISS, BYPASS = "hit", "miss", "bypass"
MAX_BYTES = 64 << 20
STALE = 24
"""How many times its TTL an answer stays for those whom nobody else can answer."""
_VERSION = 1
_TOOLS = ("tools", "functions", "tool_config", "toolConfig", "mcp_servers", "container", "web_search_options")
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class Cached:
    """An answer that was given before."""

    body: bytes
    """Whole, in the dialect of the question."""
    candidate: Candidate
    """Who gave it."""
    fresh_until: float
    stale_until: float


def key_of(call: ModelCall, plan: Plan, *, terms: CacheTerms, policy: str) -> str:
    """Return the digest under which an answer to this call is kept."""
    caller = call.caller
    whose = [caller.grant.owner, caller.grant.environment]
    if terms.share is not Share.ENVIRONMENT:
        whose.append(caller.principal)
    if terms.share is Share.TOKEN:
        whose.append(caller.token_id)
    asked = [call.dialect.value, call.request.model, call.request.identity]
    document = orjson.dumps([_VERSION, asked, terms.share.value, whose, plan.route, policy], option=_OPTIONS)
    return hashlib.sha256(document).hexdigest()


def may_be_kept(call: ModelCall, terms: CacheTerms) -> bool:
    """Tell whether a question has but one answer: temperature 0, no tools, nothing kept at the provider."""
    value, request = call.value, call.request
    if any(value.get(name) for name in _TOOLS) or request.hosted or request.references or request.candidates != 1:
        return False
    is_shared = terms.share is Share.ENVIRONMENT
    if is_shared and call.dialect is Dialect.OPENAI_RESPONSES and value.get("store") is not False:
        return False  # its id would lead to somebody else's conversation
    where = value.get("generationConfig") if call.dialect is Dialect.GEMINI else value
    said = where.get("temperature") if isinstance(where, Mapping) else None
    return isinstance(said, int | float) and not isinstance(said, bool) and said == 0


def is_whole(dialect: Dialect, body: bytes) -> bool:
    """Tell whether an answer is complete, regular and without calls."""
    try:
        if CODECS[dialect].read_answer(body).calls:
            return False
        value = loads_object(body)
    except ProtocolError:
        return False
    match dialect:
        case Dialect.ANTHROPIC:
            return value.get("stop_reason") in {"end_turn", "stop_sequence"}
        case Dialect.OPENAI_RESPONSES:
            return value.get("status") == "completed"
        case Dialect.OPENAI_CHAT:
            return _only(value.get("choices")).get("finish_reason") == "stop"
        case Dialect.GEMINI:
            return _only(value.get("candidates")).get("finishReason") == "STOP"


def _only(several: object) -> Mapping[str, object]:
    """Return the one object of a list of one, else an empty one."""
    only = several[0] if isinstance(several, list) and len(several) == 1 else None
    return only if isinstance(only, Mapping) else {}


class Cache:
    """Answers by key, the oldest forgotten first; `now` is a clock in seconds that never runs backwards."""

    def __init__(self, now: Callable[[], float], *, max_bytes: int = MAX_BYTES) -> None:
        self._now = now
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, Cached] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes of all answers."""
        return self._bytes

    def get(self, key: str, *, stale: bool = False) -> Cached | None:
        """Return an answer that is fresh, or at least not too old."""
        found = self._kept.get(key)
        if found is None:
            return None
        now = self._now()
        if now >= found.stale_until:
            self._drop(key)
            return None
        if now >= found.fresh_until and not stale:
            return None
        self._kept.move_to_end(key)
        return found

    def put(self, key: str, body: bytes, candidate: Candidate, terms: CacheTerms) -> bool:
        """Keep an answer; False for one that is too large."""
        if len(body) > min(terms.max_bytes, self._max_bytes):
            return False
        self._drop(key)
        now = self._now()
        self._kept[key] = Cached(body, candidate, now + terms.ttl_s, now + terms.ttl_s * STALE)
        self._bytes += len(body)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))
        return True

    def _drop(self, key: str) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= len(found.body)
