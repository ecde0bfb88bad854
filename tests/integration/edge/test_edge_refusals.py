"""Rows of the attack list, spoken over real sockets to one server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from firewall.gates.edge.middleware import Edge
from firewall.gates.edge.server import Listener, serving
from tests.cases.edge.rows import MALFORMED, REFUSED, Row
from tests.support.wire import Witness, answers, code_of, status_of, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Guarded:
    """A served witness."""

    app: Witness
    port: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded() -> AsyncIterator[Guarded]:
    app = Witness()
    async with serving([Listener(Edge(app, max_body_bytes=1 << 20), "127.0.0.1", 0)]) as running:
        yield Guarded(app, running.ports[0])


def _name(row: Row) -> str:
    return row.name


@pytest.mark.parametrize("row", MALFORMED, ids=_name)
async def test_malformed_requests_get_one_answer_and_a_closed_connection(row: Row, guarded: Guarded) -> None:
    """A request that two readers could read differently is answered once, reaches nobody, ends the connection."""
    got = await talk(guarded.port, row.raw)
    assert (status_of(got), code_of(got)) == (row.status, row.code)
    assert answers(got) == 1
    assert b"connection: close" in got
    assert guarded.app.scopes == []


@pytest.mark.parametrize("row", MALFORMED, ids=_name)
async def test_malformed_requests_are_refused_however_they_are_cut(row: Row, guarded: Guarded) -> None:
    """The same answer comes when the bytes arrive in two packets."""
    middle = len(row.raw) // 2
    got = await talk(guarded.port, row.raw[:middle], row.raw[middle:], pause_s=0.01)
    assert (status_of(got), code_of(got)) == (row.status, row.code)
    assert answers(got) == 1
    assert guarded.app.scopes == []


@pytest.mark.parametrize("row", REFUSED, ids=_name)
async def test_ambiguous_requests_reach_no_application(row: Row, guarded: Guarded) -> None:
    """What could be taken for another route, header, host or body is refused before a route is chosen."""
    got = await talk(guarded.port, row.raw)
    assert (status_of(got), code_of(got)) == (row.status, row.code)
    assert answers(got) == 1
    assert guarded.app.scopes == []
