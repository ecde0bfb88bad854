"""What is installed is what was locked, and the package holds what it needs."""

import ast
import re
import sys
import tomllib
from importlib import metadata

import audit
from tests.meta.tree import ROOT, files, modules, shown

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_OPTIONAL = [one for extra in _PROJECT["project"]["optional-dependencies"].values() for one in extra]
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def _lock(name: str) -> dict[str, str]:
    return dict(_PIN.findall((ROOT / name).read_text(encoding="utf-8")))


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_locks_agree_and_hold_hashes() -> None:
    """Development adds to the runtime lock and changes nothing in it; every pin has a hash; no index is named."""
    runtime, dev = _lock("requirements.lock"), _lock("requirements-dev.lock")
    assert runtime
    assert runtime.items() <= dev.items()
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = re.split(r"\n(?=[a-z0-9])", text)
        assert [block.split()[0] for block in blocks if _PIN.match(block) and "--hash=sha256:" not in block] == []
        assert "://" not in text


def test_every_declared_dependency_is_locked() -> None:
    """Nothing is declared that an installation would not get."""
    runtime, dev = _lock("requirements.lock"), _lock("requirements-dev.lock")
    assert {_name(one) for one in [*_PROJECT["project"]["dependencies"], *_OPTIONAL]} <= runtime.keys()
    assert {_name(one) for one in _PROJECT["dependency-groups"]["dev"]} <= dev.keys()


def test_every_import_is_declared() -> None:
    """The product imports what it declares, never what happens to come along."""
    owners = metadata.packages_distributions()
    declared = {_name(one) for one in [*_PROJECT["project"]["dependencies"], *_OPTIONAL]}
    undeclared: set[str] = set()
    for path, tree in modules("firewall", "audit"):
        for name in _top_imports(tree):
            if name in sys.stdlib_module_names or name in {"firewall", "audit"}:
                continue
            if not declared & {_name(one) for one in owners.get(name, [])}:
                undeclared.add(f"{shown(path)}: {name}")
    assert sorted(undeclared) == []


def test_the_wheel_takes_policies_under_our_own_name() -> None:
    """A top-level `policies` in site-packages would merge with anyone else's: it is mapped."""
    target = _PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert target["packages"] == ["firewall", "audit"]
    assert target["force-include"] == {"policies": "firewall/_policies"}


def test_every_package_folder_is_a_package() -> None:
    """Each folder with code has an `__init__.py`, so that the wheel and import-linter see it."""
    folders = {
        path.parent for path in files() if path.suffix == ".py" and shown(path).startswith(("firewall/", "audit/"))
    }
    assert sorted(shown(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_audit_shows_one_checked_face() -> None:
    """`audit.__all__` names only what is there, each once: outsiders rely on it."""
    assert len(set(audit.__all__)) == len(audit.__all__) > 0
    assert [name for name in audit.__all__ if not hasattr(audit, name)] == []


def test_version_and_changelog_agree() -> None:
    """The changelog has the released version, or says that it is not yet released."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{_PROJECT['project']['version']}]" in text or "## [Unreleased]" in text


def _top_imports(tree: ast.Module) -> set[str]:

    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
