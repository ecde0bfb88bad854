"""`stayhand route simulate`: what a mix of traffic costs with one model, with several, and by today's routes."""

import time
import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import click

from firewall.cli.report import config_of, fail, result
from firewall.core.errors import ConfigError
from firewall.core.money import MILLION, Price
from firewall.spend.prices import Prices
from firewall.spend.simulate import Cost, Mix, Outcome, Task, mix_of, simulate, together

PUBLISHED = "published_mix.toml"
"""Tables that were published in spring 2026, shipped as an example."""


@click.command("simulate")
@click.argument("mix", required=False, type=click.Path(exists=True, dir_okay=False), metavar="[MIX.toml]")
@click.option("--routes", "with_routes", is_flag=True, help="Ask the routes of the configuration who answers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def simulate_(ctx: click.Context, mix: str | None, *, with_routes: bool, as_json: bool) -> None:
    """Reckon what a mix of traffic costs: one model for all, or several; as published, and at today's prices.

    Without MIX.toml the published tables of spring 2026 are reckoned again. Asks no server and no network.

    Example: stayhand route simulate mix.toml --routes
    """
    try:
        found = mix_of(_read(mix), mix or PUBLISHED)
        prices = Prices()
        chosen = _chosen(ctx, found) if with_routes else _as_said
    except ConfigError as error:
        fail(error.public, hint=error.hint)
    at_us = time.time_ns() // 1000

    def price_of(model: str) -> Price | None:
        return prices.of(prices.sold_by_name(model), at_us) if model else None

    outcomes = [simulate(scenario, price_of, chosen) for scenario in found.scenarios]
    if as_json:
        result(_json(found, outcomes, price_of))
    else:
        click.echo("\n".join(_lines(found, outcomes, price_of)))
    ctx.exit(0 if all(one.is_as_published for one in outcomes) and _is_available(found) else 1)


def _read(path: str | None) -> Mapping[str, object]:
    """Read a file, or the shipped one.

    Raises: ConfigError when it is no TOML.
    """
    try:
        text = (
            Path(path).read_text("utf-8")
            if path
            else files("firewall.demo").joinpath(PUBLISHED).read_text("utf-8")
        )
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"`{path or PUBLISHED}` cannot be read: {error}") from error


def _as_said(_task: Task) -> str:
    return ""


def _chosen(ctx: click.Context, mix: Mix) -> Callable[[Task], str]:
    """Return who answers a task under the routes of the configuration.

    Raises: ConfigError for a configuration that cannot be used, and for a task that says nothing to ask for.
    """
    from firewall.cli.route_explain import call_of_size
    from firewall.core.errors import FirewallError
    from firewall.routing.choosing.chooser import Chooser, Outside
    from firewall.routing.choosing.in_force import routes_of
    from firewall.routing.configured import described
    from firewall.routing.providers import Providers
    from firewall.settings.load import load_settings

    settings = load_settings(config_of(ctx))
    providers = Providers(described(settings))
    routes = routes_of(settings, providers)
    chooser = Chooser(
        routes, providers, Outside(now_us=lambda: time.time_ns() // 1000, pricing=routes.worst_micros)
    )
    for scenario in mix.scenarios:
        for task in scenario.tasks:
            if not (task.ask or task.routed_model):
                raise ConfigError(f"task `{task.name}` of `{scenario.name}` says neither `ask` nor `routed_model`")

    def chosen(task: Task) -> str:
        if not task.ask:
            return ""
        call = call_of_size(
            task.ask, task.input_tokens, task.output_tokens, feature=task.feature, tier=task.user_tier
        )
        try:
            return chooser.plan(call).candidates[0].model
        except FirewallError:
            return "nobody"

    return chosen


def _is_available(mix: Mix) -> bool:
    return mix.combined is None or together(mix.uptime) == mix.combined


def _lines(mix: Mix, outcomes: list[Outcome], price_of: Callable[[str], Price | None]) -> list[str]:
    lines: list[str] = []
    for one in outcomes:
        lines += [
            one.name,
            f"  {'':<44} {'calls':>9} {'one model':>12} {'routed':>12} {'today: one':>12} {'routed':>12}",
        ]
        lines += [_line(task) for task in (*one.tasks, one.total)]
        lines += [f"  {_verdict(one)}", ""]
    if mix.published:
        lines.append("dollars for a million input tokens: published, today")
        for name, micros in mix.published.items():
            price = price_of(name)
            lines.append(f"  {name:<44} {_cents(micros):>9} {_cents(price.input.base if price else None):>12}")
        lines.append("")
    if mix.uptime:
        each = ", ".join(f"{_per_cent(one)}" for one in mix.uptime.values())
        lines.append(f"uptime of {each} together, if independent: {_per_cent(together(mix.uptime))}")
    return lines


def _line(one: Cost) -> str:
    name = f"{one.name} -> {one.routed_model}" if one.routed_model else one.name
    money = (one.single, one.routed, one.single_today, one.routed_today)
    return f"  {name[:44]:<44} {one.calls:>9} " + " ".join(f"{_cents(micros):>12}" for micros in money)


def _verdict(one: Outcome) -> str:
    said = "as published" if one.is_as_published else "NOT as published"
    saved = f"{one.saving_percent} % saved, " if one.saving_percent is not None else ""
    today = f"; today {one.saving_today_percent} %" if one.saving_today_percent is not None else ""
    return f"{saved}{said}{today}"


def _cents(micros: int | None) -> str:
    if micros is None:
        return "-"
    return f"${Decimal(micros) / MILLION:.2f}"


def _per_cent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f} %"


def _json(mix: Mix, outcomes: list[Outcome], price_of: Callable[[str], Price | None]) -> object:
    prices = {name: price_of(name) for name in mix.published}
    return {
        "scenarios": [
            {
                "name": one.name,
                "tasks": [_cost(task) for task in one.tasks],
                "total": _cost(one.total),
                "as_published": one.is_as_published,
                "saving_percent": one.saving_percent,
                "saving_today_percent": one.saving_today_percent,
            }
            for one in outcomes
        ],
        "input_micros_per_million": {
            name: {"published": mix.published[name], "today": price.input.base if price else None}
            for name, price in prices.items()
        },
        "uptime": {
            "each": {name: str(one) for name, one in mix.uptime.items()},
            "together": str(together(mix.uptime)) if mix.uptime else None,
        },
    }


def _cost(one: Cost) -> dict[str, object]:
    return {
        "name": one.name,
        "calls": one.calls,
        "single_micros": one.single,
        "routed_micros": one.routed,
        "single_today_micros": one.single_today,
        "routed_today_micros": one.routed_today,
        "routed_model": one.routed_model,
    }
