"""Our own reach: paths, addresses, programs, signals and texts that touch the firewall."""

from pathlib import Path

import pytest

from firewall.core.action import Action, Reach
from firewall.core.effect import Effect
from firewall.guard.reach import Territory, territory, touches


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Territory:
    """A firewall whose data lies under the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "state" / "stayhand").mkdir(parents=True)
    return territory(
        paths=[tmp_path / "state" / "stayhand", tmp_path / "conf" / "stayhand.toml"],
        ports=[8788],
        hosts=["approvals.example.com"],
        process_ids=[4711, 4700, 1],
        process_names=["stayhand", "python3 -m firewall.cli.main serve", "python"],
    )


def action(effect: Effect = Effect.READ, text: str = "", unseen: tuple[str, ...] = (), **reach: object) -> Action:
    """Build an action that reaches for something."""
    return Action(
        operation="shell:x",
        tool="Bash",
        resource="file:/x",
        environment="staging",
        effects=(effect,),
        summary="does something",
        text=text,
        unseen=unseen,
        reach=Reach(**reach),  # type: ignore[arg-type]  # tests name the fields
    )


@pytest.mark.parametrize("tail", ["state/stayhand", "state/stayhand/log.key", "conf/stayhand.toml"])
def test_own_paths_are_denied(ground: Territory, tmp_path: Path, tail: str) -> None:
    """Our folder, a file in it and the configuration are ours."""
    assert touches(ground, action(paths=(str(tmp_path / tail),)), "")


@pytest.mark.parametrize("tail", ["state/stayhand2/log.key", "conf/other.toml", "state"])
def test_neighbours_are_not_ours(ground: Territory, tmp_path: Path, tail: str) -> None:
    """A path that merely begins alike, and the folder above, are not ours."""
    assert not touches(ground, action(paths=(str(tmp_path / tail),)), "")


def test_link_made_before_does_not_help(ground: Territory, tmp_path: Path) -> None:
    """Links are resolved before paths are compared, also of files that do not exist yet."""
    (tmp_path / "innocent").symlink_to(tmp_path / "state")
    assert touches(ground, action(paths=(str(tmp_path / "innocent/stayhand/new-file"),)), "")


@pytest.mark.parametrize("tail", ["", "state", "conf", "state/stayhand/keys"])
def test_tree_above_or_below_is_denied(ground: Territory, tmp_path: Path, tail: str) -> None:
    """Copying, searching or removing a folder that holds our files touches them."""
    assert touches(ground, action(trees=(str(tmp_path / tail),)), "")
    assert touches(ground, action(trees=("/",)), "")


def test_tree_elsewhere_is_free(ground: Territory, tmp_path: Path) -> None:
    """A sibling folder holds nothing of ours."""
    assert not touches(ground, action(trees=(str(tmp_path / "work"),)), "")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::1]", "::1", "0x7f000001", "0x7f.0.0.1",
        "2130706433", "0177.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0", "[::]",
        "0.0.0.0",  # noqa: S104 - compared with
        "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "foo.localhost", "approvals.example.com",
        "APPROVALS.example.com.",
    ],
)  # fmt: skip
def test_control_side_is_denied_in_every_spelling(ground: Territory, host: str) -> None:
    """However this machine is spelled, its control port is ours."""
    assert touches(ground, action(addresses=(f"{host}:8788/api/approvals",)), "")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8787/v1/approvals/x", "localhost:3000/", "10.0.0.7:8788/", "example.org:8788/"]
)
def test_other_addresses_are_judged_by_policy(ground: Territory, address: str) -> None:
    """The agents' own listener, other ports and other machines are none of the firewall's reach."""
    assert not touches(ground, action(addresses=(address,)), "")


@pytest.mark.parametrize(
    "line",
    [
        "stayhand approvals approve apr_1", "/usr/local/bin/stayhand policy load",
        "python -m firewall.cli.main serve", "python3 -mfirewall.cli.main token mint", "python3 -m audit verify",
    ],
)  # fmt: skip
def test_own_command_line_is_denied(ground: Territory, line: str) -> None:
    """Our programs are not for agents, however they are started."""
    assert touches(ground, action(programs=(line,)), "")


@pytest.mark.parametrize(
    "line", ["", "  ", "stayhandy", "python -m pytest", "echo stayhand", "python -m auditing"]
)
def test_other_programs_are_free(ground: Territory, line: str) -> None:
    """Programs that merely mention or resemble us are judged by policy."""
    assert not touches(ground, action(programs=(line,)), "")


@pytest.mark.parametrize(
    "signal",
    [
        "4711", "-4711", "4700", "-4700", "-1", "stayhand", "python", "python3", "firewall.cli", "py.*main",
        "[p]ython", "serve",
    ],
)  # fmt: skip
def test_signals_that_find_us_are_denied(ground: Territory, signal: str) -> None:
    """By number, by group, by name and by a pattern over our command line."""
    assert touches(ground, action(signals=(signal,)), "")


@pytest.mark.parametrize("signal", ["4712", "node", "*", "", "1", "-47", "npm start"])
def test_other_signals_are_judged_by_policy(ground: Territory, signal: str) -> None:
    """Another process is not ours; what cannot be seen is unknown and asked."""
    assert not touches(ground, action(signals=(signal,)), "")


@pytest.mark.parametrize("pattern", ["(unclosed", "*python", "ython -m firewall.cli.main serve("])
def test_broken_pattern_could_find_us(ground: Territory, pattern: str) -> None:
    """A pattern that no program would take neither raises nor hides a name of ours."""
    assert touches(ground, action(signals=(pattern,)), "")


@pytest.mark.parametrize("effect", [Effect.EXEC, Effect.UNKNOWN])
def test_text_that_cannot_be_seen_through_is_searched(ground: Territory, tmp_path: Path, effect: Effect) -> None:
    """Code that names our places is denied in any usual spelling; a miss is left to policy."""
    for text in (
        f"open('{tmp_path}/state/stayhand/log.key')",
        "open(os.path.expanduser('~/state/stayhand/log.key'))",
        'cat "$HOME/state/stayhand/log.key"',
        "cat ${XDG_STATE_HOME}/stayhand/log.key",
        "sqlite3 stayhand.db",
        "http://localhost:8788/api",
        "http://[::1]:8788/",
    ):
        assert touches(ground, action(effect), text), text
    assert not touches(ground, action(effect), "print('hello')")


def test_escapes_of_the_arguments_hide_nothing(ground: Territory, tmp_path: Path) -> None:
    """JSON escapes in the arguments are undone before the text is searched."""
    raw = '{"command": "run ' + "".join(f"\\u{ord(char):04x}" for char in f"{tmp_path}/state/stayhand") + '"}'
    text = f"run {tmp_path}/state/stayhand"
    assert touches(ground, action(Effect.UNKNOWN, text=text), raw)


def test_seen_action_is_not_searched_for_words(ground: Territory, tmp_path: Path) -> None:
    """Mentioning our place in a text that is fully understood touches nothing (echo, grep for a word)."""
    assert not touches(ground, action(Effect.READ, text="x"), f"echo {tmp_path}/state/stayhand")
    assert touches(ground, action(Effect.READ, unseen=("a variable",)), f"echo {tmp_path}/state/stayhand")
