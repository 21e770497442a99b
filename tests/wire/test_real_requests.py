"""Real customers' requests pass the accounting remit, nearly all of them untouched."""

import asyncio
import gzip
import json
import os
import random
from pathlib import Path

import pytest
from scene import official, serving

from remit.models.scripted import Scripted
from remit.policy.templates import render

DATA = Path(os.environ.get("REMIT_DATA") or Path(__file__).parents[3] / "shared" / "data")
CLINC, SGD = "clinc150/data_full.json.gz", "sgd/train_dialogues_0*.json.gz"
AT_ONCE, MOST = 32, 0.005
GREETING, ANSWER = "Hello, can you help me?", "Certainly; a colleague will look at it with you."

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def requests() -> list[str]:
    """6,000 requests: 4,500 of CLINC150's test part and 1,500 first turns of SGD, English."""
    if not (DATA / CLINC).exists() or not list(DATA.glob(SGD)):
        pytest.skip("the request data is not here; set REMIT_DATA to its folder")
    found = [text for text, _ in read(DATA / CLINC)["test"]]
    for file in sorted(DATA.glob(SGD)):
        found += [dialogue["turns"][0]["utterance"] for dialogue in read(file)]
    return found[:6_000]


def read(path: Path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return json.load(file)


def replies(path: Path, texts: list[str], model: Scripted) -> list[tuple[str, str]]:
    """For each text what the gateway did, and what came back."""
    told: list[tuple[str, str]] = [("", "")] * len(texts)

    async def work(client, numbers):
        for number in numbers:
            raw = await client.chat.completions.with_raw_response.create(
                model="m", messages=[{"role": "user", "content": texts[number]}]
            )
            content = raw.parse().choices[0].message.content
            told[number] = (raw.headers["x-remit-action"], content)

    async def main():
        numbers = iter(range(len(texts)))
        async with serving(path, render("accounting", {}), model) as scene:
            async with official(scene.base_url) as client:
                await asyncio.gather(*(work(client, numbers) for _ in range(AT_ONCE)))
            assert len(scene.records()) == len(texts)

    asyncio.run(main())
    return told


def figure(name: str, altered: list[str], total: int) -> None:
    print(f"{name}: {len(altered)} of {total} altered ({len(altered) / total:.2%})")
    for text in random.Random(1).sample(altered, min(5, len(altered))):
        print(f"  {text}")


def test_questions_of_real_customers_reach_the_model_as_they_are(tmp_path):
    texts = requests()
    model = Scripted([ANSWER])
    told = replies(tmp_path, texts, model)
    altered = [
        text
        for text, (action, answer) in zip(texts, told, strict=True)
        if answer != ANSWER or action not in ("allow", "flag")
    ]
    figure("input", altered, len(texts))
    assert {r["messages"][-1]["content"] for r in model.requests} >= set(texts) - set(altered)
    assert len(texts) >= 5_000
    assert len(altered) <= MOST * len(texts)


def test_ordinary_text_comes_back_as_the_model_wrote_it(tmp_path):
    texts = requests()[::2]
    waiting = iter(texts)
    said: list[str] = []

    def next_text(_request) -> str:
        said.append(next(waiting))
        return said[-1]

    told = replies(tmp_path, [GREETING] * len(texts), Scripted(next_text))
    came = sorted(answer for _, answer in told)
    altered = sorted(set(said) - set(came))
    figure("output", altered, len(texts))
    assert len(altered) <= MOST * len(texts)
