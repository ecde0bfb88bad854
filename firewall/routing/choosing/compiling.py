"""`[[route]]` as rules: names become candidates; cycles and names of nobody are refused. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from firewall.core.errors import ConfigError
from firewall.core.terms import CACHE, MESSAGE
from firewall.routing.call import Candidate
from firewall.routing.checks import Checks, pattern_of, schema_of
from firewall.routing.choosing.conditions import Conditions, Times
from firewall.routing.choosing.constraints import Constraint
from firewall.routing.choosing.strategies import Strategy
from firewall.routing.choosing.table import Member, Rule
from firewall.routing.providers import Provider
from firewall.settings.routes import Route, When

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def rules_of(
    routes: Sequence[Route],
    providers: Iterable[Provider],
    file: str,
    schemas: Mapping[str, object] = MappingProxyType({}),
) -> tuple[Rule, ...]:
    """Compile the routes of a configuration; `schemas`: the parsed JSON of the files that checks name.

    Raises: ConfigError naming the file, the route and the key: two routes of one name, a member that nobody is, a
    chain that leads back to its own route, a time zone that nobody knows.
    """
    by_name = {one.name: one for one in providers}
    names = [route.name for route in routes]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise ConfigError(f"two routes in `{file}` are named `{twice}`", hint="rename one of them", file=file)
    rules = tuple(_Route(route, by_name, frozenset(names), file).rule(schemas) for route in routes)
    _refuse_cycles(rules, file)
    _refuse_inner_checks(rules, file)
    return rules


def conditions_of(when: When, where: str, file: str) -> Conditions:
    """Compile a `when` table.

    Raises: ConfigError for a time zone that is not known.
    """
    return Conditions(
        feature=when.feature,
        user_tier=when.user_tier,
        team=when.team,
        owner=when.owner,
        region=tuple(one.lower() for one in when.region),
        environment=when.environment,
        sensitivity=tuple(one.lower() for one in when.sensitivity),
        over_tokens=-1 if when.input_tokens_over is None else when.input_tokens_over,
        up_to_tokens=-1 if when.input_tokens_up_to is None else when.input_tokens_up_to,
        tools=when.tools,
        images=when.images,
        times=_times(when, where, file),
    )


def _times(when: When, where: str, file: str) -> Times | None:
    zone = _zone(when.timezone, where, file)
    if not (when.hours or when.days):
        return None
    begin, _, end = (when.hours or "00:00-24:00").partition("-")
    days = frozenset(_DAYS.index(day) for day in when.days) or frozenset(range(7))
    return Times(zone, _minute(begin), _minute(end), days)


def _zone(name: str, where: str, file: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"`timezone` of {where} in `{file}`: `{name[:80]}` is not known here",
            hint="write for example `Europe/Berlin`; a machine without tzdata knows `UTC` alone",
            file=file,
        ) from error


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


class _Route:
    """One route while it is compiled."""

    def __init__(self, route: Route, providers: Mapping[str, Provider], names: frozenset[str], file: str) -> None:
        self._route = route
        self._providers = providers
        self._names = names
        self._file = file

    def rule(self, schemas: Mapping[str, object]) -> Rule:
        """Compile it."""
        route = self._route
        requires: tuple[Constraint, ...] = ()
        if route.hosting or route.regions:
            requires = (Constraint(name=route.name, hosting=route.hosting, regions=route.regions),)
        return Rule(
            name=route.name,
            models=route.models or (route.name,),
            when=conditions_of(route.when, f"route `{route.name}`", self._file),
            strategy=Strategy(route.strategy),
            chain=self._members("chain", route.chain, route.weights),
            planner=self._members("planner", route.planner),
            executor=self._members("executor", route.executor),
            cascade=self._members("cascade", route.cascade),
            checks=self._checks(schemas),
            judge=self._single("checks.judge", route.checks.judge if route.checks else ""),
            levels=route.levels,
            grader=self._single("grader", route.grader),
            is_sticky=route.sticky,
            requires=requires,
            max_micros=route.max_micros,
            mask=frozenset(route.mask),
            terms=route.terms,
            smaller=self._smaller(),
        )

    def _checks(self, schemas: Mapping[str, object]) -> Checks | None:
        said = self._route.checks
        if said is None:
            return None
        where = f"`checks.{{}}` of route `{self._route.name}` in `{self._file}`"
        pattern = pattern_of(said.matches, where.format("matches"), self._file) if said.matches else None
        schema = None
        if said.json_schema:
            schema = schema_of(schemas.get(said.json_schema), where.format("json_schema"), self._file)
        return Checks(
            schema=schema,
            pattern=pattern,
            min_chars=said.min_chars,
            max_chars=said.max_chars,
            refusals=said.refusals,
            criterion=said.criterion,
            gives_last=said.none_passes == "last",
        )

    def _single(self, key: str, word: str) -> Candidate | None:
        if not word:
            return None
        found = self._member(key, word, 1).candidate
        if found is None:
            raise self._refused(key, "names a route", "write `provider/model`")
        return found

    def _smaller(self) -> tuple[Candidate, ...]:
        steps = [step for step in self._route.degrade if step not in (CACHE, MESSAGE)]
        found = (member.candidate for member in self._members("degrade", steps))
        return tuple(one for one in found if one is not None)

    def _members(self, key: str, words: Sequence[str], weights: Sequence[int] = ()) -> tuple[Member, ...]:
        found = tuple(
            self._member(key, word, weight)
            for word, weight in zip(words, weights or [1] * len(words), strict=True)
        )
        if len({(one.candidate and one.candidate.name, one.route) for one in found}) < len(found):
            raise self._refused(key, "names somebody twice", "leave one of them out")
        return found

    def _member(self, key: str, word: str, weight: int) -> Member:
        provider, slash, model = word.partition("/")
        if slash:
            if provider not in self._providers:
                known = ", ".join(f"`{name}`" for name in self._providers) or "none is configured"
                hint = f"providers: {known}; a new one needs a restart"
                raise self._refused(key, f"names the provider `{provider}`, which is none", hint)
            if not model:
                raise self._refused(key, f"names no model: `{word}`", "write `provider/model`")
            return Member(Candidate(self._providers[provider], model), weight=weight)
        if word not in self._names:
            hint = "write `provider/model`, or the name of another route"
            raise self._refused(key, f"names the route `{word}`, which is none", hint)
        return Member(route=word, weight=weight)

    def _refused(self, key: str, what: str, hint: str) -> ConfigError:
        return ConfigError(
            f"`{key}` of route `{self._route.name}` in `{self._file}` {what}", hint=hint, file=self._file
        )


def _refuse_cycles(rules: Sequence[Rule], file: str) -> None:
    """Refuse a route that leads back to itself.

    Raises: ConfigError naming the way.
    """
    leads = {rule.name: _named(rule) for rule in rules}
    done: set[str] = set()
    for start in leads:
        way = _cycle(start, leads, done)
        if way:
            shown = " -> ".join(f"`{name}`" for name in way)
            raise ConfigError(f"routes in `{file}` lead in a circle: {shown}", hint="name a model", file=file)


def _refuse_inner_checks(rules: Sequence[Rule], file: str) -> None:
    """Refuse a route that is named by another and has checks: the other's answers would not be held against them.

    Raises: ConfigError naming both.
    """
    checked = {rule.name for rule in rules if rule.checks is not None}
    for rule in rules:
        inner = next((name for name in _named(rule) if name in checked), None)
        if inner is not None:
            raise ConfigError(
                f"route `{rule.name}` in `{file}` names `{inner}`, whose checks would not be made",
                hint=f"give `{rule.name}` the checks",
                file=file,
            )


def _cycle(start: str, leads: Mapping[str, Sequence[str]], done: set[str]) -> list[str]:
    """Return the way from a route back to itself or to one on the way; nothing where there is none."""
    way: list[str] = []
    stack = [iter((start,))]
    while stack:
        name = next(stack[-1], None)
        if name is None:
            stack.pop()
            if way:
                done.add(way.pop())
        elif name in way:
            return [*way[way.index(name) :], name]
        elif name not in done:
            way.append(name)
            stack.append(iter(leads[name]))
    return []


def _named(rule: Rule) -> tuple[str, ...]:
    members = (*rule.chain, *rule.cascade, *rule.planner, *rule.executor)
    return tuple(dict.fromkeys(member.route for member in members if member.route))
