"""What the socket may send, and what the server makes of it."""

import contextlib
import ssl
import time
from collections.abc import Iterator

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.http.edge_server import HOST, LIMITS, Connection, Running, chunked, post, request, running

from grantd.server.http.routes import StaticEntity
from grantd.server.settings.model import LimitSettings


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as running_server:
        yield running_server


@pytest.fixture(autouse=True)
def still_serving(server: Running) -> Iterator[None]:
    before = len(server.seen.errors)
    yield
    with Connection(server) as connection:
        connection.send(request())
        assert connection.status() == 200
    assert server.seen.errors[before:] == []


def refused(server: Running, data: bytes) -> int:
    """Send, read the refusal, and see that the connection ends."""
    with Connection(server) as connection:
        connection.send(data)
        status, headers, body = connection.response()
        assert headers[b"connection"] == b"close"
        assert len(body) == int(headers[b"content-length"])
        assert connection.closes()
        return status


def answered(server: Running, data: bytes) -> int:
    with Connection(server) as connection:
        connection.send(data)
        return connection.status()


def test_keep_alive_serves_many_requests(server: Running) -> None:
    with Connection(server) as connection:
        for _ in range(3):
            connection.send(request())
            status, headers, body = connection.response()
            assert status == 200
            assert body == b'{"issuer":1}'
            assert b"date" in headers
            assert b"server" not in headers
            connection.send(post(b"a=1"))
            assert connection.response()[2] == b'{"a":"1"}'


def test_a_request_may_come_byte_by_byte(server: Running) -> None:
    with Connection(server) as connection:
        for octet in post(b"a=1&b=2"):
            connection.send(bytes([octet]))
        assert connection.response()[2] == b'{"a":"1","b":"2"}'


# Limits


def test_too_many_header_fields(server: Running) -> None:
    assert answered(server, request(b"/metadata", *[b"X: 1"] * 15)) == 200
    assert refused(server, request(b"/metadata", *[b"X: 1"] * 16)) == 431


def test_too_long_header_fields(server: Running) -> None:
    assert answered(server, request(b"/metadata", b"X: " + b"a" * 1900)) == 200
    assert refused(server, request(b"/metadata", b"X: " + b"a" * 2048)) == 431
    assert refused(server, request(b"/metadata", *[b"X: " + b"a" * 700] * 3)) == 431


@pytest.mark.parametrize("flood", [b"X: 1\r\n", b"a", b"X: " + b"a" * 1000])
def test_endless_headers(server: Running, flood: bytes) -> None:
    with Connection(server) as connection:
        connection.send(b"GET /metadata HTTP/1.1\r\nHost: as.example\r\n")
        sent = 0
        while sent < 20_000_000 and connection.send_if_possible(flood * 1000):
            sent += 1000 * len(flood)
        assert sent < 20_000_000


def test_an_endless_header_line_is_refused_with_431(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(b"GET /metadata HTTP/1.1\r\nHost: as.example\r\nX: ")
        for _ in range(8):
            connection.send(b"a" * 512)
            time.sleep(0.005)
        assert connection.status() == 431


def test_too_long_targets(server: Running) -> None:
    assert answered(server, request(b"/" + b"a" * 1023)) == 404
    assert refused(server, request(b"/" + b"a" * 1024)) == 414
    with Connection(server) as connection:
        connection.send(b"GET /" + b"a" * 2000)
        assert connection.status() == 414


def test_a_body_declared_too_long_is_refused_unread(server: Running) -> None:
    before = len(server.seen.requests)
    with Connection(server) as connection:
        connection.send(request(b"/token", b"Content-Length: 4097", method=b"POST"))
        status, headers, _ = connection.response()
        assert status == 413
        assert headers[b"connection"] == b"close"
        assert connection.closes()
    assert len(server.seen.requests) == before


def test_a_huge_body_gets_its_refusal_though_the_client_sends_on(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(b"/token", b"Content-Length: 10000000", method=b"POST", body=b"a" * 200_000))
        # A server that closed by now would reset the connection, and the refusal would be lost.
        for _ in range(2):
            time.sleep(0.05)
            assert connection.send_if_possible(b"a" * 100_000)
        time.sleep(0.05)
        assert connection.status() == 413
        sent = 400_000
        while sent < 10_000_000 and connection.send_if_possible(b"a" * 100_000):
            sent += 100_000
        assert sent < 10_000_000


def test_expect_continue_is_not_granted_to_a_body_that_is_too_long(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(b"/token", b"Content-Length: 5000", b"Expect: 100-continue", method=b"POST"))
        assert connection.status() == 413
    with Connection(server) as connection:
        form = b"Content-Type: application/x-www-form-urlencoded"
        connection.send(request(b"/token", form, b"Content-Length: 3", b"Expect: 100-continue", method=b"POST"))
        assert connection.status() == 100
        connection.send(b"a=1")
        assert connection.status() == 200


def test_a_chunked_body_is_read(server: Running) -> None:
    assert answered(server, chunked(b"2\r\na=\r\n1;ext=x\r\n1\r\n0\r\n\r\n")) == 200


def test_a_chunked_body_too_long(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(chunked(b""))
        for _ in range(5):
            connection.send(b"400\r\n" + b"a" * 1024 + b"\r\n")
        assert connection.status() == 413
        assert connection.closes()


@pytest.mark.parametrize(
    "bad", [b"zz\r\n", b"-1\r\n", b"1\r\nab\r\n", b"1\nx\n", b"f" * 17 + b"\r\n", b"\r\n", b"1 \r\nx"]
)
def test_bad_chunks(server: Running, bad: bytes) -> None:
    before = len(server.seen.requests)
    assert refused(server, chunked(bad)) == 400
    assert len(server.seen.requests) == before


@pytest.mark.parametrize(
    "endless", [b"1;" + b"x" * 100_000, b"0\r\n" + b"X: " + b"y" * 100_000, b"0\r\n" + b"X: y\r\n" * 500]
)
def test_endless_chunk_extensions_and_trailers(server: Running, endless: bytes) -> None:
    with Connection(server) as connection:
        connection.send(chunked(b""))
        time.sleep(0.02)
        connection.send_if_possible(endless)
        connection.send_if_possible(b"a")
        assert connection.status() in {400, 431}
        assert connection.closes()


def test_trailers_are_no_headers(server: Running) -> None:
    assert answered(server, chunked(b"3\r\na=1\r\n0\r\nAuthorization: Basic eDp5\r\nHost: evil\r\n\r\n")) == 200
    seen = server.seen.requests[-1]
    assert seen.header(b"authorization") is None
    assert seen.header_all(b"host") == [HOST]


def test_too_many_connections_are_turned_away() -> None:
    limits = LimitSettings(connections=3, header_seconds=5)
    with running(limits=limits) as small, contextlib.ExitStack() as stack:
        held = [stack.enter_context(Connection(small)) for _ in range(3)]
        for connection in held:
            connection.send(request())
            assert connection.status() == 200
        with Connection(small) as surplus:
            assert surplus.status() == 503
            assert surplus.closes()
        held[0].send(request(b"/metadata", b"Connection: close"))
        assert held[0].status() == 200
        assert held[0].closes()
        assert answered(small, request()) == 200


# Deadlines


def test_a_silent_connection_is_closed(server: Running) -> None:
    with Connection(server) as connection:
        assert connection.status() == 408
        assert connection.closes()


def test_slow_headers(server: Running) -> None:
    with Connection(server) as connection:
        started = time.monotonic()
        connection.send(b"GET /metadata HTTP/1.1\r\nHost: as.example\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(6):
                connection.send(b"X: 1\r\n")
                time.sleep(0.1)
        assert connection.status() == 408
        assert time.monotonic() - started < 3


def test_slow_headers_on_a_kept_connection(server: Running) -> None:
    for drip in (b"G", b"\r\n", b"GET / HTTP/1.1\r\nHos"):
        with Connection(server) as connection:
            connection.send(request())
            assert connection.status() == 200
            connection.send(drip)
            assert connection.status() == 408
            assert connection.closes()


def test_slow_bodies(server: Running) -> None:
    before = len(server.seen.requests)
    for start in (post(b"a=1&b=2")[:-3], chunked(b"3\r\na=1\r\n")):
        with Connection(server) as connection:
            connection.send(start)
            assert connection.status() == 408
            assert connection.closes()
    assert len(server.seen.requests) == before


def test_a_slow_body_after_an_early_answer_only_closes(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(b"/none", b"Content-Length: 10", method=b"POST", body=b"a"))
        assert connection.status() == 404
        assert connection.closes()


def test_an_idle_kept_connection_is_closed_silently(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request())
        assert connection.status() == 200
        assert not connection.closes(within=0.3)
        assert connection.closes()


def test_a_slow_handler_is_not_hurried(server: Running) -> None:
    with Connection(server) as connection:
        for _ in range(4):
            connection.send(request(b"/slow"))
            assert connection.status() == 200


# Framing and strictness


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(b"/token", b"Content-Length: 3", b"Transfer-Encoding: chunked", method=b"POST"), 400),
        (request(b"/token", b"Transfer-Encoding: chunked", b"Content-Length: 3", method=b"POST"), 400),
        (request(b"/token", b"Content-Length: 3", b"Content-Length: 3", method=b"POST", body=b"abc"), 400),
        (request(b"/token", b"Content-Length: 3", b"Content-Length: 4", method=b"POST", body=b"abcd"), 400),
        (request(b"/token", b"Content-Length: 3, 3", method=b"POST", body=b"abc"), 400),
        (request(b"/token", b"Content-Length: +3", method=b"POST", body=b"abc"), 400),
        (request(b"/token", b"Content-Length: 0x3", method=b"POST", body=b"abc"), 400),
        (request(b"/token", b"Content-Length: 99999999999999999999999", method=b"POST"), 400),
        (request(b"/token", b"Transfer-Encoding: gzip", method=b"POST"), 400),
        (request(b"/token", b"Transfer-Encoding: gzip, chunked", method=b"POST"), 400),
        (request(b"/token", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", method=b"POST"), 400),
        (request(b"/token", b"Transfer-Encoding: xchunked", method=b"POST"), 400),
        (request(b"/token", b"Transfer-Encoding : chunked", method=b"POST"), 400),
        (request(b"/token", b"Transfer-Encoding: chunked", method=b"POST", version=b"HTTP/1.0"), 400),
        (request(b"/metadata", b"X: a", b" b"), 400),
        (request(b"/metadata", b"X: a", b"\tb"), 400),
        (request(b"/metadata", b" X: a"), 400),
        (request(b"/metadata", b"X: a\x00b"), 400),
        (request(b"/metadata", b"X: a\x01b"), 400),
        (request(b"/metadata", b"X: a\rb"), 400),
        (request(b"/metadata", b"X: a\nY: b"), 400),
        (request(b"/metadata", b"X\x00: a"), 400),
        (request(b"/metadata", b"X a: b"), 400),
        (request(b"/metadata", b": b"), 400),
        (request(b"/metadata", b"noseparator"), 400),
        (request().replace(b"\r\n", b"\n"), 400),
        (request(b"/metadata", b"Host: as.example"), 400),
        (request(b"/metadata", b"Host: evil.example"), 400),
        (request(b"/metadata", b"hOST: as.example"), 400),
        (request(host=None), 400),
        (request(b"http://evil.example/metadata"), 400),
        (request(b"http://as.example@evil.example/metadata"), 400),
        (request(b"http://as.example:81/metadata"), 400),
        (request(b"ftp://as.example/metadata"), 400),
        (request(b"http://as.example"), 400),
        (request(b"*", method=b"OPTIONS"), 400),
        (request(b"as.example:443", method=b"CONNECT"), 400),
        (request(b"metadata"), 400),
        (request(b"/metadata#fragment"), 400),
        (request(b"/meta\x00data"), 400),
        (request(b"/meta\xffdata"), 400),
        (request(b"/meta data"), 400),
        (request(version=b"HTTP/1.9"), 400),
        (request(version=b"HTTP/2.0"), 400),
        (request(version=b"HTTP/0.9"), 400),
        (request(version=b"FTP/1.1"), 400),
        (request(method=b"BREW"), 400),
        (request(method=b"get"), 400),
        (request(method=b"G\x00T"), 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /metadata\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\x00" * 100, 400),
    ],
)
def test_malformed_requests_are_refused(server: Running, data: bytes, status: int) -> None:
    before = len(server.seen.requests)
    assert refused(server, data) == status
    assert len(server.seen.requests) == before


def test_the_absolute_form_of_the_same_host_is_served(server: Running) -> None:
    assert answered(server, request(b"http://AS.example/metadata?x=1")) == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/%2e%2e/", 404),
        (b"/../metadata", 404),
        (b"//token", 404),
        (b"//metadata", 404),
        (b"/token/", 404),
        (b"/token%00", 404),
        (b"/%2fmetadata", 404),
        (b"/metadata%2f", 404),
        (b"/metadata%", 404),
        (b"/metadata%zz", 404),
        (b"/metadata%ff", 404),
        (b"/metadata;x=1", 404),
        (b"/METADATA", 404),
        (b"/meta%64ata", 200),
        (b"/metadata?x=%00&%", 200),
    ],
)
def test_tricks_with_paths(server: Running, target: bytes, status: int) -> None:
    assert answered(server, request(target)) == status


@pytest.mark.req("OA21-072")
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PROPFIND"])
def test_wrong_methods(server: Running, method: bytes) -> None:
    before = len(server.seen.requests)
    with Connection(server) as connection:
        connection.send(request(b"/token", b"Connection: close", method=method))
        head = connection.socket.recv(65536)
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: POST\r\n" in head
    assert len(server.seen.requests) == before


def test_an_unknown_host(server: Running) -> None:
    assert answered(server, request(host=b"evil.example")) == 421


@pytest.mark.parametrize("body", [b"a=%00", b"a=%", b"\x00", b"a=1&a=2", b"\xff=1", b"a=" + b"b" * 4000, b"&" * 100])
def test_bad_forms_are_invalid_requests(server: Running, body: bytes) -> None:
    status = answered(server, post(body))
    assert status == (200 if body.startswith(b"a=bb") else 400)


# Connections


def test_http_1_0(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(version=b"HTTP/1.0"))
        assert connection.status() == 200
        assert connection.closes()
    with Connection(server) as connection:
        connection.send(request(b"/metadata", b"Connection: keep-alive", version=b"HTTP/1.0"))
        assert connection.status() == 200
        assert connection.closes()
    assert answered(server, request(version=b"HTTP/1.0", host=None)) == 421


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(b"/slow") + request() + post(b"a=1") + request(b"/none"))
        bodies = [connection.response()[2] for _ in range(3)]
        assert bodies == [b'{"slow":true}', b'{"issuer":1}', b'{"a":"1"}']
        assert connection.status() == 404


def test_a_malformed_request_in_the_pipeline_is_refused_in_its_turn(server: Running) -> None:
    for bad in (request(host=None), b"\x00\r\n", chunked(b"zz\r\n"), request(b"/" + b"a" * 2000)):
        with Connection(server) as connection:
            connection.send(request(b"/slow") + request() + bad + request())
            assert [connection.status(), connection.status()] == [200, 200]
            assert connection.status() in {400, 414}
            assert connection.closes()


def test_a_slow_request_in_the_pipeline_is_refused_in_its_turn(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(b"/slow") + post(b"a=1")[:-1])
        assert connection.status() == 200
        assert connection.status() == 408
        assert connection.closes()


def test_an_endless_pipeline_is_cut(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(b"/slow") + request() * 100)
        statuses = [connection.status() for _ in range(34)]
        assert statuses == [200] * 33 + [429]
        assert connection.closes()


def test_nothing_is_answered_after_connection_close(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(b"/metadata", b"Connection: close") + request(b"/token"))
        assert connection.status() == 200
        assert connection.closes()


def test_a_half_closed_connection_gets_its_answers(server: Running) -> None:
    with Connection(server) as connection:
        connection.send(request(b"/slow") + request())
        connection.half_close()
        assert [connection.status(), connection.status()] == [200, 200]
        assert connection.closes()


@pytest.mark.parametrize("start", [b"", b"GET /metadata HT", post(b"a=1&b=2")[:-2], chunked(b"3\r\na=")])
def test_a_half_closed_connection_without_a_whole_request_ends(server: Running, start: bytes) -> None:
    before = len(server.seen.requests)
    with Connection(server) as connection:
        connection.send(start)
        connection.half_close()
        assert connection.closes(within=1.5)
    assert len(server.seen.requests) == before


def test_a_client_that_vanishes_does_no_harm(server: Running) -> None:
    for start in (request(b"/slow"), post(b"a=1&b=2")[:-2], request(b"/slow") * 3, b"GET"):
        with Connection(server) as connection:
            connection.send(start)


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
def test_upgrades_are_ignored(server: Running, protocol: bytes) -> None:
    lines = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + protocol, b"HTTP2-Settings: AAMAAABk")
    with Connection(server) as connection:
        connection.send(
            request(b"/metadata", *lines) + post(b"a=1", *lines) + chunked(b"3\r\nb=2\r\n0\r\n\r\n", *lines)
        )
        assert [connection.response()[2] for _ in range(3)] == [b'{"issuer":1}', b'{"a":"1"}', b'{"b":"2"}']
        connection.send(post(b"c=3", *lines)[:-1])
        connection.send(b"3")
        assert connection.response()[2] == b'{"c":"3"}'
        connection.send(request(b"/metadata", b"Connection: Upgrade, close", b"Upgrade: " + protocol))
        assert connection.status() == 200
        assert connection.closes()


@pytest.mark.parametrize("target", [b"as.example:443", b"/metadata", b"http://as.example/metadata"])
def test_there_is_no_tunnel(server: Running, target: bytes) -> None:
    lines = (b"Connection: Upgrade", b"Upgrade: h2c")
    assert refused(server, request(target, method=b"CONNECT")) == 400
    assert refused(server, request(target, *lines, method=b"CONNECT")) == 400


def test_responses_without_content_keep_the_framing(server: Running) -> None:
    etag = StaticEntity.of(b'{"issuer":1}').etag
    for bare in (request(method=b"HEAD"), request(b"/metadata", b"If-None-Match: " + etag)):
        with Connection(server) as connection:
            connection.send(bare + request())
            data = b""
            while not data.endswith(b'{"issuer":1}'):
                data += connection.socket.recv(65536)
            first, second, body = data.split(b"\r\n\r\n")
            assert first.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 304 Not Modified\r\n"))
            assert second.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body == b'{"issuer":1}'


@pytest.mark.parametrize("evil", [b"a\r\nSet-Cookie: b=c", b"a\nSet-Cookie: b=c", b"a\rb", b"a\x00b"])
def test_a_header_cannot_split_the_response(server: Running, evil: bytes) -> None:
    server.seen.evil = evil
    with Connection(server) as connection:
        connection.send(request(b"/split"))
        status, headers, _ = connection.response()
        assert status == 500
        assert b"set-cookie" not in headers
        assert connection.closes()


PIECES = st.lists(
    st.sampled_from(
        [
            b"GET ", b"POST ", b"/token", b" HTTP/1.1\r\n", b"Host: as.example\r\n", b"\r\n", b"Content-Length: 3\r\n",
            b"Transfer-Encoding: chunked\r\n", b"a=1", b"3\r\n", b"0\r\n\r\n", b"\x00", b" ", b"Expect: 100-continue\r\n",
            b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Connection: close\r\n", request(), post(b"a=1"), request(b"/slow"),
        ]
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), PIECES.map(b"".join)), st.integers(0, 200))
def test_arbitrary_bytes_never_give_a_server_error(server: Running, data: bytes, cut: int) -> None:
    with Connection(server) as connection:
        connection.send_if_possible(data[:cut])
        connection.send_if_possible(data[cut:])
        with contextlib.suppress(OSError):
            connection.half_close()
        with contextlib.suppress(ConnectionError):
            while True:
                assert connection.status() in {100, 200, 400, 404, 405, 408, 413, 421, 429, 431}


# TLS


def test_the_client_certificate_reaches_the_application() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("as.example").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    with running(tls=context) as secure:
        for identity in (None, authority.issue_cert("client.example")):
            client = ssl.create_default_context()
            authority.configure_trust(client)
            if identity is not None:
                identity.configure_cert(client)
            with Connection(secure) as connection:
                connection.socket = client.wrap_socket(connection.socket, server_hostname="as.example")
                connection.send(post(b"a=1"))
                assert connection.status() == 200
            certificate = secure.seen.requests[-1].certificate
            if identity is None:
                assert certificate is None
            else:
                pem = identity.cert_chain_pems[0].bytes().decode()
                assert certificate == ssl.PEM_cert_to_DER_cert(pem)


def test_limits_hold_behind_tls() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("as.example").configure_cert(context)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    with running(limits=LIMITS, tls=context) as secure:
        for data, status in ((request(host=None), 400), (request(b"/" + b"a" * 2000), 414), (post(b"a" * 5000), 413)):
            with Connection(secure) as connection:
                connection.socket = client.wrap_socket(connection.socket, server_hostname="as.example")
                connection.send(data)
                assert connection.status() == status
