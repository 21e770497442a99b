"""The gateway's doors: which request goes where, and who may come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from remit.evidence import EvidenceError
from remit.gateway import desk, wire
from remit.gateway.chat import chat
from remit.gateway.deployment import Deployment
from remit.gateway.keys import Key, Keyring
from remit.gateway.metrics import Metrics
from remit.gateway.options import is_loopback
from remit.gateway.own import failed
from remit.gateway.page import page_of
from remit.http.message import Request, Response, refusal
from remit.layers.monitor.exposition import exposition
from remit.models.base import UpstreamError
from remit.web import asset, asset_headers, security_headers

if TYPE_CHECKING:
    from remit.console import Console

_JSON = [("content-type", "application/json")]
# Counted by name; whatever else is asked for, by anybody, is counted as one.
_PLACES = frozenset(
    {"/", "/health", "/metrics", "/v1/chat/completions", "/v1/models", "/cases", "/console"}
)
# What stands for many places, by its first part.
_ROOMS = ("/static/", "/receipts/", "/cases/", "/console/")
# How old the monitor's numbers may be: a page for scrapers must not be a way to make us read.
_GAUGE_SECONDS = 5.0
Route = Callable[[Request, Deployment, Key | None], Awaitable[Response]]


class Gateway:
    """The application: deployments by remit, keys, counters.

    `deployments` are those in service now, by the path of a key's remit, the server's own under
    "". Whoever puts another in its place changes what the next request is answered under.
    """

    def __init__(
        self,
        deployments: dict[str, Deployment],
        keys: Keyring | None = None,
        metrics: Metrics | None = None,
        console: Console | None = None,
    ) -> None:
        self.deployments = deployments
        self.console = console
        self._keys = keys
        self._metrics = metrics or Metrics()
        self._gauged = (float("-inf"), b"")
        self._routes: dict[tuple[str, str], Route] = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("GET", "/v1/models"): self._models,
            ("GET", "/metrics"): self._measured,
        }

    async def __call__(self, request: Request) -> Response:
        """Answers a request."""
        began = time.perf_counter()
        response = await self._answer(request)
        self._metrics.request(_place(request.path), response.status, time.perf_counter() - began)
        return response

    async def _answer(self, request: Request) -> Response:
        if self.console is not None and _is_below(request.path, "/console"):
            return await self.console(request)
        stranger = self._stranger(request)
        if stranger is not None:
            return stranger
        if request.path == "/health":
            return self._health()
        key: Key | None = None
        if self._keys is not None:
            key = self._keys.find(request.headers.get("authorization", ""))
            if key is None:
                return _unauthorised()
            wait = self._keys.wait(key)
            if wait:
                return _too_many(wait)
        deployment = self.deployments[key.remit if key else ""]
        if _is_below(request.path, "/cases"):
            return await desk.answer(request, deployment, key)
        if key is not None and key.role != "client":
            return refusal(403, "wrong_key", "a reviewer's key asks no model; use a client's key")
        route = self._routes.get((request.method, request.path))
        if route is not None:
            return await route(request, deployment, key)
        return self._pages(request, deployment)

    def _stranger(self, request: Request) -> Response | None:
        """Refuses what a web page of somebody else's would send to a gateway without keys."""
        if self._keys is not None:
            return None
        host = request.headers.get("host", "")
        if host and not _is_local(host):
            message = f"this gateway answers on localhost, not for {host!r}"
            return refusal(421, "wrong_host", message)
        origin = request.headers.get("origin")
        if origin and origin.partition("://")[2] != host:
            return refusal(403, "foreign_origin", "requests from other web pages are refused")
        return None

    async def _chat(self, request: Request, deployment: Deployment, key: Key | None) -> Response:
        client = key.name if key else ""
        told = self._metrics.answer
        try:
            return await chat(deployment, request.body, request.headers, told, client)
        except wire.RequestError as error:
            body = wire.error(str(error), "invalid_request_error", error.code, error.param)
            return Response(400, _JSON, orjson.dumps(body))
        except EvidenceError as error:
            return failed(error)

    async def _models(self, _: Request, deployment: Deployment, key: Key | None) -> Response:
        try:
            reply = await deployment.model.models()
        except UpstreamError as error:
            message = f"The model could not be reached ({error.kind})."
            return refusal(502, error.kind, message)
        headers = [(k, v) for k, v in reply.headers.items() if k != "content-type"]
        return Response(reply.status, [*_JSON, *headers], reply.body or b"")

    def _health(self) -> Response:
        default = self.deployments[""]
        broken = default.evidence.broken
        body: dict[str, Any] = {"status": "ok" if broken is None else "no record"}
        body["policy"] = default.guard.policy.digest
        if default.in_force:
            body["interventions"] = list(default.in_force)
        return Response(200 if broken is None else 503, _JSON, orjson.dumps(body))

    async def _measured(self, request: Request, _: Deployment, __: Key | None) -> Response:
        """What this worker counted, and what the monitor knows."""
        now = time.monotonic()
        if now - self._gauged[0] >= _GAUGE_SECONDS:
            policies = {d.guard.policy.digest: d.guard.policy for d in self.deployments.values()}
            record = self.deployments[""].evidence
            try:
                text = await asyncio.to_thread(exposition, record, tuple(policies.values()))
            except EvidenceError:
                text = b""
            self._gauged = (now, text)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(200, [("content-type", kind)], self._metrics.text() + self._gauged[1])

    def _pages(self, request: Request, deployment: Deployment) -> Response:
        path = request.path
        if request.method not in ("GET", "HEAD"):
            return refusal(404, "not_found", f"nothing is served at {request.method} {path}")
        if path.startswith("/receipts/"):
            receipt = deployment.receipt(path.removeprefix("/receipts/"))
            if receipt is None:
                return refusal(404, "not_found", "there is no such receipt")
            return Response(200, [*_JSON, ("cache-control", "no-store")], orjson.dumps(receipt))
        if path.startswith("/static/"):
            return _static(path.removeprefix("/static/"), request)
        if path == "/" and self._keys is None:
            headers = [("content-type", "text/html; charset=utf-8"), *security_headers()]
            return Response(200, headers, page_of(deployment))
        return refusal(404, "not_found", f"nothing is served at {path}")


def _place(path: str) -> str:
    """The path as it is counted."""
    if path.startswith(_ROOMS):
        return path[: path.index("/", 1)]
    return path if path in _PLACES else "other"


def _is_below(path: str, room: str) -> bool:
    return path == room or path.startswith(room + "/")


@lru_cache(maxsize=32)
def _is_local(host: str) -> bool:
    """True where a Host header, with its port or without, names this machine."""
    name, _, port = host.rpartition(":")
    has_port = port.isdecimal() and (host.count(":") == 1 or name.endswith("]"))
    return is_loopback(name if has_port else host)


def _static(name: str, request: Request) -> Response:
    found = asset(name)
    if found is None:
        return refusal(404, "not_found", "there is no such file")
    headers = [*asset_headers(name), *security_headers()]
    tag = dict(headers)["etag"]
    if request.headers.get("if-none-match") == tag:
        return Response(304, headers)
    return Response(200, list(dict(headers).items()), found[0])


def _unauthorised() -> Response:
    body = wire.error(
        "This gateway needs a client key: Authorization: Bearer rmt-…",
        "invalid_request_error",
        "invalid_api_key",
    )
    return Response(401, [*_JSON, ("www-authenticate", "Bearer")], orjson.dumps(body))


def _too_many(wait: float) -> Response:
    body = wire.error("Too many requests for this key.", "rate_limit_error", "rate_limit_exceeded")
    return Response(429, [*_JSON, ("retry-after", str(int(wait) + 1))], orjson.dumps(body))
