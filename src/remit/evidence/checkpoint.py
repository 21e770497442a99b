"""Signed checkpoints: kept elsewhere, they tell a record that was rewritten as a whole.

A checkpoint is an anchor with a signature, so that it may lie anywhere: who can rewrite the record
cannot forge one without the key. It holds the root of a Merkle tree over the heads of all chains,
hashed as in RFC 9162, 2.1.1: leaf = H(00 data), node = H(01 left right), SHA-256; a leaf's data is
u32(len(writer)) writer u64(seq) hash(32), and leaves are sorted by writer. Each head stands for its
whole chain. Signed by Ed25519 (RFC 8032) is

    "remit.evidence.checkpoint.v1" 00  u32(len(database)) database  u32(len(time)) time
    u64(entries) u64(writers)  root(32)  previous(32)

where `previous` is the SHA-256 of the same bytes of the checkpoint before, or 32 bytes of 00: a
checkpoint cannot be taken out of a file of them unseen. Needs the extra `crypto`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import orjson

from remit.evidence.chain import Entry
from remit.evidence.record import EvidenceError
from remit.evidence.verify import Anchor

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

_CONTEXT: Final = b"remit.evidence.checkpoint.v1\0"
_FIRST: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An anchor, the root over its heads, the checkpoint before, and the signature of it all.

    `root` and `previous` are 64 hexadecimal digits, `signature` 128; `key` is the public key, 64.
    """

    anchor: Anchor
    root: str
    previous: str
    key: str
    signature: str

    def digest(self) -> str:
        """What the next checkpoint calls this one."""
        return sha256(_message(self.anchor, self.root, self.previous)).hexdigest()

    def to_json(self) -> str:
        """One line of JSON."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads what `to_json` wrote, without checking it. Raises EvidenceError."""
        try:
            value = orjson.loads(text)
            anchor = Anchor.from_json(orjson.dumps(value["anchor"]))
            texts = {name: value[name] for name in ("root", "previous", "key", "signature")}
            for digits in texts.values():
                bytes.fromhex(digits)
            return cls(anchor, **texts)
        except (ValueError, KeyError, TypeError, EvidenceError):
            raise EvidenceError(
                "checkpoint: not one of ours; give the file that `checkpoint` wrote"
            ) from None


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of RFC 9162, 2.1.1: 32 bytes."""
    if not leaves:
        return sha256(b"").digest()
    level = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:  # pairing from the left, an odd one goes up: the RFC's split
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[len(level) & ~1 :]
        level = [sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return level[0]


def sign(anchor: Anchor, key: Ed25519PrivateKey, before: Checkpoint | None = None) -> Checkpoint:
    """The checkpoint of an anchor, which follows `before`."""
    root = _root(anchor)
    previous = before.digest() if before else _FIRST
    signature = key.sign(_message(anchor, root, previous)).hex()
    public = key.public_key().public_bytes_raw().hex()
    return Checkpoint(anchor, root, previous, public, signature)


def load(path: Path, key: Ed25519PublicKey) -> list[Checkpoint]:
    """The checkpoints in a file, a line each, all of them genuine and in order.

    Raises EvidenceError where one is not signed by `key`, does not follow from the one before, or
    has a chain shorter than it was.
    """
    found: list[Checkpoint] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        checkpoint = Checkpoint.from_json(line)
        what = _wrong(checkpoint, key, found[-1] if found else None)
        if what:
            raise EvidenceError(f"checkpoint {path}, line {number}: {what}; ask who could write it")
        found.append(checkpoint)
    if not found:
        raise EvidenceError(f"checkpoint {path}: empty; give the file that `checkpoint` wrote")
    return found


def last_in(path: Path) -> Checkpoint | None:
    """The newest checkpoint of a file that may not be there yet."""
    if not path.exists():
        return None
    lines = path.read_bytes().splitlines()
    return Checkpoint.from_json(lines[-1]) if lines else None


def add_to(path: Path, checkpoint: Checkpoint) -> None:
    """Appends it to the file, and to the disk."""
    with path.open("ab") as file:
        file.write(checkpoint.to_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def make_key(path: Path) -> Path:
    """A new private key (PEM, mode 0600), and its public one beside it as .pub, which is given.

    Raises EvidenceError where a file is there already.
    """
    _needed()
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    beside = path.with_name(path.name + ".pub")
    for name, data, mode in ((path, private, 0o600), (beside, public, 0o644)):
        try:
            file = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        except OSError as error:
            raise EvidenceError(f"key {name}: {error.strerror}; give a new path") from error
        with os.fdopen(file, "wb") as target:
            target.write(data)
    return beside


def private_key(path: Path) -> Ed25519PrivateKey:
    """Reads a private key. Raises EvidenceError where the file holds none of Ed25519."""
    _needed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise EvidenceError(f"key {path}: {error.strerror}; make one with --make-key") from None
    except (ValueError, TypeError) as error:
        raise EvidenceError(f"key {path}: {error}; make one with --make-key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceError(f"key {path}: not of Ed25519; make one with --make-key")
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """Reads a public key. Raises EvidenceError where the file holds none of Ed25519."""
    _needed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EvidenceError(f"key {path}: {error}; give the .pub beside the private one") from None
    if not isinstance(key, Ed25519PublicKey):
        raise EvidenceError(f"key {path}: not of Ed25519; give the .pub beside the private one")
    return key


def _needed() -> None:
    from importlib.util import find_spec

    if find_spec("cryptography") is None:
        raise EvidenceError(
            "evidence: checkpoints need more of Remit; run `pip install 'remit[crypto]'`"
        )


def _root(anchor: Anchor) -> str:
    heads = sorted(anchor.heads, key=lambda head: head.writer.encode())
    return merkle_root([_leaf(head) for head in heads]).hex()


def _leaf(head: Entry) -> bytes:
    writer = head.writer.encode()
    return struct.pack(">I", len(writer)) + writer + struct.pack(">Q", head.seq) + _hex(head.hash)


def _message(anchor: Anchor, root: str, previous: str) -> bytes:
    message = _CONTEXT
    for text in (anchor.database.encode(), anchor.time.encode()):
        message += struct.pack(">I", len(text)) + text
    counts = struct.pack(">QQ", anchor.entries, len(anchor.heads))
    return message + counts + _hex(root) + _hex(previous)


def _hex(digits: str) -> bytes:
    return bytes.fromhex(digits)


def _wrong(checkpoint: Checkpoint, key: Ed25519PublicKey, before: Checkpoint | None) -> str:
    from cryptography.exceptions import InvalidSignature

    try:
        message = _message(checkpoint.anchor, checkpoint.root, checkpoint.previous)
        key.verify(_hex(checkpoint.signature), message)
        if checkpoint.root != _root(checkpoint.anchor):
            return "its heads are not those that were signed"
    except (InvalidSignature, ValueError, struct.error):
        return "not signed with this key, or altered"
    if checkpoint.previous != (before.digest() if before else _FIRST):
        return "it does not follow from the one before: a checkpoint was taken out or put in"
    ends = {head.writer: head.seq for head in checkpoint.anchor.heads}
    for head in before.anchor.heads if before else ():
        if ends.get(head.writer, 0) < head.seq:
            return f"the chain of {head.writer} was longer before: entries were cut off"
    return ""
