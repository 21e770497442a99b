"""XXH64 of many slices of one buffer at a time, after the reference's specification.

(Collet, github.com/Cyan4973/xxHash, doc/xxhash_spec.md; seed 0.) A call per slice would cost
more than all else that near-duplicate search does; overlapping slices share their reads here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_MASK = 2**64 - 1
_PRIMES = (
    11400714785074694791,
    14029467366897019727,
    1609587929392839161,
    9650029242287828579,
    2870177450012600261,
)
_P1, _P2, _P3, _P4, _P5 = map(np.uint64, _PRIMES)
_SEEDS = ((_PRIMES[0] + _PRIMES[1]) & _MASK, _PRIMES[1], 0, -_PRIMES[0] & _MASK)
_STRIPE = 32


def xxh64(buffer: bytes, starts: Places, ends: Places) -> U64:
    """The hash of each `buffer[starts[i]:ends[i]]`; working memory is about 50 bytes a byte."""
    length = ends - starts
    words = _Words(buffer)
    hashes = np.full(len(starts), _P5, np.uint64)
    long = np.flatnonzero(length >= _STRIPE)
    if long.size:
        hashes[long] = _stripes(words, starts[long], length[long] // _STRIPE)
    hashes += length.view(np.uint64)
    at = starts + (length & ~31)
    for live in _while(ends - at, 8):
        lane = _rotate(words.times_p2[at[live]], 31) * _P1
        hashes[live] = _rotate(hashes[live] ^ lane, 27) * _P1 + _P4
        at[live] += 8
    for live in _while(ends - at, 4):
        hashes[live] = _rotate(hashes[live] ^ (words.halves[at[live]] * _P1), 23) * _P2 + _P3
        at[live] += 4
    for live in _while(ends - at, 1):
        hashes[live] = _rotate(hashes[live] ^ (words.bytes[at[live]] * _P5), 11) * _P1
        at[live] += 1
    return _avalanche(hashes)


class _Words:
    """The little-endian numbers that begin at each byte of a buffer."""

    __slots__ = ("bytes", "halves", "times_p2")

    def __init__(self, buffer: bytes) -> None:
        one = np.frombuffer(buffer + bytes(8), np.uint8).astype(np.uint64)
        two = one[:-1] | (one[1:] << np.uint64(8))
        four = two[:-2] | (two[2:] << np.uint64(16))
        self.bytes = one
        self.halves = four
        self.times_p2 = (four[:-4] | (four[4:] << np.uint64(32))) * _P2


def _while(left: Places, step: int) -> Iterator[Places]:
    """The slices that still have `step` bytes to take, again and again until none has."""
    live = np.flatnonzero(left >= step)
    taken = step
    while live.size:
        yield live
        taken += step
        live = live[left[live] >= taken]


def _stripes(words: _Words, starts: Places, count: Places) -> U64:
    """The first part of the hash: four lanes over whole stripes of 32 bytes."""
    lanes = [np.full(len(starts), seed, np.uint64) for seed in _SEEDS]
    for round_number, live in enumerate(_while(count, 1)):
        at = starts[live] + round_number * _STRIPE
        for offset, lane in enumerate(lanes):
            lane[live] = _rotate(lane[live] + words.times_p2[at + 8 * offset], 31) * _P1
    merged = np.zeros(len(starts), np.uint64)
    for lane, turn in zip(lanes, (1, 7, 12, 18), strict=True):
        merged += _rotate(lane, turn)
    for lane in lanes:
        merged = (merged ^ (_rotate(lane * _P2, 31) * _P1)) * _P1 + _P4
    return merged


def _rotate(x: U64, bits: int) -> U64:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


def _avalanche(x: U64) -> U64:
    x ^= x >> np.uint64(33)
    x *= _P2
    x ^= x >> np.uint64(29)
    x *= _P3
    x ^= x >> np.uint64(32)
    return x
