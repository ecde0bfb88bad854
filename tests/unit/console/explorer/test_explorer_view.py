"""What a list of entries says of each: a sentence where the entry has one, else its kind; people stand beside."""

from firewall.console.explorer.seen import Seen
from firewall.console.explorer.view import Line, line, opened


def _line(kind: str, private: dict[str, object], principal: str = "per_1") -> Line:
    seen = Seen(1, 1_795_262_400_000_000, kind, principal, "", "key_1", {}, private)
    return line(seen, {})


def test_a_sentence_is_the_headline_and_a_name_alone_is_none() -> None:
    """`Root` says nothing of what happened: the page then has words for the kind, and the name beside."""
    told = _line("tool.judged", {"actions": [{"summary": "deletes /srv/data"}], "name": "root"})
    assert (told.headline, told.who) == ("deletes /srv/data", "root")
    read = _line("audit.read", {"name": "root"})
    assert (read.headline, read.who) == ("Somebody read the log", "root")
    reason = {"name": "alice", "reason": "the disk is full"}
    assert _line("glass.broken", reason).headline == "The glass was broken: the disk is full"
    assert _line("approval.voted", reason).headline == "Somebody voted: the disk is full"
    minted = _line("token.minted", {"by": "admin"}, principal="")
    assert (minted.headline, minted.who) == ("Token minted", "admin")


def test_who_did_it_is_told_from_whom_it_is_about() -> None:
    """An auditor asks who gave whom a right: both stand there, each in its place, and nobody is named twice."""
    added = _line("approver.added", {"name": "alice", "groups": ["oncall"], "by": "admin"}, principal="")
    assert (added.headline, added.who) == ("Somebody may sign in: alice", "admin")
    held = _line("token.minted", {"by": "admin", "holder": "carol"}, principal="")
    assert (held.headline, held.who) == ("Token minted: carol", "admin")
    agents = _line("token.minted", {"by": "admin", "grant": "{}"}, principal="prn_1")
    assert (agents.headline, agents.who) == ("Token minted, by admin", "admin")
    own = _line("approver.away", {"name": "alice", "by": "alice", "delegate": "bob"}, principal="")
    assert (own.headline, own.who) == ("Somebody is away: alice", "alice")
    voted = _line("approval.voted", {"name": "alice", "reason": "", "role": "approver"})
    assert (voted.headline, voted.who) == ("Somebody voted", "alice")


def test_an_entry_is_titled_in_words() -> None:
    """Its page says what happened as the list does; the kind stands beside, for whoever searches for it."""
    entry = {
        "seq": 102,
        "at": "",
        "kind": "glass.broken",
        "principal": "",
        "approval": "",
        "data": {},
        "private": None,
    }
    shown = opened(entry, key="k", proof="", size=103)
    assert (shown.happened, shown.kind) == ("The glass was broken", "glass.broken")
    assert opened({**entry, "kind": "later.added"}, key="k", proof="", size=103).happened == "later.added"
