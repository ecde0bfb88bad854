"""What a call is for: from its token, the header `x-stayhand-tags`, or the request's own metadata; pure.

INVARIANT: what the token fixes wins, so an agent cannot move its spending to somebody else's account.
"""

import re
from collections.abc import Iterable, Mapping

from firewall.core.attribution import NOTHING, Attribution
from firewall.core.errors import ProtocolError

HEADER = "x-stayhand-tags"
NAMED = ("feature", "user_tier", "team")
MOST = 16
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")


def tags_of(text: str) -> tuple[tuple[str, str], ...]:
    """Read `feature=search,team=platform,ticket=7`.

    Raises: ProtocolError `tags_invalid` (400) for what is no list of short words.
    """
    found: dict[str, str] = {}
    for pair in text.split(","):
        if not pair.strip():
            continue
        key, equals, word = (part.strip() for part in pair.partition("="))
        if not equals or not _KEY.fullmatch(key) or not _WORD.fullmatch(word) or key in found:
            raise ProtocolError(
                f"`{pair.strip()[:80]}` in `{HEADER}` is no tag; write for example `feature=search,team=a`",
                code="tags_invalid",
            )
        found[key] = word
    if len(found) > MOST:
        raise ProtocolError(f"`{HEADER}` holds at most {MOST} tags", code="tags_invalid")
    return tuple(sorted(found.items()))


def attributed(
    team: str, fixed: Iterable[tuple[str, str]], headers: Mapping[str, str], value: Mapping[str, object]
) -> Attribution:
    """Return whom a call is accounted to.

    `team` and `fixed` are the token's; `headers` the request's, by lower-case name; `value` its body, whose
    `metadata` may name feature, user tier and team where nobody else does.

    Raises: ProtocolError `tags_invalid`.
    """
    said = headers.get(HEADER, "")
    if not said and not team and not fixed and "metadata" not in value:
        return NOTHING
    found = _claimed(value.get("metadata")) | dict(tags_of(said)) | dict(fixed)
    if team:
        found["team"] = team
    names = {name: found.pop(name, "") for name in NAMED}
    return Attribution(**names, tags=tuple(sorted(found.items())))


def _claimed(metadata: object) -> dict[str, str]:
    """Return the words of a request's metadata; what is no word there is the client's own business."""
    if not isinstance(metadata, Mapping):
        return {}
    found = {name: metadata.get(name) for name in NAMED}
    return {name: word for name, word in found.items() if isinstance(word, str) and _WORD.fullmatch(word)}
