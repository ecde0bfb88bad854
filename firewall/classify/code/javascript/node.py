"""A program for Node, Bun or Deno: what it does to files, programs and servers, by the modules that it names.

INVARIANT: `reads` is given only where nothing but reading was found; whatever may reach more than is named, and
every module whose code is not known here, makes the program `exec`.
"""

import shlex

from firewall.classify.code.found import Found, Touch
from firewall.classify.code.javascript import modules
from firewall.classify.code.javascript.evaluated import HOLE
from firewall.classify.code.javascript.names import names_of
from firewall.classify.code.javascript.paths import WRAPS, Paths, key_name, module_name
from firewall.classify.code.javascript.sight import Sight
from firewall.classify.code.javascript.syntax import Node, Program, parse, string_of
from firewall.classify.code.javascript.values import Evaluator
from firewall.classify.code.javascript.ways_out import hidden
from firewall.classify.code.javascript.web import OVERRIDES, request
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.patches import leads_out
from firewall.classify.rows import Verb
from firewall.core.effect import Effect

MAX_NESTED = 3


def read_node(source: Source, context: Context, *, depth: int = 0) -> Found:
    """Return what a program does; `parsed` is false where it has no syntax tree."""
    program = parse(source)
    if program is None:
        return Found()
    names = names_of(program)
    paths = Paths(program, names)
    reader = _Reader(program, paths, context, depth)
    reader.sight.found.parsed = True
    way_out = hidden(program, names, modules.GLOBALS, reached=paths.named)
    if way_out is not None:
        reader.sight.opaque(way_out[0], way_out[1])
    for node in program.nodes:
        reader.visit(node)
    return _settled(reader.sight.found)


def _settled(found: Found) -> Found:
    reading = (Verb.READ, Verb.LIST)
    if (
        found.drafts
        or found.shell
        or any(touch.verb not in reading or touch.path is None for touch in found.touches)
    ):
        return found
    found.reads = tuple(
        dict.fromkeys(touch.path for touch in found.touches if touch.path and touch.verb is Verb.READ)
    )
    found.touches = [touch for touch in found.touches if touch.verb is Verb.LIST]
    return found


class _Reader:
    """One program being read."""

    def __init__(self, program: Program, paths: Paths, context: Context, depth: int) -> None:
        self.program = program
        self.paths = paths
        self.context = context
        self.depth = depth
        self.sight = Sight(program)
        for module, node in paths.loaded:
            self._load(module, node)

    def _load(self, module: str, node: Node) -> None:
        """Judge the loading of a module."""
        if module.endswith(".json"):
            self.sight.touch(Verb.READ, module, node)
        elif module not in modules.PURE and module not in modules.KNOWN and module != "fs.promises":
            self.sight.opaque(node, f"loads {shown(module)}, whose code is not seen", unknown=not module)

    def visit(self, node: Node) -> None:
        """Note what one node does."""
        if node.kind in ("call_expression", "new_expression"):
            self._call(node)
        elif node.kind in ("string", "assignment_expression"):
            self._says_method(node)
        elif node.kind in (
            "identifier",
            "shorthand_property_identifier",
            "member_expression",
            "subscript_expression",
        ):
            self._value(node)

    def _says_method(self, node: Node) -> None:
        """Say when a header or an assignment gives a request another method than its call says."""
        left = node.fields.get("left")
        if left is None:
            if string_of(node).lower() in OVERRIDES:
                self.sight.opaque(node, "names a header by which a request means another method", unknown=True)
        elif left.kind == "member_expression" and left.fields["property"].text == "method":
            self.sight.opaque(node, "gives a request another method", unknown=True)

    def _value(self, node: Node) -> None:
        """Judge a name that is neither called nor the owner of what is behind its dot."""
        whole, parent = node, node.parent
        while parent is not None and parent.kind in WRAPS:
            whole, parent = parent, parent.parent
        if parent is None or parent.kind in _NO_VALUE:
            return
        if parent.kind == "expression_statement" and node.kind == "call_expression":
            return
        if any(parent.fields.get(field) is whole for field in ("function", "object", "constructor", "name")):
            return
        if parent.kind == "variable_declarator" and parent.fields.get("value") is whole:
            return
        shorthand = node.kind == "shorthand_property_identifier"
        path = self.paths.named(node.text, 0) if shorthand else self.paths.dotted(node)
        self._handed_on(path, node, parent)

    def _handed_on(self, path: str, node: Node, parent: Node) -> None:
        if path.startswith(("process.env", "Deno.env", "Bun.env")):
            self._environment(path, node, parent)
        elif path in modules.FILES:
            for verb, _ in modules.FILES[path]:
                self.sight.touch(verb, None, node)
        elif (
            path in modules.LINES
            or path in modules.VECTORS
            or modules.REQUESTS.fullmatch(path)
            or path in modules.ACTING
        ):
            self.sight.opaque(node, f"hands on {shown(path)}", unknown=True)
        elif path.partition(".")[0] in modules.ACTING and not modules.INERT.fullmatch(path):
            self.sight.opaque(node, f"uses {shown(path)}")

    def _environment(self, path: str, node: Node, parent: Node) -> None:
        name = path.partition("env")[2].lstrip(".")
        variables = self.context.catalogue.variables
        if parent.fields.get("left") is node:
            if variables.running.fullmatch(name):
                self.sight.opaque(node, f"sets {shown(name)}, which makes programs run code", unknown=True)
            return
        if not name and _goes_to_a_program(parent):
            return
        if name and (variables.plain.fullmatch(name) or not variables.secret.fullmatch(name.upper())):
            return
        draft = Draft("env:read", f"variable:{name or '*'}", effects={Effect.SECRET})
        draft.summary = (
            f"reads the environment variable {shown(name)}" if name else "reads all environment variables"
        )
        draft.point(self.program.span(node), "variables that usually hold credentials")
        self.sight.found.drafts.append(draft)

    def _call(self, node: Node) -> None:
        callee = node.fields.get("function") or node.fields.get("constructor")
        if callee is None:
            return
        path = self.paths.dotted(callee)
        path = f"new {path}" if node.kind == "new_expression" and path else path
        if callee.kind == "import" or path == "require":
            self._loads(node)
        elif path in modules.FILES:
            self._files(path, node)
        elif path in modules.LINES or path in modules.VECTORS:
            self._runs(path, node)
        elif modules.REQUESTS.fullmatch(path):
            request(path, node, self.paths, self.sight, self.context)
        elif path in ("eval", "Function", "new Function"):
            self._text(node)
        elif callee.kind == "member_expression" and self._looks_like(callee.fields["property"].text, path, node):
            pass
        elif path.partition(".")[0].removeprefix("new ") in modules.ACTING and not modules.INERT.fullmatch(path):
            self.sight.opaque(node, f"calls {shown(path)}")
        elif callee.kind == "member_expression" and modules.LOSSY.fullmatch(callee.fields["property"].text):
            draft = Draft("code:call", "unknown:", effects={Effect.DESTRUCTIVE, Effect.EXEC})
            draft.summary = (
                f"calls {shown(callee.fields['property'].text)}; what it removes cannot be seen for sure"
            )
            draft.point(self.program.span(node), "removes or empties something")
            self.sight.found.drafts.append(draft)

    def _loads(self, node: Node) -> None:
        """Judge a module that is loaded where it is used (`await import("fs")`), and where that goes."""
        module = module_name(self.paths.argument_text(node, 0) or "")
        self._load(module, node)
        if module in modules.ACTING:
            self._value(node)

    def _text(self, node: Node) -> None:
        """Read code that is run as text; that it is run has been said."""
        arguments = node.fields.get("arguments")
        code = self.paths.text(arguments.children[-1]) if arguments is not None and arguments.children else None
        if code is None or self.depth >= MAX_NESTED:
            self.sight.opaque(node, "runs text that is not known", unknown=True)
            return
        inner = read_node(
            Source(code, base=None, outer=self.program.span(node)), self.context, depth=self.depth + 1
        )
        self.sight.found.drafts += inner.drafts
        self.sight.found.shell += inner.shell
        self.sight.found.touches += [
            *inner.touches,
            *(Touch(Verb.READ, name, (0, 0)) for name in inner.reads or ()),
        ]

    def _looks_like(self, name: str, path: str, node: Node) -> bool:
        """Judge a method named like one of `fs` or `child_process`, of something that is not known."""
        if path.partition(".")[0] in modules.KNOWN or path.startswith(("Deno.", "Bun.")):
            return False
        if f"child_process.{name}" in modules.LINES | modules.VECTORS and (
            name.endswith("Sync") or name == "spawn"
        ):
            self.sight.opaque(node, "runs a command")
            self._runs(f"child_process.{name}", node)
            return True
        if f"fs.{name}" in modules.FILES and name.endswith("Sync"):
            self.sight.opaque(node, f"calls {shown(name)} of something that is not known")
            self._files(f"fs.{name}", node)
            return True
        return False

    def _files(self, path: str, node: Node) -> None:
        if "link" in path.rpartition(".")[2].lower() and modules.FILES[path][0][0] is Verb.READ:
            self._linked(node)
        options = self.paths.argument(node, 1)
        deep = self.paths.option(options, "recursive")
        flag = self.paths.text(self.paths.option(self.paths.argument(node, 2), "flag"))
        for verb, place in modules.FILES[path]:
            meant = Verb.APPEND if verb is Verb.OVERWRITE and flag is not None and flag.startswith("a") else verb
            target = self.paths.argument(node, place)
            recursive = meant is Verb.REMOVE and (deep is not None or not path.startswith("fs."))
            for name in self.paths.texts(target) or [None]:  # type: ignore[list-item]  # None: not known
                self.sight.touch(meant, name, target or node, recursive=recursive)

    def _linked(self, node: Node) -> None:
        """Say when a link may lead out of the folder that it lies in: what is written through it is not seen."""
        targets = self.paths.texts(self.paths.argument(node, 0))
        if targets is None or any(leads_out(target) for target in targets):
            self.sight.opaque(node, "makes a link that leads out of its folder", unknown=True)

    def _runs(self, path: str, node: Node) -> None:
        first, second = self.paths.argument(node, 0), self.paths.argument(node, 1)
        options = next(
            (
                item
                for item in (self.paths.argument(node, 2), second)
                if item is not None and item.kind == "object"
            ),
            None,
        )
        lines = self.paths.texts(first) if path in modules.LINES else self._vectors(first, second)
        shell = self.paths.option(options, "shell")
        if not self.paths.is_plain(options) or (shell is not None and shell.kind not in ("true", "false")):
            self.sight.opaque(node, "starts a program in a way that is not followed", unknown=True)
        if self.paths.option(options, "env") is not None and not self._keeps_environment(
            self.paths.option(options, "env")
        ):
            self.sight.opaque(node, "starts a program with other environment variables", unknown=True)
        if not lines:
            self.sight.opaque(node, "runs a command that is not known before it runs", unknown=True)
            loose = Evaluator(self.program, self.paths.names, holes=True)
            lines = [str(value) for value in (loose.of(first) if first is not None else None) or [HOLE]]
        folder, given = self.paths.option(options, "cwd"), self.paths.option(options, "input")
        for line in lines:
            text = line
            if given is not None:
                fed = self.paths.text(given)
                text = (
                    f"printf %s {shlex.quote(fed)} | {text}"
                    if fed is not None
                    else f'echo "$STAYHAND_HOLE" | {text}'
                )
            if folder is not None:
                place = self.paths.text(folder)
                text = f"cd {shlex.quote(place) if place is not None else HOLE} && {text}"
            self.sight.shell(text, node)

    def _keeps_environment(self, node: Node | None) -> bool:
        return node is not None and self.paths.dotted(node) == "process.env"

    def _vectors(self, first: Node | None, second: Node | None) -> list[str] | None:
        """Return command lines for a program with a list of arguments, or one list of both."""
        values = self.paths.values.of(first) if first is not None else None
        rest = self.paths.values.of(second) if second is not None and second.kind != "object" else [[]]
        if first is not None and first.kind == "object":
            values = self.paths.values.of(self.paths.option(first, "cmd") or first)
        if values is None or rest is None:
            return None
        lines: list[str] = []
        for value in values:
            for more in rest:
                words = [
                    *(value if isinstance(value, list) else [value]),
                    *(more if isinstance(more, list) else []),
                ]
                if not all(isinstance(word, str) for word in words):
                    return None
                has_line = isinstance(value, str) and " " in value
                lines.append(" ".join(str(word) if has_line else shlex.quote(str(word)) for word in words))
        return lines


_NO_VALUE = frozenset({"import_clause", "import_specifier", "namespace_import"})


def _goes_to_a_program(parent: Node) -> bool:
    """Tell whether the environment is handed to a program that is started (`{env: {...process.env, A: "1"}}`)."""
    pair = parent
    if parent.kind == "spread_element" and parent.parent is not None and parent.parent.parent is not None:
        pair = parent.parent.parent
    return pair.kind == "pair" and key_name(pair.fields["key"]) == "env"
