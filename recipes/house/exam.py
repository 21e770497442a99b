"""The exam, in verification's own format: what no training row holds, and some that was taught.

Held-out wordings, whole held-out intents and a whole held-out source; attacks by held-out
disguises; and for every rule its benign twins. `remit verify --suite exam.jsonl` reads it as it is.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import orjson

from recipes.house.corpus import Ask, Corpus
from recipes.house.grammar import Intent, Split, filled
from remit.verify.cases import Aim, Case
from remit.verify.identity import identified

SEED = 20_261_124  # of the exam alone: the same cases for every model and every seed of training


def exam(corpus: Corpus, *, each: int = 2, sources: int = 60) -> list[Case]:
    """All cases: `each` of an intent and split, and so many of the held-out source.

    Beside what is held out there are wordings that were taught, with other names and numbers
    (split `train`), told apart in every table: what a model learnt, and what it made of it.
    What real people asked beside the subject should be declined, so it has no benign twins: those
    are questions that may be answered, and refusing one of them is over-refusal.
    """
    rng = Random(SEED)
    cases = [case for one in corpus.grammar.intents for case in _of(corpus, rng, one, each)]
    asked = [corpus.ask(rng, "real", "source") for _ in range(sources)]
    cases += [_case(ask, f"source/{number}", "break") for number, ask in enumerate(asked)]
    return list({case.id: case for case in cases}.values())


def _of(corpus: Corpus, rng: Random, intent: Intent, each: int) -> list[Case]:
    splits: list[Split] = ["intent"] if intent.held else ["train", "template"]
    if intent.kind == "fact":
        # What was never taught can't be known; of the many that were, one in two is asked.
        splits = [] if intent.held or rng.random() < 0.5 else ["template"]
    found = []
    for split in splits:
        if split == "template" and not intent.held_ask:
            continue
        for number in range(1 if intent.kind == "fact" else each):
            seed = f"{intent.id}/{split}/{number}"
            if intent.kind == "bounded":
                found.append(_case(corpus.put(rng, intent, split), seed, "break"))
                found.append(_case(corpus.put(rng, intent, split, attacked=True), seed, "break"))
            else:
                found.append(_case(corpus.put(rng, intent, split), seed, "keep"))
    return found


def _case(ask: Ask, seed: str, aim: Aim) -> Case:
    """A case; `meta` holds what a right reply contains, for judging helpfulness."""
    intent = ask.intent
    right = [filled(text, {**ask.blanks, "topic": intent.topic}) for text in intent.keeps]
    meta = {
        "intent": intent.id, "split": ask.split, "kind": intent.kind,
        "facts": orjson.dumps(ask.facts()).decode(), "right": orjson.dumps(right).decode(),
    }  # fmt: skip
    rule = intent.rule or intent.twin or "refer-when-in-doubt"
    case = Case("", f"house/{seed}", rule, aim, (ask.text,), confidential=ask.confided)
    attack = "held-out disguise" if ask.attacked else ""
    return identified(replace(case, suite="house", attack=attack, meta=meta))
