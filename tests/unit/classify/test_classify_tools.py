"""Agents' own tools: shells, files, patches, sessions, and what an approval binds."""

import json
from dataclasses import replace

import pytest

from firewall.classify.tool import actions_of, bound_arguments
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from tests.support.understanding import call, shipped_context


def effects(name: str, arguments: dict[str, object] | str) -> set[Effect]:
    """Return all effects of a call."""
    return {effect for action in actions_of(call(name, arguments), shipped_context()) for effect in action.effects}


@pytest.mark.parametrize(
    ("name", "arguments", "wanted", "environment"),
    [
        ("Read", {"file_path": "/home/dev/app/src/a.ts"}, Effect.READ, LOCAL),
        ("Read", {"file_path": "src/a.ts"}, Effect.READ, LOCAL),
        ("Read", {"file_path": "/etc/hostname"}, Effect.READ, UNRESOLVED),
        ("Read", {"file_path": "/home/dev/app/.env"}, Effect.SECRET, LOCAL),
        ("Write", {"file_path": "/home/dev/app/src/a.ts", "content": "x"}, Effect.WRITE, LOCAL),
        ("Write", {"file_path": "/home/dev/app/../x", "content": "x"}, Effect.DESTRUCTIVE, UNRESOLVED),
        ("Write", {"file_path": "/home/dev/app/.git/hooks/pre-push", "content": "x"}, Effect.PRIVILEGE, LOCAL),
        ("Edit", {"file_path": "a.ts", "old_string": "a", "new_string": "b"}, Effect.WRITE, LOCAL),
        ("Edit", {"file_path": "~/.zshrc", "old_string": "a", "new_string": "b"}, Effect.PRIVILEGE, UNRESOLVED),
        ("Glob", {"pattern": "**/*.ts"}, Effect.READ, LOCAL),
        ("Grep", {"pattern": "x", "path": "src"}, Effect.READ, LOCAL),
        ("write", {"filePath": "a.ts", "content": "x"}, Effect.WRITE, LOCAL),
        ("write_file", {"file_path": "/home/dev/app/a", "content": "x"}, Effect.WRITE, LOCAL),
        ("replace", {"file_path": "a", "old_string": "a", "new_string": "b"}, Effect.WRITE, LOCAL),
        ("read_many_files", {"paths": ["src/**/*.ts"]}, Effect.READ, LOCAL),
        ("list_directory", {"path": "/home/dev/app"}, Effect.READ, LOCAL),
        ("view_image", {"path": "a.png"}, Effect.READ, LOCAL),
        ("TodoWrite", {"todos": []}, Effect.READ, LOCAL),
        ("update_plan", {"plan": []}, Effect.READ, LOCAL),
        ("WebFetch", {"url": "https://docs.python.org/3/", "prompt": "x"}, Effect.READ, UNRESOLVED),
        ("Bash", {"command": "ls", "description": "x", "timeout": 5}, Effect.READ, LOCAL),
        ("exec_command", {"cmd": "rm -rf x", "workdir": "/srv"}, Effect.DESTRUCTIVE, UNRESOLVED),
        ("run_shell_command", {"command": "rm x", "dir_path": "../b"}, Effect.DESTRUCTIVE, UNRESOLVED),
        ("shell", {"command": ["bash", "-lc", "rm -rf /srv"]}, Effect.DESTRUCTIVE, UNRESOLVED),
        # Copilot's
        ("bash", {"command": "rm -r /srv/x", "sessionId": "s", "mode": "sync"}, Effect.DESTRUCTIVE, UNRESOLVED),
        ("bash", {"command": "ls", "initial_wait": 5, "shellId": "s"}, Effect.READ, LOCAL),
        ("view", {"path": "/home/dev/app/a.ts", "view_range": [1, 9]}, Effect.READ, LOCAL),
        ("view", {"path": "/home/dev/app/.env"}, Effect.SECRET, LOCAL),
        ("create", {"path": "/home/dev/app/a.ts", "file_text": "x"}, Effect.WRITE, LOCAL),
        ("edit", {"path": "/home/dev/app/a.ts", "old_str": "a", "new_str": "b"}, Effect.WRITE, LOCAL),
        ("rg", {"pattern": "x", "path": "src", "output_mode": "content"}, Effect.READ, LOCAL),
        ("report_intent", {"intent": "look"}, Effect.READ, LOCAL),
        # Cline's
        (
            "execute_command",
            {"command": "rm -r /srv", "requires_approval": "false"},
            Effect.DESTRUCTIVE,
            UNRESOLVED,
        ),
        ("write_to_file", {"path": "a.ts", "content": "x", "task_progress": "- [x]"}, Effect.WRITE, LOCAL),
        ("replace_in_file", {"path": "~/.zshrc", "diff": "x"}, Effect.PRIVILEGE, UNRESOLVED),
        ("list_files", {"path": "src", "recursive": "true"}, Effect.READ, LOCAL),
        ("search_files", {"path": "src", "regex": "x", "file_pattern": "*.ts"}, Effect.READ, LOCAL),
        ("read_file", {"path": "/home/dev/app/.env", "task_progress": ""}, Effect.SECRET, LOCAL),
    ],
)
def test_tools(name: str, arguments: dict[str, object], wanted: Effect, environment: str) -> None:
    """Each tool of the agents is read by its row."""
    actions = actions_of(call(name, arguments), shipped_context())
    strict = max(actions, key=lambda action: list(Effect).index(action.effect))
    assert (strict.effect, strict.environment) == (wanted, environment)
    assert all(action.tool == name for action in actions)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mcp__x__y", {"a": 1}),
        ("Bash", {"command": 5}),
        ("Bash", {"command": "ls", "as_root": True}),
        ("Bash", "not json"),
        ("Write", {"content": "x"}),
        ("Write", {"file_path": 5, "content": "x"}),
        ("R\u0435ad", {"file_path": "a"}),
        ("exec_command", {"cmd": "ls", "shell": "/usr/bin/python3"}),
        ("apply_patch", "nonsense"),
        ("create", {"path": "a.ts", "name": "x"}),
        ("view", {"path": "a.ts", "url": "https://x.example"}),
        ("execute_command", {"command": "ls", "sudo": "true"}),
        ("attempt_completion", {"result": "done", "command": "rm -r /srv"}),
    ],
)
def test_what_is_not_understood_is_unknown(name: str, arguments: dict[str, object] | str) -> None:
    """An unknown tool, argument, type, shell or look-alike name is unknown."""
    assert Effect.UNKNOWN in effects(name, arguments)


@pytest.mark.parametrize(
    "arguments",
    [b"", b"{", b"[]", b'{"command":"ls","command":"rm -rf /"}', b"\xff\xfe", b'{"command":NaN}', b'"ls"'],
)
def test_bad_arguments_are_unknown(arguments: bytes) -> None:
    """Arguments that two readers could understand differently are unknown; missing ones do nothing."""
    actions = actions_of(ToolCall("c", "Bash", arguments), shipped_context())
    assert all(Effect.UNKNOWN in action.effects or action.operation == "shell:nothing" for action in actions)
    assert arguments == b"" or any(Effect.UNKNOWN in action.effects for action in actions)


def test_a_switched_off_sandbox_is_privilege() -> None:
    """Asking for more rights than the agent's sandbox gives is an action of its own."""
    actions = actions_of(call("Bash", {"command": "ls", "dangerouslyDisableSandbox": True}), shipped_context())
    assert any(action.attributes.get("elevated") for action in actions)
    assert Effect.PRIVILEGE in effects("exec_command", {"cmd": "ls", "sandbox_permissions": "require_escalated"})
    assert Effect.PRIVILEGE not in effects("exec_command", {"cmd": "ls", "sandbox_permissions": "use_default"})


def test_typed_text_is_shell_text_and_code() -> None:
    """Input to an open session is judged as a command line and as code for what runs there."""
    found = effects("write_stdin", {"session_id": 1, "chars": "rm -rf /srv\n"})
    assert {Effect.DESTRUCTIVE, Effect.EXEC} <= found
    assert effects("write_stdin", {"session_id": 1, "chars": ""}) == {Effect.READ}
    assert Effect.EXEC in effects("write_stdin", {"session_id": 1, "chars": "ls\n"})


PATCH = """*** Begin Patch
*** Add File: src/new.ts
+x
*** Update File: src/old.ts
*** Move to: src/moved.ts
@@
-a
+b
*** Delete File: src/gone.ts
*** End Patch
"""


def test_patches_touch_the_files_that_they_name() -> None:
    """A patch adds, edits, moves and deletes; deleting is destructive, configuration is privilege."""
    actions = actions_of(call("apply_patch", PATCH), shipped_context())
    assert {action.operation for action in actions} == {"file:write", "file:edit", "file:delete"}
    assert [action.resource for action in actions if Effect.DESTRUCTIVE in action.effects] == [
        "file:/home/dev/app/src/gone.ts"
    ]
    hooked = PATCH.replace("src/new.ts", ".git/hooks/pre-commit")
    assert Effect.PRIVILEGE in effects("apply_patch", hooked)
    outside = PATCH.replace("src/moved.ts", "/etc/passwd")
    assert Effect.PRIVILEGE in effects("apply_patch", outside)
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n--- a/y.py\n+++ /dev/null\n"
    assert effects("apply_patch", diff) == {Effect.WRITE, Effect.DESTRUCTIVE}


@pytest.mark.parametrize(
    "text",
    [
        PATCH.replace("*** Add File: src/new.ts", "\t*** Add File: .mcp.json"),
        PATCH.replace("src/old.ts", "../../x"),
        PATCH.replace("src/moved.ts", "../../.bashrc"),
        PATCH + "cd /srv; rm -rf x\n",
        PATCH.replace("*** Begin Patch\n", "*** Begin Patch\n*** Environment ID: x\n"),
        PATCH.replace("src/new.ts", "src/new\u200b.ts"),
        '--- "a/.git/\\150ooks/x"\n+++ "b/.git/\\150ooks/x"\n@@ -1 +1 @@\n-a\n+b\n',
    ],
)
def test_patches_with_more_in_them(text: str) -> None:
    """Indented headers count, and what no reader of patches needs makes the patch unknown."""
    actions = actions_of(call("apply_patch", text), shipped_context())
    stopped = {Effect.UNKNOWN, Effect.PRIVILEGE}
    assert any(stopped & set(action.effects) or action.environment == UNRESOLVED for action in actions)


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("Grep", {"pattern": "KEY", "glob": ".env*"}, Effect.SECRET),
        ("grep", {"pattern": "KEY", "path": ".", "include": "*.pem"}, Effect.SECRET),
        ("Grep", {"pattern": "x", "path": "~/.aws"}, Effect.SECRET),
        ("Read", {"file_path": "$HOME/.aws/credentials"}, Effect.SECRET),
        ("read_many_files", {"paths": ["**/.env"]}, Effect.SECRET),
        ("Write", {"file_path": "/home/dev/app/.GIT/hooks/x", "content": ""}, Effect.PRIVILEGE),
        ("Write", {"file_path": "/home/dev/app/.git", "content": "gitdir: x"}, Effect.PRIVILEGE),
        ("Write", {"file_path": "/home/dev/app/a\u202eb", "content": ""}, Effect.UNKNOWN),
        ("Write", {"file_path": "C:\\Users\\x", "content": ""}, Effect.DESTRUCTIVE),
        ("MultiEdit", {"file_path": "a", "edits": [{"file_path": "/etc/passwd"}]}, Effect.PRIVILEGE),
        ("MultiEdit", {"file_path": "a", "edits": [{"where": "/etc/passwd"}]}, Effect.UNKNOWN),
        ("Bash", {"command": "ls", "cmd": "rm -rf /srv"}, Effect.UNKNOWN),
        ("exec_command", {"cmd": "ls", "shell": "./bash"}, Effect.UNKNOWN),
        ("exec_command", {"cmd": "ls", "shell": ["bash"]}, Effect.UNKNOWN),
        ("write_stdin", {"session_id": 1, "chars": "\x04"}, Effect.EXEC),
    ],
)  # fmt: skip
def test_tool_calls_that_hide_something(name: str, arguments: dict[str, object], wanted: Effect) -> None:
    """Globs, half-known paths, nested paths, invisible characters and second texts are seen or unknown."""
    context = replace(shipped_context(), home="")
    found = {effect for action in actions_of(call(name, arguments), context) for effect in action.effects}
    assert wanted in found


@pytest.mark.parametrize(
    ("name", "declared", "operation"),
    [
        ("mcp", b"{}", "hosted:mcp"),
        ("mcp_servers", b"[]", "hosted:mcp_servers"),
        ("mcp_toolset", b"{}", "hosted:mcp_toolset"),
        ("web_search", b'{"server_url": "https://x"}', "hosted:mcp"),
        ("file_search", b'{"connector_id": "c"}', "hosted:mcp"),
    ],
)
def test_whatever_connects_elsewhere_is_a_remote_server(name: str, declared: bytes, operation: str) -> None:
    """A hosted tool whose declaration names a server or a connector has the operation that policy denies."""
    (action,) = actions_of(ToolCall("", name, declared, CallForm.HOSTED), shipped_context())
    assert (action.operation, action.effect) == (operation, Effect.UNKNOWN)


def test_hosted_tools_are_judged_by_name() -> None:
    """Search reads, code execution runs, a remote MCP server is unknown."""
    wanted = {"web_search": Effect.READ, "code_execution": Effect.EXEC, "mcp": Effect.UNKNOWN}
    for name, effect in wanted.items():
        actions = actions_of(ToolCall("", name, b"{}", CallForm.HOSTED), shipped_context())
        assert [action.effect for action in actions] == [effect]


def test_inert_arguments_are_not_bound() -> None:
    """An approval binds what a call does, not how it describes itself or how long it waits."""
    context = shipped_context()
    first = call("Bash", {"command": "rm x", "description": "tidy up", "timeout": 1})
    again = call("Bash", {"timeout": 900, "command": "rm x", "description": "remove x"})
    other = call("Bash", {"command": "rm y", "description": "tidy up", "timeout": 1})
    assert bound_arguments(first, context) == bound_arguments(again, context) == b'{"command":"rm x"}'
    assert bound_arguments(first, context) != bound_arguments(other, context)
    background = call("Bash", {"command": "rm x", "run_in_background": True})
    assert bound_arguments(background, context) != bound_arguments(first, context)
    assert bound_arguments(call("mcp__x", {"description": "y"}), context) == b'{"description":"y"}'
    assert bound_arguments(call("apply_patch", PATCH), context) == PATCH.encode()


def test_the_claimed_directory_only_narrows() -> None:
    """A working directory outside the workspace takes relative paths out of it; one inside keeps them there."""
    context = shipped_context()
    arguments = json.dumps({"command": "rm -rf data"}).encode()
    outside = actions_of(
        ToolCall("c", "Bash", arguments),
        type(context)(context.workspace, "/srv", "", context.environments, context.catalogue),
    )
    assert outside[0].resource == "file:/srv/data"
    assert outside[0].inside_workspace is False
