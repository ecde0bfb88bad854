"""Dotted paths that JavaScript expressions lead to (`fs.rmSync`, `process.env.HOME`), and texts that they are."""

import posixpath

from firewall.classify.code.javascript.bindings import Names
from firewall.classify.code.javascript.syntax import Node, Program, string_of, unescape
from firewall.classify.code.javascript.values import Evaluator

WRAPS = frozenset({"await_expression", "parenthesized_expression"})


class Paths:
    """The names of one program: what it imports, and where its expressions lead."""

    def __init__(self, program: Program, names: Names) -> None:
        self.program = program
        self.names = names
        self.values = Evaluator(program, names)
        self.imports: dict[str, str] = {}
        self.loaded: list[tuple[str, Node]] = []
        """Modules that import statements load, with the statement."""
        for node in program.nodes:
            if node.kind == "import_statement":
                self._import(node)

    def _import(self, node: Node) -> None:
        origin = node.fields.get("source")
        module = module_name(string_of(origin)) if origin is not None else ""
        self.loaded.append((module, node))
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
                self.imports[alias.text if alias is not None else name] = joined(module, name)

    def dotted(self, node: Node, depth: int = 0) -> str:
        """Return the dotted path that an expression leads to: `fs.rmSync`, `process.env.HOME`, `fetch`; or ''."""
        if depth > 16:
            return ""
        if node.kind in WRAPS and node.children:
            return self.dotted(node.children[0], depth + 1)
        if node.kind == "identifier":
            return self.named(node.text, depth)
        if node.kind == "call_expression":
            return self._called(node, depth)
        return self._part(node, depth)

    def _part(self, node: Node, depth: int) -> str:
        """Return the path of `a.b`, `a["b"]` and `new a`."""
        if node.kind == "member_expression":
            return joined(self.dotted(node.fields["object"], depth + 1), node.fields["property"].text)
        if node.kind == "subscript_expression":
            index = self.text(node.fields["index"])
            return joined(self.dotted(node.fields["object"], depth + 1), index) if index else ""
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
                path = joined(path, str(key))
            return path
        return "" if name in self.names.bindings else name

    def _called(self, node: Node, depth: int) -> str:
        callee = node.fields.get("function")
        if callee is None:
            return ""
        if callee.kind == "import" or (
            callee.kind == "identifier" and self.named(callee.text, depth + 1) == "require"
        ):
            return module_name(self.argument_text(node, 0) or "")
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
            return self._pieced(node)
        return [str(value) for value in values]

    def _pieced(self, node: Node) -> list[str] | None:
        """Return the text of a template or a sum whose parts say where the program runs (`${os.homedir()}/x`)."""
        if node.kind == "parenthesized_expression" and node.children:
            return self.texts(node.children[0])
        if node.kind == "binary_expression" and node.sign == "+":
            parts = [self.text(node.fields["left"]), self.text(node.fields["right"])]
        elif node.kind == "template_string":
            parts = [self._fragment(child) for child in node.children]
        else:
            return None
        known = [part for part in parts if part is not None]
        return ["".join(known)] if len(known) == len(parts) else None

    def _fragment(self, node: Node) -> str | None:
        if node.kind == "template_substitution":
            return self.text(node.children[0]) if node.children else None
        return unescape(node.text)

    def text(self, node: Node | None) -> str | None:
        """Return the text of an expression where it has one."""
        found = self.texts(node)
        return found[0] if found is not None and len(found) == 1 else None

    def _special(self, node: Node) -> str | None:
        path = self.dotted(node) if node.kind in _PATHS else ""
        if path in ("process.env.HOME", "process.env.USERPROFILE", "Bun.env.HOME"):
            return "~"
        if path in ("__dirname", "process.cwd()", "Deno.cwd()"):
            return "."
        if path in ("os.homedir()", "os.tmpdir()"):
            return "~" if path == "os.homedir()" else "/tmp"  # noqa: S108 - what the program itself would get
        if path in _JOINS or path in _MAKES_FOLDER:
            return self._made(path, node)
        return None

    def _made(self, path: str, node: Node) -> str | None:
        """Return the path that a call puts together, or that of the new folder that it makes."""
        while node.kind in WRAPS and node.children:
            node = node.children[0]
        if node.kind != "call_expression":
            bound = self.names.the(node.text) if node.kind == "identifier" else None
            return self._special(bound.value) if bound is not None and bound.value is not None else None
        arguments = node.fields.get("arguments")
        parts = [self.text(item) for item in arguments.children] if arguments is not None else []
        known = [part for part in parts if part is not None]
        if not known or len(known) != len(parts):
            return None
        return f"{known[0]}XXXXXX" if path in _MAKES_FOLDER else posixpath.join("", *known)

    def argument(self, call: Node, place: int) -> Node | None:
        """Return the argument of a call at a place; None where there is none or a spread one."""
        arguments = call.fields.get("arguments")
        found = arguments.children if arguments is not None and arguments.kind == "arguments" else []
        return found[place] if len(found) > place and found[place].kind != "spread_element" else None

    def argument_text(self, call: Node, place: int) -> str | None:
        """Return the text of the argument at a place."""
        return self.text(self.argument(call, place))

    def option(self, node: Node | None, key: str) -> Node | None:
        """Return the value of a key of an object literal."""
        if node is not None and node.kind == "identifier":
            bound = self.names.the(node.text)
            node = bound.value if bound is not None and node.text not in self.names.changed else None
        for pair in node.children if node is not None and node.kind == "object" else ():
            if pair.kind == "pair" and key_name(pair.fields["key"]) == key:
                return pair.fields["value"]
            if pair.kind == "shorthand_property_identifier" and pair.text == key:
                return pair
        return None

    def is_plain(self, node: Node | None) -> bool:
        """Tell whether every key of options stands where they are written, and none is added or changed later."""
        if node is not None and node.kind == "identifier":
            bound = self.names.the(node.text)
            if bound is None or bound.value is None or bound.path or node.text in self.names.changed:
                return False
            node = bound.value
        if node is None or node.kind in _NO_OPTIONS:
            return True
        return node.kind == "object" and all(
            child.kind in ("shorthand_property_identifier", "method_definition")
            or (child.kind == "pair" and child.fields["key"].kind != "computed_property_name")
            for child in node.children
        )


_JOINS = frozenset({"path.join()", "path.resolve()", "path.posix.join()"})
_MAKES_FOLDER = frozenset({"fs.mkdtempSync()", "fs.promises.mkdtemp()"})
_PATHS = frozenset({"call_expression", "identifier", "member_expression", "await_expression"})
_NO_OPTIONS = frozenset(
    {"arrow_function", "function_expression", "undefined", "null", "string", "template_string"}
)


def key_name(node: Node) -> str:
    """Return the name of a key as it is written."""
    return string_of(node) if node.kind == "string" else node.text


def joined(owner: str, name: str) -> str:
    """Join a path; `fs.promises.rm` is `fs.rm`, a default export is its module."""
    if not owner:
        return ""
    owner = "fs" if owner == "fs.promises" else owner
    return owner if name in ("default", "promises") and owner != "process" else f"{owner}.{name}"


def module_name(name: str) -> str:
    """Return a module's name as the tables hold it."""
    plain = name.removeprefix("node:")
    if plain in ("fs/promises", "fs-extra", "graceful-fs"):
        return "fs"
    return (
        plain.replace("/", ".")
        if plain in ("path/posix", "timers/promises", "util/types", "assert/strict")
        else plain
    )
