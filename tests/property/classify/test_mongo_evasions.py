"""Losses in scripts for MongoDB's shell, dressed up: none reads as read or write, and no text raises."""

import shlex

from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect
from tests.support.understanding import shipped_context

MILD = {Effect.READ, Effect.WRITE}
_LOSSES = st.sampled_from(
    """
db.users.drop()
db.users.deleteMany({a: 1})
db['users'].remove({})
db.dropDatabase()
db.getCollection('users').drop()
db.getSiblingDB('shop').users.drop()
db.runCommand({drop: 'users'})
db.users.updateMany({}, {$set: {a: 1}})
db.users.aggregate([{$out: 'users'}])
db.users?.drop()
""".strip().splitlines()
)
_DRESSES = st.sampled_from(
    """
LOSS
LOSS;
await LOSS
(LOSS)
((LOSS))
printjson(LOSS)
print(tojson(LOSS))
JSON.stringify(LOSS)
print(1, LOSS)
print(db.users.find(), LOSS)
JSON.stringify(db.users.find(), LOSS)
(db.users.find(), LOSS)
if (true) LOSS
[LOSS]
!LOSS
void LOSS
const x = LOSS
x = LOSS
(() => LOSS)()
eval(`LOSS`)
try { LOSS } catch (e) {}
db.users.find({a: LOSS})
db.users.find().limit(LOSS)
db.getCollection(LOSS).find()
db.getSiblingDB((LOSS, 'x')).users.find()
db.users.find().forEach(() => LOSS)
db.users.insertOne({a: new Date(LOSS)})
`${LOSS}`
1, LOSS
LOSS && 1
0 || LOSS
for (const x of [1]) LOSS
function f() { LOSS } f()
LOSS.ok
setTimeout(() => LOSS, 1)
/* a */ LOSS
""".strip().splitlines()
)
_BESIDE = st.lists(
    st.sampled_from(["db.users.find()", "db.users.countDocuments({})", "1", "printjson(db.users.findOne())"]),
    max_size=3,
)


def _effects(script: str) -> set[Effect]:
    line = f"mongosh shop --eval {shlex.quote(script)}"
    return {effect for action in actions_of_input("shell", line, shipped_context()) for effect in action.effects}


@given(loss=_LOSSES, dress=_DRESSES, front=_BESIDE, behind=_BESIDE)
def test_no_dress_of_a_loss_reads_as_mild(loss: str, dress: str, front: list[str], behind: list[str]) -> None:
    """Whatever it is printed by, computed in, or put beside."""
    assert not _effects("; ".join([*front, dress.replace("LOSS", loss), *behind])) <= MILD


@given(
    parts=st.lists(
        st.sampled_from(
            [
                *("db", ".", "users", "drop", "(", ")", "{", "}", "[", "]", "'a'", "`", "?.", ";", "=>", ":", ","),
                *("$out", "new ", "ObjectId", "await ", "\n", "..."),
            ]
        ),
        max_size=14,
    )
)
def test_any_pieces_get_an_answer(parts: list[str]) -> None:
    """Never nothing, never a raise."""
    assert _effects("".join(parts))
