"""`stayhand route explain`: which route a call takes, who is asked, who is left out and why. Asks no server."""

import io
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click

from firewall.cli.report import config_of, fail, result
from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import Codec
from firewall.core.attribution import Attribution
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.core.grant import Grant
from firewall.core.strict_json import loads_object
from firewall.policy.sensitive import read_sensitive
from firewall.routing.call import Caller, ModelCall
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.explaining import as_json, as_text
from firewall.routing.choosing.explaining import explain as explained
from firewall.routing.choosing.in_force import routes_of
from firewall.routing.choosing.labels import Labels
from firewall.routing.configured import described
from firewall.routing.providers import Providers
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings

_PATHS = {
    Dialect.ANTHROPIC: "/v1/messages",
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.OPENAI_RESPONSES: "/v1/responses",
}
_DIALECTS = [one.value for one in Dialect]
Json = dict[str, object]


@click.command()
@click.argument("request_file", required=False, type=click.File("rb"), metavar="[REQUEST]")
@click.option("--model", default="", help="What the caller asks for; default: as the request says.")
@click.option("--dialect", type=click.Choice(_DIALECTS), default="anthropic", show_default=True, help="Spoken.")
@click.option("--env", "environment", default="staging", show_default=True, help="Environment of the token.")
@click.option("--owner", default="", help="Owner of the token.")
@click.option("--grant", "models", multiple=True, metavar="GLOB", help="Models that the token permits.")
@click.option("--feature", default="", help="What the call is for.")
@click.option("--user-tier", default="", help="Whom it is for.")
@click.option("--team", default="", help="Whose it is.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="`region=eu`, `sensitivity=internal`, ….")
@click.option("--phase", default="", help="`plan` or `execute`.")
@click.option("--session", default="", help="The client's session, by which weights are drawn.")
@click.option("--tokens", type=click.IntRange(0, 10_000_000), default=0, help="Size of the input.")
@click.option("--max-tokens", type=click.IntRange(1, 10_000_000), default=1024, help="Bound of the answer.")
@click.option("--at", default="", metavar="TIME", help="When, as 2026-11-21T22:30+01:00 [default: now].")
@click.option("--json", "wants_json", is_flag=True, help="Machine-readable output.")
@click.pass_context
def explain(ctx: click.Context, /, *, wants_json: bool, **said: object) -> None:
    """Say which route a call takes, who is asked in which order, and who is left out and why.

    REQUEST is the JSON body of a request (`-`: stdin); without one the options say what is asked. What only a
    running server knows is missing: who is quick and who is busy.

    Example: stayhand route explain --model coder --tag region=eu --tokens 20000
    """
    settings = load_settings(config_of(ctx))
    try:
        providers = Providers(described(settings))
        routes = routes_of(settings, providers)
        at_us = _instant(str(said["at"]))
        outside = Outside(
            now_us=lambda: at_us, labels=lambda one: _labels(one, settings), pricing=routes.worst_micros
        )
        found = explained(Chooser(routes, providers, outside), _call(said))
    except FirewallError as error:
        fail(error.public, hint=getattr(error, "hint", ""))
    if wants_json:
        result(as_json(found))
    else:
        click.echo("\n".join(as_text(found)))
    ctx.exit(0 if found.refusal is None else 1)


def _call(said: Mapping[str, object]) -> ModelCall:
    """Return the call that the options speak of.

    Raises: ProtocolError for a request that cannot be read.
    """
    dialect = Dialect(str(said["dialect"]))
    model = str(said["model"])
    file = said["request_file"]
    value = dict(loads_object(file.read())) if isinstance(file, io.IOBase) else _asked(dialect, said)
    if model and dialect is not Dialect.GEMINI:
        value["model"] = model
    body = json.dumps(value, ensure_ascii=False).encode()
    path = _PATHS.get(dialect) or f"/v1beta/models/{model or 'gemini'}:generateContent"
    codec: Codec = CODECS[dialect]
    request = codec.read_request(body, value, {}, path)
    tags = sorted((name, value) for name, _, value in (one.partition("=") for one in _texts(said["tags"])))
    about = Attribution(str(said["feature"]), str(said["user_tier"]), str(said["team"]), tuple(tags))
    headers = {"x-stayhand-phase": str(said["phase"])}
    return ModelCall(dialect, request, value, path, "", (), headers, None, _caller(said), about)


def call_of_size(model: str, tokens_in: int, tokens_out: int, *, feature: str, tier: str) -> ModelCall:
    """Return a call of a size, for commands that ask what would become of it."""
    said = {
        "dialect": Dialect.OPENAI_CHAT.value, "model": model, "request_file": None, "tokens": tokens_in,
        "max_tokens": tokens_out or 1, "feature": feature, "user_tier": tier, "team": "", "tags": (), "phase": "",
        "environment": "staging", "owner": "", "models": (), "session": "",
    }  # fmt: skip
    return _call(said)


def _labels(call: ModelCall, settings: Settings) -> frozenset[str]:
    """Search a call as the server would; asked only where a rule speaks of sensitivity."""
    detector, scanner = read_sensitive(settings.policy_dir)
    return Labels(lambda: detector, lambda: scanner).of(call)


def _caller(said: Mapping[str, object]) -> Caller:
    grant = Grant(
        environment=str(said["environment"]),
        owner=str(said["owner"]),
        agent="agent",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    models = tuple(_texts(said["models"]))
    grant = replace(grant, models=models) if models else grant
    return Caller(f"{grant.owner}/agent", ("tok_explained",), grant, str(said["session"]))


def _asked(dialect: Dialect, said: Mapping[str, object]) -> Json:
    """Return a request of the size that the options name."""
    tokens, most = int(str(said["tokens"])), int(str(said["max_tokens"]))
    text = "word" * tokens or "hello"
    turns: list[Json] = [{"role": "user", "content": text}]
    match dialect:
        case Dialect.ANTHROPIC:
            return {"model": "", "max_tokens": most, "messages": turns}
        case Dialect.OPENAI_CHAT:
            return {"model": "", "max_completion_tokens": most, "messages": turns}
        case Dialect.OPENAI_RESPONSES:
            return {"model": "", "max_output_tokens": most, "input": text}
        case Dialect.GEMINI:
            contents = [{"role": "user", "parts": [{"text": text}]}]
            return {"contents": contents, "generationConfig": {"maxOutputTokens": most}}


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def _instant(text: str) -> int:
    """Return microseconds since 1970; now where nothing is said."""
    if not text:
        return time.time_ns() // 1000
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"`{text}` is no instant, write for example 2026-11-21T22:30+01:00") from error
    return int((found if found.tzinfo else found.astimezone()).timestamp() * 1_000_000)
