"""Short pieces of Python and JavaScript that can be seen to do no more than read and print.

Everything here is a list of what is allowed: one name, call or import beyond it and the code is `exec`.
"""

import ast
import re
import sys

MAX_CODE_CHARS = 4000
_MODULES = frozenset(
    {
        "json", "sys", "re", "math", "datetime", "time", "calendar", "collections", "itertools",
        "functools", "string", "textwrap", "statistics", "decimal", "fractions", "platform", "random",
        "uuid", "hashlib", "base64", "binascii", "html", "urllib.parse", "tomllib", "csv", "operator",
        "bisect", "heapq", "unicodedata", "difflib", "pprint", "zlib",
        "struct", "ipaddress", "keyword", "token", "colorsys", "cmath", "numbers",
    }
)  # fmt: skip
_NAMES = frozenset(
    {
        "print", "len", "range", "sorted", "sum", "min", "max", "abs", "round", "int", "float", "str",
        "bool", "bytes", "list", "dict", "set", "tuple", "frozenset", "enumerate", "zip", "map", "filter",
        "any", "all", "repr", "ord", "chr", "hex", "bin", "oct", "reversed", "isinstance", "type", "iter",
        "next", "format", "hash", "divmod", "pow", "ascii", "slice", "complex",
    }
)  # fmt: skip
_REFUSED_ATTRIBUTES = frozenset(
    {
        "system", "popen", "modules", "__globals__", "__builtins__", "__subclasses__", "__class__",
        "__bases__", "__mro__", "__dict__", "__import__", "__loader__", "write", "writelines", "settrace",
        "setprofile", "exit", "path_hooks", "meta_path", "attrgetter", "methodcaller", "stdout", "stderr",
        "stdin", "format_map", "main", "open", "eval", "exec", "remove", "unlink", "run", "call", "get_type_hints",
        "singledispatch", "singledispatchmethod", "breakpointhook", "addaudithook", "path_importer_cache",
        "displayhook", "excepthook", "setrecursionlimit", "set_int_max_str_digits", "intern",
    }
)  # fmt: skip
_SYS = frozenset(
    {"argv", "version", "version_info", "platform", "maxsize", "byteorder", "executable", "implementation",
     "getsizeof", "prefix", "base_prefix", "flags", "float_info", "int_info", "maxunicode", "api_version"}
)  # fmt: skip
"""What may be asked of `sys`."""
_HARMLESS_MODULES = frozenset(name.partition(".")[0] for name in _MODULES) - {"sys", "urllib"} | {
    "copy",
    "abc",
    "parse",
}
"""Names of modules that may also stand behind a dot: they lead to nothing that is not judged by its own name."""
_NODES = (
    ast.Module, ast.Expr, ast.Import, ast.ImportFrom, ast.alias, ast.Assign, ast.AugAssign, ast.For, ast.If,
    ast.Call, ast.Name, ast.Load, ast.Store, ast.Attribute, ast.Constant, ast.Subscript, ast.Slice,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
    ast.comprehension, ast.JoinedStr, ast.FormattedValue, ast.IfExp, ast.keyword, ast.Starred, ast.Lambda,
    ast.arguments, ast.arg, ast.Pass,
)  # fmt: skip


def python_reads(code: str) -> tuple[str, ...] | None:
    """Return the files that the code reads when it does nothing but read and print; None: it may do more."""
    if len(code) > MAX_CODE_CHARS:
        return None
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    bound = _bound(tree)
    imported = _imports(tree)
    if bound is None or imported is None:
        return None
    if _hands_on_sys(tree):
        return None
    files: list[str] = []
    if not all(_allowed(node, bound | imported, files) for node in ast.walk(tree)):
        return None
    return tuple(files)


def _hands_on_sys(tree: ast.AST) -> bool:
    """Tell whether `sys` is used as a value, and not only asked for something by a dot."""
    asked = sum(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys"
        for node in ast.walk(tree)
    )
    return sum(isinstance(node, ast.Name) and node.id == "sys" for node in ast.walk(tree)) > asked


def _bound(tree: ast.AST) -> set[str] | None:
    """Return the names that the code binds; None: it holds what is not in the list, or hides a builtin."""
    bound = {"_"}
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            return None
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return None if bound & (_NAMES | {"open", "__builtins__"}) else bound


def _imports(tree: ast.AST) -> set[str] | None:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            if any(item.name not in _MODULES for item in node.names):
                return None
            if any(item.name == "sys" and item.asname for item in node.names):
                return None
            found |= {item.asname or item.name.partition(".")[0] for item in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module not in _MODULES or any(item.name == "*" for item in node.names):
                return None
            if any(_leads_away(item.name) or node.module == "sys" for item in node.names):
                return None
            found |= {item.asname or item.name for item in node.names}
    return found


def _allowed(node: ast.AST, known: set[str], files: list[str]) -> bool:
    if isinstance(node, ast.Attribute):
        asks_sys = isinstance(node.value, ast.Name) and node.value.id == "sys"
        return (
            isinstance(node.ctx, ast.Load) and not _leads_away(node.attr) and (not asks_sys or node.attr in _SYS)
        )
    if isinstance(node, ast.Name):
        return node.id in known or node.id in _NAMES or node.id == "open"
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == "open":
            return _opens_to_read(node, files)
        return isinstance(node.func, ast.Name | ast.Attribute)
    return True


def _leads_away(name: str) -> bool:
    """Tell whether a name behind a dot leads to another module or to something that acts."""
    return (
        name.startswith("_")
        or name in _REFUSED_ATTRIBUTES
        or (name in sys.stdlib_module_names and name not in _HARMLESS_MODULES)
    )


def _opens_to_read(node: ast.Call, files: list[str]) -> bool:
    if (
        not node.args
        or len(node.args) > 2
        or any(item.arg not in ("encoding", "errors") for item in node.keywords)
    ):
        return False
    path = node.args[0]
    mode = node.args[1] if len(node.args) == 2 else None
    if not isinstance(path, ast.Constant) or not isinstance(path.value, str):
        return False
    if mode is not None and not (isinstance(mode, ast.Constant) and mode.value in ("r", "rb", "rt")):
        return False
    files.append(path.value)
    return True


_JS_TOKEN = re.compile(
    r"\s+|require\((?P<quote>['\"])(?P<path>\.{1,2}/[\w./@-]+\.json|/[\w./@-]+\.json)(?P=quote)\)"
    r"|console\.log|JSON\.stringify|Object\.(?:keys|values|entries)|process\.(?:version|versions|platform|arch)(?!\w)"
    r"|(?:null|true|false|undefined)\b|\d+(?:\.\d+)?|'[^'\\]*'|\"[^\"\\]*\"|\.(?:length|name|version|main|type|scripts|engines|"
    r"dependencies|devDependencies|peerDependencies|workspaces|compilerOptions|license|description|private)\b|[()\[\],;+\-*/%]"
)


def javascript_reads(code: str) -> tuple[str, ...] | None:
    """Return the files that the code reads when it does nothing but read and print; None: it may do more."""
    if len(code) > MAX_CODE_CHARS:
        return None
    files: list[str] = []
    position = 0
    while position < len(code):
        match = _JS_TOKEN.match(code, position)
        if match is None:
            return None
        if match.group("path"):
            files.append(match.group("path"))
        position = match.end()
    return tuple(files)
