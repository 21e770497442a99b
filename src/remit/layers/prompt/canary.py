"""A marker in the instructions that no reply may hold: where it shows up, they leaked."""

from __future__ import annotations

import hashlib
import hmac

_DIGITS = 16


def canary(secret: bytes, deployment: str) -> str:
    """The marker of a deployment, such as `ref-7f3a9c2e51d0b846`.

    HMAC-SHA-256 (RFC 2104) of the deployment's name, cut to 64 bits: the same after a restart,
    different for each deployment, and nobody without the secret can compute it. Raises ValueError
    for a secret of fewer than 16 bytes.
    """
    if len(secret) < 16:
        raise ValueError("canary: the secret must be 16 bytes or more; use secrets.token_bytes(32)")
    code = hmac.new(secret, b"remit canary\0" + deployment.encode(), hashlib.sha256).hexdigest()
    return f"ref-{code[:_DIGITS]}"
