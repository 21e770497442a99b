"""Echo: what was confided is found again however it is written, and nothing else is."""

from __future__ import annotations

import pytest

from remit.detectors.base import ConfigError, Setting, Use
from remit.detectors.echo import PARTS, Echo
from remit.detectors.memory import MAX_VALUES
from remit.detectors.text import Text
from remit.types import Failure, Interaction, Message

SOURCE = (
    "Our margin on payroll work is thirty seven percent and the partners want it raised by June."
)


def read(said, text: str, *, config=None, role="user", name="", confidential=(), canaries=()):
    """The outcome on a reply after one message."""
    kind = Echo()
    matcher = kind.compile([Use("rule", kind.parse(config))], Setting(("NL", "GB")))
    messages = (Message(role, said, name), Message("assistant", text))
    reader = matcher.bind(Interaction(messages, "", tuple(confidential), tuple(canaries)))
    return reader.read(Text(text)).outcomes[0]


def found(said, text, **how) -> list[str]:
    return [text[span.start : span.end] for span in read(said, text, **how).spans]


ECHOED = [
    ("My IBAN is NL91 ABNA 0417 1643 00.", "So NL91ABNA0417164300 it is.", "NL91ABNA0417164300"),
    ("IBAN NL91ABNA0417164300", "it is nl91-abna-0417-1643-00!", "nl91-abna-0417-1643-00"),
    ("Mail me: p.berg@example.nl", "Sent to P.BERG@EXAMPLE.NL today", "P.BERG@EXAMPLE.NL"),
    ("Call +31 6 12345678", "I'll ring 06-12345678 then", "06-12345678"),
    ("my file is 48213377", "file 4821 3377?", "4821 3377"),
    ("my file is 48213377", "that is 4.8.2.1.3.3.7.7", "4.8.2.1.3.3.7.7"),
    ("my file is 4821", "so four eight two one", "four eight two one"),
    ("mijn dossier is 4821", "dus vier acht twee één", "vier acht twee één"),
    ("meine Akte ist 4825", "also vier acht zwei fünf", "vier acht zwei fünf"),
    ("mon dossier est 4821", "donc quatre huit deux un", "quatre huit deux un"),
    ("mi expediente es 4821", "o sea cuatro ocho dos uno", "cuatro ocho dos uno"),
    ("I paid € 12.345,67", "You paid 12,345.67 in May", "12,345.67"),
    ("I paid € 12.345,67", "You paid 12345.67 in May", "12345.67"),
    ("I earn £1,250.00 a month", "With 1.250,00 a month", "1.250,00"),
    ("I earn £1,250.00 a month", "With 1250 a month", "1250"),
    ("My name is Pieter van den Berg", "Dear PIETER VAN DEN BERG,", "PIETER VAN DEN BERG"),
    ("My name is Pieter van den Berg", "Mr Berg, hello", "Berg"),
    ("Ik ben Anna de Vries", "Dag Anna  de\nVries", "Anna  de\nVries"),
    ("client: Zoë Müller", "Hello Zoe Muller", "Zoe Muller"),
]


@pytest.mark.parametrize(("said", "text", "echo"), ECHOED, ids=[e[1] for e in ECHOED])
def test_what_a_client_confided_is_found(said, text, echo):
    assert echo in found(said, text)


NOT_ECHOED = [
    ("In 2024 I moved house", "Your return for 2024 is ready"),
    ("Hi, I'm Tom. Can you help?", "Of course, Tom!"),
    ("I am happy with you", "Happy to help"),
    ("my file is 48213377", "file 482133770"),
    ("my file is 48213377", "file 148213377"),
    ("my file is 4821", "item 4821.50 on the list"),
    ("my file is 4821", "one or two of four or eight"),
    ("I paid € 5", "within 5 days"),
    ("My name is Pieter Berg", "Bergen is in Norway"),
    ("nothing of note", "nothing of note"),
]


@pytest.mark.parametrize(("said", "text"), NOT_ECHOED, ids=[n[1] for n in NOT_ECHOED])
def test_common_words_years_and_greetings_are_no_echo(said, text):
    assert found(said, text) == []


@pytest.mark.parametrize(
    ("role", "name", "remembered"),
    [
        ("user", "", True),
        ("tool", "", True),
        ("system", "record", True),
        ("system", "record-7", True),
        ("system", "", False),
        ("assistant", "", False),
    ],
)
def test_clients_tools_and_records_confide(role, name, remembered):
    got = found("file number 48213377", "48213377", role=role, name=name, config="numbers")
    assert bool(got) is remembered


def test_confidential_texts_confide():
    assert found("hello", "it is 48213377", confidential=["no. 48213377"]) == ["48213377"]


@pytest.mark.parametrize(("letters", "echoed"), [(31, False), (32, True), (33, True)])
def test_a_passage_has_a_least_length_in_letters(letters, echoed):
    """32 letters and digits, 38 to 41 characters as it is written here."""
    kept, count = "", 0
    for char in SOURCE:
        kept += char
        count += char.isalnum()
        if count == letters:
            break
    # What follows continues no word of the source, so that the run is exactly so long.
    got = found(SOURCE, f"I quote: {kept}", role="system", config="passages")
    assert bool(got) is echoed, kept


def test_a_passage_is_found_in_disguise():
    quoted = SOURCE[4:70].upper().replace(" ", "  ").replace("O", "0")
    assert found(SOURCE, quoted, role="system", config="passages")


def test_a_passage_does_not_run_from_one_source_into_the_next():
    got = found(
        SOURCE[:30], SOURCE[:30] + SOURCE[30:52], role="system", confidential=[SOURCE[30:52]]
    )
    assert got == []


def test_the_canary_is_found():
    assert found("hello", "ok ZX 41 f7c", canaries=["zx-41f7c"]) == ["ZX 41 f7c"]


@pytest.mark.parametrize("part", [part for part in PARTS if part != "numbers"])
def test_a_part_that_is_not_asked_for_is_not_found(part):
    assert found("Room 1234", "1234", config="numbers") == ["1234"]
    assert found("Room 1234", "1234", config=part) == []


def test_more_values_than_can_be_kept_is_a_failure():
    said = " x ".join(str(n) for n in range(10_000, 10_001 + MAX_VALUES))
    assert isinstance(read(said, "anything"), Failure)


def test_an_unknown_part_is_refused():
    with pytest.raises(ConfigError, match="echo has no part 'adresses'; have identifiers, names"):
        Echo().parse(["adresses"])


def test_a_digit_word_with_strange_letters_breaks_nothing():
    assert found("my file is 4516", "four fıve one ſix") == ["four fıve one ſix"]
