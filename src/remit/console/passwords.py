"""Passwords: what is kept of them, and what is asked of them.

Argon2id (RFC 9106, the second recommended option: 64 MiB, three passes) through `argon2-cffi`.
Each check takes that much memory, so only a few run at once, whoever asks.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST: Final = 12
"""Characters of a password at least (NIST SP 800-63B asks for 8, or 15 where it stands alone)."""

MOST: Final = 256
_DIFFERENT: Final = 5
_AT_ONCE: Final = 2
_WORDS: Final = """
amber anchor apple april arrow autumn badge baker basin beacon birch bishop blanket border
bottle branch bridge bronze butter button cabin candle canyon carpet castle cedar chalk
cherry cinder circle clover coast cobalt comet copper coral corner cotton cradle crystal
cypress dancer desert dragon drawer eagle ember engine falcon feather fiddle forest fossil
garden garnet ginger glacier granite hammer harbor hazel helmet hollow hunter indigo
island ivory jacket jasper jungle kettle ladder lagoon lantern laurel lemon linen lizard
magnet maple marble meadow mellow mirror monsoon mortar nectar needle nickel oasis onion
opal orbit orchid otter oxygen paddle palace panther parcel pebble pepper pigeon pillow
planet plume pocket prairie quarry quartz rabbit raven ribbon river rocket saddle saffron
salmon sandal satin shadow silver spruce stable summer sunset tablet temple thistle timber
topaz tunnel turtle valley velvet violet walnut willow winter zephyr
""".split()  # noqa: SIM905  a list of lines would hide the words among quotes


class PasswordError(ValueError):
    """The password cannot be taken; the message says why and what would do."""


class Passwords:
    """Hashes passwords and checks them, from any thread."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
        self._turn = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = ""

    def hashed(self, password: str) -> str:
        """What is kept of a password. Raises PasswordError where it is too short or too long."""
        if len(password) < LEAST:
            raise PasswordError(f"a password needs {LEAST} characters or more; four words will do")
        if len(password) > MOST:
            raise PasswordError(f"a password has {MOST} characters at most")
        if len(set(password)) < _DIFFERENT:
            raise PasswordError(f"a password needs {_DIFFERENT} different characters or more")
        with self._turn:
            return self._hasher.hash(password)

    def matches(self, kept: str, password: str) -> bool:
        """Whether this is the password. Takes as long where nothing is kept: no name shows."""
        if len(password) > MOST:
            return False
        with self._turn:
            try:
                self._hasher.verify(kept or self._nobody(), password)
            except (VerificationError, InvalidHashError):
                return False
        return bool(kept)

    def _nobody(self) -> str:
        if not self._nobodys:
            self._nobodys = self._hasher.hash(secrets.token_urlsafe(24))
        return self._nobodys


def generated() -> str:
    """A new password of five words and a number: 48 bits, and it can be read out."""
    words = [secrets.choice(_WORDS) for _ in range(5)]
    return "-".join([*words, str(secrets.randbelow(9000) + 1000)])
