"""What people read of an action: one plain sentence, and the words that decided."""

import tomllib

import pytest

from firewall.classify.marking import json_value
from firewall.classify.mcp.telling import marks, told
from firewall.classify.phrases import (
    command_does,
    does,
    field_does,
    listed,
    singular,
    subject,
    third_person,
    words_of,
)
from firewall.classify.sentences import MAX_SUMMARY_CHARS, placed, sentence
from firewall.classify.text import actions_of_input
from firewall.core.action import Action
from firewall.core.effect import Effect, severity, strictest
from tests.support.understanding import ROOT, shipped_catalogue, shipped_context

CASES = tomllib.loads((ROOT / "tests/cases/sentences.toml").read_text("utf-8"))["case"]
WORDS = shipped_catalogue().words


def _understood(case: dict[str, str]) -> tuple[Action, ...]:
    return actions_of_input(case["kind"], case["input"], shipped_context())


@pytest.mark.parametrize("case", CASES, ids=[f"{case['kind']}:{case['input'][:40]}" for case in CASES])
def test_a_sentence_reads_as_it_was_read_aloud(case: dict[str, str]) -> None:
    """The strictest action says what happens, to what and whether it can be undone; deciding words are marked."""
    actions = _understood(case)
    top = max(actions, key=lambda action: severity(strictest(action.effects)))
    assert top.summary == case["says"]
    found = {(span.start, action.text[span.start : span.end]) for action in actions for span in action.evidence}
    assert [text for _, text in sorted(found)] == case["marks"]


def test_every_kind_is_read_aloud() -> None:
    """At least eighty different actions, of every kind that can be explained."""
    assert len(CASES) >= 80
    kinds = {case["kind"] for case in CASES}
    assert kinds == {
        "shell", "sql", "http", "graphql", "aws", "mcp", "javascript", "python", "patch", "powershell",
    }  # fmt: skip


def _sentence(
    told: str, *effects: Effect, environment: str = "local", undo: str = "", elevated: bool = False
) -> str:
    return sentence(told, effects=set(effects), environment=environment, undo=undo, is_elevated=elevated)


def test_a_sentence_says_whether_it_can_be_taken_back() -> None:
    """What a reader left out is added once, in the words of the strictest effect."""
    assert _sentence("deletes `a`", Effect.DESTRUCTIVE) == "deletes `a`; no undo that we know of"
    assert _sentence("deletes `a`; no undo", Effect.DESTRUCTIVE) == "deletes `a`; no undo"
    assert _sentence("deletes `a`", Effect.DESTRUCTIVE, undo="UNDROP") == "deletes `a`; undo: UNDROP"
    assert _sentence("stops `a`", Effect.DISRUPTIVE) == "stops `a`; no data is lost"
    assert _sentence("adds bob", Effect.PRIVILEGE) == "adds bob; can be undone by hand only"
    assert _sentence("runs `a`", Effect.EXEC) == "runs `a`; what it does is not seen here"
    assert _sentence("reads `a`", Effect.READ) == "reads `a`"


def test_a_sentence_names_a_known_environment_and_more_rights() -> None:
    """`in production` stands behind what is done, not in somebody's quotes."""
    assert (
        _sentence("deletes volume `a;b`; no undo through this API", Effect.DESTRUCTIVE, environment="production")
        == "deletes volume `a;b` in production; no undo through this API"
    )
    assert "in unresolved" not in _sentence("deletes `a`", Effect.DESTRUCTIVE, environment="unresolved")
    assert _sentence("reads `a`", Effect.READ, elevated=True).startswith("with more rights than the agent has: ")
    assert placed("drops `a` (`x`)", "in database `b`") == "drops `a` in database `b` (`x`)"


def test_words_inside_quotes_say_nothing() -> None:
    """An agent cannot write its own `no undo` into the name of a file."""
    assert _sentence("deletes `no undo`", Effect.DESTRUCTIVE).endswith("; no undo that we know of")


def test_a_lesser_effect_is_not_kept_silent() -> None:
    """A sentence that speaks of something else names the loss and the credentials as well."""
    assert "shows credentials" in _sentence("runs `a`", Effect.EXEC, Effect.SECRET)
    assert "may be lost" in _sentence("runs `a`", Effect.EXEC, Effect.DESTRUCTIVE)


def test_a_sentence_keeps_its_end() -> None:
    """However long the names are, whether it can be undone still stands there."""
    long = _sentence(f"deletes `{'a' * 900}`", Effect.DESTRUCTIVE)
    assert len(long) == MAX_SUMMARY_CHARS
    assert long.endswith("; no undo that we know of")


def test_names_of_operations_become_words() -> None:
    """Verbs in the third person, one thing in the singular, abbreviations as they are."""
    assert words_of("DeleteDBInstance") == ("delete", "DB", "instance")
    assert [third_person(verb) for verb in ("delete", "apply", "purge", "dismiss", "does")] == [
        "deletes", "applies", "purges", "dismisses", "does",
    ]  # fmt: skip
    assert [singular(noun) for noun in ("pods", "policies", "ingresses", "status", "kms", "DBS")] == [
        "pod", "policy", "ingress", "status", "kms", "DBS",
    ]  # fmt: skip
    assert does(["pods", "delete"], {"delete"}, "web-0") == "deletes pod `web-0`"
    assert does(["nothing"], {"delete"}) == ""
    told = command_does("gcloud", ["sql", "instances", "delete", "db"], {"list"}, losing={"delete"})
    assert told == "deletes sql instance `db` with `gcloud`"
    assert command_does("gcloud", ["sql"], {"list"}, losing={"delete"}) == ""


def test_arguments_name_what_it_is_about() -> None:
    """The argument that shares a word with the operation comes first; long and written text is left out."""
    arguments = {"owner": "acme", "name": "n", "projectId": "p", "body": "x", "deep": {"a": {"b": 1}}}
    assert subject(arguments, ["delete", "project"]) == "projectId"
    assert subject(arguments, ["delete"]) == "name"
    assert listed(arguments, {"projectId"}) == 'owner `acme`, name `n`, deep `{"a": {"b": 1}}`'
    assert listed({name: name for name in "abcdef"}).endswith("and 2 more")
    assert field_does("deleteRef", {"input": {"refId": "r"}}, "", WORDS) == "deletes ref `r`"
    assert field_does("x", {"id": "1"}, "Delete a thing.", WORDS) == "deletes a thing (id `1`)"


def test_a_tool_of_an_mcp_server_is_told_with_its_arguments() -> None:
    """The server, the tool and the thing are named; a rule's own words come first."""
    arguments = {"owner": "acme", "path": "a.py"}
    assert told("delete_file", "github", arguments, WORDS) == (
        "deletes file `a.py` (owner `acme`) by `delete_file` of the MCP server `github`"
    )
    assert told("x", "s", {}, WORDS, summary="switches backups off").startswith("switches backups off by `x`")
    text = 'x {"path": "a\\u00e9", "n": 3}'
    found = marks(text, {"path": "a\u00e9", "n": 3}, ["path", "n", "none"])
    assert [text[start:end] for start, end, _ in found] == ["a\\u00e9", "3"]
    assert json_value(text, "path", None) is None
