"""What is recorded arrives at a real collector's door, decoded as the collector would."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from remit.evidence import Evidence, stamp
from remit.layers.monitor.telemetry import Telemetry, TelemetryError, names
from remit.layers.monitor.telemetry.spans import parent_of, provider, span_of

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def answer(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"rct_{number}",
        "time": "2026-11-24T10:00:02.500Z",
        "kind": "answer",
        "action": "redact",
        "policy": "0" * 64,
        "model": "gpt-x",
        "upstream": "https://api.openai.com/v1",
        "findings": [
            {"rule": "no-data", "stage": "output", "action": "redact", "score": 1.0, "spans": []}
        ],
        "rules": {"no-data": {"action": "redact", "score": 1.0}},
        "asked": "What is on file?",
        "answered": "It is [iban].",
        "interventions": ["itv_1"],
        "conversation": "c1",
        "seconds": 1.5,
        "usage": {"input": 12, "output": 7},
        "trace": TRACE,
        **more,
    }


@dataclass
class Collector:
    """A door for OTLP over HTTP that keeps what it was sent, unpacked."""

    status: int = 200
    url: str = ""
    bodies: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def spans(self) -> list[Any]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        found = []
        for path, _, body in self.bodies:
            if path == "/v1/traces":
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        assert scope.schema_url == names.SCHEMA
                        found += scope.spans
        return found

    def metrics(self) -> dict[str, Any]:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
            ExportMetricsServiceRequest,
        )

        return {
            metric.name: metric
            for path, _, body in self.bodies
            if path == "/v1/metrics"
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@contextmanager
def collector() -> Iterator[Collector]:
    kept = Collector()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding", "")
            body = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(packed, bytes)(body)
            if kept.status == 200:
                headers = {name.lower(): value for name, value in self.headers.items()}
                kept.bodies.append((self.path, headers, body))
            self.send_response(kept.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def sent(telemetry: Telemetry, evidence: Evidence, *records: dict[str, Any]) -> None:
    await telemetry.step()
    for record in records:
        await evidence.append(record)
    while await telemetry.step():
        pass


def values(attributes: Any) -> dict[str, Any]:
    told = {}
    for one in attributes:
        kind = one.value.WhichOneof("value")
        value = getattr(one.value, kind)
        told[one.key] = [v.string_value for v in value.values] if kind == "array_value" else value
    return told


def test_an_answer_arrives_as_a_span_of_the_conventions_under_the_clients_trace(tmp_path: Path):
    with collector() as door, Evidence.open(tmp_path / "e.db") as evidence:
        telemetry = Telemetry(evidence, door.url, headers={"authorization": "Basic x"})
        asyncio.run(sent(telemetry, evidence, answer(), {**answer(2), "kind": "alarm"}))
        telemetry.close()
        (span,) = door.spans()
        told = values(span.attributes)
        assert span.name == "chat gpt-x"
        assert span.trace_id.hex() == TRACE[3:35]
        assert span.parent_span_id.hex() == TRACE[36:52]
        assert span.end_time_unix_nano - span.start_time_unix_nano == 1_500_000_000
        assert told["gen_ai.provider.name"] == "openai"
        assert told["gen_ai.usage.input_tokens"] == 12
        assert told["remit.rules"] == ["no-data"]
        assert told["remit.action"] == "redact"
        (event,) = span.events
        assert values(event.attributes)["remit.rule.id"] == "no-data"
        assert door.bodies[0][1]["authorization"] == "Basic x"
        metrics = door.metrics()
        (duration,) = metrics[names.DURATION].histogram.data_points
        assert (duration.count, duration.sum) == (1, 1.5)
        assert sorted(p.sum for p in metrics[names.TOKENS].histogram.data_points) == [7, 12]
        (finding,) = metrics[names.FINDINGS].sum.data_points
        assert values(finding.attributes)["remit.rule.id"] == "no-data"


def test_what_was_said_is_sent_only_where_it_is_asked_for(tmp_path: Path):
    for content in (False, True):
        with collector() as door, Evidence.open(tmp_path / f"{content}.db") as evidence:
            telemetry = Telemetry(evidence, door.url, content=content)
            asyncio.run(sent(telemetry, evidence, answer()))
            telemetry.close()
            assert any(b"on file" in body for _, _, body in door.bodies) is content
            assert ("gen_ai.output.messages" in values(door.spans()[0].attributes)) is content


def test_nothing_is_lost_while_the_collector_is_down_or_the_process_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("remit.layers.monitor.telemetry.exporting.IDLE_SECONDS", 0.01)
    with collector() as door, Evidence.open(tmp_path / "e.db") as evidence:
        door.status = 400
        first = Telemetry(evidence, door.url)
        asyncio.run(sent(first, evidence, answer(1), answer(2)))
        assert door.spans() == []
        first.close()
        door.status = 200
        second = Telemetry(evidence, door.url)
        asyncio.run(sent(second, evidence, answer(3)))
        second.close()
        receipts = [values(span.attributes)["remit.receipt"] for span in door.spans()]
        assert receipts == ["rct_1", "rct_2", "rct_3"]


def test_what_lay_in_the_record_before_is_not_sent(tmp_path: Path):
    with collector() as door, Evidence.open(tmp_path / "e.db") as evidence:
        evidence.append_sync(answer(1))
        telemetry = Telemetry(evidence, door.url)
        asyncio.run(sent(telemetry, evidence, answer(2)))
        telemetry.close()
        assert [values(s.attributes)["remit.receipt"] for s in door.spans()] == ["rct_2"]


def test_a_trace_that_its_client_does_not_sample_is_not_sent(tmp_path: Path):
    with collector() as door, Evidence.open(tmp_path / "e.db") as evidence:
        telemetry = Telemetry(evidence, door.url)
        records = (answer(1, trace=TRACE[:-1] + "0"), answer(2))
        asyncio.run(sent(telemetry, evidence, *records))
        telemetry.close()
        assert [values(s.attributes)["remit.receipt"] for s in door.spans()] == ["rct_2"]


def test_an_error_is_an_error_and_a_record_without_extras_is_a_span_too():
    span = span_of(answer(kind="error", error="timeout: the upstream …", action="allow"))
    assert span is not None
    assert span.error == "timeout"
    bare = {"id": "r", "time": stamp(), "kind": "answer", "action": "allow", "policy": "p"}
    span = span_of(bare)
    assert span is not None
    assert (span.began, span.events, span.parent) == (span.ended, (), None)


PARENTS = [
    (TRACE, True),
    (TRACE.replace("00-0af", "ff-0af"), False),
    ("00-" + "0" * 32 + TRACE[35:], False),
    (TRACE[:36] + "0" * 16 + "-01", False),
    ("nonsense", False),
    (None, False),
    (7, False),
]


@pytest.mark.parametrize(("header", "valid"), PARENTS)
def test_only_a_valid_parent_is_believed(header: object, valid: bool):
    assert (parent_of(header) is not None) is valid


UPSTREAMS = [
    ("https://api.openai.com/v1", "openai"),
    ("https://firm.openai.azure.com/", "azure.ai.openai"),
    ("https://openai.com.evil.test/", "_OTHER"),
    ("http://localhost:11434/v1", "_OTHER"),
    ("house", "house"),
]


@pytest.mark.parametrize(("upstream", "name"), UPSTREAMS)
def test_the_provider_is_named_by_its_address(upstream: str, name: str):
    assert provider(upstream) == name


def test_an_endpoint_that_is_none_is_refused(tmp_path: Path):
    with Evidence.open(tmp_path / "e.db") as evidence:
        for endpoint in ("collector:4318", "file:///etc/passwd", ""):
            with pytest.raises(TelemetryError):
                Telemetry(evidence, endpoint)
