"""Streamed Responses answers: order, replacement, numbering, waiting, errors, and what is refused."""

import json

import pytest

from firewall.codecs.interface import Refused, Released
from firewall.codecs.openai_responses import stream
from firewall.core.call import CallForm
from firewall.core.errors import ProtocolError
from tests.support.stream_play import MARK, Case, case, cases, events, play

MESSAGE = [
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]


def raw(name: str) -> bytes:
    """Return a stored stream."""
    return case("openai_responses", name).raw


def frame(name: str, **fields: object) -> bytes:
    """Return one event as a provider writes it."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def opened(**fields: object) -> bytes:
    """Return the opening event."""
    return frame("response.created", sequence_number=0, response={"id": "resp_1", "output": [], **fields})


def added(index: int, kind: str = "function_call", **fields: object) -> bytes:
    """Return the event that begins an item."""
    item = {"type": kind, "id": f"fc_{index}", "call_id": f"c{index}", "name": "f", "arguments": "", **fields}
    return frame("response.output_item.added", output_index=index, item=item)


def finished(index: int, kind: str = "function_call", **fields: object) -> bytes:
    """Return the event that ends an item."""
    item = {"type": kind, "id": f"fc_{index}", "call_id": f"c{index}", "name": "f", "arguments": "{}", **fields}
    return frame("response.output_item.done", output_index=index, item=item)


def ended(*output: dict, name: str = "response.completed", **fields: object) -> bytes:
    """Return the terminal event."""
    return frame(name, response={"id": "resp_1", "output": list(output), **fields})


def test_refused_call_becomes_a_whole_message() -> None:
    """A refused call is six message events at its place, its reasoning goes, the numbering has no hole."""
    ruled = play(
        case("openai_responses", "reasoning_then_call").codec,
        [raw("reasoning_then_call")],
        lambda _: Refused("no: apr_1"),
    )
    found = events(ruled.forward)
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    tail = found[-7:]
    assert [one["type"] for one in tail] == [*MESSAGE, "response.completed"]
    # Indexes 0 and 1 were reasoning and text; the reasoning at 2 is dropped, so the call's text moves up.
    assert {one["output_index"] for one in tail[:-1]} == {2}
    ids = [item["id"] for item in tail[-1]["response"]["output"]]
    assert len(ids) == len(set(ids)) == 3
    assert tail[-1]["response"]["output"][-1] == tail[5]["item"]
    assert tail[5]["item"]["content"][0]["text"] == "no: apr_1"
    assert tail[-1]["response"]["status"] == "completed"
    assert tail[-1]["response"]["tools"][0]["parameters"]["properties"]["sequence_number"]["default"] == 7
    assert MARK not in ruled.forward


def test_reasoning_goes_with_the_first_call_it_led_to() -> None:
    """Of parallel calls, reasoning stays when the first is released and goes when it is refused."""
    data = raw("parallel_interleaved")
    codec = case("openai_responses", "parallel_interleaved").codec
    # Slot 0 is the call at index 2, which was complete first; slot 1 the call at index 1.
    kept = play(codec, [data], lambda slot: Refused("no") if slot == 0 else Released())
    assert [item["type"] for item in events(kept.forward)[-1]["response"]["output"]] == [
        "reasoning", "function_call", "message", "message",
    ]  # fmt: skip
    gone = play(codec, [data], lambda slot: Refused("no") if slot == 1 else Released())
    assert [item["type"] for item in events(gone.forward)[-1]["response"]["output"]] == [
        "message", "function_call", "message",
    ]  # fmt: skip
    for played in (kept, gone):
        found = events(played.forward)
        assert [one["sequence_number"] for one in found] == list(range(len(found)))
        starts = [one["output_index"] for one in found if one["type"] == "response.output_item.added"]
        assert starts == list(range(len(starts)))


def test_rulings_in_any_order_keep_the_order_of_the_answer() -> None:
    """What is released late leaves in its place, not when it was ruled."""
    codec = stream()
    step = codec.feed(raw("parallel_interleaved"))
    assert [one.slot for one in step.calls] == [0, 1]
    assert codec.rule(0, Released()).forward == b""
    last = codec.rule(1, Released())
    assert step.forward + last.forward == raw("parallel_interleaved")
    assert last.done
    assert codec.rule(1, Released()).done


def test_a_slot_is_ruled_once() -> None:
    """Ruling on what does not wait is a fault of ours and says so."""
    codec = stream()
    codec.feed(raw("parallel_interleaved"))
    codec.rule(0, Released())
    with pytest.raises(KeyError):
        codec.rule(0, Released())


def test_text_behind_a_held_call_waits_for_it() -> None:
    """Nothing overtakes: text after a call follows its ruling."""
    codec = stream()
    step = codec.feed(raw("unknown_item"))
    assert b"After." not in step.forward
    assert b"After." in codec.rule(0, Refused("no")).forward


def test_refused_unknown_event_becomes_an_item_of_its_own() -> None:
    """An event of no table gives way to a message at a new place, and later items move down."""
    ruled = play(case("openai_responses", "unknown_event").codec, [raw("unknown_event")], lambda _: Refused("no"))
    found = events(ruled.forward)
    starts = [one["output_index"] for one in found if one["type"] == "response.output_item.added"]
    assert starts == [0, 1, 2]
    assert [one["sequence_number"] for one in found] == list(range(len(found)))


def test_call_cut_off_by_the_providers_own_end_is_dropped() -> None:
    """`response.incomplete` in the middle of a call keeps its terminal event without the call."""
    played = play(case("openai_responses", "incomplete_mid_call").codec, [raw("incomplete_mid_call")])
    last = events(played.forward)[-1]
    assert last["type"] == "response.incomplete"
    assert [item["type"] for item in last["response"]["output"]] == ["message"]
    assert MARK not in played.forward
    assert played.calls == ()


def test_a_call_that_says_it_is_incomplete_is_dropped() -> None:
    """A finished frame of an unfinished call is no call."""
    codec = stream()
    step = codec.feed(opened() + added(0) + finished(0, status="incomplete", arguments='{"a'))
    assert step.calls == ()
    end = codec.feed(ended({"type": "function_call", "call_id": "c0"}, name="response.incomplete"))
    assert json.loads(end.forward.split(b"data: ")[1])["response"]["output"] == []
    assert end.done


def test_namespaces_are_joined_and_the_root_is_not() -> None:
    """`functions` is where models see tools without a namespace; any other namespace is part of the name."""
    names = [one[1] for one in case("openai_responses", "custom_and_namespace").calls]
    assert names == ["exec", "apply_patch", "collaboration/spawn_agent"]
    played = play(case("openai_responses", "custom_and_namespace").codec, [raw("custom_and_namespace")])
    assert [one.call.form for one in played.pending] == [CallForm.TEXT, CallForm.TEXT, CallForm.JSON]


def test_keepalive_by_client() -> None:
    """Codex gets the opening event's twin and only after it; others a comment; nobody after the end."""
    codec = stream()
    assert codec.keepalive("codex") == b""
    assert codec.keepalive("gemini-cli") == b""
    assert codec.keepalive("other").startswith(b":")
    codec.feed(raw("reasoning_then_call"))
    (beat,) = events(codec.keepalive("codex"))
    assert beat["type"] == "response.in_progress"
    assert (beat["response"]["id"], beat["response"]["status"]) == ("resp_0a1b", "in_progress")
    last = events(raw("reasoning_then_call"))[beat["sequence_number"]]
    assert last["type"] == "response.output_item.done"
    codec.rule(0, Released())
    assert codec.keepalive("codex") == codec.keepalive("other") == b""


def test_abort_before_and_after_the_opening() -> None:
    """An abort is an `error` before a response was opened and `response.failed` of that response after, once."""
    codec = stream()
    (only,) = events(codec.abort("some_code", "words"))
    assert (only["type"], only["code"], only["message"]) == ("error", "some_code", "words")
    codec = stream()
    codec.feed(raw("reasoning_then_call"))
    (only,) = events(codec.abort("some_code", "words"))
    assert (only["type"], only["response"]["id"], only["response"]["status"]) == (
        "response.failed", "resp_0a1b", "failed",
    )  # fmt: skip
    assert only["response"]["error"] == {"code": "some_code", "message": "words"}
    assert codec.abort("again", "again") == b""
    assert codec.rule(0, Released()).forward == b""
    assert codec.feed(b"").done
    assert codec.close().done


def test_what_was_free_before_a_fault_leaves_with_the_error() -> None:
    """Text in front of a malformed frame is not lost, however both were cut."""
    good, bad = raw("text")[:2600], b"data: {broken\n\n"
    good = good[: good.rindex(b"\n\n") + 2]
    whole = stream()
    with pytest.raises(ProtocolError):
        whole.feed(good + bad)
    parts = stream()
    first = parts.feed(good).forward
    with pytest.raises(ProtocolError):
        parts.feed(bad)
    assert whole.abort("c", "m") == first + parts.abort("c", "m")


def test_issued_is_the_response_id() -> None:
    """The id of the answer is known as soon as it was opened."""
    codec = stream()
    assert codec.issued == ()
    codec.feed(raw("text"))
    assert codec.issued == ("resp_0a1b",)


def test_done_sentinel_after_the_end_is_dropped() -> None:
    """Some providers end with `[DONE]`; after the terminal event it says nothing."""
    codec = stream()
    codec.feed(raw("text"))
    assert codec.feed(b"data: [DONE]\n\n").forward == b""
    with pytest.raises(ProtocolError):
        codec.feed(raw("text"))


def test_empty_added_event_passes() -> None:
    """Some providers announce an item that is null; it carries nothing."""
    data = opened() + frame("response.output_item.added", output_index=0, item=None)
    assert stream().feed(data).forward == data


def test_item_without_announcement_is_complete_with_its_end() -> None:
    """A provider that only sends finished items is understood, and held."""
    step = stream().feed(opened() + finished(0))
    assert [one.call.name for one in step.calls] == ["f"]
    assert step.forward == opened()


CALL = {"type": "function_call", "id": "fc_0", "call_id": "c0", "name": "f", "arguments": "{}"}


@pytest.mark.parametrize(
    "data",
    [
        b"data: {broken\n\n",
        b'data: {"type":"keepalive","type":"response.created"}\n\n',
        b"data: []\n\n",
        b"data: [DONE]\n\n",
        b'data: {"no":"type"}\n\n',
        b'event: keepalive\ndata: {"type":"response.queued"}\n\n',
        added(0),
        ended(),
        frame("response.created"),
        opened(output=[CALL]),
        opened() + opened(),
        opened() + frame("response.in_progress", response={"id": "resp_2", "output": []}),
        opened() + frame("response.in_progress", response={"id": "resp_1", "output": [CALL]}),
        opened() + frame("response.output_item.added", output_index=0, item="x"),
        opened() + frame("response.output_item.added", item={"type": "message"}),
        opened() + frame("response.output_item.added", output_index=-1, item={"type": "message"}),
        opened() + frame("response.output_item.added", output_index=True, item={"type": "message"}),
        opened() + added(0) + added(0),
        opened() + added(1) + added(0),
        opened() + added(0) + frame("response.output_text.delta", output_index=0, delta="x"),
        opened()
        + frame("response.output_item.added", output_index=0, item={"type": "message"})
        + frame("response.function_call_arguments.delta", output_index=0, delta="x"),
        opened() + frame("response.function_call_arguments.delta", output_index=0, delta="x"),
        opened() + added(0) + frame("response.function_call_arguments.delta", output_index=0),
        opened()
        + added(0)
        + frame("response.function_call_arguments.delta", output_index=0, delta="x", command_index="0"),
        opened() + added(0) + finished(0) + finished(0),
        opened() + added(0) + finished(0, "custom_tool_call"),
        opened() + added(0, name="g") + finished(0),
        opened() + added(0, call_id="c9") + finished(0),
        opened() + added(0) + finished(0, name=""),
        opened() + added(0) + finished(0, arguments=None),
        opened() + added(0) + finished(0, namespace=3),
        opened() + finished(0, "local_shell_call"),
        opened()
        + added(0)
        + frame("response.function_call_arguments.delta", output_index=0, delta="{ }")
        + finished(0),
        opened()
        + added(0)
        + frame("response.function_call_arguments.done", output_index=0, arguments="{ }")
        + finished(0),
        opened() + added(0, arguments='{"a":1}') + finished(0),
        opened() + finished(0) + finished(1, call_id="c0"),
        opened() + added(0) + ended(),
        opened() + ended(CALL),
        opened() + finished(0) + ended({**CALL, "arguments": '{"a":1}'}),
        opened() + finished(0) + ended(CALL, CALL),
        opened() + finished(0) + ended({**CALL, "type": "teleport_call"}),
        opened() + ended("x"),
        opened() + b'data: {"type":"keepalive","a":\ndata: {"name":"x"}\ndata: }\n\n',
        opened() + frame("response.completed", response={"id": "resp_1", "output": "x"}),
        opened() + frame("response.completed", response={"id": "resp_2", "output": []}),
        opened() + ended() + opened(),
        opened() + finished(0) + ended(CALL) + added(1),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(data: bytes) -> None:
    """Malformed, contradictory or doubled: an upstream fault, and nothing of a call has left."""
    codec = stream()
    with pytest.raises(ProtocolError) as caught:
        codec.feed(data)
    assert (caught.value.side, caught.value.status) == ("upstream", 502)
    assert caught.value.code in ("stream_malformed", "stream_inconsistent", "upstream_json_invalid")
    assert b'"name"' not in codec.abort("c", "m").replace(b'"error"', b"")


def test_shell_deltas_must_agree_with_the_end() -> None:
    """The pieces of a shell call that a client could run are compared command by command."""
    call = {"type": "shell_call", "id": "sh_0", "call_id": "c0", "action": {"commands": ["ls", "rm"]}}
    start = opened() + frame(
        "response.output_item.added", output_index=0, item={**call, "action": {"commands": []}}
    )
    end = frame("response.output_item.done", output_index=0, item=call)

    def delta(place: int, text: str) -> bytes:
        return frame("response.shell_call_command.delta", output_index=0, command_index=place, delta=text)

    assert len(stream().feed(start + delta(0, "ls") + delta(1, "rm") + end).calls) == 1
    with pytest.raises(ProtocolError):
        stream().feed(start + delta(0, "ls") + delta(1, "rm -rf /") + end)


def test_a_hosted_search_passes() -> None:
    """A search on the provider's side was judged with the request."""
    item = {"type": "tool_search_call", "id": "ts", "execution": "server"}
    data = opened() + frame("response.output_item.added", output_index=0, item=item)
    data += frame("response.output_item.done", output_index=0, item=item)
    step = stream().feed(data)
    assert (step.forward, step.calls) == (data, ())


def test_a_shell_call_waits_whatever_place_it_claims() -> None:
    """The agents SDK runs a shell call by how its own tool is declared: the item's claim lowers nothing."""
    item = {
        "type": "shell_call",
        "id": "sh",
        "call_id": "c9",
        "environment": {"type": "container_reference"},
        "action": {"commands": [MARK.decode()]},
    }
    data = opened() + frame("response.output_item.added", output_index=0, item=item)
    data += frame("response.output_item.done", output_index=0, item=item)
    step = stream().feed(data)
    assert [one.call.name for one in step.calls] == ["shell"]
    assert MARK not in step.forward


def test_reasoning_in_the_end_that_the_stream_did_not_carry_goes_with_a_refusal() -> None:
    """Once something is refused, reasoning of unknown origin does not slip through the terminal event."""
    codec = stream()
    first = codec.feed(opened() + finished(0))
    codec.feed(ended({"type": "reasoning", "id": "rs_9", "summary": [{"text": "SECRET"}]}, CALL))
    assert first.calls
    assert MARK not in codec.rule(0, Refused("no")).forward


@pytest.mark.parametrize("one", cases("openai_responses"), ids=str)
def test_stored_streams_are_read_as_they_say(one: Case) -> None:
    """Each stored stream brings up its calls; one that is complete leaves as it came."""
    played = play(one.codec, [one.raw])
    assert played.calls == one.calls
    assert (played.forward == one.raw) == (one.ends == "complete")


def test_a_broken_off_stream_fails_once() -> None:
    """Without a terminal event the close is a `response.failed`, also when the last frame cannot be read."""
    codec = stream()
    codec.feed(opened() + finished(0))
    step = codec.close()
    assert [one["type"] for one in events(step.forward)] == ["response.failed"]
    assert step.done
    codec = stream()
    codec.feed(opened() + b"data: {broken\r\n\r")
    assert b"upstream_json_invalid" in codec.close().forward


def test_answers_of_providers_without_numbers_or_ids_are_ruled_too() -> None:
    """Frames without `sequence_number`, comments between them and new ids at the end change no decision."""
    codec = stream()
    thought = {"type": "reasoning", "id": "rs_0", "summary": []}
    first = codec.feed(
        frame("response.created", response={"id": "resp_1"})
        + frame("response.output_item.done", output_index=0, item=thought)
        + b": waiting\n\n"
        + finished(1)
    )
    assert len(first.calls) == 1
    text = {"type": "message", "id": "msg_2", "content": []}
    codec.feed(frame("response.output_item.done", output_index=2, item=text) + b": more\n\n")
    codec.feed(ended({**thought, "id": "rs_9"}, {**CALL, "call_id": "c1"}, {**text, "id": "msg_9"}))
    ruled = codec.rule(0, Refused("no"))
    assert ruled.done
    assert b": more" in ruled.forward
    last = events(ruled.forward)[-1]
    assert [item["type"] for item in last["response"]["output"]] == ["message", "message"]
    assert last["response"]["output"][1]["id"] == "msg_9"


def test_loose_numbers_and_hosted_events_must_fit_their_item() -> None:
    """An event of one family at an item of another is refused for every family."""
    for kind, name in (
        ("web_search_call", "response.function_call_arguments.delta"),
        ("reasoning", "response.output_text.delta"),
        ("message", "response.web_search_call.completed"),
    ):
        codec = stream()
        codec.feed(opened() + frame("response.output_item.added", output_index=0, item={"type": kind, "id": "x"}))
        with pytest.raises(ProtocolError):
            codec.feed(frame(name, output_index=0, delta="x"))


def test_opening_events_may_repeat_text_and_nothing_else() -> None:
    """A lifecycle event with finished text in its output passes; with a call or reasoning it is refused."""
    said = {"type": "message", "id": "msg_0", "content": []}
    codec = stream()
    data = opened() + frame("response.in_progress", response={"id": "resp_1", "output": [said]})
    assert codec.feed(data).forward == data
    thought = {"type": "reasoning", "id": "rs_0", "summary": []}
    with pytest.raises(ProtocolError):
        codec.feed(frame("response.in_progress", response={"id": "resp_1", "output": [said, thought]}))


def test_search_arguments_as_text_are_their_text() -> None:
    """A tool search whose arguments are a string is the call with that string."""
    (one,) = stream().feed(opened() + finished(0, "tool_search_call", arguments='{"q":1}', name=None)).calls
    assert (one.call.name, one.call.arguments) == ("tool_search", b'{"q":1}')


def test_calls_without_any_id_are_told_apart_by_their_content() -> None:
    """A call without id is held like any other."""
    item = {"type": "function_call", "name": "f", "arguments": "{}"}
    codec = stream()
    step = codec.feed(opened() + frame("response.output_item.done", output_index=0, item=item) + ended(item))
    assert [one.call.id for one in step.calls] == [""]
    assert codec.rule(0, Released()).done


@pytest.mark.parametrize("arguments", ['{"a":1,"a":2}', '{"a":', "[]", "null", "rm -rf /"])
def test_arguments_that_can_be_read_in_two_ways_are_unknown(arguments: str) -> None:
    """A call whose arguments are no plain object comes up as unknown, never under its tool's name."""
    (one,) = stream().feed(opened() + finished(0, arguments=arguments)).calls
    assert (one.call.name, one.call.arguments) == ("unknown:f", arguments.encode())
    (one,) = stream().feed(opened() + finished(0, arguments="")).calls
    assert one.call.name == "f"


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, 2**64 - 1, -1])
def test_a_number_that_nobody_counts_on_from_ends_the_stream(number: int) -> None:
    """Events of our own are numbered behind the provider's: what cannot be written is refused, and the end is."""
    codec = stream()
    codec.feed(opened())
    with pytest.raises(ProtocolError):
        codec.feed(frame("response.in_progress", sequence_number=number, response={"id": "resp_1"}))
    assert b"response.failed" in codec.abort("token_revoked", "revoked")
