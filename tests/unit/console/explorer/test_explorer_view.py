"""What a list of entries says of each: a sentence where the entry has one, else its kind; people stand beside."""

from firewall.console.explorer.seen import Seen
from firewall.console.explorer.view import Line, line


def _line(kind: str, private: dict[str, object]) -> Line:
    seen = Seen(1, 1_795_262_400_000_000, kind, "per_1", "", "key_1", {}, private)
    return line(seen, {})


def test_a_sentence_is_the_headline_and_a_name_alone_is_none() -> None:
    """`Root` says nothing of what happened: the page then has words for the kind, and the name beside."""
    told = _line("tool.judged", {"actions": [{"summary": "deletes /srv/data"}], "name": "root"})
    assert (told.headline, told.who) == ("deletes /srv/data", "root")
    read = _line("audit.read", {"name": "root"})
    assert (read.headline, read.who) == ("Somebody read the log", "root")
    minted = _line("token.minted", {"by": "admin"})
    assert (minted.headline, minted.who) == ("Token minted", "admin")
