"""Numeric addresses in their usual form: `0xa9fea9fe`, `2852039166` and `169.16689662` are one host."""

import ipaddress
import re

_NUMBER = re.compile(r"0x[0-9a-f]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9}")


def usual(host: str) -> str:
    """Return a lower-case host; numbers as inet_aton(3) reads them, IPv4 inside of IPv6 as IPv4."""
    if ":" in host:
        try:
            inner = ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            return host
        return str(inner.ipv4_mapped or inner)
    parts = host.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return host
    numbers = [_value(part) for part in parts]
    whole = numbers[-1]
    if any(number > 255 for number in numbers[:-1]) or whole >= 256 ** (5 - len(parts)):
        return host
    for place, number in enumerate(numbers[:-1]):
        whole += number << (24 - 8 * place)
    return str(ipaddress.IPv4Address(whole))


def _value(part: str) -> int:
    if part.startswith("0x"):
        return int(part, 16)
    return int(part, 8 if part.startswith("0") else 10)
