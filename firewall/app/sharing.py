"""What processes share of circuits, as configured; its library is loaded only where something is shared."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from urllib.parse import unquote, urlsplit

from firewall.app.addresses import REDIS_PORT
from firewall.app.base import Base
from firewall.core.errors import ConfigError
from firewall.references import reader_of
from firewall.routing.providers import Provider
from firewall.routing.roots import system_roots
from firewall.routing.trying.circuits import Circuits
from firewall.routing.trying.sharing import Sharing
from firewall.settings.settings import Settings


def sharing_of(
    base: Base, circuits: Circuits, *, providers: Iterable[Provider], stack: AsyncExitStack
) -> Sharing | None:
    """Return this process's part in what is shared, None where nothing is; its store is closed with `stack`.

    That Redis is away is no error: then this process decides for itself.

    Raises: ConfigError where the library is missing, or the password cannot be read.
    """
    settings = base.settings
    if not settings.storage.shared:
        return None
    try:
        from firewall.storage.redis.circuits import Place, RedisCircuits
    except ImportError as error:
        raise ConfigError(
            "`storage.shared` needs the Redis client", hint="pip install 'stayhand[redis]'"
        ) from error
    url = urlsplit(settings.storage.shared)
    ref = settings.storage.shared_password
    store = RedisCircuits(
        Place(
            host=url.hostname or "",
            port=url.port or REDIS_PORT,
            database=int(url.path.strip("/") or 0),
            username=unquote(url.username or ""),
            password=None if ref is None else reader_of(ref, "the shared Redis", hidden=base.references.hidden),
            is_tls=url.scheme == "rediss",
            roots=_roots(settings),
            prefix=settings.storage.shared_prefix,
        )
    )
    stack.push_async_callback(store.aclose)
    sharing = Sharing(circuits, store, providers=[one for one in providers if one.care.is_shared])
    base.telemetry.circuitry.link = lambda: sharing.link
    return sharing


def _roots(settings: Settings) -> str:
    named = settings.storage.shared_roots
    return str(settings.anchored(named) if named else system_roots())
