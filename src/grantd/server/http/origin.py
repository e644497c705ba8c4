"""Who is calling: the client's address and the correlation id, both believed only as far as proxies are trusted."""

import ipaddress
import itertools
import re
import secrets
from collections.abc import Iterable
from functools import lru_cache

from grantd.server.http.messages import HeaderList

_CORRELATION_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_KNOWN_PEERS = 4096
_MOST_HOPS = 32

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class CorrelationIds:
    """Identifiers of requests: a random prefix for the process and a counter."""

    __slots__ = ("_count", "_prefix")

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6) + "-"
        self._count = itertools.count(1)

    def __call__(self) -> str:
        """Return a new identifier."""
        return f"{self._prefix}{next(self._count):x}"


class TrustedProxies:
    """The networks whose ``X-Forwarded-For`` and ``X-Correlation-Id`` count; nothing else of theirs does.

    Args:
        networks: addresses or networks in CIDR form.

    Raises:
        ValueError: one of them is none.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)
        self.trusts = lru_cache(maxsize=_KNOWN_PEERS)(self._trusts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def _trusts(self, peer: str) -> bool:
        """Tell whether ``peer``, an address as text, is one of ours."""
        address = _address(peer)
        return address is not None and self._contain(address)

    def client_address(self, peer: str, headers: HeaderList) -> str:
        """Return the rightmost address of the way that is none of ours, as text.

        A hop that is no address ends the search: what stands left of it was written by nobody we know.
        """
        if not self._networks or not self.trusts(peer):
            return peer
        hops = b",".join(value for name, value in headers if name == b"x-forwarded-for").split(b",")
        client = peer
        for hop in itertools.islice(reversed(hops), _MOST_HOPS):
            address = _address(hop.strip().decode("latin-1"))
            if address is None:
                break
            client = str(address)
            if not self._contain(address):
                break
        return client

    def correlation_id(self, peer: str, offered: bytes) -> str | None:
        """Return the identifier that a trusted proxy gave the request, if it is well-formed."""
        if not self.trusts(peer) or not _CORRELATION_ID.fullmatch(offered):
            return None
        return offered.decode("ascii")

    def _contain(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _address(text: str) -> Address | None:
    """Read an address, also in the forms ``192.0.2.1:4711`` and ``[2001:db8::1]:4711``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
