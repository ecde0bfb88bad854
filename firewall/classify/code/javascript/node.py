"""A program for Node, Bun or Deno: what it does to files, programs and servers, by the modules that it names.

INVARIANT: `reads` is given only where nothing but reading was found; whatever may reach more than is named, and
every module whose code is not known here, makes the program `exec`.
"""

import posixpath
import shlex

from firewall.classify.code.found import Found, Touch
from firewall.classify.code.javascript import modules
from firewall.classify.code.javascript.names import Names, names_of
from firewall.classify.code.javascript.syntax import Node, Program, parse, string_of
from firewall.classify.code.javascript.values import HOLE, Evaluator
from firewall.classify.code.javascript.ways_out import hidden
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.http import Request, judge_http
from firewall.classify.rows import Verb
from firewall.core.effect import Effect

MAX_SEEN = 40
MAX_NESTED = 3
_WRAPS = frozenset({"await_expression", "parenthesized_expression"})


def read_node(source: Source, context: Context, *, depth: int = 0) -> Found:
    """Return what a program does; `parsed` is false where it has no syntax tree."""
    program = parse(source)
    if program is None:
        return Found()
    names = names_of(program)
    reader = _Reader(program, names, context)
    reader.depth = depth
    reader.found.parsed = True
    way_out = hidden(program, names, modules.GLOBALS, reached=reader.named)
    if way_out is not None:
        reader.opaque(way_out[0], way_out[1])
    for node in program.nodes:
        reader.visit(node)
    return _settled(reader.found)


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

    def __init__(self, program: Program, names: Names, context: Context) -> None:
        self.program = program
        self.names = names
        self.context = context
        self.values = Evaluator(program, names)
        self.found = Found()
        self.imports: dict[str, str] = {}
        self._exec: Draft | None = None
        self.depth = 0
        for node in program.nodes:
            if node.kind == "import_statement":
                self._import(node)

    # -- what was seen

    def opaque(self, node: Node, why: str, *, unknown: bool = False) -> None:
        """Note that the program runs more than is seen."""
        if self._exec is None:
            self._exec = Draft(
                "code:inline", "code:node", effects={Effect.EXEC}, summary=f"runs JavaScript that {why}"
            )
            self.found.drafts.append(self._exec)
        if unknown:
            self._exec.effects.add(Effect.UNKNOWN)
            self._exec.unseen.append(why)
        self._exec.point(self.program.span(node), why)

    def touch(self, verb: Verb, path: str | None, node: Node, *, recursive: bool = False) -> None:
        """Note that a file is touched."""
        if len(self.found.touches) >= MAX_SEEN:
            self.opaque(node, "touches more files than are read here", unknown=True)
        else:
            self.found.touches.append(Touch(verb, path, self.program.span(node), recursive))

    def shell(self, text: str, node: Node) -> None:
        """Note that a command line is run."""
        if len(self.found.shell) >= MAX_SEEN:
            self.opaque(node, "runs more commands than are read here", unknown=True)
        else:
            self.found.shell.append(Source(text, base=None, outer=self.program.span(node)))

    # -- names

    def _import(self, node: Node) -> None:
        origin = node.fields.get("source")
        module = _module(string_of(origin)) if origin is not None else ""
        self._load(module, node)
        for clause in node.children:
            if clause.kind == "import_clause":
                for part in clause.children:
                    self._import_part(part, module)

    def _import_part(self, part: Node, module: str) -> None:
        if part.kind == "identifier":
            self.imports[part.text] = module
        elif part.kind == "namespace_import":
            self.imports[part.children[0].text] = module
        for item in part.children:
            if item.kind == "import_specifier":
                name = item.fields["name"].text
                alias = item.fields.get("alias")
                self.imports[alias.text if alias is not None else name] = _joined(module, name)

    def _load(self, module: str, node: Node) -> None:
        """Judge the loading of a module."""
        if module.endswith(".json"):
            self.touch(Verb.READ, module, node)
        elif module not in modules.PURE and module not in modules.KNOWN and module != "fs.promises":
            self.opaque(node, f"loads {shown(module)}, whose code is not seen", unknown=not module)

    def dotted(self, node: Node, depth: int = 0) -> str:
        """Return the dotted path that an expression leads to: `fs.rmSync`, `process.env.HOME`, `fetch`; or ''."""
        if depth > 16:
            return ""
        if node.kind in _WRAPS and node.children:
            return self.dotted(node.children[0], depth + 1)
        if node.kind == "identifier":
            return self.named(node.text, depth)
        if node.kind == "call_expression":
            return self._called(node, depth)
        return self._part(node, depth)

    def _part(self, node: Node, depth: int) -> str:
        """Return the path of `a.b`, `a["b"]` and `new a`."""
        if node.kind == "member_expression":
            return _joined(self.dotted(node.fields["object"], depth + 1), node.fields["property"].text)
        if node.kind == "subscript_expression":
            index = self.text(node.fields["index"])
            return _joined(self.dotted(node.fields["object"], depth + 1), index) if index else ""
        owner = self.dotted(node.fields["constructor"], depth + 1) if node.kind == "new_expression" else ""
        return f"new {owner}" if owner else ""

    def named(self, name: str, depth: int = 0) -> str:
        """Return the dotted path that a name stands for; or ''."""
        if name in self.imports:
            return self.imports[name]
        bound = self.names.the(name)
        if bound is not None and bound.value is not None and bound.function is None and not bound.each:
            path = self.dotted(bound.value, depth + 1)
            for key in bound.path:
                path = _joined(path, str(key))
            return path
        return "" if name in self.names.bindings else name

    def _called(self, node: Node, depth: int) -> str:
        callee = node.fields.get("function")
        if callee is None:
            return ""
        if callee.kind == "import" or (
            callee.kind == "identifier" and self.named(callee.text, depth + 1) == "require"
        ):
            return _module(self._argument_text(node, 0) or "")
        owner = self.dotted(callee, depth + 1)
        return f"{owner}()" if owner else ""

    # -- values

    def texts(self, node: Node | None) -> list[str] | None:
        """Return every text that an expression can be."""
        if node is None:
            return None
        special = self._special(node)
        if special is not None:
            return [special]
        values = self.values.of(node)
        if values is None or not all(isinstance(value, str) for value in values):
            return None
        return [str(value) for value in values]

    def text(self, node: Node | None) -> str | None:
        """Return the text of an expression where it has one."""
        found = self.texts(node)
        return found[0] if found is not None and len(found) == 1 else None

    def _special(self, node: Node) -> str | None:
        path = self.dotted(node) if node.kind in ("call_expression", "identifier", "member_expression") else ""
        if path in ("__dirname", "process.cwd()", "Deno.cwd()"):
            return "."
        if path in ("os.homedir()", "os.tmpdir()"):
            return "~" if path == "os.homedir()" else "/tmp"  # noqa: S108 - what the program itself would get
        if path in ("path.join()", "path.resolve()", "path.posix.join()"):
            parts = [self.text(item) for item in node.fields["arguments"].children]
            known = [part for part in parts if part is not None]
            return posixpath.join("", *known) if known and len(known) == len(parts) else None
        return None

    def _argument(self, call: Node, place: int) -> Node | None:
        arguments = call.fields.get("arguments")
        found = arguments.children if arguments is not None and arguments.kind == "arguments" else []
        return found[place] if len(found) > place and found[place].kind != "spread_element" else None

    def _argument_text(self, call: Node, place: int) -> str | None:
        return self.text(self._argument(call, place))

    def option(self, node: Node | None, key: str) -> Node | None:
        """Return the value of a key of an object literal."""
        if node is not None and node.kind == "identifier":
            bound = self.names.the(node.text)
            node = bound.value if bound is not None and node.text not in self.names.changed else None
        for pair in node.children if node is not None and node.kind == "object" else ():
            if pair.kind == "pair" and _key(pair.fields["key"]) == key:
                return pair.fields["value"]
            if pair.kind == "shorthand_property_identifier" and pair.text == key:
                return pair
        return None

    # -- nodes

    def visit(self, node: Node) -> None:
        """Note what one node does."""
        if node.kind in ("call_expression", "new_expression"):
            self._call(node)
        elif node.kind in (
            "identifier",
            "shorthand_property_identifier",
            "member_expression",
            "subscript_expression",
        ):
            self._value(node)

    def _value(self, node: Node) -> None:
        """Judge a name that is neither called nor the owner of what is behind its dot."""
        parent = node.parent
        while parent is not None and parent.kind in _WRAPS:
            parent = parent.parent
        if parent is None or parent.kind in ("import_clause", "import_specifier", "namespace_import"):
            return
        if node in (parent.fields.get("function"), parent.fields.get("object"), parent.fields.get("constructor")):
            return
        if parent.fields.get("name") is node or (
            parent.kind == "variable_declarator" and parent.fields.get("value") is node
        ):
            return
        shorthand = node.kind == "shorthand_property_identifier"
        path = self.named(node.text, 0) if shorthand else self.dotted(node)
        self._handed_on(path, node, parent)

    def _handed_on(self, path: str, node: Node, parent: Node) -> None:
        if path.startswith(("process.env", "Deno.env", "Bun.env")):
            self._environment(path, node, parent)
        elif path in modules.FILES:
            for verb, _ in modules.FILES[path]:
                self.touch(verb, None, node)
        elif (
            path in modules.LINES
            or path in modules.VECTORS
            or modules.REQUESTS.fullmatch(path)
            or path in modules.ACTING
        ):
            self.opaque(node, f"hands on {shown(path)}", unknown=True)
        elif path.partition(".")[0] in modules.ACTING and not modules.INERT.fullmatch(path):
            self.opaque(node, f"uses {shown(path)}")

    def _environment(self, path: str, node: Node, parent: Node) -> None:
        name = path.partition("env")[2].lstrip(".")
        variables = self.context.catalogue.variables
        if parent.fields.get("left") is node:
            if variables.running.fullmatch(name):
                self.opaque(node, f"sets {shown(name)}, which makes programs run code", unknown=True)
            return
        if not name and parent.kind in ("spread_element", "pair"):
            return
        if name and (variables.plain.fullmatch(name) or not variables.secret.fullmatch(name.upper())):
            return
        draft = Draft("env:read", f"variable:{name or '*'}", effects={Effect.SECRET})
        draft.summary = (
            f"reads the environment variable {shown(name)}" if name else "reads all environment variables"
        )
        draft.point(self.program.span(node), "variables that usually hold credentials")
        self.found.drafts.append(draft)

    def _call(self, node: Node) -> None:
        callee = node.fields.get("function") or node.fields.get("constructor")
        if callee is None:
            return
        path = self.dotted(callee)
        path = f"new {path}" if node.kind == "new_expression" and path else path
        if callee.kind == "import" or path == "require":
            module = _module(self._argument_text(node, 0) or "")
            self._load(module, node)
        elif path in modules.FILES:
            self._files(path, node)
        elif path in modules.LINES or path in modules.VECTORS:
            self._runs(path, node)
        elif modules.REQUESTS.fullmatch(path):
            self._request(path, node)
        elif path in ("eval", "Function", "new Function"):
            self._text(node)
        elif callee.kind == "member_expression" and self._looks_like(callee.fields["property"].text, path, node):
            pass
        elif path.partition(".")[0].removeprefix("new ") in modules.ACTING and not modules.INERT.fullmatch(path):
            self.opaque(node, f"calls {shown(path)}")
        elif callee.kind == "member_expression" and modules.LOSSY.fullmatch(callee.fields["property"].text):
            draft = Draft("code:call", "unknown:", effects={Effect.DESTRUCTIVE, Effect.EXEC})
            draft.summary = (
                f"calls {shown(callee.fields['property'].text)}; what it removes cannot be seen for sure"
            )
            draft.point(self.program.span(node), "removes or empties something")
            self.found.drafts.append(draft)

    def _text(self, node: Node) -> None:
        """Read code that is run as text; that it is run has been said."""
        arguments = node.fields.get("arguments")
        code = self.text(arguments.children[-1]) if arguments is not None and arguments.children else None
        if code is None or self.depth >= MAX_NESTED:
            self.opaque(node, "runs text that is not known", unknown=True)
            return
        inner = read_node(
            Source(code, base=None, outer=self.program.span(node)), self.context, depth=self.depth + 1
        )
        self.found.drafts += inner.drafts
        self.found.shell += inner.shell
        self.found.touches += [*inner.touches, *(Touch(Verb.READ, name, (0, 0)) for name in inner.reads or ())]

    def _looks_like(self, name: str, path: str, node: Node) -> bool:
        """Judge a method named like one of `fs` or `child_process`, of something that is not known."""
        if path.partition(".")[0] in modules.KNOWN or path.startswith(("Deno.", "Bun.")):
            return False
        if f"child_process.{name}" in modules.LINES | modules.VECTORS and (
            name.endswith("Sync") or name == "spawn"
        ):
            self.opaque(node, "runs a command")
            self._runs(f"child_process.{name}", node)
            return True
        if f"fs.{name}" in modules.FILES and name.endswith("Sync"):
            self.opaque(node, f"calls {shown(name)} of something that is not known")
            self._files(f"fs.{name}", node)
            return True
        return False

    def _files(self, path: str, node: Node) -> None:
        options = self._argument(node, 1)
        deep = self.option(options, "recursive")
        flag = self.text(self.option(self._argument(node, 2), "flag"))
        for verb, place in modules.FILES[path]:
            meant = Verb.APPEND if verb is Verb.OVERWRITE and flag is not None and flag.startswith("a") else verb
            target = self._argument(node, place)
            recursive = meant is Verb.REMOVE and (deep is not None or not path.startswith("fs."))
            for name in self.texts(target) or [None]:  # type: ignore[list-item]  # None: not known
                self.touch(meant, name, target or node, recursive=recursive)

    def _runs(self, path: str, node: Node) -> None:
        first, second = self._argument(node, 0), self._argument(node, 1)
        options = next(
            (item for item in (self._argument(node, 2), second) if item is not None and item.kind == "object"),
            None,
        )
        lines = self.texts(first) if path in modules.LINES else self._vectors(first, second)
        if self.option(options, "env") is not None and not self._keeps_environment(self.option(options, "env")):
            self.opaque(node, "starts a program with other environment variables", unknown=True)
        if not lines:
            self.opaque(node, "runs a command that is not known before it runs", unknown=True)
            loose = Evaluator(self.program, self.names, holes=True)
            lines = [str(value) for value in (loose.of(first) if first is not None else None) or [HOLE]]
        folder, given = self.option(options, "cwd"), self.option(options, "input")
        for line in lines:
            text = line
            if given is not None:
                fed = self.text(given)
                text = (
                    f"printf %s {shlex.quote(fed)} | {text}"
                    if fed is not None
                    else f'echo "$STAYHAND_HOLE" | {text}'
                )
            if folder is not None:
                place = self.text(folder)
                text = f"cd {shlex.quote(place) if place is not None else HOLE} && {text}"
            self.shell(text, node)

    def _keeps_environment(self, node: Node | None) -> bool:
        return node is not None and self.dotted(node) == "process.env"

    def _vectors(self, first: Node | None, second: Node | None) -> list[str] | None:
        """Return command lines for a program with a list of arguments, or one list of both."""
        values = self.values.of(first) if first is not None else None
        rest = self.values.of(second) if second is not None and second.kind != "object" else [[]]
        if first is not None and first.kind == "object":
            values = self.values.of(self.option(first, "cmd") or first)
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

    def _request(self, path: str, node: Node) -> None:
        first, second = self._argument(node, 0), self._argument(node, 1)
        verb = path.rpartition(".")[2].upper()
        options = first if first is not None and first.kind == "object" else second
        asked = self.option(options, "method") or self.option(self._argument(node, 2), "method")
        method = self.text(asked) if asked is not None else verb if verb in _METHODS else "GET"
        if method is None:
            self.opaque(node, "sends a request whose method is not known", unknown=True)
        address = (
            self.option(first, "url")
            if options is first and first is not None and first.kind == "object"
            else first
        )
        body = (
            self.option(options, "body") or self.option(options, "data") or (second if verb in _BODIED else None)
        )
        headers = self.option(options, "headers")
        named = [
            _key(pair.fields["key"])
            for pair in (headers.children if headers is not None else ())
            if pair.kind == "pair"
        ]
        for url in self.texts(address) or [self._seen(address)]:
            request = Request(
                (method or "GET").upper(),
                url.replace(HOLE, "x"),
                headers={name.lower(): "" for name in named},
                body=self._body(body) or "",
                body_known=body is None or self._body(body) is not None,
                url_known=self.texts(address) is not None,
            )
            self.found.drafts += judge_http(request, self.context, self.program.span(node))

    def _seen(self, node: Node | None) -> str:
        """Return what is known of an address, with a plain letter for the rest."""
        values = Evaluator(self.program, self.names, holes=True).of(node) if node is not None else None
        return str(values[0]) if values else ""

    def _body(self, node: Node | None) -> str | None:
        if node is None:
            return None
        values = self.values.of(node)
        return values[0] if values and isinstance(values[0], str) else None


_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_BODIED = frozenset({"POST", "PUT", "PATCH"})


def _key(node: Node) -> str:
    return string_of(node) if node.kind == "string" else node.text


def _joined(owner: str, name: str) -> str:
    """Join a path; `fs.promises.rm` is `fs.rm`, a default export is its module."""
    if not owner:
        return ""
    owner = "fs" if owner == "fs.promises" else owner
    return owner if name in ("default", "promises") and owner != "process" else f"{owner}.{name}"


def _module(name: str) -> str:
    """Return a module's name as the tables hold it."""
    plain = name.removeprefix("node:")
    if plain in ("fs/promises", "fs-extra", "graceful-fs"):
        return "fs"
    return (
        plain.replace("/", ".")
        if plain in ("path/posix", "timers/promises", "util/types", "assert/strict")
        else plain
    )
