"""Circuits that processes share, kept in Redis (`core.sharing`); the only place that knows redis-py.

INVARIANT: every call ends within twice LIMIT_S, with an answer or AwayError, whatever Redis does. What it says is
read as a stranger's: sizes, forms and ranges are checked, and what does not fit is left out.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from firewall.core.errors import FirewallError
from firewall.core.secret import Secret
from firewall.core.sharing import AwayError, Named, Told, Why
from firewall.storage.redis import scripts
from firewall.storage.redis.bounded import BoundedParser

LIMIT_S = 2.0
"""The longest that anything may take."""
MOST = 1024
"""Circuits that are looked at."""
RIGHT_MS = 10_000
"""A right to probe ends after so long, unless it is kept: whoever had it may be gone."""
_LONGEST_WAIT_MS = 24 * 3600 * 1000
_TOLD_MS = 600_000
"""An open circuit is told of for so long after somebody might have probed it."""
_CLOSED_TOLD_MS = 60_000
_MARK = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,256}")
_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where Redis is."""

    host: str
    port: int = 6379
    database: int = 0
    username: str = ""
    password: Callable[[], Secret] | None = None
    """Reads it anew at each connection. Raises: ConfigError."""
    is_tls: bool = False
    roots: str = ""
    """File with the certificate authorities that its certificate may come from."""
    prefix: str = "stayhand"


class RedisCircuits:
    """A `CircuitStore`; one connection, made when it is needed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._client: Redis | None = None
        self._index = f"{{{place.prefix}}}:circuits"
        self._circuit = f"{{{place.prefix}}}:circuit:"
        self._probe = f"{{{place.prefix}}}:probe:"

    async def look(self) -> tuple[Told, ...]:
        """Return what is told of circuits."""
        return told_of(await self._run(scripts.LOOK, (self._index, self._circuit), (MOST,)))

    async def open(self, told: Told) -> None:
        """Tell that a circuit opened."""
        named = told.named
        arguments = (
            told.epoch,
            told.trips,
            min(told.wait_ms, _LONGEST_WAIT_MS),
            _LONGEST_WAIT_MS,
            _TOLD_MS,
            named.provider,
            named.model,
            named.key,
            told.mark,
        )
        await self._run(scripts.OPEN, (self._index, self._circuit + told.mark), arguments)

    async def close(self, told: Told) -> None:
        """Tell that the probe of an epoch was answered."""
        arguments = (told.epoch, _CLOSED_TOLD_MS, told.mark)
        await self._run(scripts.CLOSE, (self._index, self._circuit + told.mark), arguments)

    async def take(self, mark: str, owner: str) -> bool:
        """Take the right to probe a circuit: `SET NX PX`."""
        key = self._probe + mark
        return await self._bounded(lambda client: client.set(key, owner, nx=True, px=RIGHT_MS)) is True

    async def keep(self, mark: str, owner: str) -> bool:
        """Keep the right a while longer."""
        return await self._run(scripts.KEEP, (self._probe + mark,), (owner, RIGHT_MS)) == 1

    async def release(self, mark: str, owner: str) -> None:
        """Give the right back."""
        await self._run(scripts.RELEASE, (self._probe + mark,), (owner,))

    async def aclose(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(LIMIT_S):
                    await client.aclose()

    def _connected(self) -> Redis:
        if self._client is None:
            place = self._place
            password = place.password().reveal() if place.password is not None else None
            tls: dict[str, Any] = {"ssl_ca_certs": place.roots} if place.is_tls and place.roots else {}
            pool = ConnectionPool(
                SSLConnection if place.is_tls else Connection,
                max_connections=1,
                parser_class=BoundedParser,
                host=place.host,
                port=place.port,
                db=place.database,
                username=place.username or None,
                password=password,
                socket_timeout=LIMIT_S,
                socket_connect_timeout=LIMIT_S,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
                driver_info=None,
                **tls,
            )
            self._client = Redis.from_pool(pool)
        return self._client

    async def _run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> object:
        said = [*keys, *map(str, arguments)]
        return await self._bounded(lambda client: client.eval(script, len(keys), *said))

    async def _bounded(self, ask: "Callable[[Redis], Awaitable[object]]") -> object:
        """Ask, and wait no longer than LIMIT_S; after a failure the connection is made anew.

        Raises: AwayError.
        """
        try:
            async with asyncio.timeout(LIMIT_S):
                return await ask(self._connected())
        except Exception as error:  # whatever a stranger's bytes do to the library: it is away
            await self.aclose()
            raise AwayError(_why(error), detail=type(error).__name__) from error


def _why(error: Exception) -> Why:
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError | FirewallError):
        return Why.LOGIN
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return Why.TIMEOUT
    if isinstance(error, ResponseError):
        return Why.LOGIN if str(error).startswith(("NOAUTH", "WRONGPASS")) else Why.ANSWER
    return Why.REFUSED if isinstance(error, RedisError | OSError) else Why.ANSWER


def told_of(said: object) -> tuple[Told, ...]:
    """Read what LOOK returns; rows that do not fit are left out.

    Raises: AwayError ANSWER where all of it does not fit.
    """
    match said:
        case [now, [*rows]] if (at := _number(now)) is not None and len(rows) <= MOST:
            return tuple(found for row in rows if (found := _row(row, at)) is not None)
    raise AwayError(Why.ANSWER, detail="not what the script returns")


def _row(row: object, now: int) -> Told | None:
    if not isinstance(row, list) or len(row) != 8:
        return None
    words = [text for one in row if (text := _word(one)) is not None]
    until, count = _number(row[2]), _number(row[3])
    if len(words) != 8 or until is None or count is None:
        return None
    mark, epoch, closed, named = words[0], words[1], words[4], Named(*words[5:])
    if not _MARK.fullmatch(mark) or not _MARK.fullmatch(epoch) or closed not in ("0", "1"):
        return None
    wait_ms = min(max(0, until - now), _LONGEST_WAIT_MS)
    return Told(mark, named, epoch, max(1, min(count, 32)), wait_ms, is_closed=closed == "1")


def _word(value: object) -> str | None:
    if not isinstance(value, bytes):
        return None
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if _NAME.fullmatch(text) else None


def _number(value: object) -> int | None:
    text = _word(value)
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None
