"""Forms that servers have users fill in (`elicitation/create`), and answers held against them. Pure.

A form is a flat JSON Schema (`flat.py`): members of primitive types, and lists of choices. INVARIANT: an answer
fits when it says what its user did, holds nothing that was not asked for, and all of it fits the schema; what says
no, or answers an address, holds nothing.
FAIL-CLOSED: a schema that is none, refers elsewhere or is too large fits nothing.
Specs: MCP 2025-06-18, 2025-11-25, 2026-07-28 (client, "Elicitation": `requestedSchema`, `ElicitResult`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import orjson

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Kind, Message, at
from firewall.core.errors import FirewallError
from firewall.gates.mcp.fitting import compiled
from firewall.gates.mcp.flat import flat
from firewall.gates.mcp.session_tasks import RELATED
from firewall.gates.mcp.unfolding import Unfolding

if TYPE_CHECKING:
    from jsonschema_rs import Validator

METHOD = "elicitation/create"
MISFIT = "answer-misfit"
"""The word of the log for an answer that does not fit."""
FAILED = "the client answered with an error"
MAX_SCHEMA_BYTES = 64 << 10
MAX_ITEMS = 256
"""Of a list in an answer."""
_SCHEMA = "requestedSchema"
_ACTIONS = ("accept", "decline", "cancel")
_SAID = frozenset({"action", "content", "_meta", "resultType"})
_MAX_SAID = 200
_INTERNAL, _MOST_CODE = -32603, 99_999


class AnswerMisfitError(FirewallError):
    """What a client answered is not what a server asked for: the server hears this in place of it."""

    code = "answer_misfit"
    status = 422


def is_readable(params: Mapping[str, object]) -> bool:
    """Tell whether answers can be held against what a form asks for."""
    return _compiled(params.get(_SCHEMA)) is not None


def misfit(params: Mapping[str, object], said: object) -> str:
    """Say how an answer does not fit what was asked (`params` of the request); empty: it does.

    Nothing of the answer's own is in these words: the server hears them.
    """
    action = at(said, ["action"])
    if action not in _ACTIONS:
        return "`action` must be accept, decline or cancel"
    members = cast("Mapping[str, object]", said)
    if not members.keys() <= _SAID or members.get("resultType", "complete") != "complete":
        return "it says more than `action` and `content`"
    content = members.get("content")
    if content is None:
        content = {}
    if not isinstance(content, dict):
        return "`content` must be an object"
    if action != "accept" or params.get("mode", "form") != "form":
        return "`content` was not asked for" if content else ""
    return _content_misfit(params.get(_SCHEMA), content)


def plain(answer: Message) -> Message:
    """Return what a client answers a server's request, without words of its own where that is an error."""
    if answer.kind is not Kind.ERROR:
        return answer
    number = answer.error.get("code")
    is_code = isinstance(number, int) and abs(number) <= _MOST_CODE
    return messages.failure(answer.id, cast("int", number) if is_code else _INTERNAL, FAILED)


def unnoted(asked: Message, answer: Message) -> Message:
    """Return a user's answer without notes; which task it is of is said anew, if its question says so."""
    if asked.method != METHOD or answer.kind is not Kind.RESULT or "_meta" not in answer.result:
        return answer
    said = {name: value for name, value in answer.result.items() if name != "_meta"}
    if RELATED in asked.meta:
        said["_meta"] = {RELATED: asked.meta[RELATED]}
    return messages.changed(answer, {("result",): said})


def asked_of(questions: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Return by key what answers to a server's questions are held against: of those that ask a user."""
    found: dict[str, dict[str, object]] = {}
    for key, question in questions.items():
        if at(question, ["method"]) == METHOD:
            params = at(question, ["params"])
            said = cast("Mapping[str, object]", params) if isinstance(params, dict) else {}
            found[key] = {name: said[name] for name in ("mode", _SCHEMA) if name in said}
    return found


def misfit_of(forms: Mapping[str, Mapping[str, object]], answers: Mapping[str, object]) -> McpError | None:
    """Return the error for the first of a client's answers that does not fit its form; None: all do."""
    for key, params in forms.items():
        why = misfit(params, answers[key]) if key in answers else ""
        if not why and at(answers.get(key), ["_meta"]):
            why = "it says more than `action` and `content`"  # no revision with such answers has notes there
        if why:
            return McpError(
                f"an answer does not fit what was asked: {why}", number=INVALID_PARAMS, code="answer_misfit"
            )
    return None


def _content_misfit(schema: object, content: Mapping[str, object]) -> str:
    validator = _compiled(schema)
    if validator is None:
        return "the form cannot be read"
    if not content.keys() <= cast("Mapping[str, object]", at(schema, ["properties"])).keys():
        return "it holds something that was not asked for"
    if not all(_is_flat(value) for value in content.values()):
        return "it holds something other than texts, numbers, yes or no, and lists of texts"
    try:
        first = next(iter(validator.iter_errors(content)), None)
    except (ValueError, RecursionError):
        return "it cannot be held against the form"
    if first is None:
        return ""
    where = "/".join(map(str, first.instance_path))
    return f"{f'`{where}`: ' if where else ''}{first.message}"[:_MAX_SAID]


def _is_flat(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= MAX_ITEMS and all(isinstance(item, str) for item in value)
    return value is None or isinstance(value, str | int | float)


def _compiled(schema: object) -> "Validator | None":
    """Return what holds answers against a schema, formats included; None: it is none."""
    if not isinstance(schema, dict) or len(orjson.dumps(schema)) > MAX_SCHEMA_BYTES:
        return None
    form = flat(schema)
    return compiled(form, is_form=True) if form is not None and Unfolding(form).is_bounded() else None
