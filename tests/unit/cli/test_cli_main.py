"""The entry point, pointing, running, initialising and what `serve` warns of."""

import json
import stat
from pathlib import Path

import pytest

from firewall.cli import serve
from firewall.cli.init import make
from firewall.cli.main import COMMANDS, main, stayhand
from firewall.cli.pointing import PROVIDER_KEYS, TOKEN_VARIABLE, inherited_by_agents, pasted, point
from firewall.cli.serve import warnings_of
from firewall.core.errors import ConfigError
from firewall.settings.load import load_settings
from firewall.settings.sections import ApprovalSettings, AuditSettings
from firewall.settings.settings import Settings

BASE = "http://127.0.0.1:8787"


def code_of(*argv: str) -> int:
    """Run the command line in process and return its exit code."""
    try:
        main(argv)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def test_every_command_is_there_and_helps(capsys: pytest.CaptureFixture[str]) -> None:
    """Each listed command can be imported and prints its usage."""
    for name in COMMANDS:
        assert code_of(name, "--help") == 0
        assert "Usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ("--config", "{}", "policy", "check"),
        ("policy", "--config", "{}", "check"),
        ("policy", "check", "--config", "{}"),
        ("policy", "check", "--config={}"),
    ],
)
def test_configuration_may_be_named_anywhere(
    tmp_path: Path, argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--config F` is taken before, between and behind the words of a command."""
    missing = tmp_path / "canary.toml"
    assert code_of(*(word.format(missing) for word in argv)) == 1
    assert str(missing) in capsys.readouterr().err


def test_configuration_without_a_value_is_no_default(capsys: pytest.CaptureFixture[str]) -> None:
    """A `--config` that names nothing is a mistake in usage, never the default file."""
    assert code_of("policy", "check", "--config") == 2
    assert "--config" in capsys.readouterr().err


def test_words_behind_two_dashes_are_the_agents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands behind `--` belongs to the agent or command and is left alone."""
    assert code_of("run", "--", "no-such-agent", "--config", str(tmp_path / "x")) == 1
    assert "no-such-agent" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [("nonsense",), ("serve", "--nonsense"), ("serve", "--port", "99999")])
def test_usage_errors_are_two(argv: tuple[str, ...]) -> None:
    """Exit code 2 means that the command line was wrong."""
    assert code_of(*argv) == 2


def test_more_than_one_worker_is_refused_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """Scale-out is not there yet, and nobody is left to believe it is."""
    assert code_of("serve", "--workers", "2") == 2
    assert "scale-out" in capsys.readouterr().err


def test_errors_are_two_lines_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`stayhand: error: …`, then `stayhand: hint: …`, on stderr alone."""
    assert code_of("serve", "--config", str(tmp_path / "none.toml")) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("stayhand: error: ")
    assert "Traceback" not in captured.err
    assert stayhand.name


def test_agents_inherit_no_credential_of_ours() -> None:
    """Whatever holds a credential that decides never reaches an agent, with its own login or without."""
    environ = {
        "PATH": "/bin",
        "STAYHAND_TOKEN": "shd_admin",
        "STAYHAND_APPROVER": "alice",
        "STAYHAND_CONFIG": "/x",
        "STAYHAND_SERVER__LISTEN": "x",
        **dict.fromkeys(PROVIDER_KEYS, "sk-provider"),
    }
    assert inherited_by_agents(environ) == {"PATH": "/bin"}
    own = inherited_by_agents(environ, own_login=True)
    assert set(own) == {"PATH", *PROVIDER_KEYS}


@pytest.mark.parametrize("program", ["claude", "codex", "gemini", "opencode", "aider"])
def test_each_program_is_pointed_at_us_with_the_token(program: str) -> None:
    """Address and token are both there, and the token never stands on the command line."""
    pointed = point(program, BASE, "shd_token")
    everything = json.dumps([dict(pointed.environment), list(pointed.arguments)])
    assert BASE in everything
    assert "shd_token" in json.dumps(dict(pointed.environment))
    assert not any("shd_token" in word for word in pointed.arguments)


def test_own_login_keeps_ours_beside_it() -> None:
    """An agent that keeps its login sends our token in a header of its own."""
    pointed = point("claude", BASE, "shd_token", own_login=True)
    assert pointed.environment["ANTHROPIC_CUSTOM_HEADERS"] == "x-stayhand-token: shd_token"
    assert "ANTHROPIC_AUTH_TOKEN" not in pointed.environment


def test_codex_reads_the_token_from_a_variable() -> None:
    """Codex is told the name of the variable that holds the token."""
    pointed = point("codex", BASE, "shd_token")
    assert pointed.environment == {TOKEN_VARIABLE: "shd_token"}
    assert any(TOKEN_VARIABLE in word for word in pointed.arguments)


def test_pasted_lines_name_all_four() -> None:
    """The lines to paste are for the four agents, quoted for a shell."""
    lines = dict(pasted(BASE, "shd_token"))
    assert set(lines) == {"Claude Code", "Codex", "Gemini CLI", "opencode"}
    assert all("shd_token" in line for line in lines.values())


def test_serve_warns_of_what_is_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """UNSAFE, solo, unwitnessed and scripted are said while they hold, and only then."""
    monkeypatch.setattr(serve, "_same_user", lambda: True)
    risky = Settings(approvals=ApprovalSettings(solo=True))
    words = [line.split(":")[0].split(" ")[0] for line in warnings_of(risky, is_demo=True)]
    assert words == ["UNSAFE", "solo", "unwitnessed", "no"]
    monkeypatch.setattr(serve, "_same_user", lambda: False)
    assert warnings_of(Settings(audit=AuditSettings(witness=("/w",))), is_demo=False) == []


def test_init_makes_everything_once(tmp_path: Path) -> None:
    """Configuration, policies, keys, people and tokens; secrets private, shown once, and nothing twice."""
    shown = make(tmp_path / "conf", tmp_path / "data", approver="alice")
    config = Path(shown["config"])
    assert set(shown) >= {
        "config", "data_dir", "verify_key", "admin_token", "approver", "approver_token", "passphrase",
        "agent_token",
    }  # fmt: skip
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(shown["data_dir"]).stat().st_mode) == 0o700
    settings = load_settings(str(config), {})
    assert settings.verify_key.read_text().strip() == shown["verify_key"]
    assert (settings.policy_dir / "policy.csv").is_file()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for name in ("admin_token", "approver_token", "agent_token", "passphrase", "admin_passphrase"):
        assert not any(shown[name].encode() in path.read_bytes() for path in files), name
    with pytest.raises(ConfigError, match="exists already"):
        make(tmp_path / "conf", tmp_path / "data2", approver="alice")


def test_init_over_an_older_log_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """A second configuration for a log would lose its keys: refused, and no file, folder or mode changes."""
    make(tmp_path / "conf", tmp_path / "data", approver="alice")
    before = (tmp_path / "data" / "log.key").read_bytes()
    (tmp_path / "there").mkdir(mode=0o755)
    for folder in ("new", "there"):
        with pytest.raises(ConfigError, match="exists already"):
            make(tmp_path / folder, tmp_path / "data", approver="alice")
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "there").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755
    assert (tmp_path / "data" / "log.key").read_bytes() == before


def test_init_inside_its_own_data_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """The key must not lie in the folder that it seals; then nothing is made at all."""
    with pytest.raises(ConfigError, match="data_dir"):
        make(tmp_path / "data" / "conf", tmp_path / "data", approver="alice")
    assert list(tmp_path.iterdir()) == []


def test_data_dir_with_strange_characters(tmp_path: Path) -> None:
    """Quotes and backslashes in a path survive the configuration file."""
    folder = tmp_path / 'a "quoted\\" folder'
    shown = make(tmp_path / "conf", folder, approver="alice")
    assert load_settings(shown["config"], {}).data_dir == folder


@pytest.mark.parametrize("path", [(), *((name,) for name in COMMANDS)], ids="-".join)
def test_help_lists_commands_with_whole_sentences(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has to guess how a sentence ends: no line of any help is cut."""
    assert code_of(*path, "--help") == 0
    said = capsys.readouterr().out
    assert said.startswith(" ".join(("Usage: stayhand", *path)))
    assert not [line for line in said.splitlines() if line.endswith("...") and "Usage" not in line]
