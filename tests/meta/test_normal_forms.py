"""Nothing normalizes text by itself: `firewall.core.folding` does, in a time that grows with the text."""

import ast

from tests.meta.tree import modules, shown

_OWN = "firewall/core/folding.py"


def _bare(tree: ast.Module) -> bool:
    """Tell whether a module takes `normalize` of `unicodedata`, by any of the ways that it is written."""
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "unicodedata"
    }
    return any(
        (
            isinstance(node, ast.Attribute)
            and node.attr in ("normalize", "is_normalized")
            and isinstance(node.value, ast.Name)
            and node.value.id in names
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "unicodedata"
            and any(alias.name in ("normalize", "is_normalized", "*") for alias in node.names)
        )
        for node in ast.walk(tree)
    )


def test_text_is_normalized_in_one_place() -> None:
    """`unicodedata.normalize` sorts marks in a time that is the square of their number."""
    assert [shown(path) for path, tree in modules("firewall", "audit") if _bare(tree)] == [_OWN]


def test_the_rule_finds_what_it_names() -> None:
    """Every way of taking it is seen; other functions are free."""
    for text in (
        "import unicodedata\nunicodedata.normalize('NFC', x)",
        "import unicodedata as u\nform = u.normalize",
        "from unicodedata import normalize",
    ):
        assert _bare(ast.parse(text))
    assert not _bare(ast.parse("import unicodedata\nunicodedata.category(x)\nprice.normalize()"))
