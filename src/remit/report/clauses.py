"""Which clauses each section serves, and what is known of their status. A map, not advice.

"Serves" says that a section holds material for that clause. Whether the clause binds, and whether
it is met, is for people to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AI_ACT, GDPR, NIST, ISO = "EU AI Act", "GDPR", "NIST AI RMF", "ISO/IEC 42001"
FRAMEWORKS: Final = (AI_ACT, GDPR, NIST, ISO)

Serves = tuple[tuple[str, str], ...]

SERVES: Final[Mapping[str, Serves]] = {
    "system": ((AI_ACT, "4, 26(1)"), (GDPR, "5(2), 30"), (NIST, "MAP 1"), (ISO, "4.3")),
    "rules": ((AI_ACT, "26"), (GDPR, "5(2)"), (NIST, "GOVERN 1, 2"), (ISO, "5.2, 5.3, A.2, A.3")),
    "changes": ((GDPR, "5(2)"), (NIST, "GOVERN 1"), (ISO, "6.3, A.2")),
    "coverage": ((AI_ACT, "26(1)"), (NIST, "MAP 4"), (ISO, "6.1.3")),
    "training": ((GDPR, "5(1)"), (NIST, "MAP 4, MEASURE 2"), (ISO, "A.7")),
    "verification": ((AI_ACT, "15, 26(5)"), (NIST, "MEASURE 2"), (ISO, "9.1, A.6.2.4")),
    "attacks": ((AI_ACT, "15"), (NIST, "MEASURE 2.7"), (ISO, "A.6.2.4")),
    "bias": ((GDPR, "5(1)(a)"), (NIST, "MEASURE 2.11"), (ISO, "A.5")),
    "provider": ((GDPR, "28, 30"), (NIST, "GOVERN 6"), (ISO, "A.10")),
    "record": ((AI_ACT, "12, 19, 26(6)"), (GDPR, "5(1)(f), 5(2)"), (ISO, "A.6.2.8")),
    "monitoring": ((AI_ACT, "26(5), 72"), (NIST, "MEASURE 2, MANAGE 4"), (ISO, "9.1, A.6.2.6")),
    "interventions": ((AI_ACT, "14, 26(5)"), (NIST, "MANAGE 4"), (ISO, "A.6.2.6")),
    "oversight": ((AI_ACT, "4, 14, 26(2)"), (NIST, "GOVERN 2, MANAGE 4"), (ISO, "7.2")),
    "disclosure": ((AI_ACT, "50(1)"), (GDPR, "5(1)(a)"), (ISO, "A.8")),
    "personal": ((AI_ACT, "26(9)"), (GDPR, "5, 30, 35"), (ISO, "6.1.4, 8.4, A.5")),
    "incidents": ((AI_ACT, "26(5), 73"), (GDPR, "33"), (NIST, "MANAGE 4"), (ISO, "10.2, A.8.4")),
}

STATUS_OF: Final = "November 2026"
STATUS: Final = (
    "As secondary sources report; confirm in the Official Journal before relying on any of it.",
    (
        "EU AI Act (Regulation (EU) 2024/1689). Article 50 applies since 2 August 2026; its "
        "paragraph 2 (marking of generated content) applies to systems that were already in use "
        "from 2 December 2026."
    ),
    (
        "An amending act was adopted by Parliament on 16 June and by the Council on 29 June 2026. "
        "Obligations for high-risk systems of Annex III then begin on 2 December 2027, those of "
        "Annex I on 2 August 2028. It softened Article 4 to taking measures that support AI "
        "literacy; one source says that the duty was dropped."
    ),
    (
        "Articles 12 and 26 (and 14, 15, 19, 72, 73) bind high-risk systems only. An assistant "
        "that answers a small firm's clients ordinarily meets Articles 4 and 50, and the GDPR. "
        "Which class this system is in is for its deployer to reason and sign."
    ),
    "NIST AI RMF 1.0 and ISO/IEC 42001:2023 are voluntary; numbers name functions and clauses.",
)
