"""What always holds about decisions, whatever rows and actions come."""

from dataclasses import replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.action import Action
from firewall.core.decide import Answers, EffectVerdict, Match, combine, of_action, of_effect
from firewall.core.demand import implies, staged, strictest
from firewall.core.effect import Effect, ordered
from firewall.core.reason import Reason
from firewall.core.verdict import Allow, Ask, Deny, Obligations, Verdict, joined, strictness
from firewall.policy import rows, when
from firewall.policy.facts import KNOWN, facts_of
from firewall.policy.glob import compiled
from firewall.policy.index import Index
from firewall.policy.load import check
from firewall.policy.people import Requester
from firewall.policy.question import Place, Question
from firewall.policy.rows import Row, Word
from firewall.policy.snapshot import Snapshot
from tests.support.policy_folder import APPROVERS, ROLES, an_action, snapshot_of, write_folder

_CONDITIONS = [
    "",
    "count > 3",
    "force",
    "not force",
    "host == 'a'",
    "inside_workspace or nested < 2",
    "environment == 'dev'",
]
_PLACES = ["local", "dev", "staging", "production", "unresolved"]
_RESOURCES = ["*", "file:*", "file:/srv/*", "volume:railway/vol_1", "*:*/vol_?"]

row_texts = st.builds(
    "p, {}, {}, {}, {}, {}, {}, {}".format,
    st.sampled_from(["*", "coding-agent", "reviewer"]),
    st.sampled_from([*_PLACES, "*", "elsewhere"]),
    st.sampled_from(["*", "Bash", "git:*", "B*"]),
    st.sampled_from(_RESOURCES),
    st.sampled_from([*Effect, "*"]),
    st.sampled_from(_CONDITIONS),
    st.sampled_from(["deny,", "ask,", "ask, ttl=10m", "ask, group=oncall", "ask, ttl=1h;group=dba", "allow,"]),
)
actions = st.builds(
    an_action,
    st.sampled_from([*_PLACES, "qa"]),
    st.lists(st.sampled_from(list(Effect)), min_size=1, max_size=4),
    tool=st.sampled_from(["Bash", "bash", "railway"]),
    operation=st.sampled_from(["git:push", "shell:rm"]),
    resource=st.sampled_from(["file:/srv/data", "file:/srv", "volume:railway/vol_1", "unknown:"]),
    attributes=st.dictionaries(
        st.sampled_from(["count", "force", "host", "nested"]), st.sampled_from([0, 7, True, False, "a", "b"])
    ),
)


@lru_cache(maxsize=1)
def _template() -> Snapshot:
    with TemporaryDirectory() as folder:
        return snapshot_of(Path(folder), "p, *, production, *, *, read, , allow,\n")


def _snapshot(texts: list[str]) -> Snapshot:
    """Compile rows without the linter: what always holds must hold for foolish rows too."""
    table = rows.read("".join(f"{text}\n" for text in texts).encode())
    assert not table.problems
    places = ("dev", "production", "staging")
    return replace(_template(), rows=table.rows, places=places, _answering=Index(table.rows))


def _binding(verdict: Verdict) -> tuple[object, ...]:
    return (type(verdict), verdict.reason, verdict.obligations if isinstance(verdict, Ask) else None)


@settings(max_examples=60, deadline=None)
@given(st.lists(row_texts, max_size=8), actions, row_texts)
def test_a_deny_row_never_loosens(texts: list[str], action: Action, extra: str) -> None:
    """Adding a deny row, anywhere, never makes a verdict milder."""
    deny = extra.rpartition(",")[0].rpartition(",")[0] + ", deny,"
    before = _snapshot(texts).verdict(action, roles=ROLES)
    for place in (0, len(texts)):
        after = _snapshot([*texts[:place], deny, *texts[place:]]).verdict(action, roles=ROLES)
        assert strictness(after) >= strictness(before)


@settings(max_examples=60, deadline=None)
@given(st.lists(row_texts, max_size=8), actions, st.randoms(use_true_random=False))
def test_row_order_never_matters(texts: list[str], action: Action, random: object) -> None:
    """Shuffled rows give the same verdict, reason and obligations."""
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random
    first = _snapshot(texts).verdict(action, roles=ROLES)
    second = _snapshot(shuffled).verdict(action, roles=ROLES)
    assert _binding(first) == _binding(second)


@settings(max_examples=60, deadline=None)
@given(st.lists(row_texts, max_size=8), actions, st.sampled_from(list(Effect)))
def test_more_effects_are_never_milder(texts: list[str], action: Action, effect: Effect) -> None:
    """An action that does one thing more is judged at least as strictly."""
    snapshot = _snapshot(texts)
    more = replace(action, effects=ordered([*action.effects, effect]))
    before, after = (snapshot.verdict(one, roles=ROLES) for one in (action, more))
    assert strictness(after) >= strictness(before)


@settings(max_examples=60, deadline=None)
@given(st.lists(row_texts, max_size=8), actions)
def test_unresolved_is_never_milder_than_every_place(texts: list[str], action: Action) -> None:
    """Without a row that names `unresolved`, the strictest environment speaks for what cannot be resolved."""
    unnamed = [text for text in texts if ", unresolved," not in text]
    snapshot = _snapshot(unnamed)
    nowhere = snapshot.verdict(replace(action, environment="unresolved"), roles=ROLES)
    for place in ("dev", "staging", "production"):
        there = snapshot.verdict(replace(action, environment=place), roles=ROLES)
        assert strictness(nowhere) >= strictness(there)
        if isinstance(nowhere, Ask) and isinstance(there, Ask):
            asked = nowhere.obligations
            assert joined((asked, there.obligations)) == asked


def test_what_one_place_asks_of_people_binds_where_nobody_knows_the_place() -> None:
    """Two people and a typed name in production: a call whose place is unknown takes as much."""
    rows = (
        "p, *, elsewhere, *, *, privilege, , ask,",
        "p, *, production, *, *, privilege, , ask, quorum=2;typed=resource",
    )
    snapshot = _snapshot(list(rows))
    action = an_action("unresolved", [Effect.PRIVILEGE], tool="Bash")
    verdict = snapshot.verdict(action, roles=ROLES)
    assert isinstance(verdict, Ask)
    assert (verdict.obligations.people, verdict.obligations.typed) == (2, True)


@settings(max_examples=60, deadline=None)
@given(st.lists(row_texts, max_size=8), actions)
def test_the_index_agrees_with_a_plain_reading(texts: list[str], action: Action) -> None:
    """The three answers are those of a loop over the rows that reads DESIGN 5 literally."""
    snapshot = _snapshot(texts)
    facts = facts_of(action, Requester())
    for effect in action.effects:
        question = Question(
            ROLES, Place(action.environment), action.tool, action.operation, action.resource, effect, facts
        )
        answers = snapshot._answering.answers(question)
        fitting = {
            word: [row for row in snapshot.rows if row.word is word and _fits(row, question)] for word in Word
        }
        assert (answers.deny.row if answers.deny else None) == next((r.ref for r in fitting[Word.DENY]), None)
        assert (answers.allow.row if answers.allow else None) == next((r.ref for r in fitting[Word.ALLOW]), None)
        assert {m.obligations for m in answers.asks} == {r.obligations for r in fitting[Word.ASK]}


def _fits(row: Row, question: Question) -> bool:
    told = when.parse(row.when, known=KNOWN).holds(question.facts.values) if row.when else True
    allows = row.word is Word.ALLOW
    place = question.place.environment
    return (
        (row.effect == question.effect or (row.effect == "*" and not (allows and question.effect == "unknown")))
        and (row.environment in ("*", place) or (row.environment == "elsewhere" and place != "local"))
        and (row.role == "*" or row.role in question.roles)
        and (compiled(row.tool).matches(question.tool) or compiled(row.tool).matches(question.operation))
        and compiled(row.resource).matches(question.resource)
        and (told is True if allows else told is not False)
    )


class _Broken:
    """An index that raises whatever it likes."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def answers(self, question: Question) -> Answers:
        assert question.roles
        raise self.error


@settings(max_examples=20, deadline=None)
@given(actions, st.sampled_from([ValueError, KeyError, RuntimeError, RecursionError, MemoryError, OSError]))
def test_a_failing_index_is_a_deny(action: Action, error: type[Exception]) -> None:
    """Whatever the index raises becomes a deny with its own reason code, never an exception."""
    snapshot = replace(_template(), _answering=_Broken(error("x")))
    verdict = snapshot.verdict(action, roles=ROLES)
    assert isinstance(verdict, Deny)
    assert verdict.reason is Reason.POLICY_FAILED


stages = st.lists(
    st.dictionaries(st.sampled_from(["", "a", "b"]), st.integers(1, 2), min_size=1, max_size=2).map(dict.items),
    min_size=1,
    max_size=2,
)
obligations = st.builds(
    Obligations,
    ttl_s=st.integers(0, 10),
    demands=st.lists(st.builds(staged, stages), max_size=2).map(strictest),
    auth=st.sampled_from(["", "link", "passkey"]),
    typed=st.booleans(),
)
verdicts = st.one_of(
    st.builds(Allow, st.just(Reason.POLICY_ALLOW)),
    st.builds(Ask, st.just(Reason.POLICY_ASK), obligations=obligations),
    st.builds(Deny, st.just(Reason.POLICY_DENY)),
)


@given(st.lists(verdicts, max_size=5), verdicts)
def test_combining_never_raises_and_never_loosens(found: list[Verdict], extra: Verdict) -> None:
    """The combination is at least as strict as every part, and a further part never loosens it."""
    after = combine([*found, extra])
    assert all(strictness(after) >= strictness(one) for one in [*found, extra])
    if found:
        assert strictness(after) >= strictness(combine(found))
    if isinstance(after, Ask):
        asks = [one.obligations for one in [*found, extra] if isinstance(one, Ask)]
        bound = after.obligations
        asked = [demand for one in asks for demand in one.demands]
        assert all(any(implies(two, one) for two in bound.demands) for one in asked)
        assert {one.auth for one in asks} == {"link"} or bound.auth != "link"
        assert bound.auth == "passkey" or all(one.auth != "passkey" for one in asks)
        assert bound.typed is any(one.typed for one in asks)
        assert all(not one.ttl_s or after.obligations.ttl_s <= one.ttl_s for one in asks)


@given(
    st.permutations([EffectVerdict(effect, Allow(Reason.POLICY_ALLOW, str(n))) for n, effect in enumerate(Effect)])
)
def test_order_of_effects_never_matters(found: list[EffectVerdict]) -> None:
    """Effects in any order give the same verdict with the same row."""
    assert of_action(found).row == str(len(Effect) - 1)


@given(
    st.sampled_from(list(Effect)), st.sets(st.sampled_from(["deny", "allow"])), st.lists(obligations, max_size=3)
)
def test_three_answers_always_give_a_verdict(effect: Effect, said: set[str], asks: list[Obligations]) -> None:
    """Any three answers become one verdict, as strict as the strictest of them."""
    lines = count(1)
    deny = Match(f"p:{next(lines)}") if "deny" in said else None
    asked = tuple(Match(f"p:{next(lines)}", one) for one in asks)
    allow = Match(f"p:{next(lines)}") if "allow" in said else None
    found = of_effect(effect, Answers(deny, asked, allow)).verdict
    least = 2 if "deny" in said else 1 if asks else 0 if "allow" in said else 2
    assert strictness(found) >= least


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever stands in policy.csv, the check lists problems; it never raises."""
    with TemporaryDirectory() as folder:
        problems = check(write_folder(Path(folder), data), approvers=APPROVERS)
    assert all(problem.message for problem in problems)


cells = st.text(max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(cells, min_size=6, max_size=6), st.sampled_from(["allow", "ask"]))
def test_no_cell_breaks_out_of_its_row(found: list[str], word: str) -> None:
    """Text put into a row by quoting it never becomes another row or another column."""
    quoted = ", ".join('"' + cell.replace('"', '""') + '"' for cell in found)
    table = rows.read(f"p, {quoted}, {word},\n".encode(errors="replace"))
    assert len(table.rows) + len(table.groups) <= 1
    for row in table.rows:
        assert (row.word, row.line) == (word, 1)
        assert [*row.columns] == [cell.strip() for cell in found]


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("abcount ()<>=!'\"019-_andornotforce\n"), max_size=60))
def test_conditions_are_read_or_refused(text: str) -> None:
    """Any text is an expression of the language or a WhenError, and evaluating it never raises."""
    try:
        found = when.parse(text, known=KNOWN)
    except when.WhenError:
        return
    assert found.holds({}) in (True, False, None)
    assert found.holds({"count": "x", "force": 3, "host": True}) in (True, False, None)


@settings(max_examples=200, deadline=None)
@given(st.text("ab?*/", max_size=8), st.text("ab/", max_size=10))
def test_globs_match_as_defined(pattern: str, text: str) -> None:
    """The compiled glob agrees with the definition, written as a plain recursion."""
    assert compiled(pattern).matches(text) is _reference(pattern, text)


def _reference(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_reference(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and _reference(pattern[1:], text[1:])
