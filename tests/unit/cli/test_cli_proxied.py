"""How an agent's programs are led to the forward proxy, and what would lead them past it."""

from pathlib import Path

import pytest

from firewall.cli import bypasses
from firewall.cli.isolation import sockets, without_ways_out
from firewall.cli.proxied import BUNDLES, PROXIES, proxied, without_proxies
from firewall.cli.relay import Link, Plan, planned
from firewall.settings.egress import Egress
from firewall.settings.settings import Settings
from tests.support.understanding import shipped_catalogue

WITH = Settings(egress=Egress(tunnel=("pinned.example",)))


def test_every_program_is_led_to_the_proxy_with_our_authorities() -> None:
    """Both spellings of each variable, the token inside, and one file for all who verify."""
    found = proxied("127.0.0.1:8789", "shd_x", Path("/b.pem"), direct=("127.0.0.1", "fw.example"))
    assert {found[name] for name in PROXIES} == {"http://stayhand:shd_x@127.0.0.1:8789"}
    assert {found[name] for name in BUNDLES} == {"/b.pem"}
    assert found["NO_PROXY"] == found["no_proxy"] == "127.0.0.1,localhost,::1,fw.example"


def test_other_proxies_and_switched_off_checks_are_not_inherited() -> None:
    """Neither another proxy, nor an exception to ours, nor a variable that ends verification."""
    environ = {"PATH": "/bin", "https_proxy": "x", "NO_PROXY": "*", "NODE_TLS_REJECT_UNAUTHORIZED": "0"}
    assert without_proxies(environ) == {"PATH": "/bin"}
    assert without_ways_out({"PATH": "/bin", "SSH_AUTH_SOCK": "/x", "DOCKER_HOST": "tcp://x"}) == {"PATH": "/bin"}


def test_the_relay_takes_links_and_a_program() -> None:
    """Anything else is refused."""
    plan = planned(["--link", "tcp:127.0.0.1:1=unix:/a", "--folder", "/t", "--", "sh", "-c", "--link"])
    assert plan == Plan((Link("tcp:127.0.0.1:1", "unix:/a"),), ("sh", "-c", "--link"), "/t")
    for words in ([], ["--"], ["--", "sh"], ["--link", "x", "--", "sh"], ["--other", "x", "--", "sh"]):
        with pytest.raises(ValueError, match=r"\S"):
            planned(words)


def test_listening_sockets_are_found(tmp_path: Path) -> None:
    """Those that somebody listens on and that have a path: not abstract ones, not connected ones."""
    table = tmp_path / "unix"
    head = "Num       RefCount Protocol Flags    Type St Inode Path\n"
    table.write_text(
        head
        + "0000: 00000002 00000000 00010000 0001 01 1 /var/lib/x/docker.sock\n"
        + "0000: 00000002 00000000 00010000 0001 01 2 @/tmp/.X11-unix/X0\n"
        + "0000: 00000003 00000000 00000000 0001 03 3 /home/u/connected.sock\n"
        + "0000: 00000003 00000000 00010000 0001 01 4 /home/u/with space.sock\n"
        + "0000: 00000003 00000000 00010000 0001 01 5\n"
    )
    assert sockets(table) == ["/home/u/with space.sock", "/var/lib/x/docker.sock"]
    assert sockets(tmp_path / "none") == []


def test_a_direct_network_is_told(tmp_path: Path) -> None:
    """A default route is a way past; without a forward proxy everything is."""
    routes = tmp_path / "route"
    routes.write_text("Iface\tDestination\tGateway\neth0\t00000000\t0101A8C0\n")
    none = tmp_path / "none"
    assert len(list(bypasses.of_network(Settings(), routes, none))) == 2
    assert len(list(bypasses.of_network(WITH, routes, none))) == 1
    routes.write_text("Iface\tDestination\tGateway\neth0\t0000A8C0\t00000000\n")
    assert list(bypasses.of_network(WITH, routes, none)) == []
    six = tmp_path / "six"
    end = f"{'0' * 32} 00 {'0' * 32} 00000400 00000001 00000000 00000003"
    six.write_text(f"{'0' * 32} 00 {end} lo\n")
    assert list(bypasses.of_network(WITH, routes, six)) == []
    six.write_text(f"{'0' * 32} 00 {end} eth0\n")
    assert len(list(bypasses.of_network(WITH, routes, six))) == 1


def test_switched_off_checks_are_told() -> None:
    """A variable that ends verification, or names other authorities, is named."""
    told = list(bypasses.of_variables(WITH, {"NODE_TLS_REJECT_UNAUTHORIZED": "0", "SSL_CERT_DIR": "/x"}))
    assert "NODE_TLS_REJECT_UNAUTHORIZED" in told[0][0]
    assert "SSL_CERT_DIR" in told[0][0]


@pytest.mark.parametrize(
    ("name", "harmless", "leading"),
    [
        (".curlrc", "# insecure\nsilent\n", "--insecure\n"),
        (".gitconfig", "[http]\n  sslVerify = true\n", "[http]\n  sslVerify = false\n"),
        (".npmrc", "registry=https://x/\n", "strict-ssl=false\n"),
        (".config/pip/pip.conf", "[global]\nretries = 1\n", "[global]\ntrusted-host = x\n"),
        (".wgetrc", "tries = 3\n", "check_certificate = off\n"),
    ],
)
def test_settings_that_lead_elsewhere_are_told(tmp_path: Path, name: str, harmless: str, leading: str) -> None:
    """Only where such a line stands in them, and by the file's name alone."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(harmless)
    assert list(bypasses.of_settings(tmp_path)) == []
    path.write_text(leading)
    ((what, _),) = bypasses.of_settings(tmp_path)
    assert f"~/{name}" in what


def test_engines_are_told(tmp_path: Path) -> None:
    """A container engine's socket that this user may write to, whichever of its names it has; once."""
    path = tmp_path / "docker.sock"
    assert list(bypasses.of_engines((str(path),), own="")) == []
    path.touch()
    (tmp_path / "same.sock").symlink_to(path)
    ((what, _),) = bypasses.of_engines((str(path), str(tmp_path / "same.sock")), own=str(tmp_path))
    assert what.count("docker.sock") == 1


def test_tunnels_and_other_proxies_are_told() -> None:
    """By name, never by value: a proxy's address may hold a password."""
    environ = {"HTTPS_PROXY": "http://u:canary@corp:3128", "NO_PROXY": "localhost,127.0.0.1,.corp.example"}
    told = [what for what, _ in (*bypasses.of_tunnels(WITH), *bypasses.of_variables(WITH, environ))]
    assert len(told) == 3
    assert "canary" not in " ".join(told)
    assert "pinned.example" in told[0]
    assert list(bypasses.of_variables(WITH, {"HTTPS_PROXY": "http://stayhand:x@127.0.0.1:8789"})) == []


def test_credentials_are_told_by_their_places(tmp_path: Path) -> None:
    """Variables and files that hold one, named and not shown."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text("canary")
    environ = {"DATABASE_URL": "postgres://app:hunter2hunter2@db.example.com/app", "LANG": "C"}
    told = " ".join(
        what for what, _ in bypasses.of_credentials(shipped_catalogue().credentials, environ, tmp_path)
    )
    assert "DATABASE_URL" in told
    assert "~/.aws/credentials" in told
    assert "hunter2" not in told
    assert "canary" not in told
    assert list(bypasses.of_credentials(shipped_catalogue().credentials, {"LANG": "C"}, tmp_path / "none")) == []
