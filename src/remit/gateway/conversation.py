"""Which conversation a request belongs to: fingerprints of its turns, one a turn of the client.

A client sends the whole conversation each time, and no name for it. The fingerprint up to and with
a turn of the client's is the same in every later request that holds that turn; the texts cannot be
read from it. It also covers who asks: two people who say the same are two conversations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from remit.types import Json, Message

HEADER = "x-remit-conversation"
_NAME_MOST = 512
_SPOKEN = ("user", "assistant")


class Fingerprints(NamedTuple):
    """Of a conversation up to and with each turn of the client's: the fingerprint, its index.

    `told_apart` is False where nothing says which of a client program's users is asking.
    """

    turns: tuple[tuple[str, int], ...]
    told_apart: bool

    @property
    def now(self) -> str:
        """With the turn that is to be answered; empty where the client says nothing."""
        return self.turns[-1][0] if self.turns else ""

    @property
    def before(self) -> str:
        """With the client's turn before that; empty in the first."""
        return self.turns[-2][0] if len(self.turns) > 1 else ""


def fingerprints(
    turns: Sequence[Message], request: Json, headers: Mapping[str, str], client: str
) -> Fingerprints:
    """The fingerprints of a request. `client` is the name of its key; empty without keys.

    Without keys, one person asks from the gateway's own machine. With keys, the program that holds
    one says who asks: by `user` or `safety_identifier`, or by the header `x-remit-conversation`.
    """
    who = _who(request, headers)
    # Lengths first, so that no text can pass for the boundary between two.
    state, pending = sha256(), f"{len(client)}:{client}{len(who)}:{who}"
    found: list[tuple[str, int]] = []
    for index, turn in enumerate(turns):
        role = turn.role
        if role not in _SPOKEN:
            continue
        text = turn.text.strip()
        pending += f"{len(text)}{role[0]}{text}"
        if role == "user":
            state.update(pending.encode("utf-8", "replace"))
            found.append((state.hexdigest()[:40], index))
            pending = ""
    return Fingerprints(tuple(found), bool(who) or not client)


def _who(request: Json, headers: Mapping[str, str]) -> str:
    named = headers.get(HEADER) or request.get("safety_identifier") or request.get("user")
    return named[:_NAME_MOST] if isinstance(named, str) else ""
