"""The HTTP server against hand-made clients, on both event loops."""

import asyncio
import json
import logging
import socket
import ssl
import struct
import subprocess
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from remit.http.server import Limits, Request, Response, Server, serve

CLOSE = b"Host: x\r\nConnection: close\r\n"
Scene = Callable[[Server], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request):
    """Runs a scene against a server of the given application."""

    def run(scene: Scene, app=None, **limits):
        async def main():
            server = await serve(app or echo, limits=Limits(**limits))
            try:
                await asyncio.wait_for(scene(server), 20)
            finally:
                await server.close(0)

        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    return run


async def echo(request: Request) -> Response:
    if request.path == "/stream":
        return Response(200, [("content-type", "text/event-stream")], stream=three())
    if request.path == "/fail":
        raise RuntimeError("on purpose")
    if request.path == "/split":
        return Response(200, [("x-evil", "a\r\nset-cookie: b")])
    if request.path == "/empty":
        return Response(204)
    return Response(200, [("x-path", request.path), ("x-query", request.query)], request.body)


async def three():
    for word in (b"one", b"", b"two"):
        yield word
        await asyncio.sleep(0)


async def talk(server: Server, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Sends the pieces and returns everything until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)
        return await reader.read()
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


def post(body: bytes, more: bytes = CLOSE) -> bytes:
    return b"POST /p?q=1 HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (more, len(body), body)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def error(answer: bytes) -> dict:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    found = json.loads(body)["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found


def test_a_request_comes_whole_and_its_answer_goes_back(play):
    async def scene(server):
        answer = await talk(server, post(b"hello"))
        assert answer == (
            b"HTTP/1.1 200 OK\r\nx-path: /p\r\nx-query: q=1\r\ncontent-length: 5\r\n"
            b"connection: close\r\n\r\nhello"
        )

    play(scene)


def test_a_request_split_at_every_byte_is_the_same_request(play):
    async def scene(server):
        whole = post(b"hello", CLOSE + b"Cookie: a=1\r\nCookie: b=2\r\n")
        expected = await talk(server, whole)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for i in range(len(whole)):
            writer.write(whole[i : i + 1])
            await asyncio.sleep(0)
        assert await reader.read() == expected
        writer.close()

    play(scene)


def test_pipelined_requests_are_answered_in_order_however_many(play):
    async def slow_first(request):
        await asyncio.sleep(0.05 if request.path == "/0" else 0)
        return Response(200, [], request.path.encode() + b";")

    async def scene(server):
        count = 3000
        burst = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(count))
        answer = await talk(server, burst, b"GET /end HTTP/1.1\r\n" + CLOSE + b"\r\n")
        paths = [part.rpartition(b"\r\n\r\n")[2] for part in answer.split(b";")]
        assert paths[:-1] == [b"/%d" % i for i in range(count)] + [b"/end"]

    play(scene, slow_first, pipeline=4)


def test_reading_stops_while_more_is_pipelined_than_the_bound(play):
    async def hang(request):
        started.append(request.path)
        await asyncio.Event().wait()
        return Response(200)

    started: list[str] = []

    async def scene(server):
        sock = socket.create_connection(("127.0.0.1", server.port))
        sock.settimeout(0)
        flood = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 1000) * 1000
        sent = 0
        for _ in range(100):
            try:
                sent += sock.send(flood)
            except BlockingIOError:
                await asyncio.sleep(0.005)
        assert sent < 30_000_000  # what kernel buffers hold, not the hundred floods
        assert len(started) == 1
        sock.close()

    play(scene, hang, pipeline=4)


SMUGGLING = {
    "both lengths": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "lengths twice": b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "length list": b"Content-Length: 3, 3\r\n\r\nabc",
    "signed length": b"Content-Length: +3\r\n\r\nabc",
    "negative length": b"Content-Length: -3\r\n\r\nabc",
    "huge length": b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "hex length": b"Content-Length: 0x3\r\n\r\nabc",
    "empty length": b"Content-Length: \r\n\r\n",
    "gzip coding": b"Transfer-Encoding: gzip\r\n\r\n",
    "gzip then chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, then not": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "misspelt chunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "quoted chunked": b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "space before colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "folded header": b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    "bare LF": b"X: a\nY: b\r\n\r\n",
    "bare CR": b"X: a\rY: b\r\n\r\n",
    "NUL": b"X: a\0b\r\n\r\n",
    "chunk size with 0x": b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "chunk longer than said": b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "chunk with bare LF": b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "two hosts": b"Host: y\r\n\r\n",
}


@pytest.mark.parametrize("shape", SMUGGLING)
def test_a_request_of_doubtful_framing_is_refused_and_the_connection_closed(play, shape):
    async def scene(server):
        start = b"POST / HTTP/1.1\r\nHost: x\r\n"
        answer = await talk(server, start + SMUGGLING[shape] + b"GET /evil HTTP/1.1\r\n\r\n")
        assert status(answer) == 400
        assert error(answer)["type"] == "invalid_request_error"
        assert answer.count(b"HTTP/1.1 ") == 1

    play(scene)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
def test_what_is_not_a_plain_request_is_refused(play, request_bytes):
    async def scene(server):
        assert error(await talk(server, request_bytes))["code"] == "malformed_request"

    play(scene)


def test_a_chunked_body_is_put_together_and_its_trailers_dropped(play):
    async def scene(server):
        body = b"3;ext=1\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Path: 99\r\n\r\n"
        head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"\r\n"
        assert (await talk(server, head + body)).endswith(b"\r\n\r\nabcdefg")

    play(scene)


def test_oversize_headers_are_refused_before_they_end(play):
    async def scene(server):
        for flood in (b"X: " + b"a" * 5000, b"X: a\r\n" * 30, b"X: " + b"a" * 1100 + b"\r\n\r\n"):
            answer = await talk(server, b"GET / HTTP/1.1\r\nHost: x\r\n", flood, pause=0.02)
            assert status(answer) == 431
            assert error(answer)["code"] == "headers_too_large"

    play(scene, header_bytes=1000, header_count=20)


def test_endless_trailers_and_chunk_extensions_are_refused(play):
    async def scene(server):
        start = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        for tail in (b"0\r\nX: " + b"a" * 40_000, b"1;" + b"a" * 40_000):
            assert status(await talk(server, start, tail, pause=0.02)) == 431

    play(scene, header_bytes=1000)


def test_an_oversize_body_is_refused_by_its_declared_length_before_it_comes(play):
    async def scene(server):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"
        answer = await talk(server, head)
        assert status(answer) == 413
        assert error(answer)["code"] == "request_too_large"

    play(scene, body_bytes=1000)


def test_an_oversize_chunked_body_is_counted_as_it_comes(play):
    async def scene(server):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = await talk(server, head, *[b"64\r\n" + b"a" * 100 + b"\r\n"] * 20)
        assert status(answer) == 413

    play(scene, body_bytes=1000)


def test_the_refusal_of_a_client_that_goes_on_sending_still_arrives(play):
    async def scene(server):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n"
        assert status(await talk(server, head, b"a" * 1_000_000)) == 413

    play(scene, body_bytes=1000)


def test_a_body_of_twenty_megabytes_goes_in_and_out(play):
    async def scene(server):
        body = bytes(range(256)) * 80_000
        answer = await talk(server, post(body))
        assert answer.partition(b"\r\n\r\n")[2] == body

    play(scene, body_bytes=21_000_000)


def test_slow_headers_and_slow_bodies_time_out(play):
    async def scene(server):
        for start in (b"GET / HTT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"):
            answer = await talk(server, start)
            assert status(answer) == 408
            assert error(answer)["code"] == "request_timeout"

    play(scene, header_seconds=0.1, body_seconds=0.1)


def test_dripping_bytes_does_not_buy_time(play):
    async def scene(server):
        answer = await talk(server, *[b"GET /"] + [b"a"] * 30, pause=0.02)
        assert answer == b"reset" or status(answer) == 408

    play(scene, header_seconds=0.1)


def test_a_silent_and_an_idle_connection_are_closed_without_a_word(play):
    async def scene(server):
        assert await talk(server) == b""
        answer = await talk(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(answer) == 200
        assert answer.count(b"HTTP/1.1") == 1

    play(scene, header_seconds=0.1, idle_seconds=0.1)


def test_continue_is_sent_only_to_who_waits_for_it_and_in_turn(play):
    async def scene(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        ask = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" + ask)
        assert (await reader.readuntil(b"\r\n0\r\n\r\n")).count(b"100 Continue") == 0
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.close()
        assert status(await talk(server, ask.replace(b"100-continue", b"miracles"))) == 417

    play(scene)


def test_head_and_no_content_carry_no_body(play):
    async def scene(server):
        head = await talk(server, post(b"hello").replace(b"POST", b"HEAD"))
        assert head.endswith(b"content-length: 5\r\nconnection: close\r\n\r\n")
        stream = await talk(server, b"HEAD /stream HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert stream.endswith(b"\r\n\r\n")
        assert b"one" not in stream
        empty = await talk(server, b"GET /empty HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert empty == b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"

    play(scene)


def test_a_stream_is_chunked_and_each_item_flushed_at_once(play):
    async def app(request):
        async def items():
            yield b"first"
            await gate.wait()
            yield b"second"

        return Response(200, stream=items())

    gate = asyncio.Event()

    async def scene(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"5\r\nfirst\r\n")
        gate.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"6\r\nsecond\r\n0\r\n\r\n"
        writer.close()

    play(scene, app)


def test_http_1_0_gets_a_stream_without_chunks_and_a_close(play):
    async def scene(server):
        for more in (b"", b"Connection: keep-alive\r\n"):
            answer = await talk(server, b"GET /stream HTTP/1.0\r\n" + more + b"\r\n")
            assert answer.endswith(b"connection: close\r\n\r\nonetwo")

    play(scene)


def test_an_application_that_fails_answers_500_and_the_connection_lives_on(play, caplog):
    async def scene(server):
        for path in (b"/fail", b"/split"):
            ask = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path
            answer = await talk(server, ask + b"GET /ok HTTP/1.1\r\n" + CLOSE + b"\r\n")
            assert status(answer) == 500
            assert b'"type": "server_error"' in answer
            assert b"on purpose" not in answer
            assert b"set-cookie" not in answer
            assert answer.count(b"HTTP/1.1 200") == 1

    with caplog.at_level(logging.CRITICAL):
        play(scene)


def test_a_stream_that_fails_is_cut_short_visibly(play, caplog):
    async def app(request):
        async def items():
            yield b"first"
            raise RuntimeError("on purpose")

        return Response(200, stream=items())

    async def scene(server):
        answer = await talk(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.endswith(b"5\r\nfirst\r\n")

    with caplog.at_level(logging.CRITICAL):
        play(scene, app)


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
def test_a_client_that_leaves_cancels_the_stream_at_once(play, how):
    async def app(request):
        async def items():
            try:
                yield b"first"
                await asyncio.sleep(60)
            finally:
                ended.set()

        request.on_disconnect(told.set)
        return Response(200, stream=items())

    ended, told = asyncio.Event(), asyncio.Event()

    async def scene(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"first")
        if how == "reset":
            linger = struct.pack("ii", 1, 0)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if how == "half-close":
            writer.write_eof()
        else:
            writer.close()
        await asyncio.wait_for(ended.wait(), 2)
        assert told.is_set()
        writer.close()

    play(scene, app)


def test_a_client_that_leaves_before_the_answer_cancels_the_application(play):
    async def app(request):
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Response(200)

    started, ended = asyncio.Event(), asyncio.Event()

    async def scene(server):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await started.wait()
        writer.close()
        await asyncio.wait_for(ended.wait(), 2)

    play(scene, app)


def test_a_client_that_does_not_read_holds_the_stream_back_and_is_cut_off(play):
    async def app(request):
        async def items():
            nonlocal made
            try:
                while True:
                    made += 65_536
                    yield b"a" * 65_536
            finally:
                ended.set()

        return Response(200, stream=items())

    made = 0
    ended = asyncio.Event()

    async def scene(server):
        sock = socket.create_connection(("127.0.0.1", server.port))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(ended.wait(), 10)
        assert made < 30_000_000
        sock.close()

    play(scene, app, write_seconds=0.2)


def test_a_client_that_reads_slowly_but_steadily_gets_the_whole_answer(play):
    async def app(request):
        return Response(200, body=b"a" * 8_000_000)

    async def scene(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**16)
        writer.write(b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")
        got = 0
        while piece := await reader.read(400_000):
            got += len(piece)
            await asyncio.sleep(0.005)
        assert got > 8_000_000
        writer.close()

    play(scene, app, write_seconds=0.15)


def test_connections_over_the_limit_are_answered_503(play):
    async def scene(server):
        kept = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        await asyncio.sleep(0.02)
        answer = await talk(server)
        assert status(answer) == 503
        assert error(answer)["code"] == "overloaded"
        for _, writer in kept:
            writer.close()

    play(scene, connections=2)


def test_closing_lets_running_answers_finish_and_ends_idle_connections(play):
    async def app(request):
        started.set()
        await asyncio.sleep(0.2)
        return Response(200, body=b"done")

    started = asyncio.Event()

    async def scene(server):
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", server.port)
        busy = asyncio.create_task(talk(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        await started.wait()
        await server.close(5)
        assert (await busy).endswith(b"connection: close\r\n\r\ndone")
        assert await idle_reader.read() == b""
        idle_writer.close()

    play(scene, app)


def test_closing_cuts_off_what_outlasts_the_grace(play):
    async def app(request):
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Response(200)

    started, ended = asyncio.Event(), asyncio.Event()

    async def scene(server):
        busy = asyncio.create_task(talk(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        await started.wait()
        await server.close(0.05)
        assert ended.is_set()
        assert await busy in (b"", b"reset")
        assert server.connections == 0

    play(scene, app)


def test_an_upgrade_is_ignored_and_the_connection_closed(play):
    async def scene(server):
        ask = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nrest"
        answer = await talk(server, ask)
        assert status(answer) == 200
        assert b"connection: close" in answer

    play(scene)


def test_an_absolute_target_is_reduced_to_its_path(play):
    async def scene(server):
        answer = await talk(server, b"GET http://x/a%2Fb?c HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert b"x-path: /a%2Fb\r\nx-query: c\r\n" in answer

    play(scene)


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="limit body_bytes must be positive"):
        Limits(body_bytes=0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl command to make a certificate with")
    return folder


def test_tls_carries_answers_and_streams(certificate):
    async def main():
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        trust = ssl.create_default_context(cafile=certificate / "cert.pem")
        async with await serve(echo, ssl=context) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trust)
            writer.write(post(b"hello", b"Host: x\r\n") + b"GET /stream HTTP/1.0\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 5)
            assert b"\r\n\r\nhello" in answer
            assert answer.endswith(b"\r\n\r\nonetwo")
            writer.close()

    asyncio.run(main())


def test_workers_share_a_port_and_a_bound_socket_is_taken_over():
    async def main():
        with socket.create_server(("127.0.0.1", 0), reuse_port=True) as sock:
            port = sock.getsockname()[1]
            async with await serve(echo, sock=sock.dup()) as first:
                assert first.port == port
                async with await serve(echo, "127.0.0.1", port, reuse_port=True) as second:
                    assert second.ports == (port,)
                assert status(await talk(first, post(b""))) == 200
        with pytest.raises(ValueError, match="no TCP port"):
            _ = first.port

    asyncio.run(main())
