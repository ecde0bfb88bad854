"""PostgreSQL's own grammar (libpg_query) as second opinion on what the words read as mild.

It is asked only then: it finds statements and functions that the words did not show, whatever quoting or escape
hid them. What it refuses to read, a PostgreSQL server refuses to run.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from postgast import parse, pg_query_pb2

from firewall.classify.sql.functions import call_effects
from firewall.classify.sql.queries import explained
from firewall.classify.sql.reading import DESTRUCTIVE, EXEC, PRIVILEGE, UNKNOWN, Statement, wordset
from firewall.core.effect import Effect

MAX_CHARS = 16 * 1024
MAX_NODES = 20_000
_STRICT: dict[str, tuple[tuple[Effect, ...], str]] = {
    **dict.fromkeys(
        wordset(
            """DeleteStmt TruncateStmt DropStmt DropdbStmt DropOwnedStmt DropTableSpaceStmt DropSubscriptionStmt"""
        ),
        ((DESTRUCTIVE,), "removes rows or objects"),
    ),
    "DropRoleStmt": ((DESTRUCTIVE, PRIVILEGE), "removes a role"),
    **dict.fromkeys(
        wordset(
            """GrantStmt GrantRoleStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt AlterOwnerStmt AlterPolicyStmt
            CreatePolicyStmt AlterDefaultPrivilegesStmt ReassignOwnedStmt CreateUserMappingStmt SecLabelStmt"""
        ),
        ((PRIVILEGE,), "changes who may do what"),
    ),
    **dict.fromkeys(wordset("DoStmt CallStmt ExecuteStmt LoadStmt"), ((EXEC,), "runs code")),
}
_FOLLOWED = frozenset({*_STRICT, "UpdateStmt", "FuncCall", "CopyStmt", "MergeWhenClause"})
_STORED = wordset("CreateFunctionStmt RuleStmt")
"""Code for later: the words read it."""


class _Kind(Protocol):
    name: str


class _Field(Protocol):
    message_type: object | None


class _Node(Protocol):
    """A node of the tree, as its wire format's library gives it."""

    DESCRIPTOR: _Kind

    def ListFields(self) -> "list[tuple[_Field, _Node | Iterable[_Node]]]":  # noqa: N802 - the library's name
        """Return the fields that are set."""
        ...


def check(statement: Statement, text: str) -> None:
    """Add what PostgreSQL's grammar sees in one statement beyond what its words showed."""
    if len(text) > MAX_CHARS or (statement.word(0) == "EXPLAIN" and explained(statement) < 0):
        return
    try:
        tree: _Node = parse(text)
    except Exception:  # noqa: BLE001 - besides its own, postgast lets errors of its wire format through
        return
    known = {token.key.upper() for token in statement.tokens}
    for node in _nodes(tree):
        _node(statement, node, known)


def _nodes(root: _Node) -> Iterator[_Node]:
    """Yield the nodes that matter."""
    stack, count = [root], 0
    while stack and count < MAX_NODES:
        node = stack.pop()
        count += 1
        name = node.DESCRIPTOR.name
        if name in _STORED:
            continue
        if name in _FOLLOWED:
            yield node
        for field, value in node.ListFields():
            if field.message_type is not None:
                stack.extend(value if isinstance(value, Iterable) else (value,))


def _node(statement: Statement, node: _Node, known: set[str]) -> None:
    everything = (0, len(statement.tokens))
    name = node.DESCRIPTOR.name
    if name in _STRICT:
        effects, told = _STRICT[name]
        if not set(effects) <= statement.reading.effects:
            statement.say(effects, f"{told} (as PostgreSQL's own grammar reads it)", at=everything)
    elif isinstance(node, pg_query_pb2.UpdateStmt):
        if not node.HasField("where_clause"):
            statement.say({DESTRUCTIVE}, "changes every row of a table; nothing limits it", at=everything)
    elif isinstance(node, pg_query_pb2.MergeWhenClause):
        if node.command_type == pg_query_pb2.CMD_DELETE:
            statement.say({DESTRUCTIVE}, "deletes the rows that a merge finds", at=everything)
    elif isinstance(node, pg_query_pb2.CopyStmt):
        if node.is_program:
            statement.say({EXEC, UNKNOWN}, "runs a program on the server's machine", at=everything)
    elif isinstance(node, pg_query_pb2.FuncCall):
        _function(statement, [part.string.sval.upper() for part in node.funcname], known)


def _function(statement: Statement, name: list[str], known: set[str]) -> None:
    if name and name[-1] not in known and name[0] != "PG_CATALOG":
        call_effects(statement, ".".join(name), (0, len(statement.tokens)), (0, 0))
    elif len(name) > 1 and name[-1] not in known:
        call_effects(statement, name[-1], (0, len(statement.tokens)), (0, 0))
