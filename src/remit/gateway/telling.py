"""Who is told of what happens here: alerts by the remit, telemetry by whoever serves it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from remit.evidence import Evidence
from remit.gateway.options import Outward, StartError
from remit.layers.monitor.alerts import Alerts, MailServerError, mail_server
from remit.layers.monitor.telemetry import Telemetry, TelemetryError


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told, and what must run for it."""

    alerts: Alerts
    telemetry: Telemetry | None

    @property
    def working(self) -> Sequence[Coroutine[Any, Any, None]]:
        """What runs beside the monitor."""
        return [self.alerts.run(), *([self.telemetry.run()] if self.telemetry else [])]


def telling(evidence: Evidence, outward: Outward, leads: Callable[[], bool]) -> Telling:
    """Of several processes, only the one for which `leads` says so sends. Raises StartError."""
    try:
        mail = (
            mail_server(outward.smtp, outward.smtp_from, outward.smtp_password)
            if outward.smtp
            else None
        )
        console = f"{outward.address.rstrip('/')}/console" if outward.address else ""
        alerts = Alerts(evidence, secrets=outward.secrets, mail=mail, console=console, leads=leads)
        telemetry = None
        if outward.otlp:
            telemetry = Telemetry(
                evidence,
                outward.otlp,
                headers=outward.otlp_headers,
                content=outward.otlp_content,
                leads=leads,
            )
    except (MailServerError, TelemetryError) as error:
        raise StartError(str(error)) from None
    return Telling(alerts, telemetry)
