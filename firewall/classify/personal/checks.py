"""Checksums and ranges that tell an account, a card or an identity number from any other number. Pure.

Each takes the text as it was found and returns whether it can be one. Sources: ISO/IEC 7812-1 (Luhn), ISO 13616
(IBAN), ISO 7064, and what each country publishes about its numbers.
"""

from collections.abc import Callable, Mapping

_IBAN_LENGTHS: Mapping[str, int] = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_CF_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_VERHOEFF_D = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 4, 0, 6, 7, 8, 9, 5), (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7), (4, 0, 1, 2, 3, 9, 5, 6, 7, 8), (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2), (7, 6, 5, 9, 8, 2, 1, 0, 4, 3), (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)  # fmt: skip
_VERHOEFF_P = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4), (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7), (9, 4, 5, 3, 1, 2, 6, 8, 7, 0), (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5), (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)  # fmt: skip


def _digits(text: str) -> list[int]:
    return [int(sign) for sign in text if sign.isdigit()]


def luhn(numbers: list[int]) -> bool:
    """Tell whether digits end in their Luhn check digit."""
    doubled = (sum(divmod(2 * one, 10)) for one in numbers[-2::-2])
    return (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


def _card(text: str) -> bool:
    numbers = _digits(text)
    said, size = "".join(map(str, numbers)), len(numbers)
    head2, head4 = int(said[:2]), int(said[:4])
    fits = (
        (said[0] == "4" and size in (13, 16, 19))
        or (size == 16 and (51 <= head2 <= 55 or 2221 <= head4 <= 2720))
        or (size == 15 and head2 in (34, 37))
        or (size == 14 and head2 in (30, 36, 38))
        or (16 <= size <= 19 and (head4 == 6011 or head2 in (35, 62, 65) or 644 <= int(said[:3]) <= 649))
    )
    return fits and len(set(numbers)) > 1 and luhn(numbers)


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    size = _IBAN_LENGTHS.get(plain[:2], 0)
    if not size or len(plain) < size:
        return False
    moved = plain[4:size] + plain[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def _phone(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15 and "  " not in text and "--" not in text


def _email(text: str) -> bool:
    name, _, host = text.partition("@")
    return ".." not in text and not name.startswith(".") and not host.startswith((".", "-"))


def _ssn(text: str) -> bool:
    area, group, serial = text.split("-")
    return area not in ("000", "666") and group != "00" and serial != "0000"


def _dni(text: str) -> bool:
    plain = text.replace("-", "")
    number = {"X": "0", "Y": "1", "Z": "2"}.get(plain[0], plain[0]) + plain[1:8]
    return _DNI[int(number) % 23] == plain[8]


def _codice_fiscale(text: str) -> bool:
    values = [ord(sign) - 65 if sign.isalpha() else int(sign) for sign in text[:15]]
    total = sum(_CF_ODD[value] if not place % 2 else value for place, value in enumerate(values))
    return total % 26 == ord(text[15]) - 65


def _nir(text: str) -> bool:
    plain = text.replace(" ", "")
    return int(plain[3:5]) in range(1, 100) and 97 - int(plain[:13]) % 97 == int(plain[13:])


def _steuer_id(text: str) -> bool:
    numbers = _digits(text)
    product = 10
    for one in numbers[:10]:
        total = (one + product) % 10 or 10
        product = total * 2 % 11
    return len(set(numbers[:10])) in (8, 9) and (11 - product) % 10 == numbers[10]


def _bsn(text: str) -> bool:
    numbers = _digits(text)
    total = sum(weight * one for weight, one in zip((9, 8, 7, 6, 5, 4, 3, 2, -1), numbers, strict=True))
    return total % 11 == 0 and any(numbers)


def _pesel(text: str) -> bool:
    numbers = _digits(text)
    total = sum(weight * one for weight, one in zip((1, 3, 7, 9) * 2 + (1, 3), numbers[:10], strict=True))
    return (10 - total % 10) % 10 == numbers[10]


def _cpf(text: str) -> bool:
    numbers = _digits(text)
    if len(set(numbers)) == 1:
        return False
    for size in (9, 10):
        total = sum(weight * one for weight, one in zip(range(size + 1, 1, -1), numbers, strict=False))
        if total * 10 % 11 % 10 != numbers[size]:
            return False
    return True


def _verhoeff(text: str) -> bool:
    check = 0
    for place, one in enumerate(reversed(_digits(text))):
        check = _VERHOEFF_D[check][_VERHOEFF_P[place % 8][one]]
    return check == 0


def _resident_id(text: str) -> bool:
    total = sum(int(sign) * (2 ** (17 - place) % 11) for place, sign in enumerate(text[:17]))
    year, month, day = int(text[6:10]), int(text[10:12]), int(text[12:14])
    return "10X98765432"[total % 11] == text[17] and 1900 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= 31


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "": lambda _text: True,
    "bsn": _bsn,
    "card": _card,
    "codice_fiscale": _codice_fiscale,
    "cpf": _cpf,
    "dni": _dni,
    "email": _email,
    "iban": _iban,
    "nir": _nir,
    "pesel": _pesel,
    "phone": _phone,
    "resident_id": _resident_id,
    "ssn": _ssn,
    "steuer_id": _steuer_id,
    "verhoeff": _verhoeff,
}
"""By the name that `check` gives in personal.toml."""
