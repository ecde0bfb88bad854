"""Distinctive secrets, and finding them in bytes in whatever form: a second hand beside `core.spellings`."""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes


def canary(name: str) -> str:
    """Return a secret that nothing else holds: its name, and what no text happens to contain."""
    return f"canary.{name}.{secrets.token_hex(6)}/+{secrets.token_hex(4)}"


def forms(secret: str) -> dict[str, bytes]:
    """Return the forms that are written for a test to be found again, by name."""
    raw = secret.encode()
    return {
        "plain": raw,
        "url": quote(secret, safe="").encode(),
        "json": json.dumps(secret).replace("/", "\\/").encode(),
        "hex": raw.hex().encode(),
        **{f"base64 {n}": base64.b64encode(b"user:"[:n] + raw + b"\n") for n in range(3)},
        "base64url": base64.urlsafe_b64encode(b"x:" + raw),
    }


def hits(data: bytes, canaries: Mapping[str, str]) -> list[str]:
    """Return which secrets stand in `data`, as they are or encoded, whatever stands around them."""
    cores = {name: _core(secret) for name, secret in canaries.items()}
    plain = b"\n".join(
        (data, unquote_to_bytes(data) if b"%" in data else b"", data.replace(b"\0", b"") if b"\0" in data else b"")
    )
    coded = {core: _coded(core) for core in cores.values()}
    folded = data.lower()
    return sorted(
        name
        for name, core in cores.items()
        if core in plain or any(form in data for form in coded[core]) or core.hex().encode() in folded
    )


def _core(secret: str) -> bytes:
    """Return the part of a secret that no escaping of characters touches; all of it where that is too short."""
    longest = max(re.split(r"[^A-Za-z0-9]", secret), key=len)
    return (longest if len(longest) >= 12 else secret).encode()


def _coded(core: bytes) -> list[bytes]:
    """Return what base64 of anything around `core` holds, for the three places in which it can begin.

    Letters and digits alone in the middle: base64url is the same but for `+` and `/`.
    """
    forms = []
    for begin in range(3):
        whole = base64.b64encode(b"\0" * begin + core)
        middle = whole[4 if begin else 0 : (len(core) + begin) // 3 * 4]
        forms += [middle, middle.replace(b"+", b"-").replace(b"/", b"_")]
    return forms
