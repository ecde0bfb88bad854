"""Scripts for MongoDB's shell: told by their methods where they are nothing but calls on `db`."""

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.action import Action
from firewall.core.effect import ordered
from tests.support.understanding import context_with, shipped_context


def _actions(script: str, *words: str) -> tuple[Action, ...]:
    quoted = script.replace("'", "'\\''")
    return actions_of_input("shell", " ".join(("mongosh", *words, "--eval", f"'{quoted}'")), shipped_context())


def _effects(script: str, *words: str) -> list[str]:
    return [
        str(one) for one in ordered(effect for action in _actions(script, *words) for effect in action.effects)
    ]


@pytest.mark.parametrize(
    ("script", "effects"),
    [
        ("db.users.find({a: 1}).sort({b: -1}).limit(5)", ["read"]),
        ("printjson(db.users.countDocuments({}))", ["read"]),
        ("EJSON.stringify(db.users.find({at: {$gt: ISODate('2026-01-01')}}).toArray())", ["read"]),
        ("db.users.aggregate([{$match: {a: /x/}}, {$group: {_id: '$b'}}])", ["read"]),
        ("db.runCommand({ping: 1})", ["read"]),
        ("rs.status()", ["read"]),
        ("db.users.insertOne({a: new Date(), b: ObjectId('0')})", ["write"]),
        ("db.users.updateMany({a: 1}, {$set: {b: 2}})", ["write"]),
        ("db.users.createIndex({a: 1})", ["write"]),
        ("db.users.updateMany({}, {$set: {b: 2}})", ["destructive"]),
        ("db.users.drop()", ["destructive"]),
        ("db['users'].remove({})", ["destructive"]),
        ("db.find.drop()", ["destructive"]),
        ("db.getCollection('users').deleteMany({a: 1})", ["destructive"]),
        ("db.getSiblingDB('shop').dropDatabase()", ["destructive"]),
        ("db.runCommand({drop: 'users'})", ["destructive"]),
        ("db.users.aggregate([{$match: {}}, {$out: 'orders'}])", ["destructive"]),
        ("db.users.aggregate([{'\\u0024out': 'orders'}])", ["destructive"]),
        ("db.users.find(); db.users.drop()", ["destructive", "read"]),
        ("db.dropUser('bob')", ["destructive", "privilege"]),
        ("db.createUser({user: 'bob', roles: ['root']})", ["privilege"]),
        ("rs.stepDown()", ["disruptive"]),
    ],
)
def test_a_call_on_db_is_what_its_method_does(script: str, effects: list[str]) -> None:
    """By MongoDB's manual; the first method that is called decides."""
    assert _effects(script) == effects


@pytest.mark.parametrize(
    "script",
    [
        "db.users.find().forEach(one => db.users.remove(one))",
        "db.users.find({a: db.users.drop()})",
        "db.users.find(drop())",
        "db.users.find({$where: 'sleep(1)'})",
        "db.users.aggregate([{['$o' + 'ut']: 'x'}])",
        "db.users.aggregate([{['$out']: 'x'}])",
        "db.users.find(`${db.users.drop()}`)",
        "db.users['dr' + 'op']()",
        "var c = db.users; c.drop()",
        "db = connect('mongodb://other/shop'); db.users.find()",
        "db.users.find = db.users.drop",
        "const db = {users: {find() { run() }}}; db.users.find()",
        "load('x.js')",
        "db.adminCommand({shutdown: 1})",
        "db.users.bulkWrite([{deleteMany: {filter: {}}}])",
        "db.users.find({...x})",
        "show dbs",
        "other.users.find()",
    ],
)
def test_whatever_runs_more_is_a_program(script: str) -> None:
    """Functions, names, computed names, code for the server and commands that are not listed: never mild."""
    assert {"exec", "unknown"} & set(_effects(script))


@pytest.mark.parametrize("words", [("x.js",), ("shop", "x.js"), ("$X",), ("--shell",), ("-f", "x.js")])
def test_a_file_beside_the_text_is_not_seen(words: tuple[str, ...]) -> None:
    """The shell runs files as well as its text, and may go on with what is typed."""
    assert {"exec", "unknown"} & set(_effects("db.users.find()", *words))
    assert _effects("db.users.find()", "shop") == ["read"]


def test_a_loss_inside_a_program_is_named() -> None:
    """Beside code that is not followed, a plain loss is still said."""
    assert _effects("load('x.js'); db.users.drop()") == ["destructive", "exec"]


def test_people_see_what_is_lost() -> None:
    """The collection is the resource, the call is marked, the sentence says that there is no undo."""
    (action,) = _actions("db.users.deleteMany({})")
    assert action.resource == "database:mongodb/users"
    assert action.summary == (
        "deletes or replaces data of the database by `deleteMany`; no undo (`db.users.deleteMany({})`)"
    )
    assert [action.text[span.start : span.end] for span in action.evidence] == ["db.users.deleteMany({})"]


def test_a_claimed_host_places_it() -> None:
    """The host's environment is the call's."""
    context = context_with('[[environment]]\nname = "production"\nhosts = ["db.example.com"]\n')
    (action,) = actions_of_input("shell", "mongosh --host db.example.com --eval 'db.users.drop()'", context)
    assert action.environment == "production"
