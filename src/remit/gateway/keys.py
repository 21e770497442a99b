"""Client keys: who may ask, under which remit, and how often. Only hashes are kept.

A key is 256 random bits, so one SHA-256 is enough to keep it: there is nothing to guess.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

PREFIX = "rmt-"
SIGNING_PREFIX = "whsec_"
ROLES = ("client", "reviewer")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class KeyFileError(ValueError):
    """The key file cannot be used; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its hash, the remit it is bound to (empty: the server's), its rate.

    A client's key asks the model; a reviewer's decides on cases, as the person it is named after,
    and asks no model: so nothing that a model can reach may approve what the model wrote. `notify`
    is where a client program is told of its cases, signed with `notify_secret`.
    """

    name: str
    sha256: str
    remit: str = ""
    per_minute: int = 600
    role: str = "client"
    notify: str = ""
    notify_secret: str = ""


def new_key(
    name: str, remit: str = "", per_minute: int = 600, role: str = "client", notify: str = ""
) -> tuple[str, Key]:
    """A fresh key, to be shown once, and what is kept of it."""
    secret = PREFIX + secrets.token_urlsafe(32)
    signs = base64.b64encode(secrets.token_bytes(32)).decode()
    signs = SIGNING_PREFIX + signs if notify else ""
    return secret, Key(name, _hash(secret), remit, per_minute, role, notify, signs)


def load_keys(path: str | Path) -> tuple[Key, ...]:
    """The keys of a file. Raises KeyFileError."""
    try:
        value = json.loads(Path(path).read_text("utf-8"))
        keys = tuple(Key(**item) for item in value["keys"])
    except FileNotFoundError:
        raise KeyFileError(f"no key file {path}; `remit keys add NAME --file {path}`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"key file {path} cannot be read: {error}") from None
    for key in keys:
        if not _is_sound(key):
            raise KeyFileError(f"key file {path}: key '{key.name}' is damaged; make a new one")
    if not keys:
        raise KeyFileError(f"key file {path} holds no key; `remit keys add NAME --file {path}`")
    return keys


def _is_sound(key: Key) -> bool:
    words = (key.name, key.sha256, key.remit, key.role, key.notify, key.notify_secret)
    texts = all(isinstance(text, str) for text in words) and key.role in ROLES
    return texts and bool(_DIGEST.fullmatch(key.sha256)) and _is_rate(key.per_minute)


def _is_rate(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def add_key(
    path: str | Path,
    name: str,
    remit: str = "",
    per_minute: int = 600,
    role: str = "client",
    notify: str = "",
) -> str:
    """Adds a key to a file (made with mode 0600); answers the secret, which is kept nowhere.

    Raises KeyFileError where the name is taken, or `notify` is no address.
    """
    if notify and not notify.startswith(("https://", "http://")):
        raise KeyFileError(f"'{notify}' is no address to be told at; give https://…")
    keys = load_keys(path) if Path(path).exists() else ()
    if any(key.name == name for key in keys):
        raise KeyFileError(f"key file {path} has a key '{name}'; choose another name")
    secret, key = new_key(name, remit, per_minute, role, notify)
    text = json.dumps({"keys": [asdict(k) for k in (*keys, key)]}, indent=2)
    fresh = Path(f"{path}.new")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    fresh.replace(path)
    return secret


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Keyring:
    """Knows keys by their secrets, and counts requests: a bucket of a minute's worth each.

    Each worker process counts for itself; the rate is shared out by `workers`.
    """

    keys: tuple[Key, ...]
    workers: int = 1
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def find(self, authorization: str) -> Key | None:
        """The key of an `Authorization: Bearer …` header."""
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        digest = _hash(secret.strip())
        found = None
        for key in self.keys:
            # Every key is compared, in constant time each: the time tells nothing.
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def wait(self, key: Key, now: float | None = None) -> float:
        """Seconds until this key may ask again; 0 takes the request from its bucket."""
        now = time.monotonic() if now is None else now
        size = max(1.0, key.per_minute / self.workers)
        bucket = self._buckets.setdefault(key.sha256, _Bucket(size, now))
        bucket.tokens = min(size, bucket.tokens + (now - bucket.at) * size / 60)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) * 60 / size


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
