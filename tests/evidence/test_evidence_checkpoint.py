"""Checkpoints: signed, in order, and kept elsewhere, they tell a record rewritten as a whole."""

from __future__ import annotations

import subprocess
from hashlib import sha256

import orjson
import pytest
from rewriting import rewrite

from remit.evidence import Evidence, EvidenceError, checkpoint, verify

pytest.importorskip("cryptography", reason="needs the extra crypto")


@pytest.fixture
def key(tmp_path):
    return tmp_path / "audit.pem"


@pytest.fixture
def public(key):
    return checkpoint.public_key(checkpoint.make_key(key))


def note(path, key, out):
    """Signs where the record's chains end now, a line more in `out`."""
    with Evidence.open(path, writer="a") as evidence:
        made = checkpoint.sign(
            evidence.anchor(), checkpoint.private_key(key), checkpoint.last_in(out)
        )
    checkpoint.add_to(out, made)
    return made


@pytest.fixture
def signed(path, answer, key, public, tmp_path):
    """A record of two writers with three checkpoints of it."""
    out = tmp_path / "checkpoints.jsonl"
    for _ in range(3):
        with Evidence.open(path, writer="a") as one, Evidence.open(path, writer="b") as two:
            one.append_sync(answer(reply="no"))
            two.append_sync(answer(reply="no"))
        note(path, key, out)
    return out


def test_a_record_rewritten_as_a_whole_differs_from_its_checkpoints(path, signed, public):
    loaded = checkpoint.load(signed, public)
    assert [each.anchor.entries for each in loaded] == [2, 4, 6]
    assert verify(path, checkpoints=loaded).ok
    rewrite(path, lambda body: body.replace(b'"no"', b'"yes"'))
    assert verify(path).ok  # the chain alone cannot tell
    assert not verify(path, checkpoints=loaded).ok


FORGERIES = {
    "a head": (1, lambda line: line["anchor"]["heads"][0].update(hash="0" * 64)),
    "a root": (1, lambda line: line.update(root="0" * 64)),
    "a time": (1, lambda line: line["anchor"].update(time="2020-01-01T00:00:00.000Z")),
    "a count": (1, lambda line: line["anchor"].update(entries=1)),
    "a signature": (1, lambda line: line.update(signature="0" * 128)),
    "a previous one": (2, lambda line: line.update(previous="0" * 64)),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_checkpoint_is_refused(signed, public, what):
    number, forge = FORGERIES[what]
    lines = [orjson.loads(line) for line in signed.read_bytes().splitlines()]
    forge(lines[number])
    signed.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    with pytest.raises(EvidenceError, match=f"line {number + 1}: "):
        checkpoint.load(signed, public)


@pytest.mark.parametrize("kept", [[0, 2], [1, 2], [0, 0], [1, 0]])
def test_a_checkpoint_taken_out_or_moved_is_told(signed, public, kept):
    lines = signed.read_bytes().splitlines()
    signed.write_bytes(b"\n".join(lines[number] for number in kept))
    with pytest.raises(EvidenceError, match="does not follow from the one before"):
        checkpoint.load(signed, public)


def test_a_checkpoint_of_another_key_is_refused(signed, tmp_path):
    other = checkpoint.public_key(checkpoint.make_key(tmp_path / "other.pem"))
    with pytest.raises(EvidenceError, match="not signed with this key"):
        checkpoint.load(signed, other)


def test_a_record_cut_short_and_signed_again_is_told(path, signed, key, public, tmp_path, answer):
    with Evidence.open(tmp_path / "short.db", writer="a") as evidence:
        evidence.append_sync(answer())
    note(tmp_path / "short.db", key, signed)
    with pytest.raises(EvidenceError, match="was longer before"):
        checkpoint.load(signed, public)


def test_nonsense_is_no_checkpoint(tmp_path, public):
    file = tmp_path / "nonsense"
    for text in (b"", b"{}", b'{"anchor": 1}', b"\xff", b'[{"root": "x"}]'):
        file.write_bytes(text)
        with pytest.raises(EvidenceError, match="checkpoint"):
            checkpoint.load(file, public)
        with pytest.raises(EvidenceError, match=r"not of Ed25519|key "):
            checkpoint.private_key(file)


def test_a_key_is_made_once_and_for_its_owner_only(key, public):
    assert oct(key.stat().st_mode)[-3:] == "600"
    with pytest.raises(EvidenceError, match="give a new path"):
        checkpoint.make_key(key)


def test_the_root_is_the_merkle_tree_hash_of_rfc_9162():
    def by_the_rfc(leaves):
        if len(leaves) < 2:
            return sha256(b"\0" + leaves[0]).digest() if leaves else sha256(b"").digest()
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        left, right = by_the_rfc(leaves[:split]), by_the_rfc(leaves[split:])
        return sha256(b"\1" + left + right).digest()

    for count in range(40):
        leaves = [bytes([n]) * n for n in range(count)]
        assert checkpoint.merkle_root(leaves) == by_the_rfc(leaves)
    # The empty tree, and the one of an empty leaf, as the RFC's test vectors have them.
    assert checkpoint.merkle_root([b""]).hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )


def test_openssl_verifies_what_was_signed(signed, key, public, tmp_path):
    made = checkpoint.load(signed, public)[-1]
    (tmp_path / "message").write_bytes(checkpoint._message(made.anchor, made.root, made.previous))
    (tmp_path / "signature").write_bytes(bytes.fromhex(made.signature))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", f"{key}.pub"]
    command += ["-in", str(tmp_path / "message"), "-sigfile", str(tmp_path / "signature")]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert done.returncode == 0, done.stdout
