"""What the doctor says of MCP servers' programs, and of environments that nothing knows."""

import json
from pathlib import Path

import pytest

from firewall.cli.mcp_servers import Said, found_servers, others_than_pinned, unknown_environments
from firewall.gates.mcp.servers import servers_of
from firewall.policy.defaults import copy_to
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings

ROW = '\n[[environment]]\nname = "{}"\nhosts = ["*.{}.example.com"]\n'


def settings_of(folder: Path, text: str) -> Settings:
    """Load a configuration of these lines."""
    path = folder / "stayhand.toml"
    path.write_text(text)
    return load_settings(str(path), {})


def server(more: str) -> str:
    """Return a server in staging."""
    return f'[[mcp_server]]\nname = "files"\nenvironment = "staging"\n{more}\n'


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with one program that can be run, and one that cannot."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, mode in (("runs", 0o755), ("does-not", 0o644)):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(mode)
    return folder


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('command = ["{bin}/runs"]', ("ok", "MCP server `files` (staging) runs `{bin}/runs`", "")),
        ('command = ["runs", "--all"]\nenv = {{ PATH = "{bin}" }}', ("ok", "runs `{bin}/runs`", "")),
        ('command = ["{bin}/away"]', ("error", "there is no program `{bin}/away`", "whole path")),
        ('command = ["away"]\nenv = {{ PATH = "{bin}" }}', ("error", "there is no program `away`", "install it")),
        (
            'command = ["{bin}/does-not"]',
            ("error", "`{bin}/does-not` is not executable", "chmod +x {bin}/does-not"),
        ),
        (
            'command = ["does-not"]\nenv = {{ PATH = "{bin}" }}',
            ("error", "`{bin}/does-not` is not executable", "chmod +x {bin}/does-not"),
        ),
        ('command = ["{bin}"]', ("error", "there is no program `{bin}`", "install it")),
        ('command = ["{bin}/runs"]\nfolder = "nowhere"', ("error", "its folder `{conf}/nowhere`", "mkdir")),
        ('command = ["{bin}/runs"]\nfolder = "bin"', ("ok", "runs `{bin}/runs`", "")),
        (
            'command = ["{bin}/runs"]\nenv = {{ KEY = {{ env = "STAYHAND_TEST_UNSET" }} }}',
            ("error", "the secret of MCP server `files` is not set", "STAYHAND_TEST_UNSET"),
        ),
        (
            'url = "https://mcp.example.com/"\ncredential = {{ file = "{conf}/none" }}',
            ("error", "MCP server `files`", ""),
        ),
        ('url = "https://mcp.example.com/"', ("ok", "(staging) at https://mcp.example.com/", "")),
    ],
)
def test_a_program_is_looked_for_as_its_start_does(
    tmp_path: Path, programs: Path, more: str, said: tuple[str, str, str]
) -> None:
    """By its path or in the PATH that it would get; what is missing or cannot be run is named, with what to do."""
    words = {"bin": str(programs), "conf": str(tmp_path)}
    (found,) = found_servers(settings_of(tmp_path, server(more.format(**words))))
    level, what, hint = (part.format(**words) for part in said)
    assert found[0] == level
    assert what in found[1]
    assert hint in found[2]
    assert level == "error" or not found[2]


@pytest.mark.parametrize(
    ("approved", "said"),
    [
        ((), []),
        (("{now}",), []),
        (("sha256:old", "{now}"), []),
        (("sha256:old",), ["the hash of its command"]),
    ],
)
def test_a_command_that_was_not_approved_is_said(
    tmp_path: Path, approved: tuple[str, ...], said: list[str]
) -> None:
    """By the hash of its command, variables and folder, as tools are pinned with it; what waits says nothing."""
    settings = settings_of(tmp_path, server('command = ["/bin/true"]'))
    now = servers_of(settings)["files"].identity
    rows = [{"server": "files", "state": "approved", "identity": one.format(now=now)} for one in approved]
    rows += [{"server": "files", "state": "waiting", "identity": now}, {"server": "gone", "state": "approved"}]
    found = list(others_than_pinned(settings, json.dumps(rows).encode()))
    assert [level for level, _, _ in found] == ["warn"] * len(said)
    assert all(words in what for words, (_, what, _) in zip(said, found, strict=True))
    assert all("stayhand mcp diff files" in hint for _, _, hint in found)


@pytest.mark.parametrize("answer", [b"", b"{", b'{"error": {}}', b"[1, {}]"])
def test_nothing_is_said_of_pins_that_cannot_be_read(tmp_path: Path, answer: bytes) -> None:
    """The server says elsewhere that it refuses whoever asks."""
    assert list(others_than_pinned(settings_of(tmp_path, server('command = ["/bin/true"]')), answer)) == []


def test_a_name_that_stands_twice_is_said(tmp_path: Path) -> None:
    """The server would not start; the doctor says why instead of ending."""
    twice = server('command = ["/bin/true"]') * 2
    (found,) = found_servers(settings_of(tmp_path, twice))
    assert found[0] == "error"
    assert "two MCP servers are named `files`" in found[1]


@pytest.mark.parametrize(
    ("named", "known", "levels"),
    [
        (("staging", "staging"), ("staging",), []),
        (("local", "local"), (), []),
        (("staging", "prodution"), ("staging", "production"), ["warn"]),
        (("staging", "staging"), (), ["warn"]),
        (("one", "two"), (), ["warn", "warn"]),
    ],
)
def test_an_environment_that_nothing_knows_is_said_once(
    tmp_path: Path, named: tuple[str, str], known: tuple[str, ...], levels: list[str]
) -> None:
    """A line for each name, with everything that lands there and the names that are known."""
    copy_to(tmp_path / "policies")
    rows = tmp_path / "policies" / "environments.toml"
    rows.write_text(rows.read_text() + "".join(ROW.format(name, name) for name in known))
    text = server('command = ["/bin/true"]').replace("staging", named[0]) + (
        f'[[target]]\nname = "shop"\nenvironment = "{named[1]}"\nbase_url = "https://shop.example.com"\n'
        'credential = { env = "SHOP" }\n'
    )
    found: list[Said] = list(unknown_environments(settings_of(tmp_path, text)))
    assert [level for level, _, _ in found] == levels
    for _, what, hint in found:
        assert "environments.toml does not know" in what
        assert ("known:" in hint) is bool(known)
        assert all(f"`{name}`" in hint for name in known)


def test_nothing_is_said_of_environments_where_the_policy_fails(tmp_path: Path) -> None:
    """That the policies cannot be read is said elsewhere, once."""
    (tmp_path / "policies").mkdir()
    assert list(unknown_environments(settings_of(tmp_path, server('command = ["/bin/true"]')))) == []
