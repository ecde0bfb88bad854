"""What a mix of traffic costs: one model for everything beside several, as published and at today's prices; pure.

A mix is a TOML file of `[[scenario]]` tables (docs/spend.md). Where a task says no tokens, they are inferred from
what it was said to cost with one model, twice as many in as out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from firewall.core.errors import ConfigError
from firewall.core.money import MILLION, Price, Tokens, cost

IN_PER_OUT = 2
TIERS = ("gpt-5.4-nano", "gpt-5.4-mini", "claude-opus-4-6")
"""A small, a middle and a frontier model, for a scenario that names no tasks."""
SHARES = ((95, 4, 1), (80, 15, 5))
"""Per cent of the calls for each of TIERS, where most is simple and where less is."""

PriceOf = Callable[[str], Price | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One kind of call."""

    name: str
    calls: int
    single: int | None = None
    """What all its calls cost with one model, as the file says, in micro-USD."""
    routed: int | None = None
    single_model: str = ""
    routed_model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    ask: str = ""
    """The model's name that its calls ask for: who answers it today is looked up in the routes."""
    feature: str = ""
    user_tier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The calls of a month."""

    name: str
    calls: int
    tasks: tuple[Task, ...] = ()
    single_total: int | None = None
    routed_total: int | None = None
    routed_min: int | None = None
    routed_max: int | None = None
    saving_percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A whole file."""

    scenarios: tuple[Scenario, ...] = ()
    published: Mapping[str, int] = field(default_factory=dict)
    """Model to micro-USD for a million input tokens, as the file says."""
    uptime: Mapping[str, Decimal] = field(default_factory=dict)
    combined: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """One task or total, in micro-USD; None where a price is not known."""

    name: str
    calls: int
    single: int | None
    routed: int | None
    single_today: int | None
    routed_today: int | None
    routed_model: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario."""

    name: str
    tasks: tuple[Cost, ...]
    total: Cost
    is_as_published: bool
    """The rows add up to the totals that the file states, to the dollar."""
    saving_percent: int | None
    saving_today_percent: int | None


def simulate(scenario: Scenario, price_of: PriceOf, chosen: Callable[[Task], str]) -> Outcome:
    """Return what a scenario costs; `chosen`: who answers a task today, empty: as the file says."""
    tasks = tuple(_task(task, price_of, chosen(task)) for task in scenario.tasks) or _tiers(scenario, price_of)
    single = _sum([one.single for one in tasks]) if scenario.tasks else scenario.single_total
    routed = _sum([one.routed for one in tasks]) if scenario.tasks else scenario.routed_total
    today, now = _sum([one.single_today for one in tasks]), _sum([one.routed_today for one in tasks])
    if not scenario.tasks:
        today, now = (tasks[0].single_today, None) if tasks else (None, None)
    total = Cost("total", scenario.calls, single, routed, today, now)
    return Outcome(
        scenario.name,
        tasks,
        total,
        _is_as_published(scenario, tasks, total),
        _percent(single, routed),
        _percent(today, now),
    )


def together(uptimes: Mapping[str, Decimal]) -> Decimal:
    """Return how much of the time one of several answers, if their failures have nothing in common."""
    down = Decimal(1)
    for one in uptimes.values():
        down *= 1 - one
    return 1 - down


def _task(task: Task, price_of: PriceOf, chosen: str) -> Cost:
    answers = chosen or task.routed_model
    single, routed = price_of(task.single_model), price_of(answers)
    used = _used(task, single)
    return Cost(
        task.name,
        task.calls,
        task.single,
        task.routed,
        _all(single, used, task),
        _all(routed, used, task),
        answers,
    )


def _all(price: Price | None, used: Tokens | None, task: Task) -> int | None:
    return None if price is None or used is None else cost(price, used) * task.calls


def _used(task: Task, single: Price | None) -> Tokens | None:
    """Return the tokens of one call."""
    if task.input_tokens or task.output_tokens:
        return Tokens(input=task.input_tokens, output=task.output_tokens)
    if task.single is None or single is None or not task.calls:
        return None
    rate = IN_PER_OUT * single.input.base + single.output.base
    wrote = task.single * MILLION // (task.calls * rate) if rate else 0
    return Tokens(input=IN_PER_OUT * wrote, output=wrote)


def _tiers(scenario: Scenario, price_of: PriceOf) -> tuple[Cost, ...]:
    """Return a scenario without tasks as calls of three tiers, in two mixes."""
    frontier = price_of(TIERS[-1])
    whole = Task(name="all", calls=scenario.calls, single=scenario.single_total, single_model=TIERS[-1])
    used = _used(whole, frontier)
    if used is None:
        return ()
    found: list[Cost] = []
    for shares in SHARES:
        today: list[int | None] = []
        for model, share in zip(TIERS, shares, strict=True):
            price = price_of(model)
            today.append(None if price is None else cost(price, used) * (scenario.calls * share // 100))
        name = ", ".join(f"{share} % {model}" for model, share in zip(TIERS, shares, strict=True))
        one = _all(frontier, used, whole)
        found.append(Cost(name, scenario.calls, scenario.single_total, None, one, _sum(today)))
    return tuple(found)


def _is_as_published(scenario: Scenario, tasks: tuple[Cost, ...], total: Cost) -> bool:
    stated = ((total.single, scenario.single_total), (total.routed, scenario.routed_total))
    if any(said is not None and (found is None or abs(found - said) >= MILLION) for found, said in stated):
        return False
    if scenario.saving_percent is not None and _percent(total.single, total.routed) != scenario.saving_percent:
        return False
    low, high = scenario.routed_min, scenario.routed_max
    if low is None or high is None:
        return True
    return all(one.routed_today is not None and low <= one.routed_today <= high for one in tasks)


def _percent(single: int | None, routed: int | None) -> int | None:
    if not single or routed is None:
        return None
    return int((Decimal(single - routed) * 100 / single).to_integral_value(ROUND_HALF_UP))


def _sum(each: list[int | None]) -> int | None:
    known = [one for one in each if one is not None]
    return sum(known) if each and len(known) == len(each) else None


def mix_of(table: Mapping[str, object], file: str) -> Mix:
    """Read a mix.

    Raises: ConfigError naming the file, the scenario and the key.
    """
    uptime = {key: value for key, value in _table(table, "uptime", file).items() if key != "combined"}
    stated = _table(table, "uptime", file).get("combined")
    published = _table(table, "prices_published", file)
    return Mix(
        scenarios=tuple(_scenario(one, file) for one in _tables(table, "scenario", file)),
        published={name: _micros(value, name, file) for name, value in published.items()},
        uptime={name: _share(value, name, file) for name, value in uptime.items()},
        combined=None if stated is None else _share(stated, "combined", file),
    )


def _scenario(table: Mapping[str, object], file: str) -> Scenario:
    name = _text(table, "name")
    where = f"scenario `{name}` in `{file}`"
    tasks = tuple(_read_task(row, where) for row in _tables(table, "rows", where))
    calls = _count(table, "calls", where) or sum(task.calls for task in tasks)
    money = {key: None if key not in table else _micros(table[key], key, where) for key in (
        "single_total", "routed_total", "routed_total_min", "routed_total_max")}  # fmt: skip
    return Scenario(
        name=name,
        calls=calls,
        tasks=tasks,
        single_total=money["single_total"],
        routed_total=money["routed_total"],
        routed_min=money["routed_total_min"],
        routed_max=money["routed_total_max"],
        saving_percent=_count(table, "saving_percent", where) if "saving_percent" in table else None,
    )


def _read_task(row: Mapping[str, object], where: str) -> Task:
    return Task(
        name=_text(row, "task"),
        calls=_count(row, "calls", where),
        single=_micros(row["single"], "single", where) if "single" in row else None,
        routed=_micros(row["routed"], "routed", where) if "routed" in row else None,
        single_model=_text(row, "single_model"),
        routed_model=_text(row, "routed_model"),
        input_tokens=_count(row, "input_tokens", where),
        output_tokens=_count(row, "output_tokens", where),
        ask=_text(row, "ask"),
        feature=_text(row, "feature"),
        user_tier=_text(row, "user_tier"),
    )


def _tables(table: Mapping[str, object], key: str, where: str) -> list[Mapping[str, object]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ConfigError(f"`{key}` of {where} is no list of tables")
    return found


def _table(table: Mapping[str, object], key: str, where: str) -> Mapping[str, object]:
    found = table.get(key, {})
    if not isinstance(found, Mapping):
        raise ConfigError(f"`{key}` of {where} is no table")
    return found


def _text(table: Mapping[str, object], key: str) -> str:
    found = table.get(key, "")
    return found if isinstance(found, str) else ""


def _count(table: Mapping[str, object], key: str, where: str) -> int:
    found = table.get(key, 0)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ConfigError(f"`{key}` of {where} is a whole number, 0 or more")
    return found


def _micros(value: object, key: str, where: str) -> int:
    """Read dollars, as TOML writes them, as micro-USD."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < MILLION * MILLION:
        raise ConfigError(f"`{key}` of {where} is an amount of dollars")
    return int((Decimal(str(value)) * MILLION).to_integral_value(ROUND_HALF_UP))


def _share(value: object, key: str, where: str) -> Decimal:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ConfigError(f"`{key}` of {where} is a share between 0 and 1")
    return Decimal(str(value))
