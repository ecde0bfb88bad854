"""What a grant permits, in words: for people who decide whether a token may stay as it is."""

from datetime import UTC, datetime

from firewall.core.grant import EVERY, Grant, Verb

VERBS: dict[Verb, str] = {
    Verb.READ: "read",
    Verb.WRITE: "change",
    Verb.DELETE: "delete",
    Verb.ADMIN: "give rights",
    Verb.SECRET: "see secrets",
    Verb.SEND: "send out",
    Verb.EXEC: "run code",
}
"""Each verb as it is said to people, in the order in which it is said."""


def may_of(grant: Grant) -> tuple[tuple[str, str], ...]:
    """Return what a token could do, as pairs of a label and words; the policy may be stricter, never looser."""
    rows = [
        ("Where", _where(grant)),
        ("May", _listed([words for verb, words in VERBS.items() if verb in grant.verbs]) or "nothing"),
        ("May not", _listed([words for verb, words in VERBS.items() if verb not in grant.verbs])),
        ("Tools", _globs(grant.tools)),
        ("Targets", _globs(grant.targets)),
        ("Resources", _globs(grant.resources)),
        ("Models", _globs(grant.models)),
        ("At most", _caps(grant)),
        ("Session", grant.session),
        ("Profile", grant.profile),
        ("Team", grant.team),
        ("Tags", ", ".join(f"{name}={value}" for name, value in grant.tags)),
    ]
    return tuple((label, words) for label, words in rows if words)


def moment(at_us: int) -> str:
    """Return an instant as pages show it, to the second."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(at_us: int, now_us: int) -> str:
    """Return how long ago something was, in one number."""
    seconds = max(0, now_us - at_us) // 1_000_000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def dollars(micros: int) -> str:
    """Return money as `$1.50`; parts of a cent only where there are any."""
    cents, rest = divmod(micros, 10_000)
    return f"${cents // 100}.{cents % 100:02}" + (f"{rest:04}".rstrip("0") if rest else "")


def _where(grant: Grant) -> str:
    files = f", and files under {grant.workspace}" if grant.workspace else ", and no files of its own"
    return f"{grant.environment}{files}"


def _globs(globs: tuple[str, ...]) -> str:
    return "any" if globs == EVERY else ", ".join(globs) or "none"


def _caps(grant: Grant) -> str:
    caps = [
        (grant.requests_per_minute, f"{grant.requests_per_minute} requests a minute"),
        (grant.tokens_per_minute, f"{grant.tokens_per_minute} model tokens a minute"),
        (grant.destructive_per_hour, f"{grant.destructive_per_hour} destructive actions an hour"),
        (grant.money_cap_micros, f"{dollars(grant.money_cap_micros)} in all"),
    ]
    return "; ".join(words for cap, words in caps if cap) or "no cap of its own"


def _listed(words: list[str]) -> str:
    return ", ".join(words)
