"""The neutral form, written as answers of the Responses API: whole answers, items and errors."""

from collections.abc import Iterable

import orjson

from firewall.codecs.neutral import ids, marks
from firewall.codecs.neutral.events import Answer, AnswerPart, Failure, Fault, Refusal, Stop, Usage
from firewall.codecs.neutral.form import Call, Text, Thinking, Tool
from firewall.codecs.neutral.interface import Asked
from firewall.codecs.neutral.openai_responses.tools_in import SEARCH
from firewall.codecs.openai_responses import render
from firewall.core.call import CallForm

JsonObject = dict[str, object]

_REASONS = {Stop.LENGTH: "max_output_tokens", Stop.CONTEXT: "max_output_tokens", Stop.REFUSAL: "content_filter"}
"""Stops that leave an answer incomplete."""
_STATUS = {Fault.OVERLOADED: 503, Fault.BILLING: 429, Fault.CONTEXT: 400, Fault.RATE: 429}


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """Write a whole answer for a client."""
    items = Items(asked)
    output: list[object] = []
    texts: list[JsonObject] = []
    for part in (*answer.parts, None):
        if isinstance(part, Text | Refusal):
            texts.append(said(part))
            continue
        if texts:
            output.append(items.message(texts))
            texts = []
        if part is not None:
            output.append(items.item(part))
    return orjson.dumps(ended(opened(answer.model, asked), output, answer.stop, answer.usage))


class Items:
    """The items of one answer; their ids follow from the request and their order."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._searches = any(tool.type == SEARCH for tool in asked.request.tools)
        self._spaces = _root_tools(asked.request.tools)
        self._count = 0

    def identity(self, prefix: str) -> str:
        """Return the id of the next item."""
        self._count += 1
        return render.stable_id(prefix, self._asked.seed, self._count)

    def message(self, content: list[JsonObject]) -> JsonObject:
        """Return a finished message."""
        return message(self.identity("msg"), content)

    def item(self, part: AnswerPart) -> JsonObject:
        """Return a finished item of a part that is no text."""
        match part:
            case Thinking():
                return self.reasoning(self.identity("rs"), part)
            case Call():
                return self.call(part)
            case Text() | Refusal():
                return self.message([said(part)])

    def reasoning(self, identity: str, part: Thinking) -> JsonObject:
        """Return a finished item of thoughts, sealed with the mark of who thought them."""
        return {
            "id": identity,
            "type": "reasoning",
            "summary": [summary(part.text)] if part.text else [],
            "encrypted_content": marks.marked(self._asked.there.provider, part.seal),
        }

    def call(self, call: Call) -> JsonObject:
        """Return a finished item of a call, as the client declared the tool."""
        call_id = ids.outward(call.id, ids.OPENAI_RESPONSES)
        written: JsonObject = {"status": "completed", "call_id": call_id}
        if self._searches and call.name == SEARCH and not call.namespace:
            arguments = call.arguments.strip() or "{}"
            written |= {"execution": "client", "arguments": _parsed(arguments)}
            return {"id": self.identity("tsc"), "type": "tool_search_call", **written}
        written["name"] = call.name
        if space := call.namespace or self._spaces.get(call.name, ""):
            written["namespace"] = space
        if call.form is CallForm.TEXT:
            return {"id": self.identity("ctc"), "type": "custom_tool_call", **written, "input": call.arguments}
        arguments = call.arguments if call.arguments.strip() else "{}"
        return {"id": self.identity("fc"), "type": "function_call", **written, "arguments": arguments}


def _root_tools(tools: Iterable[Tool]) -> dict[str, str]:
    """Return the namespaces of tools whose own name is unique: a provider may call them without."""
    spaces: dict[str, str] = {}
    for tool in tools:
        spaces[tool.name] = "" if tool.name in spaces else tool.namespace
    return {name: space for name, space in spaces.items() if space}


def _parsed(arguments: str) -> object:
    try:
        value: object = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    return value


def message(identity: str, content: list[JsonObject]) -> JsonObject:
    """Return a finished message."""
    return {"id": identity, "type": "message", "status": "completed", "role": "assistant", "content": content}


def said(part: Text | Refusal) -> JsonObject:
    """Return the content part of a text."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return render.text_part(part.text)


def summary(text: str) -> JsonObject:
    """Return the summary part of a thought."""
    return {"type": "summary_text", "text": text}


def opened(model: str, asked: Asked) -> JsonObject:
    """Return the response object as it opens an answer; its id follows from the request."""
    response = render.response(render.stable_id("resp", asked.seed), model or asked.request.model, [])
    return response | {"created_at": asked.at, "status": "in_progress", "usage": None}


def ended(response: JsonObject, output: list[object], stop: Stop, usage: Usage) -> JsonObject:
    """Return the response object as it ends an answer."""
    reason = _REASONS.get(stop)
    return response | {
        "status": "completed" if reason is None else "incomplete",
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": output,
        "usage": _usage(usage),
    }


def _usage(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def write_error(failure: Failure) -> tuple[int, bytes]:
    """Return status and body of an error answer."""
    status = _STATUS.get(failure.fault, failure.status if failure.status >= 400 else 502)
    return status, render.error(status, failure.fault.value, failure.message)
