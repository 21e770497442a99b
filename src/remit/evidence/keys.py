"""A key for each person, kept apart from the record: with it, all that was sealed is forgotten.

What is recorded of a `subject` (a pseudonym) is encrypted with that subject's own key, by AES-256
in Galois/Counter mode (NIST SP 800-38D). Deleting the key makes it unreadable in the record and in
every copy and backup of it, while the chain, which holds what was encrypted, still verifies. So
keep this file out of the record's backups, or they hold the keys as well. Needs the extra `crypto`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from remit.evidence import ledger
from remit.evidence.record import SEALED, EvidenceError, stamp

_ALGORITHM: Final = "AES-256-GCM"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_CONTEXT: Final = b"remit.evidence.seal.v1\0"
_REMEMBERED: Final = 10_000
_TABLE: Final = "CREATE TABLE IF NOT EXISTS keys (subject TEXT PRIMARY KEY, key BLOB, made TEXT)"


class Keys:
    """The keys in one SQLite file (mode 0600). Several processes may use it; threads may, too."""

    def __init__(self, path: str | Path) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise EvidenceError(
                "evidence: keys need more of Remit; run `pip install 'remit[crypto]'`"
            ) from None
        self.path = Path(str(path).removeprefix("sqlite:///"))
        self._cipher = AESGCM
        self._ciphers: dict[str, AESGCM] = {}
        self._version = -1
        self._lock = threading.Lock()
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False,
                timeout=ledger.BUSY_SECONDS,
            )  # fmt: skip
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute("PRAGMA synchronous = EXTRA")
            self._connection.execute("PRAGMA fullfsync = ON")
            self._connection.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise self._explained(error) from error

    def ensure(self, subjects: Iterable[str]) -> None:
        """Makes the keys that are not there yet; they are on the disk when it returns."""
        with self._lock:
            try:
                missing = [each for each in subjects if self._cipher_of(each) is None]
                if missing:
                    now = stamp()
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._connection.executemany(
                        "INSERT INTO keys VALUES (?, ?, ?) ON CONFLICT (subject) DO NOTHING",
                        [(each, os.urandom(_KEY_BYTES), now) for each in missing],
                    )
                    self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise self._explained(error) from error

    def seal(self, subject: str, plain: bytes) -> bytes:
        """`plain` encrypted for this subject, as JSON. Raises EvidenceError without its key."""
        with self._lock:
            cipher = self._cipher_of(subject)
        if cipher is None:
            raise EvidenceError(f"evidence: no key for subject {subject}; it was just forgotten")
        nonce = os.urandom(_NONCE_BYTES)
        text = cipher.encrypt(nonce, plain, _CONTEXT + subject.encode())
        return orjson.dumps(
            {
                "sealed": _ALGORITHM,
                "subject": subject,
                "nonce": b64encode(nonce).decode(),
                "text": b64encode(text).decode(),
            }
        )

    def unseal(self, sealed: bytes) -> bytes | None:
        """What was sealed; None where the key is gone, or it is not as it was sealed."""
        from cryptography.exceptions import InvalidTag

        try:
            value: dict[str, Any] = orjson.loads(sealed)
            subject = str(value["subject"])
            with self._lock:
                cipher = self._cipher_of(subject)
            if cipher is None or value["sealed"] != _ALGORITHM:
                return None
            nonce, text = b64decode(value["nonce"]), b64decode(value["text"])
            return bytes(cipher.decrypt(nonce, text, _CONTEXT + subject.encode()))
        except (ValueError, KeyError, TypeError, InvalidTag):
            return None
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def forget(self, subject: str) -> bool:
        """Deletes the key, overwriting its bytes in the file. True where there was one."""
        with self._lock:
            try:
                self._ciphers.pop(subject, None)
                done = self._connection.execute("DELETE FROM keys WHERE subject = ?", (subject,))
                return done.rowcount > 0
            except sqlite3.Error as error:
                raise self._explained(error) from error

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _cipher_of(self, subject: str) -> Any:
        """From memory, unless another process has changed the file since."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._ciphers) >= _REMEMBERED:
            self._ciphers.clear()
            self._version = version
        cipher = self._ciphers.get(subject)
        if cipher is None:
            sql = "SELECT key FROM keys WHERE subject = ?"
            row = self._connection.execute(sql, (subject,)).fetchone()
            if row is not None:
                cipher = self._ciphers[subject] = self._cipher(row[0])
        return cipher

    def _explained(self, error: Exception) -> EvidenceError:
        return EvidenceError(f"keys {self.path}: {error}; let this user write it, and free space")


def opened(body: bytes | None, keys: Keys | None) -> bytes | None:
    """The body as it was recorded; None where it was erased, or cannot be read any more."""
    if body is None or not body.startswith(SEALED):
        return body
    return keys.unseal(body) if keys else None


def opened_text(text: str, keys: Keys | None, lost: str) -> str:
    """A text of a case as it was given; `lost` where it cannot be read any more."""
    if not text.startswith(SEALED.decode()):
        return text
    plain = keys.unseal(text.encode()) if keys else None
    return lost if plain is None else plain.decode()
