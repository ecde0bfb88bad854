"""The contents of a Gemini request, read into turns.

Old clients give calls no ids. One is made from the call's name and its place among the calls, the same each time
the history comes back; a result without an id belongs to the oldest call of its tool that has none yet.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping

import orjson

from firewall.codecs.gemini import tables
from firewall.codecs.gemini.fields import folded
from firewall.codecs.neutral import fields, ids, media
from firewall.codecs.neutral.form import (
    Audio,
    Call,
    Document,
    Image,
    Part,
    Result,
    Role,
    Text,
    Thinking,
    Turn,
)
from firewall.codecs.neutral.gemini import seals
from firewall.codecs.neutral.losses import Losses, only, untranslatable

Json = Mapping[str, object]
Shown = Text | Image | Document

_ROLES = {"": Role.USER, "user": Role.USER, "function": Role.USER, "model": Role.ASSISTANT}
_NOTES = frozenset({"mediaResolution", "partMetadata", "thought", "thoughtSignature"})
_ADVISORY = ("mediaResolution", "partMetadata")
_PLAIN = ("output", "result", "content")
"""Keys under which clients wrap what a tool said."""


class Contents:
    """Reads contents one after another; one per request."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._nameless: dict[str, deque[str]] = defaultdict(deque)
        """Ids made for calls that nobody has answered, by the tool's name."""
        self._count = 0

    def turns(self, value: Json) -> Iterator[Turn]:
        """Yield the turns of a conversation.

        Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the part.
        """
        given = value.get("contents")
        if isinstance(given, str):
            yield Turn(Role.USER, (Text(given),))
            return
        if isinstance(given, Mapping):
            value = {"contents": [given]}
        for where, content in fields.tables(value, "contents"):
            role = _ROLES.get(fields.optional_text(content, "role", where))
            if role is None:
                fields.wrong(f"{where}.role", "`user` or `model`")
            only(content, frozenset({"parts", "role"}), where)
            yield Turn(role, tuple(self.parts(content, where)))

    def parts(self, content: Json, where: str) -> Iterator[Part]:
        """Yield the parts of a content; a thought that came with our mark comes from there, whole.

        Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the part.
        """
        held = [part for path, raw in _listed(content, where) for part in self._part(raw, path)]
        ours = any(isinstance(part, Thinking) and part.origin for part in held)
        for part in held:
            if not (ours and isinstance(part, Thinking) and not part.seal and not part.origin):
                yield part

    def _part(self, raw: Json, where: str) -> Iterator[Part]:
        part = folded(raw, where, "client")
        for name in _ADVISORY:
            self._losses.add_those({f"parts.{name}": part.get(name)}, (f"parts.{name}",))
        signature = fields.optional_text(part, "thoughtSignature", where)
        seal = seals.thinking_of(signature) if signature and signature != tables.SKIP_SIGNATURE else None
        kinds = [name for name in part if name not in _NOTES and part[name] is not None]
        if len(kinds) > 1:
            fields.wrong(where, "of one kind")
        if seal is not None and "functionCall" in kinds:
            yield seal
        yield from self._kind(part, kinds[0] if kinds else "", where)
        if seal is not None and "functionCall" not in kinds:
            yield seal

    def _kind(self, part: Json, kind: str, where: str) -> Iterator[Part]:
        match kind:
            case "text":
                words = fields.text(part, "text", where)
                yield Thinking(words) if part.get("thought") else Text(words)
            case "inlineData" | "fileData":
                yield _media(part, kind, where)
            case "functionCall":
                yield self._call(folded(fields.table(part, kind, where), where, "client"), where)
            case "functionResponse":
                yield self._result(folded(fields.table(part, kind, where), where, "client"), where)
            case "":
                return
            case _:
                untranslatable(where, f"the part `{kind}` is known to its own provider alone")

    def _call(self, call: Json, where: str) -> Call:
        only(call, frozenset({"args", "id", "name"}), f"{where}.functionCall")
        name = fields.text(call, "name", f"{where}.functionCall")
        args = fields.optional_table(call, "args", f"{where}.functionCall")
        identity = fields.optional_text(call, "id", f"{where}.functionCall")
        if not identity:
            identity = ids.derived(name, key=self._count)
            self._nameless[name].append(identity)
        self._count += 1
        return Call(ids.inward(identity), name, orjson.dumps(args or {}).decode())

    def _result(self, result: Json, where: str) -> Result:
        within = f"{where}.functionResponse"
        only(result, frozenset({"id", "name", "parts", "response", "scheduling", "willContinue"}), within)
        if result.get("willContinue"):
            untranslatable(f"{within}.willContinue", "a result has to be complete there")
        name = fields.text(result, "name", within)
        identity = fields.optional_text(result, "id", within)
        if not identity:
            waiting = self._nameless[name]
            identity = waiting.popleft() if waiting else ids.derived(f"{name}:unasked", key=self._count)
        response = fields.optional_table(result, "response", within) or {}
        shown = [*_said(response)]
        for path, raw in _listed(result, within):
            part = folded(raw, path, "client")
            seen = _media(part, "inlineData" if part.get("inlineData") is not None else "fileData", path)
            if isinstance(seen, Audio):
                untranslatable(path, "a tool can show no sound there")
            shown.append(seen)
        return Result(ids.inward(identity), tuple(shown), is_error="error" in response, name=name)


def _listed(content: Json, where: str) -> Iterator[tuple[str, Json]]:
    parts = content.get("parts")
    yield from fields.tables({"parts": [parts]} if isinstance(parts, Mapping) else content, "parts", where)


def _said(response: Json) -> Iterator[Shown]:
    """Yield what a tool said: the text that clients wrap, or the whole object as JSON."""
    named = {key: one for key, one in response.items() if key != "name"}
    if len(named) == 1:
        key, one = next(iter(named.items()))
        if isinstance(one, str) and key in (*_PLAIN, "error"):
            if one:
                yield Text(one)
            return
    if response:
        yield Text(orjson.dumps(response).decode())


def _media(part: Json, kind: str, where: str) -> Image | Document | Audio:
    for name in part:
        if name not in _NOTES and name != kind and part[name] is not None:
            untranslatable(f"{where}.{name}", "it has no equal there")
    given = folded(fields.table(part, kind, where), where, "client")
    within = f"{where}.{kind}"
    only(given, frozenset({"data", "displayName", "fileUri", "mimeType"}), within)
    type_ = fields.optional_text(given, "mimeType", within)
    name = fields.optional_text(given, "displayName", within)
    if kind == "inlineData":
        data = fields.text(given, "data", within).replace("-", "+").replace("_", "/")
        return _held(type_, data, name, within)
    url = fields.text(given, "fileUri", within)
    if not url.startswith(("https://", "http://")) or "generativelanguage.googleapis.com" in url:
        untranslatable(within, "it is kept at its own provider")
    if type_.startswith("image/"):
        return Image(media_type=type_, url=url)
    if type_ == "application/pdf" or media.is_text(type_):
        return Document(type_, url=url, name=name)
    return untranslatable(within, f"`{type_}` cannot be carried")


def _held(type_: str, data: str, name: str, where: str) -> Image | Document | Audio:
    if type_.startswith("image/"):
        return Image(media_type=type_, data=data)
    if type_.startswith("audio/"):
        return Audio(type_, data)
    if type_ == "application/pdf" or media.is_text(type_):
        return Document(type_, data=data, name=name)
    return untranslatable(where, f"`{type_}` cannot be carried")
