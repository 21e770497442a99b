"""The hash: different entries never share what is hashed."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from remit.evidence import chain

TEXT = st.text(max_size=4).map(str.encode)
BYTES32 = st.binary(min_size=32, max_size=32)
ENTRY = st.tuples(
    BYTES32, TEXT, st.integers(min_value=0, max_value=3), TEXT, TEXT, TEXT, TEXT, BYTES32
)


@given(ENTRY, ENTRY)
def test_different_entries_have_different_hashes(one, other):
    assume(one != other)
    assert chain.link(*one) != chain.link(*other)


@given(st.lists(TEXT, min_size=5, max_size=5), st.integers(0, 3))
def test_a_byte_moved_to_the_next_field_changes_the_hash(fields, at):
    assume(fields[at])
    moved = list(fields)
    moved[at], moved[at + 1] = fields[at][:-1], fields[at][-1:] + fields[at + 1]
    zeros = bytes(32)
    hashes = {
        chain.link(zeros, writer, 1, time, id_, kind, action, zeros)
        for writer, time, id_, kind, action in (fields, moved)
    }
    assert len(hashes) == 2


@given(st.text(max_size=6), st.text(max_size=6), st.text(min_size=1, max_size=3))
def test_each_writer_of_each_database_begins_elsewhere(database, writer, more):
    assert chain.genesis(database + more, writer) != chain.genesis(database, more + writer)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.binary())
def test_the_salt_hides_what_a_digest_stands_for(one, other, body):
    assume(one != other)
    assert chain.digest(one, body) != chain.digest(other, body)
