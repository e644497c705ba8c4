import json
from typing import Any

import pytest
from tests.resource.support import API, ISSUER, NOW, token, verifier
from tests.resource.test_challenge import parse

from grantd.core.clock import ManualClock
from grantd.jose import SigningKey
from grantd.resource import AccessToken, AccessTokenVerifier, IssuerKeys, ProtectedResource
from grantd.resource.asgi import Message, Receive, Scope, ScopeRules, Send

pytestmark = pytest.mark.anyio
METADATA = "https://tides.harbour.example/.well-known/oauth-protected-resource/api"
RULES = {"/": ("tides.read",), "POST /stations": ("tides.read", "tides.write"), "/admin": ("tides.admin",), "/me": ()}


class Answer:
    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        start = messages[0]
        self.status: int = start.get("status", 0)
        self.headers: dict[bytes, bytes] = dict(start.get("headers", ()))
        assert len(self.headers) == len(start.get("headers", ()))
        self.body: bytes = messages[-1].get("body", b"")

    @property
    def challenge(self) -> dict[str, str]:
        return parse(self.headers[b"www-authenticate"].decode())

    @property
    def error(self) -> str:
        error: str = json.loads(self.body)["error"]
        assert self.headers[b"content-type"] == b"application/json"
        assert int(self.headers[b"content-length"]) == len(self.body)
        return error


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    access = scope.get("grantd.token")
    assert access is None or isinstance(access, AccessToken)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": access.subject.encode() if access else b"anonymous"})


PROTECTED = ProtectedResource(
    inner, verifier(), realm="tides", resource_metadata=METADATA, scopes=RULES, public=("/open",)
)


async def call(
    *authorization: str, path: str = "/stations", method: str = "GET", query: bytes = b"", body: bytes = b"",
    content_type: str = "", app: ProtectedResource = PROTECTED, kind: str = "http",
) -> Answer:  # fmt: skip
    sent: list[Message] = []
    headers = [(b"authorization", one.encode()) for one in authorization]
    if content_type:
        headers.append((b"content-type", content_type.encode()))
    scope: dict[str, Any] = {"type": kind, "path": path, "method": method, "query_string": query, "headers": headers}

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return Answer(sent)


@pytest.mark.req("OA21-114", "OA21-116")
async def test_a_good_token_reaches_the_application() -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        answer = await call(f"{scheme} {token()}")
        assert (answer.status, answer.body) == (200, b"u-1")


@pytest.mark.req("OA21-121", "OA21-123")
async def test_a_bare_request_is_challenged_without_error() -> None:
    answer = await call()
    assert answer.status == 401
    assert answer.challenge == {"realm": "tides", "scope": "tides.read", "resource_metadata": METADATA}
    assert answer.body == b""
    assert answer.headers[b"cache-control"] == b"no-store"
    other_scheme = await call("Basic abc")
    assert other_scheme.challenge.keys() == answer.challenge.keys()


@pytest.mark.req("OA21-117", "OA21-119")
async def test_a_query_token_is_ignored() -> None:
    query = f"access_token={token()}".encode()
    alone = await call(query=query)
    assert alone.status == 401
    assert "error" not in alone.challenge
    assert (await call(f"Bearer {token()}", query=b"access_token=rubbish")).status == 200
    assert (await call("Bearer rubbish", query=query)).status == 401


@pytest.mark.req("OA21-118")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_body_token_is_never_taken(method: str, content_type: str) -> None:
    answer = await call(method=method, body=f"access_token={token()}".encode(), content_type=content_type)
    assert answer.status == 401
    assert "error" not in answer.challenge


@pytest.mark.req("OA21-124", "OA21-121", "OA21-122")
@pytest.mark.parametrize(
    ("authorization", "status", "error"),
    [
        ((f"Bearer {token()}", f"Bearer {token()}"), 400, "invalid_request"),
        (("Bearer",), 400, "invalid_request"),
        (("Bearer a b",), 400, "invalid_request"),
        (("Bearer opaque",), 401, "invalid_token"),
        ((f"Bearer {token(exp=NOW)}",), 401, "invalid_token"),
        ((f"Bearer {token(aud='https://other.example')}",), 401, "invalid_token"),
        ((f"Bearer {token(iss='https://other.example')}",), 401, "invalid_token"),
        ((f"Bearer {token(typ='JWT')}",), 401, "invalid_token"),
        ((f"Bearer {token(cnf={'jkt': 'x'})}",), 401, "invalid_token"),
        ((f"Bearer {token(SigningKey.generate('ES256', kid='k1'))}",), 401, "invalid_token"),
        ((f"Bearer {token(scope='other')}",), 403, "insufficient_scope"),
        ((f"Bearer {token(scope=None)}",), 403, "insufficient_scope"),
    ],
)
async def test_the_table_of_errors(authorization: tuple[str, ...], status: int, error: str) -> None:
    answer = await call(*authorization)
    assert answer.status == status
    assert answer.error == error
    assert answer.challenge["error"] == error
    assert answer.challenge["error_description"]
    assert answer.challenge["resource_metadata"] == METADATA
    assert answer.challenge.get("scope") == ("tides.read" if status == 403 else None)


@pytest.mark.req("OA21-114")
async def test_scopes_by_path_and_method() -> None:
    reader = f"Bearer {token(scope='tides.read')}"
    assert (await call(reader)).status == 200
    assert (await call(reader, method="HEAD")).status == 200
    refused = await call(reader, method="POST")
    assert refused.status == 403
    assert refused.challenge["scope"] == "tides.read tides.write"
    assert (await call(f"Bearer {token()}", method="POST", path="/stations/44")).status == 200
    assert (await call(reader, path="/admin")).status == 403
    assert (await call(reader, path="/admin/keys")).status == 403
    assert (await call(reader, path="/administrators")).status == 200
    assert (await call(f"Bearer {token(scope=None)}", path="/me")).status == 200


async def test_public_paths_lifespan_and_websockets() -> None:
    assert (await call(path="/open")).body == b"anonymous"
    assert (await call(path="/open/x")).status == 401
    assert (await call(kind="lifespan")).body == b"anonymous"
    assert (await call(kind="websocket")).messages == [{"type": "websocket.close", "code": 1008}]
    assert (await call("Bearer rubbish", kind="websocket", path="/open")).messages[0]["type"] == "websocket.close"
    assert (await call(f"Bearer {token()}", kind="websocket")).body == b"u-1"


async def test_an_issuer_that_cannot_be_reached_gives_503() -> None:
    async def fetch(url: str) -> bytes:
        raise OSError(url)

    keys = IssuerKeys(ISSUER, fetch, clock=ManualClock(NOW))
    app = ProtectedResource(inner, AccessTokenVerifier(ISSUER, API, keys, clock=ManualClock(NOW)))
    answer = await call(f"Bearer {token()}", app=app)
    assert (answer.status, answer.error) == (503, "temporarily_unavailable")
    assert answer.headers[b"retry-after"] == b"5"
    assert b"www-authenticate" not in answer.headers
    assert (await call(app=app)).status == 401


async def test_neither_answer_nor_log_holds_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    bad = token(exp=NOW)
    answer = await call(f"Bearer {bad}")
    assert "TokenExpiredError" in caplog.text
    for text in (caplog.text, repr(answer.messages)):
        assert bad not in text
        assert bad.split(".")[1] not in text


def test_rules_with_a_gap_and_challenges_that_cannot_be_written_stop_the_start() -> None:
    for rules in ({"/api": ()}, {"/": (), "api": ()}, {"/": (), "GET": ()}, {"/": "tides.read"}):
        with pytest.raises(ValueError, match="rule"):
            ScopeRules(rules)
    with pytest.raises(ValueError, match="scope"):
        ProtectedResource(inner, verifier(), scopes={"/": ("a b",)})
    with pytest.raises(ValueError, match="ASCII"):
        ProtectedResource(inner, verifier(), realm="ü")
