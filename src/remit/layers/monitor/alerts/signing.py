"""How a webhook is signed, so that its receiver knows who sent it and that it is not a replay.

Standard Webhooks 1.0 (standardwebhooks.com): the headers `webhook-id`, `webhook-timestamp` (Unix
seconds) and `webhook-signature` = `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
Receivers refuse a timestamp more than five minutes away and an id that they have seen.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final

TOLERANCE_SECONDS: Final = 300
_PREFIX: Final = "whsec_"


class SignatureError(ValueError):
    """The request was not sent by a holder of the secret, or not now."""


def signed(secret: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers. `secret` is `whsec_` and base64, as the standard has it, or plain text.

    Raises ValueError where what follows `whsec_` is no base64.
    """
    mac = hmac.digest(_key(secret), f"{id}.{timestamp}.".encode() + body, "sha256")
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def check(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> str:
    """What a receiver does: the id of a genuine request. Raises SignatureError."""
    name, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (sent.isascii() and sent.isdecimal()) or abs(now - int(sent[:12])) > TOLERANCE_SECONDS:
        raise SignatureError("the request was not sent within five minutes")
    wanted = signed(secret, name, int(sent), body)["webhook-signature"]
    given = headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given):
        raise SignatureError("the signature is not of this secret and this body")
    return name


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret that begins with whsec_ goes on in base64") from None
