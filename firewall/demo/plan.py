"""Chooses what the scripted provider answers, and fits the script's calls to the tools that a client declares.

Everything is a function of the request and the seed, so a request sent again gets the same answer again.
"""

import json
import shlex
from typing import Final

from firewall.demo.conversation import Conversation, Reply, Spoken, Tool
from firewall.demo.reading import Json, as_table, table
from firewall.demo.script import Call, Custom, Function, Script, Shell, Turn, WriteFile
from firewall.demo.seal import Seal

SHELLS: Final = (
    "Bash",
    "bash",
    "shell",
    "shell_command",
    "exec_command",
    "run_shell_command",
    "run_terminal_cmd",
    "execute_command",
    "terminal",
    "exec",
)
SHELL_ARGUMENTS: Final = ("command", "cmd", "script", "input")
WRITERS: Final = ("Write", "write", "write_file", "write_to_file", "create_file")
PATH_ARGUMENTS: Final = ("file_path", "filePath", "path", "filename")
CONTENT_ARGUMENTS: Final = ("content", "contents", "text")


def plan(script: Script, conversation: Conversation) -> Reply:
    """Choose the turn for this conversation and fit its calls to the tools that were declared."""
    seal = Seal.of(script.seed)
    turn = _turn(script, conversation)
    place = (conversation.model, conversation.prompt, conversation.prompts, conversation.step)
    seed = (*place, conversation.depth)
    calls = tuple(
        _bind(call, conversation.tools, seal.id("call", number, bool(turn.thinking), *seed))
        for number, call in enumerate(turn.calls)
    )
    return Reply(
        id=seal.id("reply", *seed),
        turn_id=seal.id("turn", *place),
        model=conversation.model,
        text=turn.text if None not in calls else f"{turn.text} No tool of this request fits what is scripted.",
        thinking=turn.thinking if conversation.wants_thinking else "",
        calls=tuple(call for call in calls if call is not None),
        fault=turn.fault,
        input_tokens=conversation.size_bytes // 4,
        seal=seal,
        wants_usage=conversation.wants_usage,
    )


def _turn(script: Script, conversation: Conversation) -> Turn:
    """Answer a request without tools (a title, a summary) with a few harmless words, or the object it asks for."""
    if conversation.schema and not conversation.tools:
        return Turn(text=json.dumps(example(conversation.schema)))
    turn = script.turn(conversation.prompt, conversation.step)
    if conversation.tools or not turn.calls:
        return turn
    return Turn(text="Tidying up a directory")


def example(schema: Json) -> object:
    """Return the plainest value that fits a JSON schema, as far as side requests need."""
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        first: object = choices[0]
        return first
    match str(schema.get("type", "")).lower():
        case "object":
            return {name: example(as_table(inner)) for name, inner in table(schema, "properties").items()}
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return "Tidying up"


def _bind(call: Call, tools: tuple[Tool, ...], ident: str) -> Spoken | None:
    match call:
        case Shell():
            return _bind_shell(call, tools, ident)
        case WriteFile():
            return _bind_write(call, tools, ident)
        case Custom(name=name, input=raw):
            tool = _find(tools, (name,))
            if tool and tool.is_freeform:
                return Spoken(ident, name, raw, is_freeform=True, namespace=tool.namespace)
            return Spoken(ident, name, json.dumps({"input": raw}))
        case Function(name=name, arguments=arguments, namespace=namespace):
            tool = _find(tools, (name,))
            return Spoken(ident, name, arguments, namespace=tool.namespace if tool else namespace)


def _bind_shell(call: Shell, tools: tuple[Tool, ...], ident: str) -> Spoken | None:
    tool = _find(tools, SHELLS)
    if tool is None:
        return None
    if tool.is_freeform:
        source = f"const r = await tools.exec_command({json.dumps({'cmd': call.command})}); text(r);"
        return Spoken(ident, tool.name, source, is_freeform=True, namespace=tool.namespace)
    key = next((name for name in SHELL_ARGUMENTS if name in tool.arguments), "command")
    schema = tool.arguments.get(key)
    is_argv = isinstance(schema, dict) and schema.get("type") == "array"
    values: Json = {key: ["bash", "-lc", call.command] if is_argv else call.command}
    if "description" in tool.arguments:
        values["description"] = call.description
    return Spoken(ident, tool.name, json.dumps(values), namespace=tool.namespace)


def _bind_write(call: WriteFile, tools: tuple[Tool, ...], ident: str) -> Spoken | None:
    tool = _find(tools, WRITERS)
    if tool is None:
        return _bind_patch(call, tools, ident)
    path = next((name for name in PATH_ARGUMENTS if name in tool.arguments), "path")
    content = next((name for name in CONTENT_ARGUMENTS if name in tool.arguments), "content")
    values = json.dumps({path: call.path, content: call.content})
    return Spoken(ident, tool.name, values, namespace=tool.namespace)


def _bind_patch(call: WriteFile, tools: tuple[Tool, ...], ident: str) -> Spoken | None:
    """Write by patch (Codex) or with the shell where there is no file tool."""
    tool = _find(tools, ("apply_patch",))
    if tool is None or not tool.is_freeform:
        written = f"printf %s {shlex.quote(call.content)} > {shlex.quote(call.path)}"
        return _bind_shell(Shell(written, "Write a file"), tools, ident)
    lines = "".join(f"+{line}\n" for line in call.content.splitlines())
    patch = f"*** Begin Patch\n*** Add File: {call.path}\n{lines}*** End Patch\n"
    return Spoken(ident, tool.name, patch, is_freeform=True, namespace=tool.namespace)


def _find(tools: tuple[Tool, ...], wanted: tuple[str, ...]) -> Tool | None:
    return next((tool for name in wanted for tool in tools if tool.name == name), None)
