"""casbin, asked three questions about one effect of one action: does a deny row fit, an ask row, an allow row.

The only module that knows casbin. It loads the rows under the model and is the oracle of what fits; at run time
the index (`firewall.policy.index`) answers, and a property test holds it to the answers given here.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import casbin
from casbin.core_enforcer import EnforceContext
from casbin.util import SimpleEval

from firewall.core.action import LOCAL
from firewall.core.decide import Answers, Match
from firewall.core.effect import Effect
from firewall.policy import when
from firewall.policy.facts import KNOWN, Facts
from firewall.policy.glob import compiled
from firewall.policy.question import Place, Question
from firewall.policy.rows import ANY, ELSEWHERE, Group, Row, Word

MODEL_FILE = "model.conf"
_MODEL_SHA256 = "852dd4e9c556dcb4baccbab251d335e2a32bca38eea3a29cef3d193f8e6b48f2"
_TYPES = {Word.DENY: "", Word.ASK: "2", Word.ALLOW: "3"}


class ModelError(ValueError):
    """A model.conf that is not the one of this version."""


class _Enforcer(casbin.Enforcer):  # type: ignore[misc]  # casbin has no types
    """casbin's enforcer, parsing each matcher once instead of once a question."""

    @staticmethod
    def _get_expression(expr: str, functions: Mapping[str, object] | None = None) -> SimpleEval:
        found = SimpleEval("", functions)
        found.expr = expr
        found.ast_parsed_value = _parsed(expr)
        return found


@lru_cache(maxsize=16)
def _parsed(expr: str) -> object:
    return casbin.Enforcer._get_expression(expr, {}).ast_parsed_value  # noqa: SLF001 - casbin's own translation


class Engine:
    """The rows in casbin. Immutable once built; any exception means that no answer can be relied on.

    casbin scans every row that it holds, so each effect has an enforcer of its own with the rows that could
    fit it; the model compares the effect all the same.
    """

    def __init__(self, model: str, rows: Sequence[Row], *, groups: Sequence[Group] = ()) -> None:
        self._conditions = {row.when: when.parse(row.when, known=KNOWN) for row in rows if row.when}
        self._by_line = {str(row.line): row for row in rows}
        self._demands = tuple(dict.fromkeys(row.demand for row in rows if row.word is Word.ASK))
        allowing = [row for row in rows if row.word is Word.ALLOW]
        demands = dict.fromkeys(row.demand for row in allowing)
        # The model tells demands of ask rows apart; allow rows with different ones have an engine each.
        self._allowing = [
            Engine(model, [row for row in allowing if row.demand == demand], groups=groups)
            for demand in (demands if len(demands) > 1 else ())
        ]
        self._enforcers: dict[Effect, _Enforcer] = {}
        self._words: dict[Effect, frozenset[Word]] = {}
        for effect in Effect:
            able = [row for row in rows if row.effect in (effect, ANY)]
            self._enforcers[effect] = self._enforcer(model, able, groups)
            self._words[effect] = frozenset(row.word for row in able)
        self._context = {
            word: EnforceContext("r", f"p{suffix}", "e", f"m{suffix}") for word, suffix in _TYPES.items()
        }

    def _enforcer(self, model: str, rows: Sequence[Row], groups: Sequence[Group]) -> _Enforcer:
        found = _Enforcer(read_model(model))
        for word, suffix in _TYPES.items():
            found.add_named_policies(f"p{suffix}", [_cells(row) for row in rows if row.word is word])
        found.add_grouping_policies([[group.member, group.role] for group in groups])
        links = found.get_role_manager()

        def holds(roles: frozenset[str], role: str) -> bool:
            return any(bool(links.has_link(mine, role)) for mine in roles)

        found.add_function("fits", _fits)
        found.add_function("holds", holds)
        found.add_function("lands", _lands)
        found.add_function("possible", self._possible)
        found.add_function("certain", self._certain)
        return found

    def answers(self, question: Question) -> Answers:
        """Ask the three questions about one effect."""
        first = self._match(Word.ASK, question)
        asks: tuple[Match, ...] = (first,) if first is not None else ()
        if first is not None and len(self._demands) > 1:
            # Every demand among the fitting rows binds, not only that of the row that stands first.
            found = (self._match(Word.ASK, question, demand=demand) for demand in self._demands)
            asks = tuple(match for match in found if match is not None)
        each = (one.answers(question).allow for one in self._allowing)
        allows = tuple(match for match in each if match is not None)
        return Answers(
            deny=self._match(Word.DENY, question),
            asks=asks,
            allow=self._match(Word.ALLOW, question),
            allows=allows if len(allows) > 1 else (),
        )

    def _match(self, word: Word, question: Question, *, demand: str = ANY) -> Match | None:
        if word not in self._words[question.effect]:
            return None
        fits, cells = self._enforcers[question.effect].enforce_ex(
            self._context[word],
            question.roles,
            question.place,
            question.tool,
            question.operation,
            question.resource,
            question.effect.value,
            demand,
            question.facts,
        )
        if not fits:
            return None
        row = self._by_line[cells[-1]]
        return Match(row.ref, row.obligations, row.speaks_of, row.when)

    def _possible(self, facts: Facts, text: str) -> bool:
        # FAIL-CLOSED: a deny or ask whose condition cannot be told applies.
        return self._conditions[text].holds(facts.values) is not False

    def _certain(self, facts: Facts, text: str) -> bool:
        # FAIL-CLOSED: an allow whose condition cannot be told does not apply.
        return self._conditions[text].holds(facts.values) is True


def read_model(text: str) -> casbin.Model:
    """Read the model and hold it to the rules of this version.

    Raises: ModelError when casbin cannot read it or it says anything else.
    """
    model = casbin.Model()
    try:
        model.load_model_from_text(text)
    except Exception as error:  # casbin raises whatever it meets
        raise ModelError("casbin cannot read the model") from error
    if model_digest(model) != _MODEL_SHA256:
        raise ModelError("the model is not the one of this version")
    return model


def model_digest(model: casbin.Model) -> str:
    """Return a SHA-256 over what the model says; comments, blanks and the order of lines do not count."""
    said = sorted(
        f"{section}.{key}={' '.join(assertion.value.split())}"
        for section, assertions in model.items()
        for key, assertion in assertions.items()
    )
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _cells(row: Row) -> list[str]:
    return [
        row.role,
        row.environment,
        row.tool,
        row.resource,
        row.effect,
        row.when,
        row.demand,
        str(row.line),
    ]


def _fits(text: str, glob: str) -> bool:
    return compiled(glob).matches(text)


def _lands(place: Place, column: str) -> bool:
    if column == place.environment:
        return True
    if place.by_name_only:
        return False
    return column == ANY or (column == ELSEWHERE and place.environment != LOCAL)
