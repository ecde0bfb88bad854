"""Tools that ask within their answer (2026-07-28, MRTR), as the suite's scenarios want them. Pure.

Each takes the answers that came back and the state, and returns what it asks next, or its result. A state is
signed: one that was changed is refused.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Final

from mcp import types
from mcp.shared.exceptions import MCPError

from tests.support.conformance.contents import form, sample, text

Answers = Mapping[str, object]
Said = types.InputRequiredResult | str
_KEY: Final = b"a key of this process"


def seal(**state: object) -> str:
    """Return a state, signed."""
    body = json.dumps(state, sort_keys=True)
    return f"{body}.{hmac.new(_KEY, body.encode(), hashlib.sha256).hexdigest()}"


def opened(sealed: str | None) -> dict[str, object]:
    """Return a state. Raises: MCPError for one that is not ours."""
    if sealed is None:
        return {}
    body = sealed.rpartition(".")[0]
    found: dict[str, object] = {}
    try:
        found = json.loads(body)
    except ValueError:
        body = ""
    if not body or not hmac.compare_digest(seal(**found), sealed):
        raise MCPError(-32602, "the requestState was changed")
    return found


def ask(state: str | None = None, **wanted: types.InputRequest) -> types.InputRequiredResult:
    """Return questions."""
    return types.InputRequiredResult(input_requests=wanted, request_state=state)


def given(answers: Answers, name: str) -> Mapping[str, object] | None:
    """Return what the user filled in under a name; None: nothing that would do."""
    found = answers.get(name)
    return found.content or {} if isinstance(found, types.ElicitResult) and found.action == "accept" else None


def elicitation(answers: Answers, _state: str | None, _can: types.ClientCapabilities) -> Said:
    """Ask for a name, and greet."""
    found = given(answers, "user_name")
    return f"Hello, {found['name']}!" if found else ask(user_name=form("What is your name?", name="string"))


def sampling(answers: Answers, _state: str | None, _can: types.ClientCapabilities) -> Said:
    """Ask the client's model."""
    found = answers.get("capital_question")
    if isinstance(found, types.CreateMessageResult):
        return f"it says: {found.content}"
    return ask(capital_question=sample("What is the capital of France?", 100))


def list_roots(answers: Answers, _state: str | None, _can: types.ClientCapabilities) -> Said:
    """Ask for the client's folders."""
    found = answers.get("client_roots")
    if isinstance(found, types.ListRootsResult):
        return f"roots: {[str(root.uri) for root in found.roots]}"
    return ask(client_roots=types.ListRootsRequest())


def request_state(answers: Answers, state: str | None, _can: types.ClientCapabilities) -> Said:
    """Ask for a confirmation, with a state that has to come back."""
    if given(answers, "confirm") and opened(state).get("asked"):
        return "state-ok"
    return ask(seal(asked=True), confirm=form("Please confirm", ok="boolean"))


def multiple_inputs(answers: Answers, state: str | None, _can: types.ClientCapabilities) -> Said:
    """Ask three things at once."""
    if {"user_name", "greeting", "client_roots"} <= answers.keys() and opened(state).get("asked"):
        return "all of it came"
    return ask(
        seal(asked=True),
        user_name=form("What is your name?", name="string"),
        greeting=sample("Generate a greeting", 50),
        client_roots=types.ListRootsRequest(),
    )


def multi_round(answers: Answers, state: str | None, _can: types.ClientCapabilities) -> Said:
    """Ask twice, one after the other."""
    before = opened(state)
    if (color := given(answers, "step2")) and before.get("round") == 2:
        return f"{before['name']} likes {color['color']}"
    if (name := given(answers, "step1")) and before.get("round") == 1:
        step = form("Step 2: What is your favorite color?", color="string")
        return ask(seal(round=2, name=name["name"]), step2=step)
    return ask(seal(round=1), step1=form("Step 1: What is your name?", name="string"))


def capabilities(_answers: Answers, _state: str | None, can: types.ClientCapabilities) -> Said:
    """Ask only what the client can be asked."""
    wanted: dict[str, types.InputRequest] = {}
    if can.elicitation is not None:
        wanted["user_name"] = form("What is your name?", name="string")
    if can.sampling is not None:
        wanted["greeting"] = sample("Generate a greeting", 50)
    return ask(**wanted)


def of_prompt(answers: Answers) -> types.GetPromptResult | types.InputRequiredResult:
    """Ask what a prompt is about."""
    found = given(answers, "user_context")
    if found is None:
        return ask(user_context=form("What context should the prompt use?", context="string"))
    words = text(f"Think of {found['context']}.")
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=words)])


ASKING: Final[dict[str, Callable[[Answers, str | None, types.ClientCapabilities], Said]]] = {
    "test_input_required_result_elicitation": elicitation,
    "test_input_required_result_sampling": sampling,
    "test_input_required_result_list_roots": list_roots,
    "test_input_required_result_request_state": request_state,
    "test_input_required_result_multiple_inputs": multiple_inputs,
    "test_input_required_result_multi_round": multi_round,
    "test_input_required_result_tampered_state": request_state,
    "test_input_required_result_capabilities": capabilities,
    "test_streaming_elicitation": elicitation,
}
