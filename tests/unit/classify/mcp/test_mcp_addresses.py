"""Every host and database that an address names, whoever reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.mcp.addresses import words_of_address, words_of_arn

HOSTS = st.from_regex(r"[a-z]{1,8}\.example", fullmatch=True)


def hosts(text: str) -> set[str] | None:
    """Return the hosts of an address; None: it is not read."""
    found = words_of_address(text, is_name=True)
    return None if None in found else {words.get("host", "") for words in found if words is not None}


def databases(text: str) -> set[str] | None:
    """Return the databases of an address; None: it is not read."""
    found = words_of_address(text, is_name=True)
    return None if None in found else {words.get("database", "") for words in found if words is not None}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("postgres://u:p@A.example:5432/x", {"a.example"}),
        ("postgres:///x?host=a.example&host=b.example", {"a.example", "b.example"}),
        ("postgres://a.example/x?host=b.example,c.example", {"a.example", "b.example", "c.example"}),
        ("postgres://a.example%2Cb.example/x", {"a.example", "b.example"}),
        ("postgres://%2Fvar%2Frun/x", {"/var/run"}),
        ("postgres://a.example/x?host=", {"a.example", ""}),
        ("postgres://[::1]:5432/x", {"::1"}),
        ("jdbc:postgresql://a.example:1,b.example:2/x", {"a.example", "b.example"}),
        ("jdbc:sqlserver://a.example:1433;serverName=b.example;databaseName=x", {"a.example", "b.example"}),
        ("mysql://a.example/x?unix_socket=/run/db.sock", {"a.example", "/run/db.sock"}),
        ("postgresql+pg8000://a.example/x?unix_sock=/run/b/.s.PGSQL.5432", {"a.example", "/run/b/.s.pgsql.5432"}),
        ("mysql://a.example/x?socketPath=/cloudsql/acme:us:b", {"a.example", "/cloudsql/acme:us:b"}),
        ("clickhouse://a.example:1/x?alt_hosts=b.example:9000,c.example", {"a.example", "b.example", "c.example"}),
        ("snowflake://u@a/x?account=b", {"a", "b"}),
        ("mongodb+srv://a.example/x?retryWrites=true", {"a.example"}),
        ("Data Source=a.example,1433;Failover Partner=b.example", {"a.example", "b.example"}),
        ("host='a.example' port=5432 dbname='x'", {"a.example"}),
        ("host=a.example,1234567", {"a.example", "1234567"}),
        ("port=5432 dbname=x", {""}),
        ("postgres:///x", {""}),
    ],
)
def test_every_host_is_named(text: str, wanted: set[str]) -> None:
    """By authority, query, keyword and list, decoded once."""
    assert hosts(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "postgres://u@b.example,x@a.example/x",
        "postgres://a.example#@b.example/x",
        "postgres://u:p/w@b.example/x",
        "postgres://u:p?w@b.example/x",
        "postgres://a.exa\tmple/x",
        "postgres://a.example\\@b.example/x",
        "postgres://a.example%00.b.example/x",
        "postgres://a.example/x?service=b",
        "postgres://a\uff0eexample/x",
        "mysql://a.example/x?read_default_file=/x",
        "mysql://a.example/x?read_default_group=prod",
        "jdbc:mysql://address=(host=b.example)(port=3306)/x",
        "jdbc:mysql://a.example/x?socketFactory=f&cloudSqlInstance=b",
        "mssql+pyodbc://a.example/x?odbc_connect=Server%3Db.example",
        "mongodb://" + ",".join(f"h{number}" for number in range(65)),
        "a.example,b.example",
        "u:p@tcp(b.example:3306)/x",
        "host=a.example service=b",
        "host='a\\' b' dbname=x",
        "Driver={x};Server=a.example",
        "host=a.example dbname=postgres://b.example/x",
        "host=a.example and more",
        "://",
    ],
)
def test_what_clients_could_read_differently_is_not_read(text: str) -> None:
    """FAIL-CLOSED: it is named as something that nobody can tell."""
    assert words_of_address(text, is_name=True) == (None,)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("postgres://a.example/shop", {"shop"}),
        ("postgres://a.example/shop/x", {"shop", "shop/x"}),
        ("redis://a.example/0/x", {"0"}),
        ("postgres://a.example/shop?dbname=other", {"shop", "other"}),
        ("postgres://a.example/shop?dbname=", {"shop", ""}),
        ("Server=a.example;Initial Catalog=shop;Database=other", {"shop", "other"}),
        ("postgres://a.example", {""}),
    ],
)
def test_every_database_is_named(text: str, wanted: set[str]) -> None:
    """By path, query and keyword; none is what the client chooses by itself."""
    assert databases(text) == wanted


def test_what_is_no_address_is_left_as_it_is() -> None:
    """A name, and where no host belongs anything but a URL; an ARN has words of its own."""
    assert words_of_address("shop", is_name=True) == ({},)
    assert words_of_address("a=b, c", is_name=False) == ({},)
    assert words_of_arn("shop") == {}
    wanted = {"service": "rds", "region": "eu-west-1", "account": "1", "resource": "db:shop"}
    assert words_of_arn("arn:aws:rds:eu-west-1:1:db:shop") == wanted


def test_ports_stand_with_every_host() -> None:
    """Which belongs to which is the reader's affair."""
    found = words_of_address("postgres://a.example:1,b.example:2/x", is_name=True)
    pairs = {(words["host"], words["port"]) for words in found if words is not None}
    assert pairs == {(host, port) for host in ("a.example", "b.example") for port in "12"}
    assert words_of_address("host=a.example port=5", is_name=True) == ({"host": "a.example", "port": "5"},)


@given(st.lists(HOSTS, min_size=1, max_size=3), HOSTS, st.sampled_from(["?host=", "?x=1&hostaddr=", ";server="]))
def test_no_host_is_ever_hidden(first: list[str], other: str, how: str) -> None:
    """Always: whatever else an address says, each of its hosts is among those that are named."""
    found = hosts(f"postgres://u:p@{','.join(first)}/x{how}{other}")
    assert found is None or found >= {*first, other}
