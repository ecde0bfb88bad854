"""What is given to MongoDB's shell: `db.COLLECTION.METHOD(…)`, by the methods of its manual.

https://www.mongodb.com/docs/mongodb-shell/reference/methods/. INVARIANT: only a script that is nothing but such
calls, with arguments that run nothing, is told by its methods; in any other, what is lost is added to what the
reader of Node finds, which is `exec` at least.
"""

from collections.abc import Iterator, Sequence

from firewall.classify.code.found import Found
from firewall.classify.code.javascript.paths import key_name
from firewall.classify.code.javascript.syntax import Node, Program, parse, string_of
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.environments import Place
from firewall.core.effect import Effect


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEADS = _words("getCollection getSiblingDB getSisterDB")
_READS = _words(
    """find findOne count countDocuments estimatedDocumentCount distinct aggregate getIndexes getIndexKeys stats
    explain getName getCollectionNames getCollectionInfos listCommands serverStatus version hello isMaster
    currentOp dataSize storageSize totalSize totalIndexSize latencyStats isCapped getProfilingStatus getUsers
    getUser getRoles getRole hostInfo serverBuildInfo getLogComponents printCollectionStats getReplicationInfo
    validate status conf"""
)
_CURSOR = _words(
    """sort limit skip toArray pretty project projection hint batchSize count size itcount explain maxTimeMS
    collation comment next hasNext readPref tailable allowDiskUse returnKey min max"""
)
_UPDATES = _words("update updateOne updateMany replaceOne findOneAndUpdate findOneAndReplace")
_DOES = {
    **dict.fromkeys(
        _words("insert insertOne insertMany createIndex createIndexes ensureIndex createCollection createView"),
        frozenset({Effect.WRITE}),
    ),
    **dict.fromkeys(
        _words(
            """drop dropDatabase dropIndex dropIndexes deleteOne deleteMany remove findOneAndDelete dropAllUsers
            dropAllRoles convertToCapped"""
        ),
        frozenset({Effect.DESTRUCTIVE}),
    ),
    **dict.fromkeys(
        _words(
            """createUser updateUser changeUserPassword grantRolesToUser revokeRolesFromUser createRole updateRole
            grantPrivilegesToRole revokePrivilegesFromRole grantRolesToRole revokeRolesFromRole"""
        ),
        frozenset({Effect.PRIVILEGE}),
    ),
    **dict.fromkeys(_words("dropUser dropRole"), frozenset({Effect.PRIVILEGE, Effect.DESTRUCTIVE})),
    **dict.fromkeys(_words("shutdownServer killOp fsyncLock stepDown freeze"), frozenset({Effect.DISRUPTIVE})),
}
_COMMANDS = _words("runCommand adminCommand")
_TOLD = _words(
    "ping find count distinct dbStats collStats listCollections listDatabases listIndexes buildInfo hello isMaster"
)
_LOST = _words("drop dropDatabase dropIndexes delete truncate")
_PRINTS = _words("printjson print tojson tojsononeline EJSON.stringify JSON.stringify")
_MAKES = _words(
    "ObjectId ISODate Date UUID NumberLong NumberInt NumberDecimal Long Int32 Decimal128 Timestamp BinData"
)
_RUNS = _words("$where $function $accumulator")
_STORES = _words("$out $merge")
_PLAIN = _words(
    """object array string string_fragment escape_sequence pair property_identifier number true false null
    undefined regex regex_pattern regex_flags unary_expression arguments"""
)


def read_mongo(source: Source, context: Context, places: Sequence[Place], otherwise: Found) -> Found:
    """Return what a script for MongoDB's shell does; `otherwise` is what it is taken for as a program."""
    program = parse(source)
    if program is None:
        return otherwise
    found = [_judged(node, program, context, places) for node in program.root.children]
    known = [draft for draft in found if draft is not None]
    if known and len(known) == len(found):
        return Found(known, parsed=True)
    otherwise.drafts += [draft for draft in known if Effect.DESTRUCTIVE in draft.effects]
    return otherwise


def _judged(node: Node, program: Program, context: Context, places: Sequence[Place]) -> Draft | None:
    """Return the action of one statement; None: it is more than calls on `db`."""
    call = _printed(node.children[0], program) if node.kind == "expression_statement" and node.children else None
    steps = _steps(call) if call is not None else None
    if call is None or steps is None or steps[0][0] not in ("db", "rs"):
        return None
    if not all(_is_plain(arguments) for _, arguments in steps if arguments is not None):
        return None
    names = [name for name, arguments in steps[1:] if arguments is None]
    called = [step for step in steps[1:] if step[1] is not None]
    while called and called[0][0] in _LEADS:
        names = [_text(called[0][1])]
        called = called[1:]
    effects = _effects(called) if called else {Effect.READ}
    if effects is None:
        return None
    draft = Draft("mongo:run", "database:mongodb", effects=effects)
    if names and names[-1]:
        draft.resource += f"/{names[-1][:200]}"
    line = shown(" ".join(program.text(node).split()), 60)
    draft.summary = f"{_said(called[0][0] if called else '', effects)} ({line})"
    draft.point(program.span(node), draft.summary)
    draft.environment = context.environments.name_of(places)
    draft.attributes["network"] = True
    return draft


def _printed(node: Node, program: Program) -> Node:
    """Return what is printed, where the statement prints it."""
    while node.kind in ("call_expression", "await_expression", "parenthesized_expression"):
        callee, inner = node.fields.get("function"), node.fields.get("arguments", node)
        if callee is not None and program.text(callee) not in _PRINTS:
            return node
        if not inner.children or not all(_is_plain(more) for more in inner.children[1:]):
            return node
        node = inner.children[0]
    return node


def _steps(node: Node) -> list[tuple[str, Node | None]] | None:
    """Return `db`, then each name with the arguments that it is called with; None: another expression."""
    found: list[tuple[str, Node | None]] = []
    while node.kind != "identifier":
        arguments = node.fields.get("arguments") if node.kind == "call_expression" else None
        inner = node.fields.get("function") if arguments is not None else node
        if inner is None or inner.kind not in ("member_expression", "subscript_expression"):
            return None
        behind = inner.fields.get("property") or inner.fields["index"]
        if behind.kind not in ("property_identifier", "string"):
            return None
        found.append((behind.text if behind.kind == "property_identifier" else string_of(behind), arguments))
        node = inner.fields["object"]
    return [(node.text, None), *reversed(found)]


def _effects(called: Sequence[tuple[str, Node | None]]) -> set[Effect] | None:
    """Return what the first call does; behind a query only its cursor's own methods are followed."""
    name, arguments = called[0]
    if name in _DOES:
        return set(_DOES[name])
    first = arguments.children[0] if arguments is not None and arguments.children else None
    if name in _UPDATES:
        return {Effect.WRITE} if _limits(first) else {Effect.DESTRUCTIVE}
    if name in _COMMANDS:
        return _commanded(first)
    if name not in _READS or any(later not in _CURSOR for later, _ in called[1:]):
        return None
    stores = name == "aggregate" and arguments is not None and not _STORES.isdisjoint(_keys(arguments))
    return {Effect.DESTRUCTIVE} if stores else {Effect.READ}


def _limits(criteria: Node | None) -> bool:
    """Tell whether the filter of an update names something: `{}` does not, nor does what is no object."""
    return criteria is not None and criteria.kind == "object" and bool(criteria.children)


def _commanded(given: Node | None) -> set[Effect] | None:
    """Return what a command does by its first key (`{drop: "users"}`)."""
    pair = given.children[0] if given is not None and given.kind == "object" and given.children else None
    name = key_name(pair.fields["key"]) if pair is not None and pair.kind == "pair" else None
    if name in _LOST:
        return {Effect.DESTRUCTIVE}
    return {Effect.READ} if name in _TOLD else None


def _keys(node: Node) -> Iterator[str]:
    for inner in node.walk():
        if inner.kind == "pair":
            yield key_name(inner.fields["key"]) or ""


def _is_plain(arguments: Node) -> bool:
    """Tell whether arguments are values: nothing in them is called, named or run by the server."""
    made: set[int] = set()
    for call in arguments.walk():
        maker = call.fields.get("function") or call.fields.get("constructor")
        if maker is not None and maker.kind == "identifier" and maker.text in _MAKES:
            made |= {id(call), id(maker)}
    is_known = all(inner.kind in _PLAIN or id(inner) in made for inner in arguments.walk())
    return is_known and _RUNS.isdisjoint(_keys(arguments))


def _text(arguments: Node | None) -> str:
    first = arguments.children[0] if arguments is not None and arguments.children else None
    return string_of(first) if first is not None and first.kind == "string" else ""


def _said(name: str, effects: set[Effect]) -> str:
    if Effect.DESTRUCTIVE in effects:
        lost = (
            "deletes users or rights"
            if Effect.PRIVILEGE in effects
            else "deletes or replaces data of the database"
        )
        return f"{lost} by {shown(name)}; no undo"
    if Effect.PRIVILEGE in effects:
        return f"changes who may use the database by {shown(name)}"
    if Effect.DISRUPTIVE in effects:
        return f"interrupts the database by {shown(name)}"
    return f"changes data by {shown(name)}" if Effect.WRITE in effects else "reads the database"
