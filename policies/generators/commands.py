"""Write policies/tools/commands.toml: what the subcommands of many programs do, from their published descriptions.

    npm pack @withfig/autocomplete && tar xzf withfig-autocomplete-*.tgz
    node policies/generators/commands_dump.mjs package > commands.tsv
    python policies/generators/commands.py commands.tsv VERSION > policies/tools/commands.toml

Source: npm @withfig/autocomplete (MIT). A subcommand is taken only where its name and the first verb of its
description do not contradict each other; a word that removes or runs something counts wherever it stands; what says
nothing that is understood is left out and stays `unknown`.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.:+-]*(?: [a-z0-9][a-zA-Z0-9_.:+-]*)+")
_PROGRAM = re.compile(r"[a-z][a-z0-9_.+-]+")

REMOVING = frozenset(
    "delete deletes remove removes destroy destroys purge wipe erase drop drops uninstall prune revoke truncate reset "
    "resets clear clears terminate deregister unregister unpublish unset del rm rmi flush nuke undeploy detach unlink "
    "permanently discard empty kill dismiss cleanup clean overwrite overwrites replace replaces restore rollback "
    "recreate".split()
)
READING = frozenset(
    "list lists ls show shows get gets display displays print prints view views describe describes retrieve retrieves "
    "check checks search searches find finds output outputs inspect inspects look query watch tail stream see info "
    "status version versions help logs log history diff compare validate lint verify count estimate explain preview "
    "whoami outdated audit which browse dump tree lookup examine report monitor completion completions".split()
)
WRITING = frozenset(
    "create creates add adds update updates set sets edit edits rename renames enable enables upload uploads publish "
    "publishes modify modifies change changes register registers import push pushes attach associate tag tags assign "
    "initialize initialise initializes init generate generates save saves upgrade upgrades install installs download "
    "downloads pull pulls fetch configure subscribe clone copy copies move moves link mark new fork sync export apply "
    "deploy deploys provision promote resume scale start build pin open close".split()
)
STOPPING = frozenset(
    "stop stops restart restarts pause pauses suspend shutdown reboot disable disables drain halt cancel abort".split()
)
RUNNING = frozenset(
    "run runs exec execute executes shell ssh repl console eval invoke invokes script scripts test tests dev serve "
    "debug sandbox command commands proxy tunnel attach-shell watch-run".split()
)
RIGHTS = frozenset(
    "token tokens role roles permission permissions policy policies grant user users member members key keys apikey "
    "login logout auth authenticate credential credentials password passwords access acl iam sso certificate ssh "
    "collaborator collaborators team teams owner secret secrets trust firewall".split()
)
SECRETS = frozenset(
    "token tokens secret secrets password passwords credential credentials kubeconfig apikey privatekey key keys "
    "decrypt reveal env variables".split()
)
_SKIPPED = frozenset(
    "aws sed tar screen make node python python3 kotlinc webpack dig dog su sudo command exec env then else for if "
    "while until time xargs cw fig q r v n m j mgnl pass hub kubecolor ngrok deno pnpx npx bunx tb do pro ua dotslash shell-config "
    "xcrun cl ns fly k".split()
)
_LEAST = 3
"""A program with fewer understood subcommands says too little."""


def effects_of(path: str, text: str, *, dangerous: bool) -> str:
    """Return the effects of a subcommand as words joined by a comma, empty where they are not understood."""
    names = [token.lower() for part in path.split(" ")[1:] for token in _CAMEL.findall(part)]
    words = [token.lower() for token in _CAMEL.findall(text)]
    everything, verb = set(names), next(iter(words), "")
    last = names[-1] if names else ""
    if everything & {"help"} or path.count(" ") > 5 or not words:
        return ""
    reads = (verb in READING or last in READING) and not everything & (REMOVING | WRITING | STOPPING | RUNNING)
    if everything & REMOVING or verb in REMOVING or set(words[1:4]) & {"delete", "remove", "destroy"}:
        return "" if verb in READING else _removes(names, words)
    if dangerous:
        return ""
    if {"log", "out"} <= everything:
        return "privilege"
    if everything & RUNNING or set(words[:3]) & RUNNING:
        return "exec"
    if everything & STOPPING or verb in STOPPING:
        return "disruptive"
    if reads:
        return (
            "secret"
            if everything & SECRETS or set(words) & {"secret", "secrets", "password", "decrypt"}
            else "read"
        )
    if verb in WRITING or (last in WRITING and verb not in READING):
        return (
            "privilege"
            if everything & RIGHTS or set(words) & {"token", "role", "permission", "password"}
            else "write"
        )
    return ""


def _removes(names: list[str], words: list[str]) -> str:
    made_again = {
        "cache",
        "caches",
        "cached",
        "completion",
        "alias",
        "plugin",
        "plugins",
        "artifacts",
        "generated",
    }
    if set(names) & made_again or (
        set(names) & {"clean", "cleanup"} and set(words) & {*made_again, "build", "output"}
    ):
        return "write"
    return "privilege,destructive" if set(names) & (RIGHTS - {"key", "keys"}) else "destructive"


def table(lines: list[str]) -> dict[str, dict[str, list[str]]]:
    """Return program -> effects -> subcommand paths."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        path, text, mark, inner = line.rstrip("\n").split("\t")
        program, _, rest = path.partition(" ")
        if (
            inner != "0"
            or not rest
            or program in _SKIPPED
            or not _PROGRAM.fullmatch(program)
            or not _NAME.fullmatch(path)
        ):
            continue
        effects = effects_of(path, text, dangerous=mark == "D")
        if effects and all(rest not in paths for paths in found[program].values()):
            found[program][effects].append(rest)
    return {name: rows for name, rows in found.items() if sum(map(len, rows.values())) >= _LEAST}


def main(source: str, version: str) -> None:
    """Print the table."""
    found = table(Path(source).read_text("utf-8").splitlines())
    print("# What the subcommands of programs do, as their own descriptions say. Generated by")
    print("# policies/generators/commands.py; do not edit. A row of another file always comes first.")
    print(f"# Source: npm @withfig/autocomplete {version} (MIT), distilled 2026-11-21.")
    for program, rows in sorted(found.items()):
        print(f'\n[commands."{program}"]')
        for effects, paths in sorted(rows.items()):
            print(f'"{effects}" = "{"|".join(sorted(paths))}"')


if __name__ == "__main__":
    main(*sys.argv[1:])
