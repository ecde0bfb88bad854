"""Definitions of MCP servers' tools at rest: one approved and one that waits, at most, for each name."""

import sqlite3
from typing import assert_never

from firewall.core.pins import Pin, PinState
from firewall.core.work import ApprovePin, ForgetPin, Pinning, PutPin, Unmet


def pin(connection: sqlite3.Connection, step: Pinning, index: int) -> Unmet | None:
    """Put, drop or approve a definition."""
    match step:
        case PutPin():
            _put(connection, step.pin)
            return None
        case ForgetPin():
            _drop(connection, step.server, step.tool)
            return None
        case ApprovePin():
            return _approve(connection, step, index)
        case _:
            assert_never(step)


def listing(connection: sqlite3.Connection) -> list[Pin]:
    """Return everything, by server and name."""
    rows = connection.execute(
        "SELECT server, tool, state, identity, digest, definition, why, at, by FROM mcp_pins"
        " ORDER BY server, tool, state"
    ).fetchall()
    return [
        Pin(row[0], row[1], PinState(row[2]), row[3], row[4], row[5], why=row[6], at=row[7], by=row[8])
        for row in rows
    ]


def _put(connection: sqlite3.Connection, one: Pin) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO mcp_pins (server, tool, state, identity, digest, definition, why, at, by)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        (
            one.server, one.tool, one.state.value, one.identity, one.digest, one.definition, one.why, one.at,
            one.by,
        ),
    )  # fmt: skip


def _drop(connection: sqlite3.Connection, server: str, tool: str) -> None:
    connection.execute("DELETE FROM mcp_pins WHERE server = ? AND tool = ? AND state = 'waiting'", (server, tool))


def _approve(connection: sqlite3.Connection, step: ApprovePin, index: int) -> Unmet | None:
    changed = connection.execute(
        "INSERT OR REPLACE INTO mcp_pins (server, tool, state, identity, digest, definition, why, at, by)"
        " SELECT server, tool, 'approved', identity, digest, definition, '', ?, ? FROM mcp_pins"
        " WHERE server = ? AND tool = ? AND state = 'waiting' AND digest = ?",
        (step.at, step.by, step.server, step.tool, step.digest),
    ).rowcount
    if changed != 1:
        return Unmet(index, "moved_on", found=step.tool)
    _drop(connection, step.server, step.tool)
    return None
