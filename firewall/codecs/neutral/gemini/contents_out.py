"""Turns, written as contents of the Gemini API."""

import re
from collections.abc import Iterator

import orjson

from firewall.codecs.gemini.tables import SKIP_SIGNATURE
from firewall.codecs.neutral import ids, names
from firewall.codecs.neutral.form import (
    Audio,
    Call,
    Document,
    Image,
    Part,
    Request,
    Result,
    Role,
    Text,
    Thinking,
    Turn,
)
from firewall.codecs.neutral.gemini.models import Facts
from firewall.codecs.neutral.interface import There
from firewall.codecs.neutral.losses import Losses, untranslatable
from firewall.core.call import CallForm

JsonObject = dict[str, object]

LONGEST_NAME = 64
_ROLES = {Role.USER: "user", Role.ASSISTANT: "model", Role.SYSTEM: "user"}
_ENDINGS = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "webp": "image/webp",
}
_ENDING = re.compile(r"\.([a-z]{3,4})(?:[?#]|$)", re.IGNORECASE)
INSTRUCTION = "<system>\n%s\n</system>"
"""Holds instructions from the middle of a conversation, for which this dialect has no place of their own."""
UNPARSED = "unparsed_arguments"
"""Holds the arguments of a call of the history that are no JSON object."""


def contents(request: Request, there: There, facts: Facts, losses: Losses) -> list[JsonObject]:
    """Return the contents of a conversation; neighbours of one role are one.

    Raises: ProtocolError (400) `untranslatable`.
    """
    written: list[JsonObject] = []
    for place, turn in enumerate(request.turns):
        parts = [*_Turn(request, there, facts, losses).parts(turn, f"messages.{place}")]
        if not parts:
            continue
        role, last = _ROLES[turn.role], written[-1] if written else {}
        said = last.get("parts")
        if last.get("role") == role and isinstance(said, list):
            said.extend(parts)
        else:
            written.append({"role": role, "parts": parts})
    return written


class _Turn:
    """Writes one turn: a signature stands on the part after the thought that it seals."""

    def __init__(self, request: Request, there: There, facts: Facts, losses: Losses) -> None:
        self._request = request
        self._there = there
        self._facts = facts
        self._losses = losses
        self._seal = ""
        self._has_called = False

    def parts(self, turn: Turn, where: str) -> Iterator[JsonObject]:
        """Yield the parts of a turn."""
        for place, part in enumerate(turn.parts):
            path = f"{where}.content.{place}"
            if turn.role is Role.SYSTEM:
                yield _instruction(part, path)
            elif isinstance(part, Thinking):
                yield from self._thinking(part)
            else:
                if self._seal and not isinstance(part, Call):
                    yield self._sealed()
                yield from self._part(part, path)
        if self._seal:
            yield self._sealed()

    def _part(self, part: Part, where: str) -> Iterator[JsonObject]:
        match part:
            case Text():
                yield {"text": part.text}
            case Image() | Document() | Audio():
                yield _media(part, where)
            case Call():
                yield self._call(part, where)
            case Result():
                yield from self._result(part, where)
            case Thinking():
                return

    def _thinking(self, part: Thinking) -> Iterator[JsonObject]:
        if not (self._there.provider and part.origin == self._there.provider):
            self._losses.add("thinking")
            return
        if self._seal:
            yield self._sealed()
        if part.text:
            yield {"text": part.text, "thought": True}
        self._seal = part.seal

    def _sealed(self) -> JsonObject:
        seal, self._seal = self._seal, ""
        return {"text": "", "thoughtSignature": seal}

    def _call(self, call: Call, where: str) -> JsonObject:
        if call.form is not CallForm.JSON:
            untranslatable(
                where, f"`{call.name}` takes free text, and this provider only knows tools with a schema"
            )
        name = names.fitted(call.name, namespace=call.namespace, longest=LONGEST_NAME)
        function = {"id": ids.outward(call.id, ids.GEMINI), "name": name, "args": _arguments(call.arguments)}
        written: JsonObject = {"functionCall": function}
        # The API wants a signature on the first call of an answer, and documents a value for those without.
        seal = self._seal or ("" if self._has_called else SKIP_SIGNATURE)
        if seal:
            written["thoughtSignature"] = seal
        self._seal, self._has_called = "", True
        return written

    def _result(self, result: Result, where: str) -> Iterator[JsonObject]:
        if result.form is not CallForm.JSON:
            untranslatable(where, "it is the result of a tool that takes free text")
        words = [part.text for part in result.parts if isinstance(part, Text)]
        shown = [
            _media(part, f"{where}.content.{place}")
            for place, part in enumerate(result.parts)
            if not isinstance(part, Text)
        ]
        key = "error" if result.is_error else "output"
        function: JsonObject = {
            "id": ids.outward(result.call_id, ids.GEMINI),
            "name": self._name(result),
            "response": {key: "\n".join(words)},
        }
        if shown and self._facts.sees_results:
            function["parts"] = shown
            shown = []
        yield {"functionResponse": function}
        yield from shown

    def _name(self, result: Result) -> str:
        for turn in self._request.turns:
            for part in turn.parts:
                if isinstance(part, Call) and part.id == result.call_id:
                    return names.fitted(part.name, namespace=part.namespace, longest=LONGEST_NAME)
        return names.fitted(result.name or "unknown", longest=LONGEST_NAME)


def _instruction(part: Part, where: str) -> JsonObject:
    if not isinstance(part, Text):
        untranslatable(where, "instructions can only be text there")
    return {"text": INSTRUCTION % part.text}


def _arguments(text: str) -> object:
    if not text.strip():
        return {}
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return value if isinstance(value, dict) else {UNPARSED: text}


def _media(part: Image | Document | Audio, where: str) -> JsonObject:
    if isinstance(part, Audio) or part.data:
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    kind = part.media_type
    if not kind:
        ending = _ENDING.search(part.url)
        kind = _ENDINGS.get(ending.group(1).lower(), "") if ending is not None else ""
    if not kind:
        untranslatable(where, "this provider must be told the type of a picture behind an address")
    return {"fileData": {"mimeType": kind, "fileUri": part.url}}
