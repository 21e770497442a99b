"""What happened, as OpenTelemetry traces and metrics (extra `otel`): read from the record.

Nothing is added to the path of an answer. A process follows the record and sends what it finds, so
that a collector that is slow, down or gone costs no client anything, and loses nothing for it.
"""

from remit.layers.monitor.telemetry.exporting import Telemetry, TelemetryError

__all__ = ["Telemetry", "TelemetryError"]
