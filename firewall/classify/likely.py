"""What kind of file a path may be when only a part of its text is known: `$X/.ssh/id_rsa`, `~/.a*/cred*`.

Everything here makes up absolute paths that end as the real one may. They are compared with kinds of files
(credentials, configuration) and with nothing else: INVARIANT: a guess raises, it never places or lowers.
"""

import re
from fnmatch import fnmatchcase

MAX_GUESSES = 12
_CUT = re.compile(r"(?::[-=+?]|[\s\"'`(){};|&<>,=])+")
_SAMPLES = tuple(
    tuple(sample.split("/"))
    for sample in (
        ".env", ".env.local", ".env.production", ".netrc", ".pgpass", ".npmrc", ".pypirc", ".git-credentials",
        ".vault-token", ".bashrc", ".bash_profile", ".profile", ".zshrc", ".gitconfig", ".envrc", ".mcp.json",
        "id_rsa", "id_ed25519", "id_ecdsa", "credentials", "credentials.json", "kubeconfig",
        ".aws/credentials", ".ssh/id_rsa", ".ssh/authorized_keys", ".ssh/config", ".kube/config", ".gnupg/x",
        ".docker/config.json", ".config/gh/hosts.yml", ".git/hooks/pre-commit", ".git/config",
        ".claude/settings.json", ".claude/.credentials.json", ".codex/config.toml", ".codex/auth.json",
        ".gemini/settings.json", ".cursor/mcp.json", ".github/workflows/x.yml", ".vscode/tasks.json",
    )
)  # fmt: skip


def ends_of(text: str) -> tuple[str, ...]:
    """Return made-up paths for a word that is not known: each of its pieces that looks like a path."""
    pieces = [piece.lstrip(":-+?=!#@") for piece in _CUT.split(text[:2000])]
    found = [f"/{piece.lstrip('/')}" for piece in pieces if piece][:MAX_GUESSES]
    patterns = [end for end in found if "*" in end or "?" in end or "[" in end]
    return (*found, *(guess for pattern in patterns[:2] for guess in globbed(("/x",), pattern)))


def globbed(folders: tuple[str, ...], tail: str) -> tuple[str, ...]:
    """Return paths that a glob may stand for, of the kinds that matter; the folder is one of them."""
    last = [part for part in tail.split("/") if part]
    plain = re.sub(r"\*+|\?", "x", "/".join(last))
    found = [*folders, *(f"{folder.rstrip('/')}/{plain}" for folder in folders[:2])]
    for folder in folders[:2]:
        parts = [*folder.strip("/").split("/"), *last]
        found += [
            "/" + "/".join([*parts[: -len(sample)], *sample])
            for sample in _SAMPLES
            if len(sample) <= len(parts) and _may_be(parts[-len(sample) :], sample)
        ]
    return tuple(found)[: MAX_GUESSES * 4]


def _may_be(globs: list[str], sample: tuple[str, ...]) -> bool:
    """Tell whether a glob stands for a sample; one that says next to nothing (`*`, `*.x`) does not."""
    literal = sum(len(re.sub(r"\[[^\]]*\]|[*?]", "", part)) for part in globs)
    return (
        literal > 0
        and all(
            fnmatchcase(name, part) and (not name.startswith(".") or part[:1] in (".", "["))
            for part, name in zip(globs, sample, strict=True)
        )
        and (len(sample) > 1 or literal > 1 or globs[0].startswith("."))
    )
