"""One connection, without a socket: what goes out, in how many pieces, and who is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.server.http.edge_server import chunked, post, request
from tests.server.http.test_application import ask
from uvicorn.server import ServerState

from grantd.server.http.application import EdgeApplication
from grantd.server.http.asgi import AsgiResponder
from grantd.server.http.clock import Clock
from grantd.server.http.cors import ANY_ORIGIN
from grantd.server.http.incoming import Responder
from grantd.server.http.messages import Request, Response
from grantd.server.http.protocol import EdgeProtocol, edge_protocol
from grantd.server.http.routes import Observe, Route, StaticEntity
from grantd.server.http.serve import _configure
from grantd.server.http.wire import Prepared, Writer
from grantd.server.settings.model import LimitSettings

pytestmark = pytest.mark.anyio
LIMITS = LimitSettings(body_bytes=20, keep_alive_seconds=0.05, header_seconds=5, body_seconds=5)
METADATA = StaticEntity.of(b'{"issuer":1}')


class Wire(asyncio.Transport):
    """Remembers what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.9", 4711)})
        self.written: list[bytes] = []
        self.ended: list[str] = []
        self.paused = 0
        self.unsent = 0

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.ended.append("close")

    def abort(self) -> None:
        self.ended.append("abort")

    def is_closing(self) -> bool:
        return bool(self.ended)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.written.append(b"EOF")

    def pause_reading(self) -> None:
        self.paused += 1

    def resume_reading(self) -> None:
        self.paused -= 1

    def get_write_buffer_size(self) -> int:
        return self.unsent


class Bench:
    """A protocol between a wire and an application."""

    def __init__(self, limits: LimitSettings = LIMITS, responder: Responder | None = None) -> None:
        self.seen: list[Request] = []
        self.observed: list[tuple[str, str, int]] = []
        self.go = asyncio.Event()
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.wire = Wire()
        self.application = self._application(limits)
        responder = responder or self.application
        config = _configure(self.application, limits, tls=None, lifespan="off")
        self.protocol: EdgeProtocol = edge_protocol(limits, responder)(config, self.state, {})
        self.protocol.connection_made(self.wire)

    def _application(self, limits: LimitSettings) -> EdgeApplication:
        def observer(name: str) -> Observe:
            return lambda method, status, _: self.observed.append((name, method, status))

        async def echo(http: Request) -> Response:
            self.seen.append(http)
            return Response(200, headers=[(b"x-a", b"b")], body=http.body)

        async def wait(http: Request) -> Response:
            self.seen.append(http)
            await self.go.wait()
            return Response(200, body=b"waited")

        async def nothing(http: Request) -> Response:
            return Response(int(http.query), headers=[(b"x-a", b"b")], body=b"never sent")

        app = EdgeApplication(limits=limits, observer=observer)
        app.add("as.example", "/token", Route(name="token", methods={"POST": echo}))
        app.add("as.example", "/get", Route(name="get", methods={"GET": echo}))
        app.add("as.example", "/wait", Route(name="wait", methods={"GET": wait, "POST": wait}))
        app.add("as.example", "/none", Route(name="none", methods={"POST": echo}, body_limit=0))
        app.add("as.example", "/nothing", Route(name="nothing", methods={"GET": nothing}))
        app.add("as.example", "/metadata", Route(name="metadata", static=METADATA, cors=ANY_ORIGIN))
        return app

    def send(self, data: bytes) -> list[bytes]:
        """Receive a block; return what was written since the last time."""
        self.protocol.data_received(data)
        return self.taken()

    def taken(self) -> list[bytes]:
        written, self.wire.written = self.wire.written, []
        return written

    async def settle(self) -> list[bytes]:
        for _ in range(5):
            await asyncio.sleep(0)
        return self.taken()


def status(written: bytes) -> int:
    assert written.startswith(b"HTTP/1.1 ")
    return int(written[9:12])


async def test_a_response_is_one_write() -> None:
    bench = Bench()
    for data in (post(b"a=1"), request(b"/metadata"), request(b"/get")):
        bench.send(data)
        written = await bench.settle() if not bench.wire.written else bench.taken()
        assert len(written) < 2
    bench.send(post(b"a=1"))
    await bench.settle()
    assert bench.state.total_requests == 4
    assert bench.state.tasks == set()


async def test_the_bytes_of_a_response() -> None:
    bench = Bench()
    written = bench.send(post(b"a=1")) or await bench.settle()
    correlation_id = bench.seen[0].correlation_id.encode()
    assert written == [
        b"HTTP/1.1 200 OK\r\ndate: today\r\nx-a: b\r\ncontent-length: 3\r\n"
        b"x-correlation-id: " + correlation_id + b"\r\n\r\na=1"
    ]
    assert bench.seen[0].client_address == "192.0.2.9"


@pytest.mark.parametrize("target", ["/metadata", "/get", "/none", "/nowhere"])
async def test_asgi_says_what_the_direct_way_says(target: str) -> None:
    bench = Bench()
    [written] = bench.send(request(target.encode())) or await bench.settle()
    head, body = written.split(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n")[2:] if not line.startswith(b"x-correlation-id")]
    answer = await ask(bench.application, target)
    assert lines == [name + b": " + value for name, value in answer.headers if name != b"x-correlation-id"]
    assert (status(written), body) == (answer.status, answer.body)


@pytest.mark.parametrize("code", [204, 304])
async def test_some_responses_have_no_content(code: int) -> None:
    bench = Bench()
    [written] = bench.send(request(b"/nothing?%d" % code)) or await bench.settle()
    assert status(written) == code
    assert written.endswith(b"\r\n\r\n")
    assert b"content-length" not in written
    assert bench.wire.ended == []


async def test_a_status_that_does_not_exist_is_a_server_error() -> None:
    bench = Bench()
    written = bench.send(request(b"/nothing?999")) or await bench.settle()
    assert status(written[0]) == 500
    assert bench.wire.ended == ["close"]


async def test_the_date_is_the_current_one() -> None:
    writer = Writer()
    for date in (b"today", b"tomorrow"):
        head = writer.whole(Response(200), "GET", "", defaults=[(b"date", date)], last=False)
        assert head == b"HTTP/1.1 200 OK\r\ndate: " + date + b"\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "header", [(b"x", b"a\r\nb: c"), (b"x", b"a\nb"), (b"x", b"a\rb"), (b"x\r\n", b"a"), (b"x", b"\0")]
)
async def test_no_response_is_split(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        Writer().whole(Response(200, headers=[header]), "GET", "", defaults=[], last=False)
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        Prepared(200, headers=[header])


# Who is told


async def test_a_client_that_leaves_during_the_handler_is_observed_as_499() -> None:
    bench = Bench()
    bench.send(request(b"/wait") + request(b"/metadata"))
    await bench.settle()
    bench.protocol.connection_lost(None)
    bench.go.set()
    assert await bench.settle() == []
    assert sorted(bench.observed) == [("metadata", "GET", 499), ("wait", "GET", 499)]
    assert bench.state.tasks == set()
    assert bench.state.connections == set()


@pytest.mark.parametrize("rest", [None, b"zz\r\n"])
async def test_a_body_that_never_becomes_whole_is_observed_as_499(rest: bytes | None) -> None:
    bench = Bench()
    bench.send(chunked(b"3\r\na=1\r\n"))
    if rest is None:
        bench.protocol.connection_lost(None)
    else:
        assert status(bench.send(rest)[0]) == 400
    assert bench.observed == [("token", "POST", 499)]
    assert bench.seen == []


# Bodies


async def test_an_answer_without_the_body_is_the_last() -> None:
    bench = Bench()
    data = request(b"/get", b"Content-Length: 5", body=b"ab")
    written = bench.send(data) or await bench.settle()
    assert status(written[0]) == 200
    assert b"\r\nconnection: close\r\n" in written[0]
    assert written[1:] == [b"EOF"]
    assert bench.seen[0].body == b""
    assert bench.send(b"cde" + request(b"/metadata")) == []


async def test_a_body_that_no_handler_reads_does_no_harm() -> None:
    bench = Bench()
    for _ in range(2):
        [written] = bench.send(request(b"/get", b"Content-Length: 2", body=b"ab")) or await bench.settle()
        assert status(written) == 200
        assert written.endswith(b"\r\n\r\n")
    assert [seen.body for seen in bench.seen] == [b"", b""]


@pytest.mark.parametrize(
    "data",
    [
        request(b"/none", b"Content-Length: 1", method=b"POST"),
        request(b"/none", b"Content-Length: 1", method=b"POST", body=b"a"),
        chunked(b"1\r\na\r\n", target=b"/none"),
        chunked(b"1\r\na\r\n0\r\n\r\n", target=b"/none"),
        post(b"a" * 21),
        post(b"a" * 21)[:-21],
        chunked(b"15\r\n" + b"a" * 21 + b"\r\n"),
        chunked(b"15\r\n" + b"a" * 21 + b"\r\n0\r\n\r\n"),
    ],
)
async def test_no_handler_sees_a_part_of_a_body(data: bytes) -> None:
    bench = Bench()
    written = bench.send(data) or await bench.settle()
    assert status(written[0]) == 413
    assert bench.seen == []
    assert bench.wire.ended or written[-1] == b"EOF"


async def test_a_body_may_come_in_pieces() -> None:
    bench = Bench()
    assert bench.send(chunked(b"3\r\n")) == []
    for octet in b"a=1\r\n2\r\n&b\r\n":
        assert bench.send(bytes([octet])) == []
    [written] = bench.send(b"0\r\nX: y\r\n\r\n") or await bench.settle()
    assert written.endswith(b"\r\n\r\na=1&b")
    assert bench.seen[0].header(b"x") is None


async def test_too_long_trailers_are_refused() -> None:
    bench = Bench(limits=LimitSettings(header_bytes=200))
    data = chunked(b"3\r\na=1\r\n0\r\nX: " + b"y" * 300 + b"\r\n\r\n")
    assert status(bench.send(data)[0]) == 431
    assert bench.seen == []


async def test_continue_is_said_once_and_only_when_the_body_is_wanted() -> None:
    bench = Bench()
    head = request(b"/token", b"Content-Length: 3", b"Expect: 100-continue", method=b"POST")
    assert bench.send(head) == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    assert bench.send(b"a") == []
    assert status((bench.send(b"=1") or await bench.settle())[0]) == 200
    assert status((bench.send(head + b"a=1") or await bench.settle())[0]) == 200


# Order and pressure


async def test_responses_keep_the_order_of_their_requests() -> None:
    bench = Bench()
    assert bench.send(request(b"/wait") + request(b"/metadata") + post(b"a=1")) == []
    await asyncio.sleep(0)
    assert bench.wire.paused == 1
    bench.go.set()
    written = await bench.settle()
    assert [data.rpartition(b"\r\n\r\n")[2] for data in written] == [b"waited", METADATA.body, b"a=1"]
    assert bench.wire.paused == 0


async def test_nothing_more_is_answered_to_a_client_that_does_not_read() -> None:
    bench = Bench()
    bench.protocol.pause_writing()
    assert bench.send(request(b"/metadata") + post(b"a=1")) == []
    assert bench.wire.paused == 1
    assert bench.seen == []
    bench.protocol.resume_writing()
    written = await bench.settle()
    assert len(written) == 2
    assert bench.wire.paused == 0
    bench.protocol.pause_writing()
    bench.send(request(b"/metadata"))
    bench.wire.unsent = 1
    await asyncio.sleep(0.1)
    assert bench.wire.ended == ["abort"]


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    bench = Bench()
    bench.send(request(b"/metadata"))
    bench.send(request(b"/wait"))
    await asyncio.sleep(0.1)
    assert bench.wire.ended == []
    bench.go.set()
    assert len(await bench.settle()) == 1
    await asyncio.sleep(0.1)
    assert bench.wire.ended == ["close"]


async def test_every_head_has_the_whole_time() -> None:
    bench = Bench(limits=LimitSettings(header_seconds=0.2))
    bench.send(b"GET /metadata HTTP/1.1\r\n")
    await asyncio.sleep(0.12)
    assert len(bench.send(b"Host: as.example\r\n\r\nGET")) == 1
    await asyncio.sleep(0.12)
    assert bench.taken() == []
    await asyncio.sleep(0.12)
    assert status(bench.taken()[0]) == 408


async def test_a_server_that_drains_closes_after_the_last_response() -> None:
    idle = Bench()
    idle.send(request(b"/metadata"))
    idle.protocol.shutdown()
    assert idle.wire.ended == ["close"]
    busy = Bench()
    busy.send(request(b"/wait") + request(b"/metadata"))
    busy.protocol.shutdown()
    assert busy.wire.ended == []
    busy.go.set()
    written = await busy.settle()
    assert [b"connection: close" in data for data in written] == [False, True]
    assert busy.wire.ended == ["close"]


async def test_a_handler_that_is_cut_off_says_so() -> None:
    bench = Bench()
    bench.send(request(b"/wait"))
    await asyncio.sleep(0)
    [task] = bench.state.tasks
    task.cancel()
    [written] = await bench.settle()
    assert status(written) == 500
    assert bench.wire.ended == ["close"]
    assert bench.state.tasks == set()


async def test_an_application_that_fails_outside_its_handlers_gives_500() -> None:
    def broken(name: str) -> Observe:
        def observe(method: str, status: int, seconds: float) -> None:
            raise KeyError(name)

        return observe

    app = EdgeApplication(limits=LIMITS, observer=broken)
    app.add("as.example", "/metadata", Route(name="metadata", static=METADATA))
    for target in (b"/metadata", b"/nowhere"):
        bench = Bench(responder=app)
        written = bench.send(request(target)) or await bench.settle()
        assert status(written[0]) == 500
        assert bench.wire.ended == ["close"]


# Other applications


def asgi(*messages: dict[str, Any], scopes: list[dict[str, Any]] | None = None) -> Callable[..., Any]:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scopes is not None:
            scopes.append({**scope, "body": await receive()})
        for message in messages:
            await send(message)

    return application


START = {
    "type": "http.response.start",
    "status": 201,
    "headers": [(b"X-A", b"b"), (b"Content-Length", b"9"), (b"transfer-encoding", b"chunked")],
}


async def test_an_asgi_application_is_served() -> None:
    scopes: list[dict[str, Any]] = []
    pieces: list[dict[str, Any]] = [
        {"type": "http.response.body", "body": b"a", "more_body": True},
        {"type": "http.response.body"},
    ]
    responder = AsgiResponder(asgi(START, *pieces, scopes=scopes), body_bytes=20)
    bench = Bench(responder=responder)
    expected = b"HTTP/1.1 201 Created\r\ndate: today\r\nx-a: b\r\ncontent-length: 1\r\n\r\n"
    assert (bench.send(post(b"a=1", target=b"/m?x=1")) or await bench.settle()) == [expected + b"a"]
    assert (bench.send(request(b"/m", method=b"HEAD")) or await bench.settle()) == [expected]
    assert scopes[0]["body"] == {"type": "http.request", "body": b"a=1", "more_body": False}
    assert (scopes[0]["method"], scopes[0]["path"], scopes[0]["query_string"]) == ("POST", "/m", b"x=1")
    assert scopes[0]["client"] == ("192.0.2.9", 0)


@pytest.mark.parametrize("messages", [(), (START,), (START, {"type": "http.response.body", "more_body": True})])
async def test_an_asgi_application_must_give_a_whole_response(messages: tuple[dict[str, Any], ...]) -> None:
    bench = Bench(responder=AsgiResponder(asgi(*messages), body_bytes=20))
    assert status((bench.send(request()) or await bench.settle())[0]) == 500


@pytest.mark.parametrize("data", [post(b"a" * 21), post(b"a" * 21)[:-1], chunked(b"15\r\n" + b"a" * 21)])
async def test_an_asgi_application_gets_no_long_body(data: bytes) -> None:
    scopes: list[dict[str, Any]] = []
    bench = Bench(responder=AsgiResponder(asgi(scopes=scopes), body_bytes=20))
    assert status((bench.send(data) or await bench.settle())[0]) == 413
    assert scopes == []


# The clock


async def test_the_clock_rings_once_at_the_time_that_was_set_last() -> None:
    rung: list[str] = []
    clock = Clock(asyncio.get_running_loop())
    clock.set(0.02, lambda: rung.append("early"))
    clock.set(0.06, lambda: rung.append("late"))
    await asyncio.sleep(0.04)
    assert rung == []
    await asyncio.sleep(0.06)
    assert rung == ["late"]
    clock.set(5, lambda: rung.append("never"))
    clock.set(0.01, lambda: rung.append("sooner"))
    await asyncio.sleep(0.05)
    assert rung == ["late", "sooner"]


async def test_a_stopped_clock_is_silent_and_may_be_set_again() -> None:
    rung: list[str] = []
    clock = Clock(asyncio.get_running_loop())
    clock.set(0.01, lambda: rung.append("stopped"))
    clock.stop()
    await asyncio.sleep(0.03)
    clock.set(0.01, lambda: rung.append("again"))
    await asyncio.sleep(0.03)
    clock.set(0.01, lambda: rung.append("ended"))
    clock.end()
    await asyncio.sleep(0.03)
    assert rung == ["again"]
