"""Classification with the policies as shipped, for tests: one workspace, one home, the compiled catalogues."""

import json
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path

from firewall.classify.catalogue import Catalogue, compile_catalogue
from firewall.classify.context import Context
from firewall.classify.environments import compile_environments
from firewall.core.call import CallForm, ToolCall

ROOT = Path(__file__).resolve().parents[2]
WORKSPACE = "/home/dev/app"
HOME = "/home/dev"


@cache
def shipped_catalogue() -> Catalogue:
    """Return the shipped catalogues, compiled once."""
    packs = [tomllib.loads(path.read_text("utf-8")) for path in sorted((ROOT / "policies/packs").glob("*.toml"))]
    programs = {
        f"tools/{path.name}": _table(f"tools/{path.name}") for path in (ROOT / "policies/tools").glob("*.toml")
    }
    apis = {path.stem: path.read_text("utf-8") for path in (ROOT / "policies/apis").glob("*.tsv")}
    return compile_catalogue(
        _table("tools.toml"),
        _table("hosts.toml"),
        packs,
        programs=programs,
        apis=apis,
        recovery=_table("recovery.toml"),
    )


def _table(name: str) -> dict[str, object]:
    return tomllib.loads((ROOT / "policies" / name).read_text("utf-8"))


@cache
def shipped_context() -> Context:
    """Return the context of the recorded cases."""
    environments = compile_environments(_table("environments.toml"))
    return Context(WORKSPACE, "", HOME, environments, shipped_catalogue())


def context_with(environments: str) -> Context:
    """Return the context with an environments.toml of its own."""
    return replace(shipped_context(), environments=compile_environments(tomllib.loads(environments)))


def cases(name: str) -> list[dict[str, object]]:
    """Return the rows of tests/cases/classify/NAME.toml."""
    rows: list[dict[str, object]] = tomllib.loads(
        (ROOT / "tests/cases/classify" / f"{name}.toml").read_text("utf-8")
    )["case"]
    return rows


def call(name: str, arguments: dict[str, object] | str) -> ToolCall:
    """Return a tool call with JSON arguments, or with raw text."""
    if isinstance(arguments, str):
        return ToolCall("call_1", name, arguments.encode(), CallForm.TEXT)
    return ToolCall("call_1", name, json.dumps(arguments).encode())
