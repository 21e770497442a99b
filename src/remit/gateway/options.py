"""What `remit serve` is told."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outward:
    """Whom the gateway tells: where people reach it, who takes its mail, where telemetry goes.

    `secrets` are the values of environment variables that the remit's alerts name.
    """

    address: str = ""
    smtp: str = ""
    smtp_from: str = ""
    smtp_password: str = field(default="", repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    otlp: str = ""
    otlp_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    otlp_content: bool = False


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Plain values, so that they can be handed to worker processes.

    `upstream` is an OpenAI-compatible address, `house` or `scripted`; `judge` is an address,
    optionally followed by a comma and a model's name; `keys` a file written by `remit keys add`;
    `cache` a folder that keeps compiled patterns between starts; `fallback` as `upstream`,
    optionally followed by a comma and a model's name; `console` whether people's pages are
    served, `monitor` whether answers are sampled, rates followed and alarms acted on.
    `outward` says who is told of what; `person_keys` is the file of keys under which what is kept
    of a person is sealed.
    """

    remit_path: str
    upstream: str = "house"
    script: str | None = None
    model: str | None = None
    host: str = "127.0.0.1"
    port: int = 8400
    workers: int = 1
    evidence: str = "remit-evidence.db"
    keys: str | None = None
    judge: str | None = None
    api_key: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    cache: str | None = None
    fallback: str | None = None
    person_keys: str | None = None
    console: bool = True
    monitor: bool = True
    outward: Outward = Outward()

    def __repr__(self) -> str:
        return f"ServeOptions({self.remit_path}, {self.upstream}, {self.host}:{self.port})"


class StartError(Exception):
    """The gateway refuses to start; the message names the thing and the cure."""


def is_loopback(host: str) -> bool:
    """True for a name or address that only programs on this machine can reach."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
