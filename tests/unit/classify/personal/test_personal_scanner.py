"""Which personal data a text holds: what is one is found, what only looks like one is not."""

import tomllib

import pytest

from firewall.classify.personal.checks import CHECKS
from firewall.classify.personal.scanner import Scanner, read_kinds
from firewall.core.errors import ConfigError
from firewall.policy.defaults import shipped

SCANNER: Scanner = read_kinds(tomllib.loads((shipped() / "personal.toml").read_text("utf-8")))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to olga.petrova@firma.de, please", "email"),
        ("<a@b.io>", "email"),
        ("call +49 30 901820 today", "phone"),
        ("tel:+442079460958", "phone"),
        ("(415) 555-2671", "phone"),
        ("415-555-2671", "phone"),
        ("card 4111 1111 1111 1111 exp", "card"),
        ("5500-0000-0000-0004", "card"),
        ("378282246310005", "card"),
        ("DE89 3704 0044 0532 0130 00", "iban"),
        ("pay to GB82WEST12345698765432.", "iban"),
        ("SSN 123-45-6789", "us-ssn"),
        ("NINO AB123456C", "uk-nino"),
        ("DNI 12345678Z", "es-dni"),
        ("NIE X1234567L", "es-dni"),
        ("RSSMRA85T10A562S", "it-codice-fiscale"),
        ("1 85 05 78 006 084 91", "fr-nir"),
        ("Steuer-ID: 86 095 742 719", "de-steuer-id"),
        ("bsn 111222333", "nl-bsn"),
        ("PESEL: 44051401359", "pl-pesel"),
        ("529.982.247-25", "br-cpf"),
        ("Aadhaar 2341 2341 2346", "in-aadhaar"),
        ("11010519491231002X", "cn-resident-id"),
    ],
)
def test_what_is_personal_is_found(text: str, kind: str) -> None:
    """Each kind by its form and its checksum, within other words and in the middle of a long text."""
    assert kind in SCANNER.kinds_in(text)
    assert kind in SCANNER.kinds_in("word " * 2000 + text + " word" * 2000)


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:acme/app.git",
        "someone@example.com and 12+alice@users.noreply.github.com",
        "decorator @dataclass.field of x@y",
        "card 4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "DE89 3704 0044 0532 0130 01",
        "666-45-6789 and 123-00-6789",
        "DNI 12345678A",
        "RSSMRA85T10A562T",
        "44051401359 without its word",
        "111222333",
        "2341 2341 2346",
        "529.982.247-26",
        "2026-11-21 18:30:00.123456",
        "commit 4111111111111111abcdef",
        "v1.2.3-4567890123456789",
        "0x4111111111111111f",
        "1732189200000000000",
        "192.168.100.200:8080",
        "UPPER CASE WORDS 12 34 56",
    ],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    """Addresses that are nobody's, wrong checksums, numbers of everyday programs, numbers without their word."""
    assert SCANNER.kinds_in(text) == frozenset()


HOSTILE = ["a@" * 60_000, "1" * 200_000, "4111 1111 1111 1112 " * 20_000, "A1" * 90_000, "+" * 99_999]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_passed(text: str) -> None:
    """The work is bounded: what is looked at in one text has an end."""
    assert SCANNER.kinds_in(text) == frozenset()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('kind = "Bad Kind"\npattern = "a"', "`kind` must be"),
        ('kind = "ok-kind"\npattern = "a"\ncheck = "magic"', "`check` must be"),
        ('kind = "ok-kind"\npattern = "(a+)+"', "`pattern` must be"),
        ('kind = "ok-kind"\npattern = ""', "`pattern` must be"),
        ('kind = "ok-kind"\npattern = "[z-a]"', "`pattern` cannot be read"),
        ('kind = "ok-kind"\npattern = "a"\ncolour = "red"', "colour"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused(row: str, words: str) -> None:
    """Naming the file and what is wrong; a pattern that could take long is none."""
    with pytest.raises(ConfigError) as refused:
        read_kinds(tomllib.loads(f"[[kind]]\n{row}"))
    assert words in refused.value.public
    assert "personal.toml" in refused.value.public


def test_every_check_is_used_by_the_shipped_kinds() -> None:
    """No rule of a country is kept that nothing asks for."""
    assert {kind.check for kind in SCANNER.kinds} == set(CHECKS)
