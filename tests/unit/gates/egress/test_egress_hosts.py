"""What a place on the network is to the forward proxy."""

from datetime import UTC, datetime, timedelta

import pytest

from firewall.classify.egress import EgressRow
from firewall.core.grant import Grant
from firewall.gates.egress.hosts import Hosts, Permit
from firewall.gates.egress.places import Place
from firewall.gates.infra.targets import targets_of
from firewall.settings.egress import Egress, EgressHost
from firewall.settings.settings import Settings
from firewall.settings.targets import Target
from firewall.settings.values import SecretRef

ROWS = (
    EgressRow(("docs.example", "*.wiki.example"), "documentation"),
    EgressRow(("deb.example",), "packages", plain=True),
)
OWN = Egress(
    host=(EgressHost(hosts=("index.corp.example:8443",), private=True, ca="/ca.pem"),), tunnel=("pinned.example",)
)


def _target(name: str, base_url: str, **more: object) -> Target:
    return Target(
        name=name,
        environment=str(more.pop("environment", "staging")),
        base_url=base_url,
        credential=SecretRef(command=("echo", "x")),
        **more,  # type: ignore[arg-type]  # as the settings take them
    )


TARGETS = targets_of(
    Settings(
        target=(
            _target("api", "https://api.example/v2"),
            _target("live", "https://api.example/v2", environment="production"),
            _target("rail", "http://127.0.0.1:9", pack="rail.example", hosting="self"),
        )
    )
)


def _grant(environment: str = "staging") -> Grant:
    return Grant(
        environment=environment,
        owner="alice",
        agent="x",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )


@pytest.fixture
def hosts() -> Hosts:
    """Rows, hosts of the configuration, and three targets."""
    return Hosts(OWN, TARGETS, lambda: ROWS)


@pytest.mark.parametrize(
    ("place", "permit"),
    [
        (Place("docs.example", 443), Permit()),
        (Place("x.wiki.example", 443), Permit()),
        (Place("wiki.example", 443), None),
        (Place("docs.example", 8443), None),
        (Place("docs.example", 80, "http"), Permit(plain=False)),
        (Place("deb.example", 80, "http"), Permit(plain=True)),
        (Place("deb.example", 8080, "http"), None),
        (Place("index.corp.example", 8443), Permit(private=True, ca="/ca.pem")),
        (Place("index.corp.example", 443), None),
        (Place("index.corp.example", 8443, "http"), None),
        (Place("evil.example", 443), None),
        (Place("docs.example.evil.example", 443), None),
        (Place("api.example", 443), None),
    ],
)
def test_only_listed_places_are_read(hosts: Hosts, place: Place, permit: Permit | None) -> None:
    """A name, its port and its scheme are listed, or there is no permit."""
    assert hosts.permit(place) == permit


def test_a_request_to_a_targets_address_is_its_request(hosts: Hosts) -> None:
    """By its own address its path is cut off; by the name that the catalogue knows, none is."""
    (found,) = hosts.behind(Place("api.example", 443), b"/v2/items/7", _grant())
    assert (found.target.spec.name, found.path) == ("api", b"/items/7")
    (found,) = hosts.behind(Place("rail.example", 443), b"/graphql/v2", _grant())
    assert (found.target.spec.name, found.path) == ("rail", b"/graphql/v2")


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Place("api.example", 443), b"/v1/items"),
        (Place("api.example", 443), b"/v2items"),
        (Place("api.example", 8443), b"/v2/items"),
        (Place("rail.example", 8443), b"/x"),
        (Place("docs.example", 443), b"/v2/items"),
    ],
)
def test_other_paths_and_ports_are_not_its(hosts: Hosts, place: Place, path: bytes) -> None:
    """Nothing beside a target's own address gets its credential."""
    assert hosts.behind(place, path, _grant()) == []


def test_a_grant_meets_the_targets_of_its_environment_alone(hosts: Hosts) -> None:
    """The same address belongs to another target for another environment's token."""
    (found,) = hosts.behind(Place("api.example", 443), b"/v2/x", _grant("production"))
    assert found.target.spec.name == "live"
    assert hosts.behind(Place("rail.example", 443), b"/x", _grant("production")) == []
    assert hosts.has_target(Place("rail.example", 443))


def test_the_names_that_certificates_are_made_for(hosts: Hosts) -> None:
    """Listed hosts and targets' hosts, without ports, without addresses, without tunnels."""
    assert hosts.names() == [
        "*.wiki.example",
        "api.example",
        "deb.example",
        "docs.example",
        "index.corp.example",
        "rail.example",
    ]
