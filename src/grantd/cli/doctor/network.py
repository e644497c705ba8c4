"""Questions about addresses: does somebody listen, does the issuer's URL lead here?"""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from grantd.core.issuers import well_known_paths
from grantd.server.extension.points import Finding
from grantd.server.settings import Settings

_SECONDS = 5
_MOST_BYTES = 262_144
_OK = 200
_CLOCK_SLACK = 30
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


def listening(settings: Settings) -> Iterator[Finding]:
    """Does something answer on the server's port, and is it grantd?"""
    host, port = settings.server.host, settings.server.port
    subject = f"{host}:{port}"
    if not port:
        return
    target = _ANY.get(host, host)
    try:
        with socket.create_connection((target, port), timeout=_SECONDS):
            pass
    except OSError:
        yield Finding(
            level="warning", subject=subject, text="nobody listens: the server is not running", remedy="grantd serve"
        )
        return
    connection = http.client.HTTPConnection(target, port, timeout=_SECONDS)
    try:
        status, content, _ = _get(connection, "/health/ready")
    except (OSError, http.client.HTTPException, ValueError) as error:
        yield Finding(
            level="error",
            subject=subject,
            text=f"something listens that does not answer as grantd does ({type(error).__name__})",
            remedy="find out what has the port, or change server.port",
        )
        return
    if status == _OK and content.get("status") == "ready":
        yield Finding(level="ok", subject=subject, text="grantd answers and is ready")
    elif "status" in content:
        yield Finding(
            level="error", subject=subject, text=f"grantd answers: {content['status']}", remedy="look at its log"
        )
    else:
        yield Finding(
            level="error",
            subject=subject,
            text="another program has the port",
            remedy="stop it, or change server.port",
        )


def issuers(settings: Settings) -> Iterator[Finding]:
    """Does each issuer's URL lead to metadata that names that issuer?"""
    for issuer in settings.issuers:
        yield from _issuer(issuer.issuer)


def _issuer(identifier: str) -> Iterator[Finding]:
    parts = urlsplit(identifier)
    path = well_known_paths(identifier, "oauth-authorization-server").inserted
    subject = f"{parts.scheme}://{parts.netloc}{path}"
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        status, document, date = _get(connection, path)
    except ssl.SSLCertVerificationError as error:
        yield Finding(
            level="error",
            subject=subject,
            text=f"its certificate is not trusted from here: {error.verify_message}",
            remedy="renew the certificate, or send its whole chain",
        )
        return
    except (OSError, http.client.HTTPException, ValueError) as error:
        yield Finding(
            level="warning",
            subject=subject,
            text=f"cannot be reached from here ({type(error).__name__})",
            remedy="start the server; check DNS and the proxy in front of it",
        )
        return
    yield from _judge(identifier, subject, status, document)
    if date is not None and abs(date - time.time()) > _CLOCK_SLACK:
        yield Finding(
            level="warning",
            subject=subject,
            text=f"tells a time that differs by {abs(date - time.time()):.0f} seconds from this machine's",
            remedy="keep the clocks right with NTP",
        )


def _judge(identifier: str, subject: str, status: int, document: dict[str, Any]) -> Iterator[Finding]:
    if status != _OK:
        yield Finding(
            level="error",
            subject=subject,
            text=f"answers {status}",
            remedy="let the proxy pass /.well-known/ and Host on unchanged, or add the host to issuers.hosts",
        )
    elif document.get("issuer") != identifier:
        # RFC 8414 section 3.3: clients refuse such a document.
        yield Finding(
            level="error",
            subject=subject,
            text=f"names the issuer {str(document.get('issuer'))[:200]!r} instead of {identifier!r}",
            remedy="another server answers there; check DNS, the proxy and issuers.issuer",
        )
    else:
        yield Finding(level="ok", subject=subject, text="names this issuer")


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, dict[str, Any], float | None]:
    try:
        connection.request("GET", path, headers={"accept": "application/json"})
        response = connection.getresponse()
        body = response.read(_MOST_BYTES)
        date = response.getheader("date")
    finally:
        connection.close()
    try:
        content = json.loads(body)
    except ValueError:
        content = {}
    moment = parsedate_to_datetime(date).timestamp() if date else None
    return response.status, content if isinstance(content, dict) else {}, moment
