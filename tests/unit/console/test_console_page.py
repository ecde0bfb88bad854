"""What the approval page says about an action: where it lies, whether it can be undone, how sure that is."""

import re
from dataclasses import replace
from importlib.resources import files
from types import CodeType

import jinja2
import orjson
import pytest

from firewall.classify.tool import actions_of
from firewall.console.approving.page import Page, page
from firewall.console.shape import Standing
from firewall.core.approval import ActionView, Approval, ApprovalStatus, Subject
from firewall.core.call import ToolCall
from firewall.core.demand import tally
from firewall.core.effect import severity, strictest
from firewall.guard.judgement import view as judged_view
from firewall.policy.reading import shell_call, tool_call
from firewall.sequencer.sealing import read_subject, subject_json
from tests.support.approving import subject, view
from tests.support.control_side import control_side
from tests.support.understanding import shipped_context


def _shown(*actions: ActionView) -> Page:
    return _held(replace(subject(), actions=actions))


def _held(held: Subject) -> Page:
    approval = Approval(
        id="apr_1",
        status=ApprovalStatus.PENDING,
        digest="d" * 64,
        principal="olga/claude-code",
        token="tok_1",
        session="",
        environment="staging",
        effects=held.actions[0].effects,
        opened_at=0,
        expires_at=10**12,
        subject=held,
    )
    standing = Standing(tally([], ()), None, None)
    return page(approval, now_us=1, standing=standing, decided_by="", production=frozenset({"production"}))


def _page(action: ActionView) -> tuple[str, str, bool, str]:
    shown = _shown(action)
    return shown.head.scope, shown.head.undo, shown.head.can_undo, shown.head.confidence


@pytest.mark.parametrize(
    ("said", "undo", "can"),
    [
        ("lost", "Cannot be undone the same way", False),
        ("unknown", "Nobody can say whether it can be undone", False),
        ("undo", "Can be put back the same way", True),
        ("nothing", "There is nothing to undo", True),
        ("", "Cannot be undone, or nobody knows how", False),
    ],
)
def test_undo(said: str, undo: str, *, can: bool) -> None:
    """Without words of its own an action's kind of reversal speaks; older approvals say the cautious thing."""
    assert _page(view(reversal=said))[1:3] == (undo, can)
    assert _page(view(reversal=said, undo="restore the snapshot"))[1:3] == ("restore the snapshot", True)


def test_what_is_lost_says_that_no_restore_point_is_known() -> None:
    """Silence would read as safety; what a resolver found is said as it was found, once."""
    assert _shown(view(reversal="lost")).head.found == (("Restore point", "not known", False),)
    assert _shown(view(reversal="undo")).head.found == ()
    known = (("Restore point", "none", True),)
    assert _shown(view(reversal="lost", found=(("Restore point", "none"),))).head.found == known


def test_scope_and_confidence() -> None:
    """What is certain needs no words; a guess is called one."""
    assert _page(view(scope="machine", confidence="certain")) == (
        "on the agent's machine, outside the workspace",
        "Cannot be undone, or nobody knows how",
        False,
        "",
    )
    there = view(scope="machine", resource="program:kubectl", environment="staging")
    assert _page(there)[0] == "", "kubectl runs here and acts there"
    nowhere = view(scope="machine", resource="program:kubectl", environment="unresolved")
    assert _page(nowhere)[0] == "runs on the agent's machine, may act elsewhere", "no context is named"
    here = view(scope="machine", resource="program:make", environment="local")
    assert _page(here)[0] == "on the agent's machine, outside the workspace"
    assert _page(view(confidence="guess"))[3].startswith("a guess")
    assert _page(view(confidence="likely"))[3].startswith("likely")


@pytest.mark.parametrize(
    ("call", "title"),
    [
        (shell_call("rm -rf build"), "What will run"),
        (shell_call("psql -c 'DROP TABLE users'"), "What will run"),
        (tool_call("Write", {"file_path": "/etc/hosts", "content": "x"}), "What the tool will be given"),
        (tool_call("frobnicate", {"branch": "main"}), "What the tool will be given"),
        (
            tool_call("mcp__supabase__execute_sql", {"query": "DROP TABLE users"}),
            "What the MCP server will be asked",
        ),
    ],
)
def test_a_text_is_called_what_is_done_with_it(call: ToolCall, title: str) -> None:
    """A command runs; what a tool or a server is given is not a command."""
    actions = tuple(judged_view(one) for one in actions_of(call, shipped_context()))
    held = replace(subject(tool=call.name, arguments=call.arguments.decode()), actions=actions)
    assert _held(held).texts[0].title == title


@pytest.mark.parametrize("tool", ["infra/railway-production", "egress/api.example.com"])
def test_a_request_is_sent_and_does_not_run(tool: str) -> None:
    """What passes our own gates is an HTTP request."""
    request = view(operation="railway:volumeDelete", text="POST /graphql/v2", evidence=())
    assert _held(replace(subject(tool=tool), actions=(request,))).texts[0].title == "What will be sent"


def test_every_row_that_asks_is_shown() -> None:
    """A group that another row names would stand beside a row that names none."""
    other = "policy.csv:31  p, *, *, *, *, exfil, , ask, group=oncall\u202e"
    shown = _held(replace(subject(), also=(other,)))
    assert shown.asker.row == subject().row
    assert shown.asker.also == ("policy.csv:31  p, *, *, *, *, exfil, , ask, group=oncall⟦U+202E⟧",)
    assert read_subject(subject_json(replace(subject(), also=(other,)))) == replace(subject(), also=(other,))


def test_approvals_of_an_older_version_are_still_read() -> None:
    """A stored approval without the newer fields opens, and reads as not said."""
    stored = orjson.loads(subject_json(subject()))
    del stored["also"]
    for action in stored["actions"]:
        for name in ("scope", "reversal", "confidence"):
            del action[name]
    found = read_subject(orjson.dumps(stored))
    assert found is not None
    assert [(one.scope, one.reversal, one.confidence) for one in found.actions] == [("", "", "")]
    assert read_subject(subject_json(found)) == found


_CALLS = {
    "shell": tool_call("Bash", {"command": "sudo git push -f"}),
    "sql": tool_call("Bash", {"command": "psql -c 'BEGIN; DELETE FROM users; COMMIT'"}),
    "kubectl": tool_call("Bash", {"command": "kubectl delete namespace shop"}),
    "aws": tool_call("Bash", {"command": "aws ec2 delete-volume --volume-id vol-0abc"}),
    "mcp": tool_call("mcp__github__delete_file", {"owner": "acme", "repo": "shop", "path": "a.py"}),
    "mcp with SQL": tool_call("mcp__supabase__execute_sql", {"project_id": "p", "query": "DROP TABLE users"}),
    "file tool": tool_call("Write", {"file_path": "/srv/a.py", "content": "x"}),
    "patch": tool_call("apply_patch", "*** Begin Patch\n*** Delete File: /srv/a.py\n*** End Patch"),
    "codex exec": tool_call("exec", "await tools.exec_command({cmd: 'git push --force origin main'})"),
    "graphql": shell_call(
        "curl https://backboard.railway.app/graphql/v2 -d "
        """'{"query":"mutation { volumeDelete(volumeId: \\"vol_1\\") }"}'"""
    ),
}


@pytest.mark.parametrize("name", _CALLS)
def test_a_page_marks_the_words_and_says_what_is_lost(name: str) -> None:
    """Whatever the call is, the headline is the sentence of the worst action, and the page marks its evidence."""
    actions = actions_of(_CALLS[name], shipped_context())
    worst = max(actions, key=lambda action: severity(strictest(action.effects)))
    shown = _shown(*(judged_view(action) for action in actions))
    assert shown.head.headline == worst.summary
    assert re.search("delete|drop|overwrite|replac", shown.head.headline)
    marked = [
        segment.text
        for text in shown.texts
        for line in text.shown.first
        for segment in line.segments
        if segment.marked
    ]
    assert marked
    for span in worst.evidence:
        assert any(worst.text[span.start : span.end] in part for part in marked)


def test_what_could_not_be_seen_stands_on_the_first_screen() -> None:
    """In plain words beside the other facts; what the headline says already is not said twice."""
    assert _shown(view(unseen=("the path `$X`",))).head.unseen == ("the path `$X`",)
    assert _shown(view(summary="runs what is not known", unseen=("what is not known",))).head.unseen == ()


def test_what_was_found_out_and_what_could_be_done_first() -> None:
    """Restore points that go with the thing, or that are none, are bad news; strangers' signs are spelled out."""
    action = view(
        found=(
            ("Found", "volume shop-data\u202e"),
            ("Restore point", "last restore point 3 months old, stored in the same volume: lost with it"),
            ("Restore point", "none: what this call removes cannot be brought back"),
            ("Restore point", "last restore point 2 hours old, kept when this is gone"),
        )
    )
    held = replace(
        subject(), actions=(action,), moved=(("volume backups", "5", "0"),), first=("take a snapshot first",)
    )
    head = _held(held).head
    assert [is_bad for _, _, is_bad in head.found] == [False, True, True, False]
    assert "\u202e" not in head.found[0][1]
    assert head.moved == (("volume backups", "5", "0"),)
    assert [(one.line, one.can_run) for one in head.forms] == [("take a snapshot first", False)]
    stored = read_subject(subject_json(held))
    assert stored == held


def test_templates_are_compiled_ahead_of_the_first_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """No start waits for them: `load_late` compiles every one, and a page after it none."""
    side = control_side()
    compiled: list[str | None] = []
    compiling = jinja2.Environment.compile

    def counted(self: jinja2.Environment, source: str, name: str | None, filename: str | None) -> CodeType:
        compiled.append(name)
        return compiling(self, source, name, filename)

    monkeypatch.setattr(jinja2.Environment, "compile", counted)
    side.console.load_late()
    known = sorted(one.name for one in files("firewall.console").joinpath("templates").iterdir())
    assert sorted(filter(None, compiled)) == known
    side.console.load_late()
    assert len(compiled) == len(known)
