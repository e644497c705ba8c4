"""The request and response of every endpoint, free of any framework."""

HeaderList = list[tuple[bytes, bytes]]


def first_fields(headers: HeaderList) -> dict[bytes, bytes]:
    """Return headers by name; of those that repeat, the first."""
    fields = dict(headers)
    return fields if len(fields) == len(headers) else dict(reversed(headers))


class Request:
    """A whole HTTP request: the edge has read and limited the body before a handler sees it.

    Args:
        method: upper-case method.
        path: percent-decoded path.
        query: raw query string, without ``?``.
        headers: raw headers with lower-case names.
        body: the body, at most the configured size.
        client_address: IP address of the client, after trusted proxies.
        correlation_id: identifies this request in answers, logs and audit events.
        certificate: DER of the client certificate of the TLS connection, if any.
    """

    __slots__ = (
        "_fields",
        "body",
        "certificate",
        "client_address",
        "correlation_id",
        "headers",
        "method",
        "path",
        "query",
    )

    def __init__(
        self,
        method: str,
        path: str,
        *,
        query: bytes = b"",
        headers: HeaderList | None = None,
        body: bytes = b"",
        client_address: str = "",
        correlation_id: str = "",
        certificate: bytes | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers if headers is not None else []
        self.body = body
        self.client_address = client_address
        self.correlation_id = correlation_id
        self.certificate = certificate
        self._fields: dict[bytes, bytes] | None = None

    def header(self, name: bytes) -> bytes | None:
        """Return the first header called ``name`` (lower case).

        The first call fixes what ``headers`` hold.
        """
        fields = self._fields
        if fields is None:
            fields = self._fields = first_fields(self.headers)
        return fields.get(name)

    def header_all(self, name: bytes) -> list[bytes]:
        """Return every header called ``name`` (lower case), in order."""
        return [value for key, value in self.headers if key == name]

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie; ``None`` when absent or when it came more than once."""
        wanted = name.encode() + b"="
        found: list[str] = []
        for header in self.header_all(b"cookie"):
            for pair in header.split(b";"):
                stripped = pair.strip()
                if stripped.startswith(wanted):
                    found.append(stripped[len(wanted) :].decode("latin-1"))
        return found[0] if len(found) == 1 else None


class Response:
    """A whole HTTP response; the edge adds length, correlation id and what its route demands."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int = 200, *, headers: HeaderList | None = None, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers if headers is not None else []
        self.body = body
