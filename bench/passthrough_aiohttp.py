"""The yardstick: a bare aiohttp server that passes each request on with aiohttp's client.

It checks nothing and records nothing. Its port is the first line it prints:

    python bench/passthrough_aiohttp.py --upstream http://127.0.0.1:PORT/v1 [--port N]
"""

from __future__ import annotations

import argparse
import asyncio

import aiohttp
import uvloop
from aiohttp import web


class PassThrough:
    """Sends what comes in to `upstream` and what comes back to the client."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self.upstream = upstream
        self.session = session

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answers one request; a stream chunk by chunk, anything else whole."""
        url = self.upstream + request.path.removeprefix("/v1")
        body = await request.read()
        headers = {"content-type": "application/json"}
        async with self.session.request(
            request.method, url, data=body or None, headers=headers
        ) as answer:
            if answer.content_type != "text/event-stream":
                return web.Response(
                    status=answer.status,
                    body=await answer.read(),
                    content_type=answer.content_type,
                )
            response = web.StreamResponse(
                status=answer.status, headers={"content-type": "text/event-stream"}
            )
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


async def serve(upstream: str, port: int) -> None:
    """Serves until cancelled, after printing the port."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/v1/{rest:.*}", PassThrough(upstream, session))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Reads the flags and serves."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--upstream", required=True, help="base URL, ending in /v1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one (default)")
    flags = parser.parse_args()
    uvloop.run(serve(flags.upstream.rstrip("/"), flags.port))


if __name__ == "__main__":
    main()
