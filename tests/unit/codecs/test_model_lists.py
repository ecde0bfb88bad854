"""Lists of models: read from any dialect, written for any, page by page."""

import orjson
import pytest

from firewall.codecs import model_lists
from firewall.codecs.model_lists import Listed
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

OPENAI = {"id": "gpt-6", "object": "model", "created": 1_790_000_000, "owned_by": "system", "shutdown_date": None}
ANTHROPIC = {"type": "model", "id": "claude-5", "display_name": "Claude 5", "created_at": "2026-09-01T00:00:00Z"}
GEMINI = {"name": "models/gemini-3", "displayName": "Gemini 3", "inputTokenLimit": 1_048_576}


def one(dialect: Dialect, row: dict[str, object]) -> Listed:
    """Read a list of one."""
    key = "models" if dialect is Dialect.GEMINI else "data"
    [found] = model_lists.read(orjson.dumps({key: [row]}), dialect, "p").models
    return found


@pytest.mark.parametrize(
    ("dialect", "row", "name"),
    [
        (Dialect.OPENAI_CHAT, OPENAI, "gpt-6"),
        (Dialect.ANTHROPIC, ANTHROPIC, "claude-5"),
        (Dialect.GEMINI, GEMINI, "gemini-3"),
    ],
)
def test_a_row_of_the_same_dialect_stays_and_others_are_written_anew(
    dialect: Dialect, row: dict[str, object], name: str
) -> None:
    """A client of the provider's dialect gets the provider's row, with all it says; others get a valid one."""
    listed = one(dialect, row)
    assert listed.name == name
    assert orjson.loads(model_lists.write_one(listed, dialect)) == row
    for other in {Dialect.OPENAI_RESPONSES, Dialect.ANTHROPIC, Dialect.GEMINI} - {dialect}:
        if {other, dialect} == {Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES}:
            continue
        written = orjson.loads(model_lists.write_one(listed, other))
        assert (written.get("id") or written["name"].removeprefix("models/")) == name
        if other is Dialect.OPENAI_RESPONSES:
            assert (written["object"], written["owned_by"]) == ("model", "p")
            assert written["created"] == (1_788_220_800 if dialect is Dialect.ANTHROPIC else 0)


def test_rows_without_a_usable_name_are_left_out() -> None:
    """What has no name, or none that a request could carry, is no model."""
    rows = [{"id": ""}, {"id": 3}, {"object": "model"}, "x", {"id": "a\n"}, {"id": "x" * 300}, {"id": "good"}]
    page = model_lists.read(orjson.dumps({"data": rows}), Dialect.OPENAI_CHAT, "p")
    assert [listed.name for listed in page.models] == ["good"]


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"data": {}}', b"<html>", b'{"data": null}'])
def test_what_is_no_list_is_refused(body: bytes) -> None:
    """A provider that answers something else has no list."""
    with pytest.raises(ProtocolError) as refused:
        model_lists.read(body, Dialect.OPENAI_CHAT, "p")
    assert refused.value.side == "upstream"


def test_a_list_says_where_it_goes_on() -> None:
    """Anthropic's and Gemini's cursors are found; OpenAI's lists have none."""
    more = orjson.dumps({"data": [ANTHROPIC], "has_more": True, "last_id": "claude-5"})
    assert model_lists.read(more, Dialect.ANTHROPIC, "p").after == "claude-5"
    last = orjson.dumps({"data": [ANTHROPIC], "has_more": False, "last_id": "claude-5"})
    assert model_lists.read(last, Dialect.ANTHROPIC, "p").after == ""
    assert model_lists.read(b'{"models":[],"nextPageToken":"t"}', Dialect.GEMINI, "p").after == "t"
    assert model_lists.read(b'{"data":[],"has_more":true,"last_id":"x"}', Dialect.OPENAI_CHAT, "p").after == ""


MANY = [Listed(f"m-{place}", "p") for place in range(45)]


def test_anthropics_pages_lead_through_the_list_and_back() -> None:
    """Twenty where nothing is said; `after_id` and `before_id` reach every model once, in order."""
    seen: list[str] = []
    query = ""
    while True:
        page = orjson.loads(model_lists.write_list(MANY, Dialect.ANTHROPIC, query))
        names = [row["id"] for row in page["data"]]
        seen += names
        assert (page["first_id"], page["last_id"]) == (names[0], names[-1])
        if not page["has_more"]:
            break
        query = f"after_id={page['last_id']}"
    assert seen == [listed.name for listed in MANY]
    back = orjson.loads(model_lists.write_list(MANY, Dialect.ANTHROPIC, "before_id=m-30&limit=5"))
    assert [row["id"] for row in back["data"]] == ["m-25", "m-26", "m-27", "m-28", "m-29"]
    assert back["has_more"] is True
    for query in ("after_id=m-44", "after_id=unknown", "before_id=m-0"):
        page = orjson.loads(model_lists.write_list(MANY, Dialect.ANTHROPIC, query))
        assert (page["data"], page["has_more"], page["first_id"]) == ([], False, None)


def test_geminis_pages_lead_through_the_list() -> None:
    """`pageToken` reaches every model once; a size over the largest is the largest, 0 the usual."""
    first = orjson.loads(model_lists.write_list(MANY, Dialect.GEMINI, "pageSize=30"))
    rest = orjson.loads(model_lists.write_list(MANY, Dialect.GEMINI, f"pageToken={first['nextPageToken']}"))
    assert [row["name"] for row in first["models"] + rest["models"]] == [f"models/{one.name}" for one in MANY]
    assert "nextPageToken" not in rest
    for query in ("pageSize=0", "pageSize=5000", ""):
        assert len(orjson.loads(model_lists.write_list(MANY, Dialect.GEMINI, query))["models"]) == 45
    assert len(orjson.loads(model_lists.write_list(MANY, Dialect.OPENAI_CHAT, ""))["data"]) == 45


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        (Dialect.ANTHROPIC, "limit=0"),
        (Dialect.ANTHROPIC, "limit=1001"),
        (Dialect.ANTHROPIC, "limit=-1"),
        (Dialect.ANTHROPIC, "limit=NaN"),
        (Dialect.GEMINI, "pageToken=evil"),
        (Dialect.GEMINI, "pageToken=99999999999999"),
    ],
)
def test_pages_that_do_not_exist_are_refused(dialect: Dialect, query: str) -> None:
    """A size or a token that the dialect does not have is the caller's mistake, with a code."""
    with pytest.raises(ProtocolError) as refused:
        model_lists.write_list(MANY, dialect, query)
    assert (refused.value.code, refused.value.status) == ("page_invalid", 400)
