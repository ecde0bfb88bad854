"""What every page asks of SQLite is answered by an index, or by a bounded part of a table: the plan says so.

The whole server runs in this process, every connection tells what is run on it, and SQLite says how it finds that.
"""

import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.whole_console import Whole, whole_console

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
GROWING = {
    "audit_entries", "audit_nodes", "audit_checkpoints", "approvals", "approval_votes", "approval_views",
    "approval_forms", "tokens", "token_uses", "issued", "links", "spend_calls", "spend_days", "spend_open", "runs",
    "entries", "circuits", "attempts", "attempt_hours", "loads", "facts", "names", "blocks",
}  # fmt: skip
"""Tables that grow with what agents do."""
WALKED = re.compile(r"SCAN (\w+)(?: AS \w+)?(.*)")
BOUNDED = {
    "SELECT number FROM blocks": "the search looks for time in one small row for each 128 entries",
}
"""Beginnings of statements that may walk a table, and why."""


@dataclass
class Asked:
    """Statements by the file that they were run on."""

    statements: set[tuple[str, str]] = field(default_factory=set)
    is_listening: bool = False

    def heard(self, path: str, statement: str) -> None:
        """Keep what reads."""
        if self.is_listening and statement.lstrip().upper().startswith(("SELECT", "WITH")):
            self.statements.add((path, statement))


@dataclass(frozen=True)
class House:
    """The server, what it asks, and an admin's cookies."""

    whole: Whole
    asked: Asked
    cookie: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One server whose connections are listened to."""
    asked, connect = Asked(), sqlite3.connect

    def listened(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(database, *args, **kwargs)
        path = str(database).removeprefix("file:").partition("?")[0].removeprefix("//")
        connection.set_trace_callback(lambda statement: asked.heard(path, statement))
        return connection

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite3, "connect", listened)
        async with whole_console(tmp_path_factory.mktemp("plans")) as whole:
            async with httpx.AsyncClient(base_url=whole.public, trust_env=False) as client:
                fields = {"name": whole.admin, "passphrase": whole.passphrase, "next": "/console/"}
                headers = {"origin": whole.public, "sec-fetch-site": "same-origin"}
                answer = await client.post("/console/sign-in", data=fields, headers=headers)
                found = [value.partition(";")[0] for value in answer.headers.get_list("set-cookie")]
            yield House(whole, asked, "; ".join(found))


async def _addresses(house: House, client: httpx.AsyncClient) -> list[str]:
    """Return every page of the route table, with what the pages of lists link to in place of parameters."""
    found = [path for path in house.whole.paths() if "{" not in path and not path.endswith("/events")]
    for path in list(found):
        text = (await client.get(path)).text
        links = [one.replace("&amp;", "&") for one in re.findall(r'href="(/(?:console|approve)[^"#]*)"', text)]
        found += [one for one in links if one not in found and "/log/" not in one][:8]
    more = ["/console/?after=apr_0000000000000000000000", "/console/log?text=rm&verdict=ask", "/console/log/0"]
    api = (
        "approvals",
        "approvals?status=pending",
        "tokens",
        "routes/report",
        "spend/budgets",
        "approvers/figures",
    )
    return [*found, *more, *(f"/api/{one}" for one in api)]


async def test_no_page_walks_a_table_that_grows(house: House) -> None:
    """A million entries, ten thousand approvals: a page finds what it shows, and reads no more."""
    async with httpx.AsyncClient(
        base_url=house.whole.public, trust_env=False, headers={"cookie": house.cookie}
    ) as client:
        addresses = await _addresses(house, client)
        house.asked.is_listening = True
        for address in addresses:
            answer = await client.get(address, follow_redirects=False)
            assert answer.status_code < 500, f"{address}: {answer.status_code}"
        house.asked.is_listening = False
    assert len(addresses) > 30
    statements = house.asked.statements
    tables = {name for _, statement in statements for name in re.findall(r"(?:FROM|JOIN) (\w+)", statement)}
    assert tables >= {"audit_entries", "approvals", "tokens", "spend_days", "runs", "circuits", "attempts"}
    walked = sorted({f"{statement[:200]}: {line}" for _, statement, line in _walks(statements)})
    assert walked == []


def _walks(statements: set[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return statements whose plan walks a growing table, unless in its order and to a LIMIT."""
    found = []
    for path, statement in statements:
        if not Path(path).is_file() or any(statement.startswith(one) for one in BOUNDED):
            continue
        connection = sqlite3.connect(path)
        try:
            values = (None,) * statement.count("?")
            plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
        finally:
            connection.close()
        for line in plan:
            table = WALKED.fullmatch(line)
            if table is None or table[1] not in GROWING:
                continue
            is_ordered = "INDEX" in table[2] or " WHERE " not in statement
            is_sorted = any("TEMP B-TREE" in one for one in plan)
            is_ended = "LIMIT" in statement and is_ordered and not is_sorted
            if not is_ended:
                found.append((path, statement, line))
    return found
