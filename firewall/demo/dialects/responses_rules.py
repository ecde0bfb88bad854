"""The rules of OpenAI Responses on the history that a client sends back.

Every call has one output of its kind after it and every output its call; a reasoning item is ours, unmodified, and
is followed by the very item it was generated with.
"""

from firewall.demo.conversation import Violation
from firewall.demo.reading import Json, text
from firewall.demo.seal import Seal

CALLS = {"function_call": "function call", "custom_tool_call": "custom tool call"}
OUTPUTS = {"function_call_output": "function_call", "custom_tool_call_output": "custom_tool_call"}


def check(items: list[Json], *, seal: Seal) -> None:
    """Check the input items of a request.

    Raises: Violation with the real API's words.
    """
    _check_known(items)
    _check_ids(items)
    _check_outputs(items)
    for place, item in enumerate(items):
        if text(item, "type") == "reasoning":
            _check_reasoning(item, items[place + 1 : place + 2], seal)


def kind(item: Json) -> str:
    """Return the item's type; a bare `{role, content}` is a message."""
    return text(item, "type") or ("message" if "role" in item else "")


def _check_known(items: list[Json]) -> None:
    for place, item in enumerate(items):
        if kind(item) == "item_reference":
            raise _not_stored(text(item, "id"))
        if not kind(item):
            raise Violation(f"Missing required parameter: 'input[{place}].type'.", param=f"input[{place}].type")


def _check_ids(items: list[Json]) -> None:
    seen: set[str] = set()
    for item in items:
        ident = text(item, "id")
        if ident and ident in seen:
            raise Violation(
                f"Duplicate item found with id {ident}. Remove duplicate items from your input and try again.",
                param="input",
            )
        seen.add(ident)


def _check_outputs(items: list[Json]) -> None:
    open_calls: dict[tuple[str, str], bool] = {}
    for item in items:
        what, call_id = kind(item), text(item, "call_id")
        if what in CALLS:
            if any(known == call_id for _, known in open_calls):
                raise Violation(f"Duplicate call_id found: {call_id}.", param="input")
            open_calls[(what, call_id)] = True
        elif what in OUTPUTS:
            _close(open_calls, OUTPUTS[what], call_id)
    for (what, call_id), is_open in open_calls.items():
        if is_open:
            raise Violation(f"No tool output found for {CALLS[what]} {call_id}.", param="input")


def _close(open_calls: dict[tuple[str, str], bool], what: str, call_id: str) -> None:
    match open_calls.get((what, call_id)):
        case None:
            raise Violation(f"No tool call found for {CALLS[what]} output with call_id {call_id}.", param="input")
        case False:
            raise Violation(f"Duplicate output found for call_id {call_id}.", param="input")
        case True:
            open_calls[(what, call_id)] = False


def _check_reasoning(item: Json, following: list[Json], seal: Seal) -> None:
    ident, sealed = text(item, "id"), text(item, "encrypted_content")
    if not sealed:
        raise _not_stored(ident)
    payload = seal.unwrap(sealed)
    if payload is None or (ident and payload.get("id") != ident):
        raise Violation(
            f"The encrypted content for item {ident} could not be verified. Reason: Encrypted content could not "
            "be decrypted or parsed.",
            code="invalid_encrypted_content",
        )
    wanted = text(payload, "next")
    if not following or _stands_for(following[0]) != wanted:
        raise Violation(
            f"Item '{payload['id']}' of type 'reasoning' was provided without its required following item.",
            param="input",
        )


def _stands_for(item: Json) -> str:
    if kind(item) in CALLS:
        return text(item, "call_id")
    return "message" if kind(item) == "message" and text(item, "role") == "assistant" else ""


def _not_stored(ident: str) -> Violation:
    return Violation(
        f"Item with id '{ident}' not found. Items are not persisted when `store` is set to false. Try again with "
        "`store` set to true, or remove this item from your input.",
        param="input",
        status=404,
    )
