"""Work, counted and not timed: however a text is made, reading it takes a bounded number of steps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.classify.shell.sed import read_script
from firewall.classify.text import actions_of_input
from firewall.core.action import Action
from firewall.core.effect import Effect
from tests.support.understanding import shipped_context
from tests.support.work import MAX_CALLS, counted

BOMBS = {
    "a long word": "echo " + "a" * 60_000,
    "more than is read": "echo " + "a" * 100_000,
    "many words": "rm " + "f " * 30_000,
    "braces": "rm " + "{a,b}" * 30,
    "braces in braces": "rm " + "{a," * 2000 + "b" + "}" * 2000,
    "many braces": "rm " + "{a,b}{a,b}{a,b}{a,b} " * 200,
    "opened braces": "echo " + "{" * 60_000,
    "ranges": "rm " + "{1..99999} " * 50,
    "substitutions": "$(" * 2000,
    "nested substitutions": "echo " + "$(" * 200 + "ls" + ")" * 200,
    "back-ticks": "`" * 5000,
    "brackets": "(" * 3000 + ")" * 3000,
    "variables": ";".join(f"x{number}={number}" for number in range(5000)),
    "variables and subshells": ";".join(f"x{number}=1; (echo $x{number})" for number in range(1400)),
    "a value that grows": "x=aaaaaaaaaa; " + "x=$x$x; " * 40 + "echo $x",
    "replaced over and over": "x=" + "ab" * 2000 + "; " + "echo ${x//a/bb}; " * 300,
    "a pattern with stars": "x=" + "a" * 4000 + "; echo ${x//*a*a*b/c} ${x%%*a*a*b} ${x#*b}",
    "arrays": "a=(" + "x " * 5000 + "); " + "echo ${a[@]}; " * 200,
    "loops in loops": "for i in 1 2 3 4 5 6 7 8; do " * 6 + "ls; " + "done; " * 6,
    "functions that call": "a(){ b;b;b;b;};b(){ c;c;c;c;};c(){ d;d;d;d;};d(){ ls;ls;ls;ls;};a",
    "a function that calls itself": "f() { f; f; }; f; " * 300,
    "pipes": "ls | " * 2000 + "ls",
    "lists": "ls && " * 2000 + "ls",
    "here-documents": "cat " + "<<E " * 500 + "\n" + "E\n" * 500,
    "redirections": "ls " + "> x " * 3000,
    "a sed script": "sed '" + "s/a/b/;" * 200 + "' x",
    "letters for sed": "sed '" + "s" * 1400 + "' x",
    "wrappers": "sudo " * 3000 + "ls",
    "evaluations": "eval " * 500 + "ls",
    "addresses": "foo " + "http://a.b/c?d " * 2000,
    "what may be an address": "foo " + "abcdefghij" * 199 + "://x " + "b" * 1999,
    "fed words": "echo " + "a " * 5000 + "| xargs rm",
    "parallel": "parallel echo ::: " + "a " * 5000,
    "escapes": "echo $'" + "\\x41" * 10_000 + "'",
    "decoded": "echo " + "QUFB" * 10_000 + " | base64 -d | sh",
}


def work(kind: str, text: str) -> tuple[tuple[Action, ...], int]:
    """Return the actions of a text, and how many functions were called to find them."""
    context = shipped_context()
    actions_of_input(kind, "ls", context)
    return counted(lambda: actions_of_input(kind, text, context))


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_bombs_are_bounded(name: str) -> None:
    """No text that was made to be slow takes more than its share of steps, and each gets an answer."""
    actions, calls = work("shell", BOMBS[name])
    assert actions
    assert calls < MAX_CALLS


PIECES = (
    "{a,b} ", "$(", ")", "`", "(", "ls | ", "ls && ", "for i in 1 2 3; do ", "done; ", "eval ", "'", '"',
    "<<E\n", "E\n", "> x ", "\\", "${x:-", "}", "[[ ", "a[", "]", "sed s/a/b/e ", "*", "é", "rm ",
    "rm * ", "x=$x$x; ", "sudo ",
    "sed s/a/b/e rm *", "rm {a,b} [[ ", "rm eval [[ ", "find . -exec ", "xargs -I{} ", "ssh h ",
    "curl -d x http://a ",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_repetition_is_bounded(piece: str) -> None:
    """Any piece of shell, repeated, takes a bounded number of steps."""
    assert work("shell", piece * 350)[1] < MAX_CALLS


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="sywWreEaic/\\[]bt:;{}\n0$,!Im x", max_size=200))
def test_every_sed_script_is_read_once(text: str) -> None:
    """No sed script makes its reader go back or past its end."""
    found = read_script(text)
    assert all(name and len(name) <= len(text) for name in found.writes)


@pytest.mark.parametrize(
    ("script", "runs", "writes"),
    [
        ("s/a/b/", False, []),
        ("s/a/b/e", True, []),
        ("s/a/b/ge", True, []),
        ("1e id", True, []),
        ("e", True, []),
        ("s,a,b,gw out", False, ["out"]),
        ("/x/w out", False, ["out"]),
        ("s/e/we/", False, []),
        ("y/abc/ewr/", False, []),
        ("s/[/]e/x/", False, []),
        ("s/a\\/e/b/", False, []),
        ("/e/d", False, []),
        ("\\,e,d", False, []),
        ("1,5p", False, []),
        ("a\\\ne text", False, []),
        ("a e text", False, []),
        (":e;n;be", False, []),
        ("$!N;s/\\n/ /;P;D", False, []),
        ("s/x/y/;e id", True, []),
        ("# e\np", False, []),
        ("/a/{s/b/c/;e id\n}", True, []),
        ("s/a/b/I;w f\np", False, ["f"]),
        ("s|a|b|", False, []),
        ("s/a/b/m5e", True, []),
        ("/[/e]/d", False, []),
        ("r file\ne", True, []),
    ],
)
def test_sed_commands(script: str, runs: bool, writes: list[str]) -> None:  # noqa: FBT001 - a table
    """What runs commands or writes files in a sed script is told from letters in its patterns and texts."""
    found = read_script(script)
    assert (found.runs, found.writes) == (runs, writes)


@settings(max_examples=300)
@given(
    st.sampled_from(["{", "{a", "$", "${", "<<", "[[ a =~ ", "((", "`", "x=", ""]),
    st.characters(min_codepoint=0x80),
)
def test_no_character_ends_the_process(before: str, character: str) -> None:
    """Characters beyond ASCII reach no table of the grammar's scanner, which would read far behind its end."""
    for text in (before + character, f"{before}{character}; rm -rf /srv/data", f"echo {character} {before}"):
        assert actions_of_input("shell", text, shipped_context())


@pytest.mark.parametrize(
    "text",
    [
        "cat <<\u00c9\n..\necho '\n\u00c9\nrm -rf /srv/data\necho '\n",
        "cat <<'a \u00c9'\nb ..\necho '\na \u00c9\nrm -rf /srv/data\necho '\n",
        "cat <<\u00c9 ; rm -rf /srv/data\n\u00dc\n\u00c9",
        "r\u00e9=1; rm -rf /srv/data",
        "echo \u00e9 && rm -rf /srv/data",
        "{\U000f93e6; rm -rf /srv/data",
    ],
)
def test_characters_beyond_ascii_hide_nothing(text: str) -> None:
    """A document's end, a name or a word of other letters never makes a loss a part of something harmless."""
    found = {effect for action in actions_of_input("shell", text, shipped_context()) for effect in action.effects}
    assert found & {Effect.DESTRUCTIVE, Effect.UNKNOWN}
