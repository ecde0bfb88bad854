"""The tables of error words in the documentation say what the gates can answer, all of it and nothing else."""

import json
import re

from firewall.core.effect import Effect
from firewall.core.errors import UpstreamFault
from firewall.core.reason import Reason
from firewall.core.verdict import Deny
from firewall.gates.hooks.answers import of_verdict
from firewall.gates.mcp import work
from firewall.guard.answer import Go, Stop
from tests.meta.error_codes import codes_in
from tests.meta.tree import ROOT

MCP_ROOMS = (
    "firewall/gates/mcp",
    "firewall/codecs/mcp",
    "firewall/tokens/oauth",
    "firewall/gates/edge/body.py",
    "firewall/gates/edge/doorkeeper.py",
    "firewall/core/errors.py",
    "firewall/core/strict_json.py",
)
"""What answers at `/mcp`, and what it lets pass."""
ELSEWHERE = {
    "login_refused": "the control side says it, to an admin",
    "mcp_pin_unknown": "the control side says it, to an approver",
    "approval_refused": "the control side and the status pages say it",
    "invalid_request": "stands for those that name no word; each of the MCP rooms does",
    "client_gone": "nobody is there to hear it",
}
"""Words of these rooms that no client of the MCP gate hears, and why."""
_WORD = re.compile(r"`([a-z]+(?:_[a-z]+)*)`")


def section(page: str, title: str) -> str:
    """Return what a page says under a title."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].partition("\n## ")[0]


def test_the_words_of_the_mcp_gate_stand_in_its_table() -> None:
    """Every word that the MCP gate can answer with is explained, and no other stands there as one."""
    spoken = set(codes_in(*MCP_ROOMS)) | {fault.value for fault in UpstreamFault}
    spoken |= {word for _, word, _ in work._SAID.values()}
    said = section("mcp.md", "Errors")
    table = {
        word for line in said.splitlines() if line.startswith("| -") for word in _WORD.findall(line.split("|")[2])
    }
    explained = set(_WORD.findall(said))
    assert sorted(spoken - explained - set(ELSEWHERE)) == []
    assert sorted(table - spoken) == []
    assert sorted(set(ELSEWHERE) - spoken) == []
    assert sorted(set(ELSEWHERE) & explained) == []


def test_every_field_of_a_judgement_is_explained() -> None:
    """What `/v1/judge` may answer, allowed, held and denied, stands in docs/hooks.md."""
    page = section("hooks.md", "For any framework: `POST /v1/judge`")
    answers = (
        Go(7, "apr_1", effects=(Effect.READ,)),
        Stop(8, Deny(Reason.HOLD_ENDED), "apr_1", ("mv a b",)),
        Stop(9, Deny(Reason.OWN_REACH)),
    )
    for one in answers:
        said = json.loads(of_verdict("Bash", one)[2])
        for name in (*said, *(said["approval"] or {})):
            assert f'"{name}"' in page or f"`{name}`" in page, name


def test_every_way_to_name_an_error_is_found() -> None:
    """Words given to a call, a class, a document or a function's parameter are all read from the source."""
    found = codes_in("firewall/gates/mcp", "firewall/codecs/mcp")
    for word in ("tool_unknown", "session_unknown", "not_asked", "arguments_invalid", "header_mismatch"):
        assert word in found
