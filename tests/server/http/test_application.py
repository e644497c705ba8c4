"""The ASGI application, driven without a server."""

import asyncio
import contextlib
import json
from collections.abc import Iterable
from typing import Any

import pytest

from grantd.core.errors import InvalidClientError, OAuthError
from grantd.server.http.application import Access, EdgeApplication
from grantd.server.http.asgi import Scope
from grantd.server.http.cors import ANY_ORIGIN, registered_origins
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import json_response
from grantd.server.http.routes import Observe, Route, StaticEntity
from grantd.server.settings.model import LimitSettings
from grantd.storage.port import StoreUnavailableError

pytestmark = pytest.mark.anyio
HOST = "as.example"
METADATA = StaticEntity.of(b'{"issuer":"https://as.example"}')


class Answer:
    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.messages = messages
        self.status: int = messages[0]["status"]
        self.headers: list[tuple[bytes, bytes]] = messages[0]["headers"]
        self.body: bytes = b"".join(message.get("body", b"") for message in messages[1:])

    def header(self, name: bytes) -> bytes | None:
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, name
        return values[0] if values else None

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])

    @property
    def cors(self) -> dict[bytes, bytes]:
        return {name: value for name, value in self.headers if name.startswith(b"access-control-")}


async def ask(
    app: EdgeApplication,
    path: str,
    *,
    method: str = "GET",
    host: bytes = b"as.example",
    headers: Iterable[tuple[bytes, bytes]] = (),
    chunks: Iterable[bytes] = (b"",),
    peer: str = "192.0.2.9",
    extra: Scope | None = None,
) -> Answer:
    incoming = list(chunks)

    async def receive() -> dict[str, Any]:
        if not incoming:
            await asyncio.sleep(30)
        return {"type": "http.request", "body": incoming.pop(0), "more_body": bool(incoming)}

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"q=1",
        "headers": [(b"host", host), *headers],
        "client": (peer, 4711),
        **(extra or {}),
    }
    await app(scope, receive, send)
    return Answer(sent)


async def echo(request: Request) -> Response:
    return json_response(
        200,
        {
            "method": request.method,
            "body": request.body.decode(),
            "query": request.query.decode(),
            "client": request.client_address,
            "id": request.correlation_id,
            "certificate": (request.certificate or b"").decode(),
        },
    )


async def is_registered(origin: str) -> bool:
    if origin == "https://broken.example":
        raise StoreUnavailableError
    return origin == "https://app.example"


def build(**options: Any) -> EdgeApplication:
    app = EdgeApplication(limits=LimitSettings(body_bytes=10), **options)
    app.add(HOST, "/.well-known/oauth-authorization-server", Route(name="metadata", static=METADATA, cors=ANY_ORIGIN))
    app.add(HOST, "/token", Route(name="token", methods={"POST": echo}, cors=registered_origins(is_registered)))
    app.add(HOST, "/authorize", Route(name="authorize", methods={"GET": echo, "POST": echo}))
    app.add(HOST, "/big", Route(name="big", methods={"POST": echo}, body_limit=100))
    app.add(HOST, "/assets/", Route(name="assets", methods={"GET": echo}), prefix=True)
    return app


def raising(error: Exception, **options: Any) -> EdgeApplication:
    async def fail(request: Request) -> Response:
        raise error

    app = build(**options)
    app.add(HOST, "/fail", Route(name="fail", methods={"POST": fail, "GET": fail}))
    return app


METADATA_PATH = "/.well-known/oauth-authorization-server"


@pytest.mark.req("ASM-17")
async def test_a_document_is_cacheable_and_open_to_every_origin() -> None:
    answer = await ask(build(), METADATA_PATH, headers=[(b"origin", b"https://any.example")])
    assert answer.status == 200
    assert answer.body == METADATA.body
    assert answer.header(b"content-type") == b"application/json"
    assert answer.header(b"content-length") == str(len(METADATA.body)).encode()
    assert answer.header(b"cache-control") == b"public, max-age=300"
    assert answer.cors == {b"access-control-allow-origin": b"*"}
    assert answer.header(b"x-correlation-id")


@pytest.mark.req("ASM-17")
async def test_a_preflight_for_a_document_lets_every_header_pass() -> None:
    preflight = [(b"origin", b"https://any.example"), (b"access-control-request-method", b"GET")]
    answer = await ask(build(), METADATA_PATH, method="OPTIONS", headers=preflight)
    assert answer.status == 204
    assert answer.header(b"access-control-allow-origin") == b"*"
    assert answer.header(b"access-control-allow-headers") == b"*"
    assert answer.header(b"access-control-max-age") == b"86400"
    assert answer.header(b"content-length") is None


@pytest.mark.parametrize("tags", [METADATA.etag, b"W/" + METADATA.etag, b'"x", ' + METADATA.etag, b"*"])
async def test_a_known_document_is_not_sent_again(tags: bytes) -> None:
    answer = await ask(build(), METADATA_PATH, headers=[(b"if-none-match", tags)])
    assert answer.status == 304
    assert answer.body == b""
    assert answer.header(b"etag") == METADATA.etag
    assert answer.header(b"content-length") is None


@pytest.mark.parametrize("tags", [b'"x"', b"", METADATA.etag[:-1], b'"a*"'])
async def test_another_document_is_sent(tags: bytes) -> None:
    assert (await ask(build(), METADATA_PATH, headers=[(b"if-none-match", tags)])).status == 200


async def test_head_of_a_document_and_of_a_handler() -> None:
    answer = await ask(build(), METADATA_PATH, method="HEAD")
    assert answer.status == 200
    assert answer.body == b""
    assert answer.header(b"content-length") == str(len(METADATA.body)).encode()
    answer = await ask(build(), "/authorize", method="HEAD")
    assert answer.status == 200
    assert answer.body == b""
    assert answer.header(b"content-length") != b"0"


@pytest.mark.parametrize("header", [(b"x", b"a\r\nb"), (b"x", b"a\nb"), (b"x\r", b"a"), (b"x", b"\0")])
async def test_a_document_with_a_splitting_header_is_refused(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        StaticEntity.of(b"1", headers=[header])


async def test_a_document_may_change() -> None:
    documents = [StaticEntity.of(b"1"), StaticEntity.of(b"2")]
    app = build()
    app.add(HOST, "/jwks", Route(name="jwks", static=lambda: documents[0]))
    assert (await ask(app, "/jwks")).body == b"1"
    documents.pop(0)
    answer = await ask(app, "/jwks")
    assert answer.body == b"2"
    assert answer.cors == {}


async def test_a_document_that_cannot_be_made_is_a_server_error() -> None:
    def broken() -> StaticEntity:
        raise KeyError("private")

    errors: list[Exception] = []
    app = build(on_error=lambda _, error: errors.append(error))
    app.add(HOST, "/jwks", Route(name="jwks", static=broken))
    answer = await ask(app, "/jwks")
    assert answer.status == 500
    assert b"private" not in answer.body
    assert len(errors) == 1


async def test_hosts_are_compared_without_case_and_with_port() -> None:
    app = build()
    assert (await ask(app, METADATA_PATH, host=b"AS.Example")).status == 200
    for host in (b"as.example:443", b"evil.example", b"", b"as.example."):
        answer = await ask(app, METADATA_PATH, host=host)
        assert answer.status == 421
        assert b"issuers.hosts" in answer.body


async def test_an_unknown_host_is_shown_defused() -> None:
    answer = await ask(build(), "/", host=b"<script>\xff" + b"a" * 1000)
    assert b"'?script??aaa" in answer.body
    assert len(answer.body) < 250
    assert answer.header(b"content-type") == b"text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/nothing", b"/nothing"),
        ("/token/", b"/token/"),
        ("//token", b"//token"),
        ("/token\x00", b"/token%00"),
        ("/../token", b"/%2e%2e/token"),
        ("/assets/../token", b"/assets%2f../token"),
        ("/assets/\\x", b"/assets/%5Cx"),
        ("/assets/%2e", b"/assets/%252e"),
        ("/assets/\ufffd", b"/assets/%ff"),
        ("/assets/\n", b"/assets/%0a"),
        ("/token", b"/%2ftoken"),
    ],
)
async def test_unknown_and_ambiguous_paths_are_not_found(path: str, raw: bytes) -> None:
    answer = await ask(build(), path, extra={"raw_path": raw})
    assert answer.status == 404


async def test_plain_escapes_are_equivalent() -> None:
    answer = await ask(build(), "/authorize", extra={"raw_path": b"/%61uthorize"})
    assert answer.status == 200


async def test_prefixes_answer_below_them_longest_first() -> None:
    app = build()
    app.add(HOST, "/assets/deep/", Route(name="deep", static=METADATA), prefix=True)
    assert (await ask(app, "/assets/a/b.css")).status == 200
    assert (await ask(app, "/assets")).status == 404
    assert (await ask(app, "/assets/deep/x")).body == METADATA.body


async def test_the_web_room_may_render_what_is_not_found() -> None:
    async def page(request: Request) -> Response:
        return Response(404, body=b"<h1>Nothing</h1>")

    app = build(not_found=page)
    assert (await ask(app, "/x")).body == b"<h1>Nothing</h1>"
    assert (await ask(app, "/x", host=b"other")).status == 421


@pytest.mark.req("OA21-072")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_a_post_endpoint_takes_nothing_else(method: str) -> None:
    answer = await ask(build(), "/token", method=method)
    assert answer.status == 405
    assert answer.header(b"allow") == b"OPTIONS, POST"
    if method != "HEAD":
        assert answer.error == "invalid_request"


async def test_a_document_takes_no_post() -> None:
    answer = await ask(build(), METADATA_PATH, method="POST")
    assert answer.status == 405
    assert answer.header(b"allow") == b"GET, HEAD, OPTIONS"


@pytest.mark.req("OA21-041")
async def test_the_authorization_endpoint_never_speaks_cors() -> None:
    origin = (b"origin", b"https://app.example")
    preflight = await ask(
        build(), "/authorize", method="OPTIONS", headers=[origin, (b"access-control-request-method", b"POST")]
    )
    assert preflight.status == 405
    assert preflight.cors == {}
    for method in ("GET", "POST", "PUT"):
        assert (await ask(build(), "/authorize", method=method, headers=[origin])).cors == {}


@pytest.mark.req("OA21-075")
async def test_a_registered_origin_may_use_the_token_endpoint() -> None:
    origin = (b"origin", b"https://app.example")
    preflight = await ask(
        build(), "/token", method="OPTIONS", headers=[origin, (b"access-control-request-method", b"POST")]
    )
    assert preflight.status == 204
    assert preflight.cors == {
        b"access-control-allow-origin": b"https://app.example",
        b"access-control-allow-methods": b"POST",
        b"access-control-allow-headers": b"Authorization, Content-Type, DPoP",
        b"access-control-max-age": b"600",
    }
    answer = await ask(build(), "/token", method="POST", headers=[origin])
    assert answer.cors == {
        b"access-control-allow-origin": b"https://app.example",
        b"access-control-expose-headers": b"WWW-Authenticate, DPoP-Nonce, X-Correlation-Id",
    }
    assert answer.header(b"vary") == b"Origin"


@pytest.mark.req("OA21-075")
@pytest.mark.parametrize(
    "origin", [b"https://evil.example", b"null", b"https://app.example.evil", b"\xff", b"https://broken.example"]
)
async def test_another_origin_may_not(origin: bytes) -> None:
    headers = [(b"origin", origin)]
    answer = await ask(build(), "/token", method="POST", headers=headers)
    assert answer.status == 200
    assert answer.cors == {}
    assert answer.header(b"vary") == b"Origin"
    headers.append((b"access-control-request-method", b"POST"))
    preflight = await ask(build(), "/token", method="OPTIONS", headers=headers)
    assert preflight.status in {403, 503}
    assert preflight.cors == {}


@pytest.mark.req("OA21-075")
async def test_errors_are_readable_for_a_registered_origin() -> None:
    async def fail(request: Request) -> Response:
        raise InvalidClientError("unknown client")

    app = build()
    app.add(HOST, "/t", Route(name="t", methods={"POST": fail}, cors=registered_origins(is_registered)))
    origin = [(b"origin", b"https://app.example")]
    assert (await ask(app, "/t", method="POST", headers=origin)).header(b"access-control-allow-origin")
    too_long = await ask(app, "/t", method="POST", headers=[*origin, (b"content-length", b"11")])
    assert too_long.status == 413
    assert too_long.header(b"access-control-allow-origin")
    answer = await ask(app, "/t", method="POST")
    assert answer.header(b"vary") == b"Origin"


async def test_a_body_is_read_whole() -> None:
    answer = await ask(build(), "/token", method="POST", chunks=[b"01234", b"", b"56789"])
    assert json.loads(answer.body)["body"] == "0123456789"
    assert json.loads(answer.body)["query"] == "q=1"


@pytest.mark.parametrize("length", [b"11", b"9" * 5000, b"-1", b"x", b"+5"])
async def test_a_body_that_is_declared_too_long_is_refused_unread(length: bytes) -> None:
    answer = await ask(build(), "/token", method="POST", headers=[(b"content-length", length)], chunks=[])
    assert answer.status == 413
    assert answer.error == "invalid_request"
    assert answer.header(b"connection") == b"close"


async def test_a_body_that_grows_too_long_is_refused() -> None:
    async with asyncio.timeout(5):
        answer = await ask(build(), "/token", method="POST", chunks=[b"01234", b"56789", b"x", *[b"y"] * 1000])
    assert answer.status == 413
    assert answer.header(b"connection") == b"close"


async def test_a_route_may_take_longer_bodies() -> None:
    assert (await ask(build(), "/big", method="POST", chunks=[b"x" * 100])).status == 200
    assert (await ask(build(), "/big", method="POST", chunks=[b"x" * 101])).status == 413


async def test_a_slow_body_is_refused() -> None:
    answer = await ask(build(body_seconds=0.05), "/token", method="POST", chunks=[])
    assert answer.status == 408
    assert answer.header(b"connection") == b"close"


async def test_a_client_that_goes_away_gets_no_response() -> None:
    observed: list[int] = []

    def observer(name: str) -> Observe:
        return lambda method, status, seconds: observed.append(status)

    app = build(observer=observer)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/token",
        "query_string": b"",
        "headers": [(b"host", b"as.example")],
    }
    await app(scope, receive, send)
    assert sent == []
    assert observed == [499]


async def test_an_oauth_error_becomes_its_response_and_its_detail_goes_to_the_log() -> None:
    refusals: list[tuple[str, str]] = []

    def on_refusal(request: Request, error: OAuthError) -> None:
        refusals.append((request.correlation_id, error.detail))

    error = InvalidClientError("unknown client", detail="no row")
    error.headers.append((b"www-authenticate", b"Basic"))
    answer = await ask(raising(error, on_refusal=on_refusal), "/fail", method="POST")
    assert answer.status == 400
    assert answer.error == "invalid_client"
    assert answer.header(b"www-authenticate") == b"Basic"
    assert answer.header(b"cache-control") == b"no-store"
    assert b"no row" not in answer.body
    assert refusals == [((answer.header(b"x-correlation-id") or b"").decode(), "no row")]


async def test_an_unreachable_store_is_503_with_retry_after() -> None:
    answer = await ask(raising(StoreUnavailableError("disk /var/x")), "/fail", method="POST")
    assert answer.status == 503
    assert answer.error == "temporarily_unavailable"
    assert answer.header(b"retry-after") == b"2"
    assert b"/var/x" not in answer.body


async def test_an_unforeseen_exception_is_500_without_detail() -> None:
    errors: list[tuple[str, Exception]] = []
    app = raising(
        RuntimeError("secret"), on_error=lambda request, error: errors.append((request.correlation_id, error))
    )
    answer = await ask(app, "/fail")
    assert answer.status == 500
    assert answer.error == "server_error"
    assert b"secret" not in answer.body
    correlation_id = (answer.header(b"x-correlation-id") or b"").decode()
    assert correlation_id in json.loads(answer.body)["error_description"]
    assert [(i, str(e)) for i, e in errors] == [(correlation_id, "secret")]
    assert errors[0][1].__traceback__ is not None


async def test_correlation_ids_differ() -> None:
    app = build()
    seen = {
        (await ask(app, path)).header(b"x-correlation-id") for path in ("/authorize", METADATA_PATH, "/none", "/none")
    }
    assert len(seen) == 4
    assert None not in seen


@pytest.mark.parametrize(
    ("peer", "offered", "taken"),
    [
        ("10.1.2.3", b"abc-1.Z_", True),
        ("10.1.2.3", b"a" * 64, True),
        ("10.1.2.3", b"a" * 65, False),
        ("10.1.2.3", b"a b", False),
        ("10.1.2.3", b"a\n", False),
        ("10.1.2.3", b"", False),
        ("192.0.2.9", b"abc", False),
        ("::ffff:10.1.2.3", b"abc", True),
    ],
)
async def test_a_correlation_id_is_taken_from_trusted_proxies_only(peer: str, offered: bytes, taken: bool) -> None:  # noqa: FBT001 - a column
    app = build(trusted_proxies=["10.0.0.0/8"])
    for path in (METADATA_PATH, "/authorize"):
        answer = await ask(app, path, peer=peer, headers=[(b"x-correlation-id", offered)])
        assert (answer.header(b"x-correlation-id") == offered) == taken


async def test_without_trusted_proxies_no_correlation_id_is_taken() -> None:
    answer = await ask(build(), "/authorize", headers=[(b"x-correlation-id", b"abc")])
    assert answer.header(b"x-correlation-id") != b"abc"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.9", [b"203.0.113.5"], "192.0.2.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", [b"198.51.100.7, 203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", [b"198.51.100.7, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", [b"198.51.100.7", b"203.0.113.5,10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", [b"203.0.113.5, garbage, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b"203.0.113.5:4711"], "203.0.113.5"),
        ("2001:db8::1", [b"[2001:db8:1::5]:4711"], "2001:db8:1::5"),
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [b"<script>"], "10.0.0.1"),
        ("::ffff:10.0.0.1", [b"::ffff:203.0.113.5"], "203.0.113.5"),
    ],
)
async def test_the_client_address_is_the_rightmost_untrusted_hop(
    peer: str, forwarded: list[bytes], client: str
) -> None:
    app = build(trusted_proxies=["10.0.0.0/8", "2001:db8::1/128"])
    headers = [(b"x-forwarded-for", value) for value in forwarded]
    assert json.loads((await ask(app, "/authorize", peer=peer, headers=headers)).body)["client"] == client


async def test_nothing_else_forwarded_is_believed() -> None:
    app = build(trusted_proxies=["10.0.0.0/8"])
    headers = [(b"x-forwarded-host", b"as.example"), (b"forwarded", b"host=as.example"), (b"x-real-ip", b"203.0.113.5")]
    assert (await ask(app, METADATA_PATH, host=b"other", peer="10.0.0.1", headers=headers)).status == 421
    assert json.loads((await ask(app, "/authorize", peer="10.0.0.1", headers=headers)).body)["client"] == "10.0.0.1"


def test_a_wrong_proxy_network_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        EdgeApplication(limits=LimitSettings(), trusted_proxies=["nonsense"])


async def test_the_client_certificate_reaches_the_handler() -> None:
    answer = await ask(build(), "/authorize", extra={"extensions": {"grantd.client_certificate": b"DER"}})
    assert json.loads(answer.body)["certificate"] == "DER"


async def test_health_answers_on_any_host() -> None:
    state = {"ready": True}

    async def ready() -> bool:
        return state["ready"]

    app = build(ready=ready)
    assert (await ask(app, "/health/live", host=b"10.0.0.5:9400")).status == 200
    assert (await ask(app, "/health/ready", host=b"10.0.0.5:9400")).status == 200
    state["ready"] = False
    assert (await ask(app, "/health/ready")).status == 503
    assert (await ask(app, "/health/live")).status == 200
    state["ready"] = True
    app.draining = True
    assert (await ask(app, "/health/ready")).status == 503
    assert (await ask(app, "/health/live")).status == 200


async def test_a_failing_ready_check_means_not_ready() -> None:
    async def ready() -> bool:
        raise StoreUnavailableError

    errors: list[Exception] = []
    app = build(ready=ready, on_error=lambda _, error: errors.append(error))
    assert (await ask(app, "/health/ready")).status == 503
    assert len(errors) == 1


async def test_every_request_is_observed_by_its_route() -> None:
    observed: list[tuple[str, str, int]] = []

    def observer(name: str) -> Observe:
        def observe(method: str, status: int, seconds: float) -> None:
            assert 0 <= seconds < 5
            observed.append((name, method, status))

        return observe

    app = build(observer=observer)
    await ask(app, METADATA_PATH)
    await ask(app, "/token", method="POST")
    await ask(app, "/token", method="BREW")
    await ask(app, "/none")
    assert observed == [
        ("metadata", "GET", 200),
        ("token", "POST", 200),
        ("token", "other", 405),
        ("unrouted", "GET", 404),
    ]


async def test_the_access_log_hears_errors_or_all_and_never_a_query() -> None:
    lines: list[Access] = []
    app = build(access=lines.append)
    await ask(app, METADATA_PATH)
    await ask(app, "/none")
    assert [(line.route, line.path, line.status) for line in lines] == [("unrouted", "/none", 404)]
    assert lines[0].client_address == "192.0.2.9"
    lines.clear()
    app = build(access=lines.append, access_all=True)
    await ask(app, METADATA_PATH)
    await ask(app, "/authorize")
    assert [line.route for line in lines] == ["metadata", "authorize"]
    assert all("q=1" not in repr(line) for line in lines)


@pytest.mark.parametrize(
    "route",
    [
        lambda: Route(name="x"),
        lambda: Route(name="x", methods={"GET": echo}, static=METADATA),
        lambda: Route(name="x", methods={"OPTIONS": echo}),
        lambda: Route(name="x", static=METADATA, cors=registered_origins(is_registered)),
    ],
)
async def test_contradictory_routes_are_refused(route: Any) -> None:
    with pytest.raises(ValueError, match="route x"):
        route()


async def test_a_place_is_taken_once() -> None:
    app = build()
    with pytest.raises(ValueError, match="both claim /token"):
        app.add("AS.example", "/token", Route(name="again", methods={"GET": echo}))
    with pytest.raises(ValueError, match="start with /"):
        app.add(HOST, "token", Route(name="again", methods={"GET": echo}))


async def lifespan(app: EdgeApplication) -> list[dict[str, Any]]:
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with contextlib.suppress(RuntimeError, ExceptionGroup):
        await app({"type": "lifespan"}, receive, send)
    return sent


async def test_lifespan_hooks_run_in_order_and_back() -> None:
    ran: list[str] = []

    def hook(name: str, *, fails: bool = False) -> Any:
        async def run() -> None:
            ran.append(name)
            if fails:
                raise RuntimeError(name)

        return run

    messages = await lifespan(build(on_startup=[hook("a"), hook("b")], on_shutdown=[hook("c"), hook("d")]))
    assert ran == ["a", "b", "d", "c"]
    assert [m["type"] for m in messages] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    ran.clear()
    messages = await lifespan(build(on_startup=[hook("a", fails=True), hook("b")], on_shutdown=[hook("c")]))
    assert ran == ["a"]
    assert messages == [{"type": "lifespan.startup.failed", "message": "RuntimeError: a"}]
    ran.clear()
    messages = await lifespan(build(on_shutdown=[hook("c"), hook("d", fails=True)]))
    assert ran == ["d", "c"]
    assert [m["type"] for m in messages] == ["lifespan.startup.complete", "lifespan.shutdown.failed"]


async def test_websockets_are_turned_away() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await build()({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]
