"""A script's calls are fitted to whatever tools a client declares."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.demo.conversation import Conversation, Tool, pieces
from firewall.demo.plan import example, plan
from firewall.demo.reading import Json
from firewall.demo.script import Call, Custom, Function, Shell, Turn, WriteFile, turns
from firewall.demo.seal import Seal

ARGV: Json = {"command": {"type": "array", "items": {"type": "string"}}}


def _plan(call: Call, *tools: Tool) -> tuple[str, list[tuple[str, str]]]:
    script = turns(Turn(text="Go.", calls=(call,)))
    conversation = Conversation(model="m", prompt="go", prompts=1, step=0, tools=tools)
    reply = plan(script, conversation)
    return reply.text, [(made.name, made.arguments) for made in reply.calls]


@pytest.mark.parametrize(
    ("call", "tool", "wanted"),
    [
        (
            Shell("ls", "List"),
            Tool("Bash", {"command": {}, "description": {}}),
            {"command": "ls", "description": "List"},
        ),
        (Shell("ls"), Tool("bash", {"command": {}}), {"command": "ls"}),
        (Shell("ls"), Tool("exec_command", {"cmd": {}}), {"cmd": "ls"}),
        (Shell("ls"), Tool("shell", ARGV), {"command": ["bash", "-lc", "ls"]}),
        (WriteFile("a", "b"), Tool("Write", {"file_path": {}, "content": {}}), {"file_path": "a", "content": "b"}),
        (WriteFile("a", "b"), Tool("write", {"filePath": {}, "content": {}}), {"filePath": "a", "content": "b"}),
        (WriteFile("a b", "c"), Tool("bash", {"command": {}}), {"command": "printf %s c > 'a b'"}),
        (Custom("note", "raw"), Tool("note", {"input": {}}), {"input": "raw"}),
        (Function("other", '{"x": 1}'), Tool("other", {}), {"x": 1}),
    ],
)
def test_arguments_carry_the_declared_names(call: Call, tool: Tool, wanted: Json) -> None:
    """The call uses the tool's own name and arguments."""
    _, made = _plan(call, tool)
    assert [(name, json.loads(arguments)) for name, arguments in made] == [(tool.name, wanted)]


def test_freeform_tools_get_raw_text() -> None:
    """A patch tool gets a patch, a JavaScript shell gets JavaScript."""
    patch = _plan(WriteFile("a.txt", "x\ny\n"), Tool("apply_patch", {}, is_freeform=True))[1]
    assert patch == [("apply_patch", "*** Begin Patch\n*** Add File: a.txt\n+x\n+y\n*** End Patch\n")]
    script = _plan(Shell('echo "a"'), Tool("exec", {}, is_freeform=True))[1]
    assert script == [("exec", 'const r = await tools.exec_command({"cmd": "echo \\"a\\""}); text(r);')]


def test_a_call_that_fits_no_tool_is_said() -> None:
    """A script that cannot be played says so in words instead of playing something else."""
    text, made = _plan(Shell("ls"), Tool("read", {"path": {}}))
    assert made == []
    assert "No tool of this request fits" in text


@given(st.text())
def test_pieces_join_to_the_text(text: str) -> None:
    """Cutting loses nothing, and every piece is something."""
    assert "".join(pieces(text)) == text
    assert all(pieces(text))


@given(st.text(min_size=1), st.data())
def test_any_change_breaks_a_signature(text: str, data: st.DataObject) -> None:
    """One changed character of the text or of the signature is noticed."""
    seal = Seal.of("seed")
    signature = seal.sign("thinking", text)
    assert seal.fits(signature, "thinking", text)
    assert not seal.fits(signature, "thinking", text + "x")
    assert not Seal.of("other").fits(signature, "thinking", text)
    place = data.draw(st.integers(0, len(signature) - 1))
    other = data.draw(st.sampled_from("Aaz09é")).replace(signature[place], "B")
    assert not seal.fits(signature[:place] + other + signature[place + 1 :], "thinking", text)


@given(st.dictionaries(st.text(), st.text() | st.integers()), st.data())
def test_any_change_breaks_what_is_wrapped(payload: Json, data: st.DataObject) -> None:
    """Wrapped content opens to itself, and with one changed character not at all."""
    seal = Seal.of("seed")
    sealed = seal.wrap(payload)
    assert seal.unwrap(sealed) == payload
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from("Aaz09-é=")).replace(sealed[place], "B")
    assert seal.unwrap(sealed[:place] + other + sealed[place + 1 :]) is None


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        (
            {"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"type": "array"}}},
            {"a": False, "b": []},
        ),
        ({"type": "NUMBER", "minimum": 3}, 3),
        ({"enum": ["flash", "pro"]}, "flash"),
        ({"type": "string"}, "Tidying up"),
    ],
)
def test_examples_fit_their_schema(schema: Json, wanted: object) -> None:
    """Side requests that ask for an object get one of its form."""
    assert example(schema) == wanted
