"""Follows the record and sends spans and metrics by OTLP over HTTP: to a collector, or Langfuse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from remit import __version__
from remit.evidence import Evidence, EvidenceError
from remit.layers.monitor.telemetry import names
from remit.layers.monitor.telemetry.spans import Span, span_of, usage_of

BATCH: Final = 512
IDLE_SECONDS: Final = 1.0
METRIC_SECONDS: Final = 15
SEND_SECONDS: Final = 10
_KEY: Final = "telemetry/cursor"
_LOG: Final = logging.getLogger("remit.monitor")


class TelemetryError(ValueError):
    """Nothing can be sent as it was asked for; the message names the cure."""


class Telemetry:
    """Sends what is recorded from now on; after a kill it goes on where it had got to.

    `endpoint` is the base address (`/v1/traces` and `/v1/metrics` are added), `headers` go with
    each request, `content` adds what was said, as the record holds it. A batch that the collector
    does not take is sent again: at least once. Raises TelemetryError without the extra `otel`.
    """

    def __init__(
        self,
        evidence: Evidence,
        endpoint: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bool = False,
        service: str = "remit",
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._evidence = evidence
        self._content = content
        self._leads = leads
        self._sender = _Sender(endpoint.rstrip("/"), dict(headers or {}), service)

    async def run(self) -> None:
        """Follows until cancelled."""
        try:
            while True:
                sent = 0
                if self._leads():
                    try:
                        sent = await self.step()
                    except EvidenceError as error:
                        _LOG.warning("telemetry: %s", error)
                if not sent:
                    await asyncio.sleep(IDLE_SECONDS)
        finally:
            await asyncio.to_thread(self.close)

    async def step(self) -> int:
        """One batch; how many entries it had. Raises EvidenceError."""
        cursor = await asyncio.to_thread(self._evidence.state, _KEY)
        if cursor is None:
            # From now on: what lies in the record already is history, not telemetry.
            heads = await asyncio.to_thread(self._evidence.heads)
            await self._evidence.keep_state(_KEY, heads)
            return 0
        followed = await asyncio.to_thread(self._evidence.follow, cursor, limit=BATCH)
        records = [stored.record for stored in followed.entries if stored.record is not None]
        if records and not await asyncio.to_thread(self._send, records):
            await asyncio.sleep(IDLE_SECONDS)
            return 0
        if followed.entries:
            await self._evidence.keep_state(_KEY, followed.cursor)
        return len(followed.entries)

    def close(self) -> None:
        """Sends the metrics that wait, and lets go."""
        self._sender.close()

    def _send(self, records: list[dict[str, Any]]) -> bool:
        pairs = [(r, s) for r in records if (s := span_of(r, content=self._content)) is not None]
        if pairs and not self._sender.spans([span for _, span in pairs]):
            return False
        for record, span in pairs:
            self._sender.count(record, span)
        return True


class _Sender:
    """The SDK, as far as it is used."""

    def __init__(self, endpoint: str, headers: dict[str, str], service: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
        except ImportError:
            raise TelemetryError("telemetry: pip install 'remit[otel]'") from None
        if not endpoint.startswith(("http://", "https://")):
            raise TelemetryError("telemetry: the endpoint must be http:// or https://")
        resource = Resource(
            {names.SERVICE: service, names.SERVICE_VERSION: __version__}, schema_url=names.SCHEMA
        )
        self._spans = OTLPSpanExporter(
            f"{endpoint}/v1/traces", headers=headers, timeout=SEND_SECONDS
        )
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracer = self._tracers.get_tracer("remit", __version__, names.SCHEMA)
        metrics = OTLPMetricExporter(
            f"{endpoint}/v1/metrics", headers=headers, timeout=SEND_SECONDS
        )
        reader = PeriodicExportingMetricReader(metrics, METRIC_SECONDS * 1000)
        self._meters = MeterProvider([reader], resource, shutdown_on_exit=False)
        meter = self._meters.get_meter("remit", __version__, names.SCHEMA)
        self._duration = meter.create_histogram(
            names.DURATION,
            "s",
            "How long answering took.",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS,
        )
        self._tokens = meter.create_histogram(
            names.TOKENS,
            "{token}",
            "Tokens of questions and answers.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS,
        )
        self._answers = meter.create_counter(names.ANSWERS, "{answer}", "Answers by what was done.")
        self._findings = meter.create_counter(names.FINDINGS, "{finding}", "Findings by rule.")

    def spans(self, spans: list[Span]) -> bool:
        """True where the collector took them."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        # A client that samples its traces decides for its answers too.
        made = [one for span in spans if (one := self._made(span)) is not None]
        if not made:
            return True
        try:
            return bool(self._spans.export(made) is SpanExportResult.SUCCESS)
        except OSError as error:
            _LOG.warning("telemetry: %s", type(error).__name__)
            return False

    def count(self, record: Mapping[str, Any], span: Span) -> None:
        """Adds an answer to the metrics."""
        kept = (names.OPERATION, names.PROVIDER, names.REQUEST_MODEL)
        common = {name: span.attributes[name] for name in kept}
        failed = {names.ERROR_TYPE: span.error} if span.error else {}
        self._duration.record((span.ended - span.began) / 1e9, {**common, **failed})
        for count, kind in zip(usage_of(record), ("input", "output"), strict=True):
            if count is not None:
                self._tokens.record(count, {**common, names.TOKEN_TYPE: kind})
        self._answers.add(1, {names.ACTION: span.attributes[names.ACTION]})
        for event in span.events:
            told = (names.RULE, names.STAGE, names.ACTION)
            self._findings.add(1, {name: event.attributes[name] for name in told})

    def close(self) -> None:
        """Sends what waits."""
        self._meters.shutdown(SEND_SECONDS * 1000)
        self._spans.shutdown()  # type: ignore[no-untyped-call]  # the SDK's
        self._tracers.shutdown()

    def _made(self, span: Span) -> Any:
        """The SDK's span; None where the client's own trace is not sampled."""
        from opentelemetry import trace

        context = None
        if span.parent is not None:
            flags = trace.TraceFlags(int(span.parent.sampled))
            parent = trace.SpanContext(
                span.parent.trace, span.parent.span, is_remote=True, trace_flags=flags
            )
            context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        made = self._tracer.start_span(
            span.name, context, trace.SpanKind.CLIENT, dict(span.attributes), start_time=span.began
        )
        for event in span.events:
            made.add_event(event.name, dict(event.attributes), span.ended)
        if span.error:
            made.set_status(trace.StatusCode.ERROR, span.error)
        recorded = made.is_recording()
        made.end(span.ended)
        return made if recorded else None
