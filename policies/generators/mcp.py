"""Write `policies/packs/mcp-<name>.toml` from what a vendor's MCP server says about its tools.

    python policies/generators/mcp.py list OUT.json -- COMMAND …      ask a server over stdio for its tools
    python policies/generators/mcp.py pack NAME LIST.json …           write the pack of `mcp.toml` entry NAME

`LIST.json` holds `tools/list` results, the output of `azmcp tools list`, or `[{name, description, op}]` rows.
Both witnesses are asked: our own reading of the name and description (`firewall.classify.mcp.words`) and the
vendor's annotations. An annotation raises; `readOnlyHint` is believed only where our own reading is no more
than a doubtful verb (`generate`, `download`). What a person decided stands in `mcp.toml` under `hand` and wins.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from firewall.classify.mcp import words
from firewall.core.effect import Effect

_DOUBTFUL = frozenset(
    {
        "generate",
        "download",
        "load",
        "connect",
        "switch",
        "run",
        "create",
        "install",
        "request",
        "convert",
        "design",
        "deploy",
        "confirm",
        "synthesize",
        "apply",
    }
)


def tools_of(path: Path) -> list[dict[str, object]]:
    """Return rows {name, description, read_only, destructive, secret} of one list, None where nothing is said."""
    raw = json.loads(path.read_text("utf-8"))
    rows = raw["results"] if isinstance(raw, dict) else raw
    return [_row(row) for row in rows]


def _row(row: dict[str, object]) -> dict[str, object]:
    if "metadata" in row:
        said = {key: value["value"] for key, value in row["metadata"].items() if isinstance(value, dict)}
        return {
            "name": str(row["command"]).replace(" ", "_"),
            "description": row["description"],
            "read_only": said["readOnly"],
            "destructive": said["destructive"],
            "secret": said["secret"],
        }
    hints = row.get("annotations") or {}
    operation = row.get("op")
    return {
        "name": row["name"],
        "description": row.get("description") or "",
        "read_only": hints.get(
            "readOnlyHint", operation in ("read", "metadata", "connect") if operation else None
        ),
        "destructive": hints.get("destructiveHint", operation == "delete" if operation else None),
        "secret": None,
    }


def effects_of(row: dict[str, object]) -> set[Effect]:
    """Return the effects of a tool: what its words and its vendor say, the stricter of the two."""
    name, description = str(row["name"]), str(row["description"])
    named, told = words.of_name(name), words.of_description(description)
    found = set(named.effects or told.effects)
    if row["read_only"]:
        believed = not found or (found <= {Effect.WRITE} and (named.why or told.why) in _DOUBTFUL)
        found = {Effect.READ} if believed else found
    elif not found or found <= {Effect.READ}:
        found = {Effect.DESTRUCTIVE} if row["destructive"] and not found else {Effect.WRITE}
    if (
        not found <= {Effect.READ, Effect.SECRET}
        and words.admits_loss(description)
        and row["destructive"] is not False
    ):
        found = found - {Effect.WRITE} | {Effect.DESTRUCTIVE}
    if row["secret"] and row["read_only"]:
        found.add(Effect.SECRET)
    return found


def pack(name: str, lists: list[Path]) -> str:
    """Return the text of a pack."""
    entry = tomllib.loads((HERE / "mcp.toml").read_text("utf-8"))[name]
    hand = {tool: {Effect(effect)} for effect, tools in entry.get("hand", {}).items() for tool in tools}
    for effect, tools in entry.get("also", {}).items():
        for tool in tools:
            hand.setdefault(tool, set()).add(Effect(effect))
    found = {str(row["name"]): effects_of(row) for path in lists for row in tools_of(path)} | hand
    out = [
        f"# {line}"
        for line in (*entry["about"], "Written by policies/generators/mcp.py; edit mcp.toml there, not this.")
    ]
    out += [
        "",
        f'provider = "{entry["provider"]}"',
        "hosts = []",
        f'provenance = "{entry["provenance"]}"',
        "",
        "[mcp]",
    ]
    out += [f"servers = {json.dumps(entry['servers'])}"]
    out += [f'{key} = "{entry[key]}"' for key in ("dispatch", "dialect") if key in entry]
    for rule in entry.get("rule", []):
        out += ["", "[[mcp.rule]]", *(f"{key} = {_toml(value)}" for key, value in rule.items())]
    if "same" in entry:
        out += ["", "[mcp.same]", *(f"{tool} = {json.dumps(like)}" for tool, like in entry["same"].items())]
    out += ["", "[mcp.tools]"]
    for effect in Effect:
        names = sorted(tool for tool, effects in found.items() if effect in effects)
        if names:
            out += [f"{effect} = [", *(f'  "{tool}",' for tool in names), "]"]
    return "\n".join(out) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def listed(command: list[str]) -> list[object]:
    """Ask a server over stdio for all its tools."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def ask(number: int, method: str, params: dict[str, object]) -> dict[str, object]:
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                if line.startswith(b"{") and (answer := json.loads(line)).get("id") == number:
                    return answer["result"]
            raise SystemExit("the server ended before it answered")

        client = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "stayhand", "version": "0"},
        }
        ask(1, "initialize", client)
        process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        tools: list[object] = []
        cursor: dict[str, object] = {}
        number = 2
        while True:
            answer = ask(number, "tools/list", cursor)
            tools += answer["tools"]
            if not answer.get("nextCursor"):
                process.kill()
                return tools
            cursor, number = {"cursor": answer["nextCursor"]}, number + 1


def main(arguments: list[str]) -> None:
    """Run one of the two commands of the module's text."""
    if arguments[:1] == ["list"]:
        Path(arguments[1]).write_text(json.dumps(listed(arguments[3:])), "utf-8")
        return
    _, name, *lists = arguments
    target = HERE.parent / "packs" / f"mcp-{name}.toml"
    target.write_text(pack(name, [Path(path) for path in lists]), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
