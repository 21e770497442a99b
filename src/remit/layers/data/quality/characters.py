"""What each character is, for the whole of Unicode: one table, looked up for a batch at once."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

SPACE, WORD, ALPHA, DIGIT, UPPER, LOWER, GLUE, LETTERLIKE = (1 << bit for bit in range(8))
"""Bits of a character's flags. SPACE, ALPHA: `str.isspace`, `str.isalpha`. WORD: letters, digits,
marks and `_`. GLUE: may stand inside a word. LETTERLIKE: not in Gopher's set of symbols."""

GLUED = ".,:/@&'’-"
"""Characters that may join what stands on both sides; `words.unicode_words` says which do when."""

_PLANES = ((0x0, 0x32000), (0xE0000, 0xE1000))  # all else is unassigned or private
_SIZE = 0x110000

PUNCTUATION = frozenset(
    "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
) | frozenset(chr(c) for c in (*range(9), 11, 12, *range(13, 32), *range(127, 160)))
"""Characters that alone make no word: those of datatrove's `PUNCTUATION`."""

TERMINAL = frozenset(
    "!.?։؝؞؟۔܀܁܂߹࠷࠹࠽࠾।॥၊။።፧፨᙮᜵᜶។៕៖៙៚᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᭽᭾᰻᰼᱾᱿"
    "‼‽⁇⁈⁉⸮⸼⹓⹔。꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫﹒﹖﹗！．？｡𐩖𐩗𐽕𐽖𐽗𐽘𐽙𐾆𐾇𐾈𐾉"
    "𑁇𑁈𑂾𑂿𑃀𑃁𑅁𑅂𑅃𑇅𑇆𑇍𑇞𑇟𑈸𑈹𑈻𑈼𑊩𑑋𑑌𑗂𑗃𑗉𑗊𑗋𑗌𑗍𑗎𑗏𑗐𑗑𑗒𑗓𑗔𑗕𑗖𑗗𑙁𑙂"
    "𑜼𑜽𑜾𑥄𑥆𑩂𑩃𑪛𑪜𑱁𑱂𑻷𑻸\U00011f43\U00011f44𖩮𖩯𖫵𖬷𖬸𖭄𖺘𛲟𝪈"
)
"""Characters that end a sentence in some script: datatrove's `TERMINAL_PUNCTUATION`."""


@cache
def flags() -> npt.NDArray[np.uint8]:
    """The flags of every code point, shape (0x110000,). Made once, in about a tenth of a second."""
    table = np.full(_SIZE, LETTERLIKE, np.uint8)
    for low, high in _PLANES:
        characters = [chr(c) for c in range(low, high)]
        part = table[low:high]
        for bit, test in (
            (SPACE, str.isspace),
            (ALPHA, str.isalpha),
            (DIGIT, str.isdigit),
            (UPPER, str.isupper),
            (LOWER, str.islower),
            (WORD, str.isalnum),
        ):
            part[np.fromiter(map(test, characters), np.bool_, high - low)] |= bit
        marks = (c[0] == "M" for c in map(unicodedata.category, characters))
        part[np.fromiter(marks, np.bool_, high - low)] |= WORD
    table[ord("_")] |= WORD
    table[[ord(c) for c in GLUED]] |= GLUE
    table[[ord(c) for c in PUNCTUATION | TERMINAL]] &= ~np.uint8(LETTERLIKE)
    table.flags.writeable = False
    return table


@cache
def small() -> npt.NDArray[np.uint8]:
    """For every code point the ASCII character that `str.lower` makes of it, or 0."""
    table = np.zeros(_SIZE, np.uint8)
    table[:128] = [ord(chr(c).lower()) for c in range(128)]
    table[0x212A] = ord("k")  # the sign for kelvin; no other one becomes a letter of ASCII alone
    table.flags.writeable = False
    return table


@lru_cache(16)
def among(characters: frozenset[str]) -> npt.NDArray[np.bool_]:
    """For every code point whether it is one of these: one look-up a character, however many."""
    table = np.zeros(_SIZE, np.bool_)
    table[[ord(c) for c in characters if len(c) == 1]] = True
    table.flags.writeable = False
    return table
