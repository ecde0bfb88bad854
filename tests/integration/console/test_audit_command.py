"""`stayhand audit search` against a real server: what an installation did since it was made."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx

from tests.support.installation import cli, install, serving

TOKEN = "STAYHAND_TOKEN"


def test_the_log_is_searched_from_the_command_line(tmp_path: Path) -> None:
    """Words, fields, table, JSON and pages; a wrong field and an agent's token are refused in one line."""
    installed = install(tmp_path)
    with serving(installed) as served:
        ids = [
            served.minted(role="coding-agent", agent=name, ttl="1h")[0] for name in ("claude", "codex", "gemini")
        ]
        config = str(served.at_its_ports())
        env = {TOKEN: installed.shown["approver_token"]}

        def search(*words: str) -> dict[str, Any]:
            done = cli("--config", config, "audit", "search", *words, "--json", env=env)
            assert done.returncode == 0, done.stderr
            found: dict[str, Any] = json.loads(done.stdout)
            return found

        found = search("--kind", "token.minted", "codex")
        assert [one["data"]["token"] for one in found["entries"]] == [ids[1]]
        assert (found["next"], found["complete"]) == (0, True)
        assert [one["kind"] for one in search("--actor", ids[2])["entries"]] == ["token.minted"]
        two = search("--kind", "token", "--limit", "2")
        assert [one["data"]["token"] for one in two["entries"]] == [ids[2], ids[1]]
        rest = search("--kind", "token", "--before", str(two["next"]), "--since", "1h")
        assert rest["entries"][0]["data"]["token"] == ids[0]

        token = served.mint(role="coding-agent", agent="claude")
        body = {"tool": "Bash", "arguments": {"command": "ls /srv/canary"}, "session": "nightly-7"}
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx.post(f"{served.agents}/v1/judge", json=body, headers=headers, trust_env=False, timeout=60)
        assert "decision" in answer.text or "verdict" in answer.text, answer.text
        judged = search("--session", "nightly-7", "--kind", "tool.judged")["entries"]
        assert [one["who"] for one in judged] == ["alice/claude"]
        assert [one["seq"] for one in search("--actor", "alice/claude", "canary")["entries"]] == [judged[0]["seq"]]

        table = cli("--config", config, "audit", "search", "--kind", "token.minted", env=env)
        assert table.returncode == 0
        assert table.stdout.splitlines()[0].split()[:3] == ["SEQ", "AT", "KIND"]
        assert "token.minted" in table.stdout
        assert "not indexed yet" in table.stderr

        wrong = cli("--config", config, "audit", "search", "--effect", "everything", env=env)
        assert (wrong.returncode, wrong.stdout) == (1, "")
        assert "`effect` is one of" in wrong.stderr
        agent = cli("--config", config, "audit", "search", env={TOKEN: served.mint(role="coding-agent")})
        assert agent.returncode == 1
        assert "a token of kind agent" in agent.stderr
        os.kill(served.process.pid, signal.SIGTERM)
        served.process.wait(60)
    assert not (installed.database.with_name("search.db")).exists()
