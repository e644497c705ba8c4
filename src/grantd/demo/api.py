"""The demo API: notes of whoever the access token speaks for."""

from collections import OrderedDict
from typing import Any

import msgspec

from grantd.demo.folder import SCOPES, Demo
from grantd.demo.loopback import fetch
from grantd.resource import AccessToken, AccessTokenVerifier, IssuerKeys, ProtectedResource
from grantd.resource.asgi import TOKEN_KEY

METADATA_PATH = "/.well-known/oauth-protected-resource"
_LONGEST_NOTE = 280
_LONGEST_BODY = 4_096
_MOST_NOTES = 50
_MOST_PEOPLE = 1_000


class NewNote(msgspec.Struct, forbid_unknown_fields=True):
    """What ``POST /notes`` takes."""

    text: str


class NotesApi:
    """The application behind the protection: it finds a valid token in its scope and asks for nothing else.

    Args:
        demo: addresses.
    """

    def __init__(self, demo: Demo) -> None:
        self._metadata = {
            "resource": demo.resource,
            "authorization_servers": [demo.issuer],
            "scopes_supported": list(SCOPES),
            "bearer_methods_supported": ["header"],
            "resource_name": "Demo notes",
        }
        self._index = {
            "name": "Demo notes",
            "GET /notes": "needs the scope notes.read",
            "POST /notes": 'needs the scope notes.write and {"text": "…"}',
            "tokens from": demo.issuer,
            "resource": demo.resource,
        }
        self._notes: OrderedDict[str, list[str]] = OrderedDict()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        method, path = scope["method"], scope["path"]
        content: object
        if path == "/notes" and method in {"GET", "HEAD"}:
            status, content = 200, self._read(scope[TOKEN_KEY])
        elif path == "/notes" and method == "POST":
            status, content = self._add(scope[TOKEN_KEY], await _body(receive))
        elif path in {"/", METADATA_PATH} and method in {"GET", "HEAD"}:
            # RFC 9728 section 3.2.
            status, content = 200, self._index if path == "/" else self._metadata
        elif path in {"/", "/notes", METADATA_PATH}:
            status, content = 405, {"error": "method_not_allowed"}
        else:
            status, content = 404, {"error": "not_found"}
        await _answer(send, status, content, body=method != "HEAD")

    def _read(self, token: AccessToken) -> dict[str, object]:
        notes = self._notes.get(token.subject, ["Buy oat milk", "Water the ferns"])
        return {"notes": notes, "sub": token.subject, "client_id": token.client_id, "scope": sorted(token.scopes)}

    def _add(self, token: AccessToken, body: bytes | None) -> tuple[int, dict[str, object]]:
        if body is None:
            return 413, {"error": "too_large"}
        try:
            text = msgspec.json.decode(body, type=NewNote).text.strip()
        except (msgspec.DecodeError, ValueError):
            text = ""
        if not 0 < len(text) <= _LONGEST_NOTE:
            return 400, {"error": "invalid_note", "detail": f'send {{"text": "1 to {_LONGEST_NOTE} characters"}}'}
        notes = [*self._notes.pop(token.subject, ["Buy oat milk", "Water the ferns"]), text][-_MOST_NOTES:]
        self._notes[token.subject] = notes
        if len(self._notes) > _MOST_PEOPLE:
            self._notes.popitem(last=False)
        return 201, {"notes": notes}


def protected_api(demo: Demo) -> ProtectedResource:
    """Return the API with its protection: five lines that any API can have."""
    return ProtectedResource(
        NotesApi(demo),
        AccessTokenVerifier(demo.issuer, demo.resource, IssuerKeys(demo.issuer, fetch)),
        resource_metadata=demo.resource.rstrip("/") + METADATA_PATH,
        scopes={"/": (), "GET /notes": ("notes.read",), "POST /notes": ("notes.write",)},
        public={"/", METADATA_PATH},
    )


async def _body(receive: Any) -> bytes | None:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LONGEST_BODY:
            return None
        if not message.get("more_body"):
            return body


async def _answer(send: Any, status: int, content: object, *, body: bool) -> None:
    encoded = msgspec.json.encode(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(encoded)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": encoded if body else b""})
