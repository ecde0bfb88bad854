"""Programs that run what a file of the project says: `npm run build`, `make deploy`, `just test`.

The file is named, so that it is bound by hash and read where it is visible; what its scripts do is added.
"""

import posixpath
import shlex
from collections.abc import Callable
from dataclasses import replace

from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Program
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.contents import MAX_CHARS, Read, add_contents, add_text, beginning
from firewall.classify.shell.declared import compose, runs_programs, terraform
from firewall.classify.shell.monorepo import folders_of, patterns_of
from firewall.classify.shell.recipes import Piece, Recipes, justfile, makefile, package_scripts
from firewall.classify.shell.touches import spot_of
from firewall.classify.shell.uses import Use, read_use
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

MAX_MANIFEST_CHARS = 256 * 1024
"""A manifest is read as a whole or not at all; of its scripts only those that run are looked at."""
_PACKAGES = frozenset({"npm", "pnpm", "yarn", "bun", "cnpm"})
_FOLDERS = ("--prefix", "-C", "--dir", "--cwd", "--directory", "--working-directory", "-d")
_MEMBER = ("-w", "--workspace", "--filter", "-F")
_EVERY = ("-ws", "--workspaces", "-r", "--recursive")
_WITH_COMMAND = 4
_RUNS = frozenset({"run", "run-script"})
_SHORT = {"t": "test", "tst": "test"}
_INSTALLS = frozenset({"install", "i", "ci", "add", "clean-install", "it", "install-test"})
_ON_INSTALL = ("preinstall", "install", "postinstall", "prepare")
_MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
_JUSTFILES = ("justfile", ".justfile", "Justfile")
_BOUND = {
    "docker": ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"),
    "podman": ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"),
    "docker-compose": ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"),
    "terraform": ("main.tf", "terraform.tfvars"),
    "tofu": ("main.tf", "terraform.tfvars"),
}
"""Configuration that is bound; what Compose and Terraform files make run is read."""
_PLANNERS = frozenset({"terraform", "tofu"})
_PLANS = frozenset({"plan", "refresh", "test", "console"})
_BUILDS = frozenset({"build", "buildx build", "image build", "builder build"})
_ENVIRONMENTS = ("--env-file",)
_RUNNING = frozenset({Effect.EXEC, Effect.UNKNOWN})
_CHANGING = frozenset({Effect.WRITE, Effect.DESTRUCTIVE, Effect.DISRUPTIVE, Effect.EXEC, Effect.UNKNOWN})


def add_project(program: Program, command: Command, analysis: Analysis, before: int) -> None:
    """Name the project file that a program runs, on the first action that runs something, and add what it does."""
    if command.scope.machine or before >= len(analysis.drafts):
        return
    name = command.name.rpartition("/")[2]
    drafts = analysis.drafts[before:]
    ran = next((draft for draft in drafts if Effect.EXEC in draft.effects), drafts[0])
    if name in _PACKAGES:
        _package(read_use(program, command), ran, command, analysis)
    elif name in ("make", "gmake", "just") and Effect.EXEC in ran.effects:
        _recipes(name, read_use(program, command), ran, command, analysis)
    elif name in _BOUND and (ran.effects & _CHANGING or name in _PLANNERS):
        _bind(name, read_use(program, command), ran, analysis)


def _files(use: Use, names: tuple[str, ...]) -> tuple[list[str], Command]:
    """Return the paths of files in the folder that a use runs in, and the command as it runs there."""
    command = use.command
    given = use.options.values(_FOLDERS)
    folders = spot_of(given[-1], command.scope).paths if given else command.scope.cwds
    scope = command.scope.copy()
    scope.move(tuple(folders))
    scope.functions.clear()
    scope.aliases.clear()
    paths = [f"{folder.rstrip('/')}/{name}" for folder in folders for name in names]
    return paths, replace(command, scope=scope, feed=None)


def _package(use: Use, ran: Draft, command: Command, analysis: Analysis) -> None:
    """Add the scripts of package.json that a package manager runs."""
    words = [word.text if word.known else "" for word in use.positional]
    name = _SHORT.get(use.sub, use.sub)
    if name in _RUNS or (not name and command.name != "npm"):
        name, words = (words[0], words[1:]) if words else ("", [])
    if not name or (not ran.effects & _RUNNING and name not in _INSTALLS):
        return
    members, every = use.options.values(_MEMBER), any(flag in use.options.flags for flag in _EVERY)
    if members or every:
        _members(name, use, members, ran, command, analysis)
        return
    names = _ON_INSTALL if name in _INSTALLS else (f"pre{name}", name, f"post{name}")
    paths, there = _files(use, ("package.json",))
    tail = "".join(f" {shlex.quote(word)}" for word in words) if name not in _INSTALLS else ""

    def reader(_path: str, text: str) -> Read:
        pieces = package_scripts(text, names)
        given = [Piece(one.text + tail, one.span) if len(pieces) == 1 else one for one in pieces]
        if tail and len(pieces) > 1:
            given = [Piece(one.text + (tail if index == 1 else ""), one.span) for index, one in enumerate(pieces)]
        return _reading(given, there)

    _add(ran, paths, f"script {name}", reader, command, analysis)


def in_member(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`yarn workspace NAME COMMAND …`: what it does, in the folder of one package; False: anything else."""
    words = command.words
    if len(words) < _WITH_COMMAND or words[0].text != "yarn" or words[1].text != "workspace":
        return False
    option = Word("--filter", head="--filter", span=words[1].span)
    analysis.run(command.rest((words[0], option, *words[2:])), analysis)
    return True


def _members(name: str, use: Use, members: list[Word], ran: Draft, command: Command, analysis: Analysis) -> None:
    """Add the script of packages of a workspace: of those that are named, or of all that are spelled out."""
    names = _ON_INSTALL if name in _INSTALLS else (f"pre{name}", name, f"post{name}")
    manifests, there = _files(use, ("package.json", "pnpm-workspace.yaml"))
    ran.files += [path for path in manifests if path not in ran.files]
    contents = analysis.context.contents
    seen = False
    for manifest in (path for path in manifests if path.endswith("package.json")):
        root = manifest.rpartition("/")[0]
        texts = (contents.get(manifest, ""), contents.get(f"{root}/pnpm-workspace.yaml", ""))
        patterns = [pattern for text in texts for pattern in patterns_of(text)]
        for folder in folders_of(patterns, [word.text for word in members if word.known]):
            inside = replace(there, scope=there.scope.copy())
            inside.scope.move((posixpath.join(root, folder),))
            path = f"{inside.scope.cwds[0]}/package.json"
            ran.files += [path] if path not in ran.files else []
            seen = seen or path in contents
            if path in contents:
                read = _reading(package_scripts(contents[path][:MAX_MANIFEST_CHARS], names), inside)
                add_text(ran, (f"{path} script {name}", path, contents[path]), command, analysis, read)
    if not seen or not members:
        ran.unseen.append("the scripts of the packages of this workspace")


def _recipes(name: str, use: Use, ran: Draft, command: Command, analysis: Analysis) -> None:
    """Add the recipes of a Makefile or justfile that a use runs."""
    own = use.options.values(("-f", "--file", "--makefile", "--justfile"))
    paths, there = _files(use, _JUSTFILES if name == "just" else _MAKEFILES)
    if own:
        paths = [path for word in own for path in spot_of(word, there.scope).paths]
    words = [word for word in use.positional if word.known]
    given = dict(word.text.split("=", 1) for word in words if "=" in word.text)
    names = [word.text for word in words if "=" not in word.text]

    def reader(_path: str, text: str) -> Read:
        found = justfile(text, given) if name == "just" else makefile(text, given)
        if found.unread and f"{found.unread} of the build file" not in ran.unseen:
            ran.unseen.append(f"{found.unread} of the build file")
        wanted = (
            names if name != "just" or not names else [names[0], *(one for one in names if one in found.lines)]
        )
        return _reading(_wanted(found, wanted), there)

    _add(ran, paths, " ".join(names), reader, command, analysis)


def _wanted(found: Recipes, names: list[str]) -> list[Piece]:
    return [piece for _, piece in found.wanted(names)]


def _reading(pieces: list[Piece], command: Command) -> Read:
    """Return the reader of pieces of shell, each in a shell of its own."""

    def read(inner: Analysis, _source: Source) -> None:
        for piece in pieces:
            source = Source(piece.text, base=None, outer=piece.span)
            inner.script(inner, source, command.scope.copy(), None, command.depth + 1)

    return read


def _add(
    ran: Draft,
    paths: list[str],
    what: str,
    reader: Callable[[str, str], Read],
    command: Command,
    analysis: Analysis,
) -> None:
    """Name the files, of which one is enough, and add what the first that is visible does."""
    contents = analysis.context.contents
    there = [path for path in paths if path in contents]
    if not there:
        add_contents(ran, paths, command, analysis, reader)
        return
    most = MAX_MANIFEST_CHARS if paths[0].endswith(".json") else MAX_CHARS
    ran.files += [path for path in paths if path not in ran.files]
    for path in there:
        text = beginning(ran, path, contents[path], most)
        add_text(ran, (f"{path} {what}", path, text), command, analysis, reader(path, text))


def _bind(name: str, use: Use, ran: Draft, analysis: Analysis) -> None:
    """Name configuration, and add what the files that declare something make run."""
    words = [word.text for word in use.positional]
    own: list[Word] = use.options.values(("-f", "--file", "-var-file"))
    names = _BOUND[name]
    paths, there = _files(use, names)
    if name in ("docker", "podman") and not (use.sub.startswith("compose") or words[:1] == ["compose"]):
        paths = []
        if use.sub in _BUILDS:
            folders = spot_of(use.positional[0], there.scope).paths if use.positional else ()
            paths = [f"{folder}/{file}" for folder in folders for file in ("Dockerfile", "Containerfile")]
        elif not use.options.values(_ENVIRONMENTS):
            return
        own = own if use.sub in _BUILDS else []
    bound = [path for word in own for path in spot_of(word, there.scope).paths] or paths
    bound += [path for word in use.options.values(_ENVIRONMENTS) for path in spot_of(word, there.scope).paths]
    ran.files += [path for path in bound if path not in ran.files]
    changes = bool(ran.effects & _CHANGING)
    if name in _PLANNERS and not changes and use.sub not in _PLANS:
        ran.files = [path for path in ran.files if path not in bound]
        return
    for path in (path for path in bound if path in analysis.context.contents):
        text = beginning(ran, path, analysis.context.contents[path])
        if path.endswith(".tf"):
            ran.effects |= {Effect.EXEC} if runs_programs(text) else set()
            read = terraform(use.command, applies=changes)
        elif path.endswith((".yaml", ".yml")) and Effect.EXEC in ran.effects:
            read = compose(use.command)
        else:
            continue
        add_text(ran, (path, path, text), use.command, analysis, read)
