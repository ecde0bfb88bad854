"""Gemini as the scripted provider speaks it, with the rules that the real one enforces.

The rules: a turn of function calls is answered at once, by as many responses, with their names and ids; the first
call of every step since the person last spoke carries its thought signature, unmodified.
"""

import json
from collections.abc import Iterator

from firewall.demo.conversation import (
    Conversation,
    Frame,
    Mark,
    Piece,
    Reply,
    Spoken,
    Tool,
    Violation,
    depth,
    pieces,
    steps,
)
from firewall.demo.reading import Json, flag, spoken, table, tables, text
from firewall.demo.seal import Seal

KEY_HEADER = "x-goog-api-key"
UNCHECKED = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""What the real API takes in place of a signature from clients that moved a conversation here."""
ORDINARY = str.maketrans("-_", "+/")
URL_SAFE = str.maketrans("+/", "-_")
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}

Content = tuple[str, list[Json]]


def read(value: Json, path: str, *, seal: Seal) -> Conversation:
    """Read a request of `POST /v1beta/models/{model}:{verb}`.

    Raises: Violation with the real API's words when the history breaks a rule.
    """
    model, _, verb = path.rpartition("/")[2].partition(":")
    asked = table(value, "generateContentRequest") or value
    contents = _joined(
        [(text(item, "role") or "user", tables(item, "parts")) for item in tables(asked, "contents")]
    )
    if not contents:
        raise Violation("* GenerateContentRequest.contents: contents is not specified\n")
    said = [place for place, content in enumerate(contents) if _is_prompt(content)]
    last = said[-1] if said else 0
    _check_shape(contents)
    _check_pairs(contents)
    _check_signatures(contents, last, seal)
    thinking = table(table(asked, "generationConfig"), "thinkingConfig")
    history = [_piece(content) for content in contents]
    return Conversation(
        model=model,
        prompt=spoken(text(part, "text") for part in contents[last][1]),
        prompts=len(said),
        step=steps(history[last:]),
        depth=depth(history),
        tools=_tools(asked),
        is_streamed=verb == "streamGenerateContent",
        wants_thinking=flag(thinking, "includeThoughts") or flag(thinking, "include_thoughts"),
        schema=_schema(table(asked, "generationConfig")),
    )


def _piece(content: Content) -> Piece:
    role, parts = content
    if role != "model":
        return Piece.OTHER
    return Piece.CALL if any("functionCall" in part for part in parts) else Piece.ANSWER


def _joined(contents: list[Content]) -> list[Content]:
    joined: list[Content] = []
    for role, parts in contents:
        if joined and joined[-1][0] == role:
            joined[-1][1].extend(parts)
        else:
            joined.append((role, list(parts)))
    return joined


def _is_prompt(content: Content) -> bool:
    role, parts = content
    said = spoken(text(part, "text") for part in parts)
    return role == "user" and bool(said) and not any("functionResponse" in part for part in parts)


def _tools(value: Json) -> tuple[Tool, ...]:
    return tuple(
        Tool(name=text(declared, "name"), arguments=_arguments(declared))
        for tool in tables(value, "tools")
        for declared in tables(tool, "functionDeclarations") + tables(tool, "function_declarations")
    )


def _arguments(declared: Json) -> Json:
    for key in ("parametersJsonSchema", "parameters_json_schema", "parameters"):
        if key in declared:
            return table(table(declared, key), "properties")
    return {}


def _schema(config: Json) -> Json:
    return table(config, "responseJsonSchema") or table(config, "responseSchema")


def _check_shape(contents: list[Content]) -> None:
    for place, (role, parts) in enumerate(contents):
        if role not in ("user", "model"):
            raise Violation("Please use a valid role: user, model.")
        if not parts or not all(parts):
            raise Violation(
                f"* GenerateContentRequest.contents[{place}].parts: contents.parts must not be empty.\n"
            )


def _check_pairs(contents: list[Content]) -> None:
    for place, (role, parts) in enumerate(contents):
        calls = [table(part, "functionCall") for part in parts if "functionCall" in part]
        answers = [table(part, "functionResponse") for part in parts if "functionResponse" in part]
        if calls and (role != "model" or place == 0):
            raise Violation(
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        if answers and (place == 0 or not any("functionCall" in part for part in contents[place - 1][1])):
            raise Violation(
                "Please ensure that function response turn comes immediately after a function call turn."
            )
        if calls:
            _check_answers(calls, contents[place + 1][1] if place + 1 < len(contents) else [])


def _check_answers(calls: list[Json], following: list[Json]) -> None:
    answers = [table(part, "functionResponse") for part in following if "functionResponse" in part]
    if len(answers) != len(calls):
        raise Violation(
            "Please ensure that the number of function response parts is equal to the number of function call "
            "parts of the function call turn."
        )
    ids = [text(call, "id") for call in calls]
    if all(ids) and all(text(one, "id") for one in answers):
        by_id = {text(one, "id"): one for one in answers}
        if set(by_id) != set(ids):
            raise Violation("Function response id does not match any function call id of the previous turn.")
        answers = [by_id[ident] for ident in ids]
    if [text(one, "name") for one in answers] != [text(call, "name") for call in calls]:
        raise Violation("Function response name does not match the name of its function call.")


def _check_signatures(contents: list[Content], last: int, seal: Seal) -> None:
    for place, (role, parts) in enumerate(contents):
        calls = [part for part in parts if "functionCall" in part]
        if role != "model":
            continue
        for at, part in enumerate(parts):
            _check_signature(part, seal)
            if calls and part is calls[0] and place > last and not _signature(part):
                name = text(table(part, "functionCall"), "name")
                raise Violation(
                    "Function call is missing a thought_signature in functionCall parts. This is required for "
                    "tools to work correctly, and missing thought_signature may lead to degraded model "
                    f"performance. Additional data, function call `default_api:{name}` , position {at + 1}. "
                    "Please refer to the documentation of thought signatures for more details."
                )


def _check_signature(part: Json, seal: Seal) -> None:
    signature = _signature(part)
    if not signature or signature in UNCHECKED:
        return
    if "functionCall" in part:
        call = table(part, "functionCall")
        is_ours = seal.fits(signature, "call", text(call, "name"), _canonical(table(call, "args")))
    else:
        is_ours = seal.unwrap(signature.translate(URL_SAFE)) is not None
    if not is_ours:
        raise Violation("Corrupted thought signature.")


def _signature(part: Json) -> str:
    """Return the signature in the ordinary alphabet: it is bytes, and some clients write them url-safe."""
    signature = text(part, "thoughtSignature") or text(part, "thought_signature")
    return signature if signature in UNCHECKED else signature.translate(ORDINARY)


def _canonical(args: Json) -> str:
    return json.dumps(args, sort_keys=True)


def answer(reply: Reply) -> Json:
    """Return the whole answer as `generateContent` gives it."""
    parts: list[Json] = [{"text": reply.thinking, "thought": True}] if reply.thinking else []
    parts += [_last_words(reply)] if reply.text and not reply.calls else []
    parts += [{"text": reply.text}] if reply.text and reply.calls else []
    parts += _calls(reply)
    return _chunk(reply, parts, is_last=True)


def _last_words(reply: Reply) -> Json:
    return {"text": reply.text, "thoughtSignature": reply.seal.wrap({"reply": reply.id}).translate(ORDINARY)}


def _calls(reply: Reply) -> list[Json]:
    """Render the calls; of parallel ones only the first is signed."""
    rendered: list[Json] = [
        {"functionCall": {"id": call.id[:12], "name": call.name, "args": call.values}} for call in reply.calls
    ]
    for part in rendered[:1]:
        part["thoughtSignature"] = _sign(reply.calls[0], reply.seal)
    return rendered


def _sign(call: Spoken, seal: Seal) -> str:
    return seal.sign("call", call.name, _canonical(call.values))


def _chunk(reply: Reply, parts: list[Json], *, is_last: bool) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if is_last:
        candidate["finishReason"] = "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": reply.input_tokens,
            "candidatesTokenCount": reply.output_tokens if is_last else 1,
            "totalTokenCount": reply.input_tokens + (reply.output_tokens if is_last else 1),
            "thoughtsTokenCount": len(reply.thinking) // 4,
        },
        "modelVersion": reply.model,
        "responseId": reply.id,
    }


def frames(reply: Reply) -> Iterator[Frame]:
    """Unfold the answer into the chunks of a stream; a function call comes whole, as the real ones do."""
    for piece in pieces(reply.thinking):
        yield _frame(_chunk(reply, [{"text": piece, "thought": True}], is_last=False), Mark.TEXT)
    for piece in pieces(reply.text):
        yield _frame(_chunk(reply, [{"text": piece}], is_last=False), Mark.TEXT)
    for part in _calls(reply):
        yield _frame(_chunk(reply, [part], is_last=False), Mark.CALL)
    ending: Json = {"text": ""}
    if not reply.calls:
        ending["thoughtSignature"] = reply.seal.wrap({"reply": reply.id}).translate(ORDINARY)
    yield _frame(_chunk(reply, [ending], is_last=True), Mark.END)


def _frame(chunk: Json, mark: Mark) -> Frame:
    return Frame(f"data: {json.dumps(chunk)}\r\n\r\n".encode(), mark)


def error(violation: Violation) -> Json:
    """Return the API's error object."""
    status = STATUSES.get(violation.status, "UNKNOWN")
    return {"error": {"code": violation.status, "message": violation.message, "status": status}}


def error_frame(violation: Violation, reply: Reply) -> bytes:
    """Return the error as it arrives in the middle of a stream."""
    del reply
    return f"data: {json.dumps(error(violation))}\r\n\r\n".encode()


def bad_key() -> Violation:
    """Return the refusal of a key that is not the provider's."""
    return Violation("API key not valid. Please pass a valid API key.")


def count(conversation: Conversation) -> Json:
    """Answer `countTokens`."""
    total = conversation.size_bytes // 4
    return {"totalTokens": total, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}]}
