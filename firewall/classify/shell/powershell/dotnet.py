"""Calls from PowerShell into .NET: what a type and a member say, for nothing of it runs here."""

import re

from tree_sitter import Node

from firewall.classify.draft import shown
from firewall.classify.names import effects_of_names
from firewall.classify.shell.analysis import Analysis
from firewall.classify.shell.powershell.tree import Tree
from firewall.classify.shell.scope import Scope
from firewall.core.effect import Effect

MAX_TARGET_BYTES = 200
_PLAIN_TYPES = re.compile(
    r"\[(?:system\.)?(?:math|string|datetime|timespan|guid|regex|convert|text\.\w+|int\d*|version|uri|char|bool|array|"
    r"enum|io\.path|environment|console|stringcomparison|globalization\.\w+|bitconverter|xml|pscustomobject|hashtable)\]",
    re.IGNORECASE,
)
PLAIN_MEMBERS = frozenset(
    {
        "tostring", "split", "replace", "trim", "trimstart", "trimend", "substring", "contains", "startswith",
        "endswith", "tolower", "toupper", "indexof", "lastindexof", "padleft", "padright", "join", "format",
        "gettype", "equals", "compareto", "adddays", "addhours", "touniversaltime", "getenumerator", "tochararray",
        "count", "matches", "match", "ismatch", "max", "min", "round", "floor", "abs", "getenvironmentvariable",
        "combine", "getextension", "getfilename", "getdirectoryname", "getfullpath", "isnullorempty", "newguid",
        "parse", "concat", "getstring", "getbytes", "frombase64string", "tobase64string", "where", "foreach0",
        "containskey", "getvalue", "writeline", "exists", "add", "tolist", "toarray",
    }
)  # fmt: skip


def call(tree: Tree, node: Node, _scope: Scope, analysis: Analysis, _depth: int) -> None:
    """Judge a call into .NET (`[IO.File]::Delete(…)`, `$x.Delete()`) by its type and member."""
    member_node = next((child for child in node.named_children if child.type == "member_name"), None)
    if member_node is None:
        analysis.opaque(tree.span(node), "a call whose name is not known before it runs")
        return
    member = tree.text(member_node)
    start = max(node.start_byte, member_node.start_byte - MAX_TARGET_BYTES)
    target = tree.data[start : member_node.start_byte].decode("utf-8", "replace").strip()
    is_static = target.endswith("::")
    target = target.rstrip(":.").strip()
    head = f"{target[-60:]}{'::' if is_static else '.'}{member}"
    name = member.strip().strip("'\"").lower()
    names = effects_of_names([member.strip()], analysis.context.catalogue.words)
    if Effect.DESTRUCTIVE in names:
        draft = analysis.opaque(tree.span(node), f"calls {shown(head)}, which says that it removes something")
        draft.effects = {Effect.DESTRUCTIVE}
        return
    if re.match(r"(?:write|append|create|copy|move|replace|open|set)", name) and is_static:
        analysis.opaque(tree.span(node), f"calls {shown(head)}", effects=(Effect.UNKNOWN,))
        return
    reads = re.match(r"(?:read|get|exists|enumerate|is)\w*$", name) and re.match(
        r"\[(?:system\.)?io\.", target.lower()
    )
    plain = name in PLAIN_MEMBERS and (not is_static or _PLAIN_TYPES.fullmatch(target))
    if not reads and not plain:
        analysis.opaque(tree.span(node), f"calls {shown(head)}, which is not known")
