"""Addresses of providers as configured."""

import pytest

from firewall.core.errors import ConfigError
from firewall.routing.port import Endpoint, is_private_by_configuration


@pytest.mark.parametrize(
    "base_url",
    [
        "https://user:hunter2@api.example.com",
        "https://api.example.com\\@evil.example",
        "https://api.example.com/#",
        "https://api.example.com#@evil.example",
        "https://api.example.com?x=y",
        "https://api.example.com/v1/../admin",
        "https://api.example.com/%2e%2e/",
        "https://api.example.com//v1",
        "https://api.example.com.",
        "https://api.exämple.com",
        "https://",
        "https://api.example.com:0",
        "https://api.example.com:99999",
        "https://[::1",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "api.example.com",
        "http://api.example.com",
        "https://127.0.0.1",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]",
    ],
)
def test_addresses_that_could_be_another_are_refused(base_url: str) -> None:
    """Only a plain https address of a public host is taken for a public provider, and no password is repeated."""
    with pytest.raises(ConfigError) as caught:
        Endpoint("openai", base_url)
    assert "hunter2" not in caught.value.public


@pytest.mark.parametrize("base_url", ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://0.0.0.0:11434"])
def test_metadata_is_refused_for_private_providers_too(base_url: str) -> None:
    """`private` opens private networks, never a metadata service."""
    with pytest.raises(ConfigError):
        Endpoint("ollama", base_url, private=True)


@pytest.mark.parametrize(
    ("base_url", "hosting", "private"),
    [
        ("http://127.0.0.1:11434", "saas", True),
        ("http://localhost:11434/v1", "saas", True),
        ("http://[::1]:11434", "saas", True),
        ("http://10.0.0.7", "saas", True),
        ("http://ollama:11434", "self", True),
        ("https://models.corp.example", "vpc", True),
        ("https://api.openai.com/v1", "saas", False),
        ("http://ollama:11434", "saas", False),
        ("https://127.0.0.1.nip.io", "saas", False),
    ],
)
def test_private_is_said_by_configuration(base_url: str, hosting: str, *, private: bool) -> None:
    """An address is private because it says so itself or because `hosting` does; no lookup decides."""
    assert is_private_by_configuration(base_url, hosting) is private
