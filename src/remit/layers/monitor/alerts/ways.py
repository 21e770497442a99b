"""The ways in which a message reaches somebody. Each sends once, or says why it could not.

Addresses are the owner's, from the remit; redirects are not followed, so that no receiver can send
us elsewhere. Secrets come from the environment by name and appear in no message, error or record.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from remit.layers.monitor.alerts.message import Message
from remit.layers.monitor.alerts.signing import signed
from remit.models.base import UpstreamError
from remit.models.http import Client, ClientLimits
from remit.policy.monitoring import Alert

SECONDS: Final = 10.0
_LIMITS: Final = ClientLimits(connections=1, first_byte_seconds=SECONDS)
_RETRIED: Final = frozenset({408, 425, 429})
_PORTS: Final[Mapping[str, int]] = {"smtp": 587, "smtps": 465}
Security = Literal["starttls", "tls", "none"]


class UnsentError(Exception):
    """It was not taken. `final` where trying again cannot help; the message names no secret."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


class MailServerError(ValueError):
    """The address of the mail server cannot be used; the message names the cure."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Who takes our mail. Without encryption only on this machine."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


def mail_server(url: str, sender: str, password: str = "") -> MailServer:
    """From `smtp://user@host:587` (STARTTLS) or `smtps://user@host:465`. Raises MailServerError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise MailServerError("mail server: the port is no number; write smtp://host:587") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise MailServerError("mail server: write smtp://user@host:587 or smtps://user@host:465")
    if parts.password is not None:
        raise MailServerError("mail server: the password goes into its own variable, not the URL")
    if "@" not in sender or any(char in sender for char in "\r\n"):
        raise MailServerError("mail server: the sender must be an address, such as remit@firm.com")
    plain = parts.scheme == "smtp" and _on_this_machine(parts.hostname)
    security: Security = "tls" if parts.scheme == "smtps" else "none" if plain else "starttls"
    return MailServer(
        parts.hostname,
        port or _PORTS[parts.scheme],
        security,
        sender,
        unquote(parts.username or ""),
        password,
    )


async def send(
    alert: Alert, message: Message, secrets: Mapping[str, str], mail: MailServer | None
) -> None:
    """Sends by the way that `alert` names. Raises UnsentError."""
    if alert.email is not None:
        if mail is None:
            raise UnsentError("no mail server is known; set REMIT_SMTP", final=True)
        await asyncio.to_thread(_mail, mail, message, alert.email)
    elif alert.webhook is not None:
        body, headers = message.webhook(), {}
        if alert.secret_env is not None:
            secret = _secret(secrets, alert.secret_env)
            try:
                headers = signed(secret, message.id, int(time.time()), body)
            except ValueError as error:
                raise UnsentError(f"{alert.secret_env}: {error}", final=True) from None
        await _post(alert.webhook, body, headers)
    else:
        url = alert.slack or _secret(secrets, alert.url_env or "")
        await _post(url, message.slack(), {})


async def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = [("content-type", "application/json"), ("user-agent", "remit"), *headers.items()]
    try:
        async with Client(f"{parts.scheme}://{parts.netloc}", limits=_LIMITS) as client:
            answer = await client.request("POST", path, fields, body)
            await answer.read()
    except UpstreamError as error:
        raise UnsentError(f"{error.kind}: no answer from its address") from None
    except ValueError:
        raise UnsentError("its address is none that can be asked", final=True) from None
    if answer.status >= 300:
        final = 300 <= answer.status < 500 and answer.status not in _RETRIED
        raise UnsentError(f"answered {answer.status}", final=final)


def _mail(server: MailServer, message: Message, to: str) -> None:
    mail = message.mail(server.sender, to)
    context = ssl.create_default_context()
    try:
        if server.security == "tls":
            link: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=SECONDS, context=context
            )
        else:
            link = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
        with link:
            if server.security == "starttls":
                link.starttls(context=context)
            if server.user:
                link.login(server.user, server.password)
            link.send_message(mail)
    except smtplib.SMTPAuthenticationError:
        raise UnsentError("the mail server refuses the user or password") from None
    except smtplib.SMTPRecipientsRefused:
        raise UnsentError("the mail server refuses the recipient", final=True) from None
    except (smtplib.SMTPException, OSError) as error:
        raise UnsentError(f"mail server: {type(error).__name__}") from None


def _secret(secrets: Mapping[str, str], name: str) -> str:
    value = secrets.get(name, "")
    if not value:
        raise UnsentError(f"{name} is not set; set it and start again", final=True)
    return value


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
