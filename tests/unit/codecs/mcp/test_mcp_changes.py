"""What can be listened to, as clients and servers write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.changes import (
    CHANGES,
    LISTS,
    MAX_ADDRESS_CHARS,
    MOST_RESOURCES,
    UPDATED,
    Filter,
    acknowledged_of,
    filter_of,
    is_address,
    offered,
)
from firewall.codecs.mcp.errors import McpError

TOOLS = "notifications/tools/list_changed"
ALL = Filter(frozenset(LISTS.values()), frozenset({"shop://stock", "shop://stock/apples", "file:///"}))
WISHES = st.builds(
    Filter,
    st.frozensets(st.sampled_from(sorted(LISTS.values()))),
    st.frozensets(st.text(min_size=1, max_size=20), max_size=MOST_RESOURCES),
)


def wish(notifications: object, **more: object) -> messages.Message:
    """Return a request to listen."""
    return messages.request(1, "subscriptions/listen", {"notifications": notifications, "_meta": {}, **more})


@given(WISHES)
def test_a_filter_is_read_as_it_is_written(wanted: Filter) -> None:
    """By whoever wishes it, and by whoever acknowledges it."""
    assert filter_of(wish(wanted.written())) == wanted
    assert acknowledged_of(wish(wanted.written())) == wanted


@given(WISHES, WISHES)
def test_nothing_is_served_that_was_not_wished(one: Filter, other: Filter) -> None:
    """What two filters have in common is within each."""
    both = one.within(other)
    assert both.lists <= one.lists & other.lists
    assert both.resources <= one.resources & other.resources


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (wish({}, cursor="x"), "param_unknown"),
        (wish(None), "param_invalid"),
        (wish([]), "param_invalid"),
        (wish({"everything\n`": True}), "param_unknown"),
        (wish({"toolsListChanged": "yes"}), "param_invalid"),
        (wish({"resourceSubscriptions": "shop://stock"}), "param_invalid"),
        (wish({"resourceSubscriptions": [""]}), "param_invalid"),
        (wish({"resourceSubscriptions": ["x" * (MAX_ADDRESS_CHARS + 1)]}), "param_invalid"),
        (wish({"resourceSubscriptions": ["x"] * (MOST_RESOURCES + 1)}), "too_many_resources"),
    ],
)
def test_what_cannot_be_read_is_refused(message: messages.Message, code: str) -> None:
    """With the number of parameters that are none, under the id of the request."""
    with pytest.raises(McpError) as raised:
        filter_of(message)
    assert (raised.value.code, raised.value.number, raised.value.of) == (code, -32602, 1)
    assert "\n" not in raised.value.public


def test_what_an_extension_adds_is_left_out() -> None:
    """Tasks are not told of: what is acknowledged says so."""
    assert filter_of(wish({"taskIds": ["1"], "toolsListChanged": False})) == Filter()
    assert Filter().written() == {}


@pytest.mark.parametrize(
    ("method", "params", "subject"),
    [
        (TOOLS, {}, (TOOLS, "")),
        (UPDATED, {"uri": "shop://stock"}, (UPDATED, "shop://stock")),
        (UPDATED, {"uri": "shop://stock/pears"}, (UPDATED, "shop://stock")),
        (UPDATED, {"uri": "shop://stock/apples/red"}, (UPDATED, "shop://stock/apples")),
        (UPDATED, {"uri": "file:///etc"}, (UPDATED, "file:///")),
        (UPDATED, {"uri": "shop://stocks"}, None),
        (UPDATED, {"uri": 7}, None),
        (UPDATED, {}, None),
        ("notifications/message", {"uri": "shop://stock"}, None),
    ],
)
def test_a_notification_tells_of_what_is_listened_to(
    method: str, params: dict[str, object], subject: tuple[str, str] | None
) -> None:
    """Of an address that lies below one that is listened to, the nearest of those; of nothing else."""
    assert ALL.subject(messages.notification(method, params)) == subject
    assert Filter().subject(messages.notification(method, params)) is None


def test_a_server_of_sessions_tells_what_it_declared() -> None:
    """Each list by its own capability, resources where they can be subscribed."""
    can = {"tools": {"listChanged": True}, "prompts": {"listChanged": 1}, "resources": {"subscribe": True}}
    assert offered(can, ALL) == Filter(frozenset({TOOLS}), ALL.resources)
    assert offered({"resources": {"listChanged": True}}, ALL) == Filter(
        frozenset({"notifications/resources/list_changed"})
    )
    assert offered({}, ALL) == Filter()


def test_what_cannot_be_read_acknowledges_nothing() -> None:
    """A server that says nonsense serves nothing."""
    assert acknowledged_of(wish("all")) == acknowledged_of(wish({"resourceSubscriptions": {}})) == Filter()
    said = {"toolsListChanged": 1, "resourceSubscriptions": [7, "a"]}
    assert acknowledged_of(wish(said)) == Filter(frozenset(), frozenset({"a"}))


def test_an_address_is_text() -> None:
    """Of some length, and not too long."""
    assert is_address("a")
    assert not any(is_address(one) for one in ("", 7, None, "a" * (MAX_ADDRESS_CHARS + 1)))
    assert {TOOLS, UPDATED} < CHANGES
