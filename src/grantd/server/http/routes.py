"""What an endpoint tells the edge about itself."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from grantd.server.http.cors import CorsPolicy
from grantd.server.http.messages import HeaderList, Request, Response
from grantd.server.http.wire import Prepared, render_headers

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})

Handler = Callable[[Request], Awaitable[Response]]
Observe = Callable[[str, int, float], None]
"""Receives method, status and seconds of a finished request."""


@dataclass(frozen=True, slots=True)
class StaticEntity:
    """A document that is bytes before anybody asks: metadata, a key set.

    Make one with ``StaticEntity.of``.
    """

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    not_modified_headers: tuple[tuple[bytes, bytes], ...]
    etag: bytes

    @classmethod
    def of(
        cls,
        body: bytes,
        *,
        content_type: str = "application/json",
        max_age: int = 300,
        headers: HeaderList | None = None,
    ) -> "StaticEntity":
        """Prepare everything that the answers need.

        Args:
            body: the document.
            content_type: its media type.
            max_age: how long caches may keep it, in seconds.
            headers: further headers.

        Raises:
            ValueError: a header holds CR, LF or NUL.
        """
        etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
        cached = ((b"cache-control", b"public, max-age=%d" % max_age), (b"etag", etag))
        every = ((b"content-type", content_type.encode()), *cached, *(headers or ()))
        render_headers(every)
        return cls(body, every, cached, etag)

    def matches(self, if_none_match: bytes) -> bool:
        """Tell whether a client that sends ``If-None-Match`` has this document (RFC 9110 section 13.1.2)."""
        if if_none_match == self.etag:
            return True
        # Comparison is weak: a cache that compresses on the way marks the tag with W/.
        tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
        return self.etag in tags or tags == [b"*"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint.

    Args:
        name: label in metrics and logs.
        methods: handlers by method; one of ``GET`` serves ``HEAD`` too.
        static: instead of handlers, a document or what returns the current one; served to ``GET`` and ``HEAD``.
        cors: whose scripts may call; ``None`` answers no preflight (OA21-041).
        body_limit: longest body in bytes, instead of ``limits.body_bytes``.
    """

    name: str
    methods: Mapping[str, Handler] = field(default_factory=dict)
    static: StaticEntity | Callable[[], StaticEntity] | None = None
    cors: CorsPolicy | None = None
    body_limit: int | None = None

    def __post_init__(self) -> None:
        if (self.static is None) == (not self.methods):
            raise ValueError(f"route {self.name} needs either handlers or a static document")
        if "OPTIONS" in self.methods:
            raise ValueError(f"route {self.name}: OPTIONS belongs to its CORS policy")
        if self.static is not None and self.cors is not None and self.cors.allowed is not None:
            raise ValueError(f"route {self.name}: a static document is open to every origin or to none")


class PreparedRoute:
    """A route with everything that a request needs at hand."""

    __slots__ = (
        "_entity",
        "_prepared",
        "_static_cors",
        "allow",
        "body_limit",
        "cors",
        "cors_without_origin",
        "fallback",
        "handlers",
        "name",
        "observe",
        "reading",
        "static",
    )

    def __init__(
        self, route: Route, *, body_limit: int, observe: Observe | None, fallback: Handler | None = None
    ) -> None:
        self.name = route.name
        self.body_limit = route.body_limit if route.body_limit is not None else body_limit
        self.observe = observe
        self.cors = route.cors
        self.cors_without_origin = route.cors.without_origin if route.cors is not None else ()
        self.handlers = dict(route.methods)
        if "GET" in self.handlers:
            self.handlers.setdefault("HEAD", self.handlers["GET"])
        self.fallback = fallback
        """Answers every method that has no handler."""
        self.reading = frozenset(self.handlers) - _WITHOUT_BODY
        """The methods whose handlers see the body."""
        self.static: Callable[[], StaticEntity] | None = None
        if isinstance(route.static, StaticEntity):
            entity = route.static
            self.static = lambda: entity
        elif route.static is not None:
            self.static = route.static
        # Scripts read the body only; exposing the correlation id of a public document serves nobody.
        self._static_cors: HeaderList = [] if route.cors is None else [(b"access-control-allow-origin", b"*")]
        self._entity: StaticEntity | None = None
        self._prepared: tuple[Prepared, Prepared] | None = None
        methods = {"GET", "HEAD"} if self.static is not None else set(self.handlers)
        self.allow = ", ".join(sorted(methods | ({"OPTIONS"} if route.cors else set()))).encode()

    def document(self, entity: StaticEntity, if_none_match: bytes | None) -> Prepared:
        """Return the response with the document, or with 304 (RFC 9110 section 15.4.5)."""
        prepared = self._prepared
        if prepared is None or entity is not self._entity:
            self._entity = entity
            prepared = self._prepared = (
                Prepared(200, headers=[*entity.headers, *self._static_cors], body=entity.body),
                Prepared(304, headers=[*entity.not_modified_headers, *self._static_cors]),
            )
        return prepared[if_none_match is not None and entity.matches(if_none_match)]
