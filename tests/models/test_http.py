"""The HTTP client against upstreams that misbehave, on both event loops."""

import asyncio
import socket
import ssl
import struct
import subprocess

import pytest
import uvloop

from remit.models.base import UpstreamError
from remit.models.http import Client, ClientLimits

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
QUICK = ClientLimits(connect_seconds=0.3, first_byte_seconds=0.2, between_bytes_seconds=0.2)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    def run(main):
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(main, 20))

    return run


class Upstream:
    """A hand-made upstream: `act(reader, writer)` speaks once a request's headers are in.

    `requests` counts them, `left` is set when a client has gone.
    """

    def __init__(self, act, limits=None):
        self.act = act
        self.limits = limits
        self.requests = 0
        self.connections = 0
        self.left = asyncio.Event()
        self.seen = b""

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.client = Client(f"http://127.0.0.1:{port}", limits=self.limits)
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        self.server.close()

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                self.seen = await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                await self.act(reader, writer)
                await writer.drain()
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.left.set()
            writer.close()


def says(*pieces, close=False, pause=0.0):
    async def act(reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if close:
            writer.close()

    return act


async def silence(reader, writer):
    await reader.read()


async def reset(reader, writer):
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


def test_an_answer_is_read_and_the_connection_kept(run):
    async def main():
        async with Upstream(says(OK)) as upstream:
            for _ in range(3):
                response = await upstream.client.request("GET", "/a?b=c", [("x-y", "z")])
                assert (response.status, await response.read()) == (200, b"ok")
            assert upstream.connections == 1
            assert upstream.seen.startswith(b"GET /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:")
            assert upstream.seen.endswith(b"\r\nx-y: z\r\n\r\n")

    run(main())


def test_an_answer_split_at_every_byte_is_the_same_answer(run):
    whole = (
        CHUNKED.replace(b"OK", b"OK\r\nX-A:  b ") + b"3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n"
    )

    async def main():
        pieces = [whole[i : i + 1] for i in range(len(whole))]
        async with Upstream(says(*pieces)) as upstream:
            for _ in range(2):
                response = await upstream.client.request("POST", "/", body=b"")
                assert response.headers == {"x-a": "b", "transfer-encoding": "chunked"}
                assert await response.read() == b"abcde"
            assert upstream.connections == 1

    run(main())


ENDINGS = {
    "silent": (silence, "timeout"),
    "closes without a word": (says(close=True), "reset"),
    "resets": (reset, "reset"),
    "garbage": (says(b"SSH-2.0-OpenSSH\r\n"), "bad_response"),
    "closes within its headers": (says(b"HTTP/1.1 200 OK\r\nX:", close=True), "truncated"),
    "hangs within its headers": (says(b"HTTP/1.1 200 OK\r\nX:", pause=9), "timeout"),
    "short body": (says(OK.replace(b": 2", b": 9"), close=True), "truncated"),
    "no last chunk": (says(CHUNKED + b"2\r\nab\r\n", close=True), "truncated"),
    "half a chunk": (says(CHUNKED + b"9\r\nab", close=True), "truncated"),
    "broken chunk": (says(CHUNKED + b"2\r\nabcd\r\n"), "bad_response"),
    "hangs within its body": (says(CHUNKED + b"2\r\nab\r\n", pause=9), "timeout"),
    "both lengths": (says(OK[:-6] + b"\r\n" + CHUNKED[17:]), "bad_response"),
    "two lengths": (says(OK[:-6] + b"\r\nContent-Length: 3\r\n\r\nabc"), "bad_response"),
    "switches protocols": (says(b"HTTP/1.1 101 X\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n"),
                           "bad_response"),
    "status 999": (says(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), "bad_response"),
    "endless header": (says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000), "too_large"),
    "many headers": (says(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 20_000 + b"\r\n"), "too_large"),
    "endless trailer": (says(CHUNKED + b"0\r\nX: ", *[b"a" * 50_000] * 9, pause=0.01), "too_large"),
    "endless interim answers": (says(b"HTTP/1.1 103 X\r\n\r\n" * 9_000, pause=0.01), "too_large"),
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_bad_end_has_its_kind(run, ending):
    act, kind = ENDINGS[ending]

    async def main():
        async with Upstream(act, QUICK) as upstream:

            async def ask():
                return await (await upstream.client.request("POST", "/", body=b"{}")).read()

            with pytest.raises(UpstreamError) as caught:
                await ask()
            assert caught.value.kind == kind
            assert upstream.requests == 1

    run(main())


def test_a_reset_within_the_body_is_told_apart_from_a_close(run):
    async def act(reader, writer):
        writer.write(CHUNKED + b"2\r\nab\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        await reset(reader, writer)

    async def main():
        async with Upstream(act) as upstream:
            response = await upstream.client.request("GET", "/")
            with pytest.raises(UpstreamError) as caught:
                await response.read()
            assert caught.value.kind == "reset"

    run(main())


def test_what_came_before_a_cut_is_still_delivered(run):
    async def main():
        async with Upstream(says(CHUNKED + b"2\r\nab\r\n", close=True)) as upstream:
            chunks = (await upstream.client.request("GET", "/")).chunks()
            assert await anext(chunks) == b"ab"
            with pytest.raises(UpstreamError, match="within its answer"):
                await anext(chunks)

    run(main())


def test_a_body_without_a_length_ends_with_the_connection(run):
    async def main():
        async with Upstream(says(b"HTTP/1.0 200 OK\r\n\r\nab", close=True)) as upstream:
            response = await upstream.client.request("GET", "/")
            assert await response.read() == b"ab"

    run(main())


def test_closing_the_client_does_not_read_as_the_end_of_a_body(run):
    async def main():
        async with Upstream(says(b"HTTP/1.0 200 OK\r\n\r\nab", pause=9)) as upstream:
            chunks = (await upstream.client.request("GET", "/")).chunks()
            assert await anext(chunks) == b"ab"
            await upstream.client.close()
            with pytest.raises(UpstreamError):
                await anext(chunks)

    run(main())


def test_interim_answers_are_skipped(run):
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

    async def main():
        async with Upstream(says(interim + OK)) as upstream:
            response = await upstream.client.request("GET", "/")
            assert response.headers == {"content-length": "2"}
            assert await response.read() == b"ok"

    run(main())


def test_a_kept_connection_that_was_closed_is_replaced_once(run):
    async def act(reader, writer):
        writer.write(OK)
        if upstream.requests == 1:
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

    async def main():
        nonlocal upstream
        async with Upstream(act) as upstream:
            for _ in range(2):
                response = await upstream.client.request("POST", "/", body=b"")
                assert await response.read() == b"ok"
            assert upstream.connections == 2

    upstream = None
    run(main())


def test_a_connection_that_dies_after_a_byte_of_the_answer_is_not_retried(run):
    async def act(reader, writer):
        if upstream.requests == 1:
            writer.write(OK)
        else:
            writer.write(b"H")
            writer.close()

    async def main():
        nonlocal upstream
        async with Upstream(act) as upstream:
            await (await upstream.client.request("POST", "/")).read()
            with pytest.raises(UpstreamError) as caught:
                await upstream.client.request("POST", "/")
            assert caught.value.kind == "truncated"
            assert upstream.requests == 2

    upstream = None
    run(main())


def test_a_second_failure_after_the_retry_is_a_reset(run):
    async def act(reader, writer):
        if upstream.requests == 1:
            writer.write(OK)
        else:
            writer.close()

    async def main():
        nonlocal upstream
        async with Upstream(act) as upstream:
            await (await upstream.client.request("POST", "/")).read()
            with pytest.raises(UpstreamError) as caught:
                await upstream.client.request("POST", "/")
            assert caught.value.kind == "reset"
            assert upstream.requests == 3

    upstream = None
    run(main())


def test_bytes_nobody_asked_for_are_never_taken_as_the_next_answer(run):
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    async def main():
        async with Upstream(says(OK + evil)) as upstream:
            for _ in range(3):
                response = await upstream.client.request("GET", "/")
                assert await response.read() == b"ok"
            assert upstream.connections == 3
        async with Upstream(says(OK, evil, pause=0.02)) as upstream:
            for _ in range(3):
                response = await upstream.client.request("GET", "/")
                assert await response.read() == b"ok"
                await asyncio.sleep(0.05)
            assert upstream.connections == 3

    run(main())


def test_leaving_a_stream_early_closes_the_socket(run):
    async def main():
        async with Upstream(says(CHUNKED + b"2\r\nab\r\n", pause=9)) as upstream:
            response = await upstream.client.request("GET", "/")
            assert await anext(response.chunks()) == b"ab"
            await response.close()
            with pytest.raises(StopAsyncIteration):
                await anext(response.chunks())

    run(main())


@pytest.mark.parametrize("when", ["headers", "body"])
def test_cancelling_closes_the_socket(run, when):
    async def act(reader, writer):
        if when == "body":
            writer.write(CHUNKED)
        await reader.read()

    async def main():
        async with Upstream(act) as upstream:

            async def ask():
                return await (await upstream.client.request("GET", "/")).read()

            task = asyncio.create_task(ask())
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.wait_for(upstream.left.wait(), 2)
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())


def test_a_whole_body_over_the_limit_is_refused(run):
    async def main():
        declared = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"a" * 11
        for answer in (declared, CHUNKED + b"b\r\n" + b"a" * 11 + b"\r\n0\r\n\r\n"):
            async with Upstream(says(answer), ClientLimits(body_bytes=10)) as upstream:
                response = await upstream.client.request("GET", "/")
                with pytest.raises(UpstreamError) as caught:
                    await response.read()
                assert caught.value.kind == "too_large"

    run(main())


def test_a_reader_that_lags_holds_the_upstream_back(run):
    sent = 0

    async def act(reader, writer):
        nonlocal sent
        writer.write(CHUNKED)
        for _ in range(500):
            writer.write(b"10000\r\n" + b"a" * 65_536 + b"\r\n")
            await writer.drain()
            sent += 65_536
        writer.write(b"0\r\n\r\n")

    async def main():
        # Lagging for longer than the time between bytes is the reader's fault, not a timeout.
        async with Upstream(act, QUICK) as upstream:
            response = await upstream.client.request("GET", "/")
            await asyncio.sleep(0.5)
            assert sent < 500 * 65_536
            total = 0
            async for chunk in response.chunks():
                total += len(chunk)
            assert total == 500 * 65_536

    run(main())


def test_ten_thousand_tiny_chunks_arrive_whole(run):
    async def main():
        tiny = b"".join(b"1\r\n%d\r\n" % (i % 10) for i in range(10_000))
        async with Upstream(says(CHUNKED + tiny + b"0\r\n\r\n")) as upstream:
            response = await upstream.client.request("GET", "/")
            assert await response.read() == b"0123456789" * 1000

    run(main())


def test_large_bodies_go_both_ways(run):
    body = bytes(range(256)) * 80_000

    async def act(reader, writer):
        got = await reader.readexactly(len(body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(got) + got)

    async def main():
        async with Upstream(act) as upstream:
            response = await upstream.client.request("POST", "/", body=body)
            assert await response.read() == body

    run(main())


def test_an_early_answer_to_a_half_sent_request_ends_the_connection(run):
    async def main():
        async with Upstream(says(OK, pause=0.1)) as upstream:
            response = await upstream.client.request("POST", "/", body=b"a" * 30_000_000)
            assert await response.read() == b"ok"
            response = await upstream.client.request("GET", "/")
            assert await response.read() == b"ok"
            assert upstream.connections == 2

    run(main())


def test_no_more_connections_are_opened_than_the_pool_holds(run):
    async def main():
        async with Upstream(says(OK, pause=0.01), ClientLimits(connections=2)) as upstream:

            async def ask():
                return await (await upstream.client.request("GET", "/")).read()

            assert await asyncio.gather(*[ask() for _ in range(20)]) == [b"ok"] * 20
            assert upstream.connections == 2

    run(main())


def test_a_pool_that_stays_full_is_a_connect_error(run):
    async def main():
        limits = ClientLimits(connections=1, connect_seconds=0.1)
        async with Upstream(says(CHUNKED, pause=9), limits) as upstream:
            await upstream.client.request("GET", "/")
            with pytest.raises(UpstreamError) as caught:
                await upstream.client.request("GET", "/")
            assert caught.value.kind == "connect"

    run(main())


def test_nobody_listening_is_a_connect_error(run):
    async def main():
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            for host in (f"127.0.0.1:{port}", "no-such-host.invalid"):
                with pytest.raises(UpstreamError) as caught:
                    await Client(f"http://{host}").request("GET", "/")
                assert caught.value.kind == "connect"

    run(main())


def test_idle_connections_are_closed_in_time(run):
    async def main():
        async with Upstream(says(OK), ClientLimits(idle_seconds=0.1)) as upstream:
            await (await upstream.client.request("GET", "/")).read()
            await asyncio.wait_for(upstream.left.wait(), 2)

    run(main())


def test_a_head_answer_has_no_body_whatever_it_announces(run):
    async def main():
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
        async with Upstream(says(answer), QUICK) as upstream:
            response = await upstream.client.request("HEAD", "/")
            assert await response.read() == b""

    run(main())


def test_a_client_outlives_its_event_loop():
    async def main(client):
        server = await asyncio.start_server(serve, sock=sock.dup())
        response = await client.request("GET", "/")
        assert await response.read() == b"ok"
        server.close()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    with socket.create_server(("127.0.0.1", 0)) as sock:
        client = Client(f"http://127.0.0.1:{sock.getsockname()[1]}")
        for _ in range(2):
            asyncio.run(main(client))


@pytest.mark.parametrize("path", ["/a b", "/a\r\nx: y", "/a\nb"])
def test_a_path_that_would_split_the_request_is_refused(path):
    with pytest.raises(ValueError, match="refuse it earlier"):
        asyncio.run(Client("http://127.0.0.1:9").request("GET", path))


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb"])
def test_a_header_that_would_split_the_request_is_refused(value):
    with pytest.raises(ValueError, match="refuse it earlier"):
        asyncio.run(Client("http://127.0.0.1:9").request("GET", "/", [("x", value)]))


@pytest.mark.parametrize("origin", ["ftp://x", "http://", "http://u:p@x", "http://x/v1", "x:80"])
def test_an_origin_is_scheme_host_and_port(origin):
    with pytest.raises(ValueError, match="origin must"):
        Client(origin)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl command to make a certificate with")
    return folder


def test_tls_is_verified_by_name_and_issuer(run, certificate):
    async def main():
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        trust = ssl.create_default_context(cafile=certificate / "cert.pem")
        upstream = Upstream(says(OK))
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        async with Client(f"https://localhost:{port}", ssl=trust) as client:
            for _ in range(2):
                assert await (await client.request("GET", "/")).read() == b"ok"
        assert upstream.connections == 1
        for host, context in (("localhost", None), ("127.0.0.1", trust)):
            with pytest.raises(UpstreamError, match="certificate") as caught:
                await Client(f"https://{host}:{port}", ssl=context).request("GET", "/")
            assert caught.value.kind == "connect"
        server.close()
        await asyncio.sleep(0.05)

    run(main())
