"""`stayhand route drill` and `stayhand route report`: failing on purpose, and how providers fared."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from firewall.cli.options import json_option

if TYPE_CHECKING:  # imported when a command runs: `stayhand --help` must stay quick
    import httpx

    from firewall.cli.client import ControlClient
    from firewall.core.dialect import Dialect
    from firewall.routing.drills.scenarios import Scenario
    from firewall.routing.drills.scoring import Score

_OWNER = "drill"
_LOOK_S = 2.0
_ANSWER_S = 120.0
_HINT = "`stayhand route explain --model NAME` says which route a name takes, and why"


@click.command("drill")
@click.argument("name", required=False)
@click.option("--env", "environment", default="staging", show_default=True, help="Where it is drilled.")
@click.option("--scenario", "scenarios", multiple=True, help="One of the scenarios; several times for several.")
@click.option(
    "--dialect",
    default="anthropic",
    show_default=True,
    type=click.Choice(["anthropic", "openai-chat", "openai-responses", "gemini"]),
    help="What the drill speaks.",
)
@click.option("--owner", default=_OWNER, show_default=True, help="Who owns the drill's token.")
@click.option("--share", type=click.IntRange(1, 100), help="Fail the primary for this percentage of all traffic.")
@click.option("--for", "duration", default="10m", show_default=True, help="How long --share lasts, at most 1h.")
@click.option("--every", default="", help="Drill again and again, at this interval such as 24h, until Ctrl-C.")
@json_option
@click.pass_context
def drill(
    ctx: click.Context,
    name: str | None,
    *,
    environment: str,
    scenarios: Sequence[str],
    dialect: str,
    owner: str,
    share: int | None,
    duration: str,
    every: str,
    as_json: bool,
) -> None:
    """Make the first of a route fail in every way, and score what a client sees. NAME: the model to ask for.

    Example: STAYHAND_TOKEN=shd_… stayhand route drill coder
    """
    from firewall.cli.client import CommandError, control_client, show_json
    from firewall.core.dialect import Dialect

    if share is None and name is None:
        raise click.UsageError("name the model that the drill asks for: a route's name")
    if share is not None and (every or scenarios):
        raise click.UsageError(
            "--share fails the first of every route with 503, once: it has no --every and no --scenario"
        )
    wanted = _named(scenarios)

    def once() -> bool:
        with control_client(ctx) as control:
            if share is not None:
                found = _shared(control, environment, share, duration)
                is_good, text = found["unanswered"] == 0 and found["calls"] != 0, _shared_text(found)
            else:
                found = _drilled(ctx, control, str(name), environment, Dialect(dialect), owner, wanted)
                is_good, text = bool(found["is_passed"]), _text(found)
        if as_json:
            show_json(found)
        else:
            click.echo(text)
        return is_good

    if not (_again_and_again(once, every) if every else once()):
        raise CommandError("the drill was not passed", hint="docs/drills.md shows one that was, line by line")


def _again_and_again(once: Callable[[], bool], every: str) -> bool:
    """Drill at an interval, counted from begin to begin, until Ctrl-C; returns whether every drill was passed.

    A drill that cannot be made (the server restarts, a token has expired) is one that was not passed.
    """
    import httpx

    from firewall.cli.client import talk
    from firewall.core.errors import FirewallError
    from firewall.settings.values import seconds

    try:
        interval_s = seconds(every)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    is_good = True
    try:
        while True:
            due = time.monotonic() + interval_s
            talk(f"drill of {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            try:
                was_passed = once()
            except (FirewallError, click.ClickException, httpx.HTTPError) as error:
                was_passed = False
                talk(f"no drill: {error}")
            if not was_passed:
                talk("the drill was not passed")
            is_good = is_good and was_passed
            time.sleep(max(0.0, due - time.monotonic()))
    except KeyboardInterrupt:
        talk("ended")
    return is_good


@click.command("report")
@click.option("--since", default="30d", show_default=True, help="How far back, such as 12h or 30d.")
@json_option
@click.pass_context
def report(ctx: click.Context, *, since: str, as_json: bool) -> None:
    """Tell from the log how long providers were down, how soon they were back, and how many calls were saved.

    Example: STAYHAND_TOKEN=shd_… stayhand route report --since 30d
    """
    from firewall.cli.client import control_client, row_of, show_json, talk

    with control_client(ctx) as control:
        found = row_of(control.get("/api/routes/report", params={"since": since}))
    if as_json:
        show_json(found)
        return
    rows = found.get("providers")
    click.echo(
        f"{'provider':24} {'uptime %':>9} {'incidents':>9} {'back after s':>12} {'failed':>7} {'stood in':>8}"
    )
    for row in rows if isinstance(rows, list) else ():
        back = "-" if row["recovery_s"] is None else row["recovery_s"]
        click.echo(
            f"{row['provider']:24} {row['uptime_percent']:>9} {row['incidents']:>9} {back:>12} "
            f"{row['failed_attempts']:>7} {row['stood_in']:>8}"
        )
    click.echo(f"calls that another attempt saved: {found.get('saved')}")
    if found.get("behind"):
        talk(f"{found['behind']} entries of the log are not counted yet: ask again in a moment")


def _named(scenarios: Sequence[str]) -> "tuple[Scenario, ...]":
    from firewall.routing.drills.scenarios import DRILLED

    known = {one.value: one for one in DRILLED}
    unknown = [one for one in scenarios if one not in known]
    if unknown:
        raise click.UsageError(f"`{unknown[0]}` is no scenario: {', '.join(known)}")
    return tuple(known[one] for one in scenarios) or DRILLED


@contextmanager
def _token(control: "ControlClient", environment: str, owner: str) -> Iterator[tuple[str, str]]:
    """Mint a token whose calls the drill marks, and revoke it in the end; yields its id and the token."""
    from firewall.cli.client import row_of

    body = {"env": environment, "owner": owner, "agent": "drill", "ttl": "1h"}
    minted = row_of(control.post("/api/tokens", body))
    try:
        yield str(minted["id"]), str(minted["token"])
    finally:
        control.delete(f"/api/tokens/{minted['id']}")


@contextmanager
def _armed(control: "ControlClient", **wish: str | int) -> Iterator[dict[str, object]]:
    """Arm a drill; what came of it stands in the yielded row once the block is left."""
    from firewall.cli.client import row_of

    row = row_of(control.post("/api/drills", wish))
    try:
        yield row
    finally:
        row.update(row_of(control.delete(f"/api/drills/{row['id']}")))


class _Playing:
    """Scenarios of one drill: what a client saw of each, and who of the route's chain has answered."""

    def __init__(self, control: "ControlClient", name: str, *, environment: str, token_id: str) -> None:
        self._control = control
        self._name = name
        self._wish: dict[str, str | int] = {"environment": environment, "token": token_id, "seconds": 600}
        self._scores: list[Score] = []
        self._exercised: dict[str, bool] = {}

    def play(self, scenario: "Scenario", ask: "Callable[[], Score]", *, fails: int) -> Sequence[str]:
        """Arm a scenario for the first `fails` of the chain, ask and score; returns the chain.

        Raises: CommandError where the route asks nobody.
        """
        from firewall.cli.client import CommandError

        with _armed(self._control, scenario=scenario.value, fails=fails, **self._wish) as row:
            self._scores.append(ask())
        chain = row["chain"] if isinstance(row["chain"], list) else []
        answered = row["answered"] if isinstance(row["answered"], dict) else {}
        for one in chain:
            self._exercised[one] = self._exercised.get(one, False) or one in answered
        if not self._exercised:  # so will it be in every scenario
            raise CommandError(f"nobody is asked for `{self._name}`: {self._scores[-1].seen}", hint=_HINT)
        return chain

    def result(self) -> dict[str, object]:
        """Return the drill's score; whoever stands behind the first and never answered is a hope."""
        passed = sum(one.is_passed for one in self._scores)
        hopes = [one for one, was in list(self._exercised.items())[1:] if not was]
        return {
            "route": self._name,
            "passed": passed,
            "of": len(self._scores),
            "is_passed": passed == len(self._scores) and not hopes and len(self._exercised) > 1,
            "chain": list(self._exercised),
            "hopes": hopes,
            "rows": [one.row() for one in self._scores],
        }


def _drilled(
    ctx: click.Context,
    control: "ControlClient",
    name: str,
    environment: str,
    dialect: "Dialect",
    owner: str,
    scenarios: "Sequence[Scenario]",
) -> dict[str, object]:
    """Play every scenario streamed and whole, then let each member of the chain answer once."""
    import httpx

    from firewall.cli.client import agents_address
    from firewall.routing.drills.scenarios import Scenario

    chain: Sequence[str] = ()
    with (
        httpx.Client(base_url=agents_address(ctx), trust_env=False, timeout=_ANSWER_S) as client,
        _token(control, environment, owner) as (token_id, token),
    ):
        playing = _Playing(control, name, environment=environment, token_id=token_id)
        for scenario in scenarios:
            for is_streamed in (True, False):
                asking = partial(_ask, client, token, name, dialect, scenario, is_streamed=is_streamed)
                chain = playing.play(scenario, asking, fails=1)
        for fails in range(2, len(chain)):
            last = Scenario.UNAVAILABLE
            asking = partial(_ask, client, token, name, dialect, last, is_streamed=False)
            playing.play(last, asking, fails=fails)
    return playing.result()


def _ask(
    client: "httpx.Client", token: str, name: str, dialect: "Dialect", scenario: "Scenario", *, is_streamed: bool
) -> "Score":
    from firewall.routing.drills.asking import question
    from firewall.routing.drills.scoring import Seen, score

    path, body = question(dialect, name, is_streamed=is_streamed)
    began = time.monotonic()
    answer = client.post(
        path, content=body, headers={"x-stayhand-token": token, "content-type": "application/json"}
    )
    took_ms = int((time.monotonic() - began) * 1000)
    seen = Seen(answer.status_code, answer.headers, answer.content, took_ms)
    return score(scenario, seen, dialect=dialect, is_streamed=is_streamed)


def _shared(control: "ControlClient", environment: str, share: int, duration: str) -> dict[str, object]:
    """Fail the primary for a share of all of an environment's traffic, for so long or until interrupted."""
    from firewall.cli.client import row_of, talk
    from firewall.settings.values import seconds

    try:
        lasts_s = seconds(duration)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    wish: dict[str, str | int] = {
        "scenario": "503",
        "environment": environment,
        "percent": share,
        "seconds": lasts_s,
    }
    with _armed(control, **wish) as row:
        talk(f"the first of every route fails for {share} % of {environment} for {duration}; Ctrl-C ends it")
        until = time.monotonic() + lasts_s
        try:
            while time.monotonic() < until:
                time.sleep(min(_LOOK_S, max(0.0, until - time.monotonic())))
                row_of(control.get(f"/api/drills/{row['id']}"))
        except KeyboardInterrupt:
            talk("ended early")
    return row


def _shared_text(found: dict[str, object]) -> str:
    calls, carried, lost = found["calls"], found["carried"], found["unanswered"]
    if not calls:
        return "no call came: whether the secondary carries the load is a hope"
    return f"{calls} calls, {carried} carried by others of the chain, {lost} not answered"


def _text(found: dict[str, object]) -> str:
    lines = [f"{'scenario':22} {'form':9} {'':4} {'attempts':>8} {'ms':>6}  seen"]
    rows = found["rows"]
    for row in rows if isinstance(rows, list) else ():
        mark = "ok" if row["passed"] else "FAIL"
        figures = f"{row['attempts']:>8} {row['took_ms']:>6}"
        lines.append(f"{row['scenario']:22} {row['form']:9} {mark:4} {figures}  {row['seen']}")
    hopes = found["hopes"] if isinstance(found["hopes"], list) else []
    chain = found["chain"] if isinstance(found["chain"], list) else []
    lines += [f"{one}: never answered, a hope" for one in hopes]
    if len(chain) < 2:
        lines.append("the route has nobody else to ask: any failure of its only member is an outage")
    lines.append(f"route {found['route']}: {found['passed']} of {found['of']} passed")
    return "\n".join(lines)
