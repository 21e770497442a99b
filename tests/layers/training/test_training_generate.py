"""Sampling: as by the book, whatever stands beside a prompt in its batch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import tiny  # noqa: E402

from remit.layers.training.generate import Sampler, sample  # noqa: E402
from remit.layers.training.plain import loading  # noqa: E402

PROMPTS = [(5, 6, 7, 8, 9, 10), (11,), (12, 13, 14), (15, 16, 17, 18), (19, 20)]


@pytest.fixture(scope="module")
def model(start):
    model = loading.load(start)[0]
    with torch.no_grad():  # an untrained model says everything with the same probability
        for value in model.parameters():
            value.mul_(4)
    return model


def by_the_book(model, prompt, chance, temperature, limit, end):
    """One prompt alone, no cache, the whole sequence read again for each token."""
    ids, logprob = list(prompt), 0.0
    for step in range(limit):
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        if temperature == 0:
            token = int(logits.argmax())
        else:
            share = (logits / temperature).softmax(-1).cumsum(-1)
            at = chance[step] * share[-1]
            token = int(torch.searchsorted(share, at, right=True).clamp(max=len(share) - 1))
        logprob += float(logits.log_softmax(-1)[token])
        ids.append(token)
        if token == end:
            break
    return tuple(ids[len(prompt) :]), logprob


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_padding_cache_and_batches_change_no_token(model, temperature, batch):
    model.eval()
    end = 2  # one that comes now and then, so that rows leave the batch at different steps
    found = Sampler(model, end, temperature, 12, batch).sample(PROMPTS, 2, seed=4)
    chance = torch.rand(10, 12, generator=torch.Generator().manual_seed(4))
    for at, prompt in enumerate(PROMPTS):
        for copy in range(2):
            row = chance[at * 2 + copy]
            tokens, logprob = by_the_book(model, prompt, row, temperature, 12, end)
            assert found[at][copy].tokens == tokens
            assert found[at][copy].logprob == pytest.approx(logprob, abs=1e-3)


def test_rows_end_at_different_steps_and_the_others_go_on(model):
    model.eval()
    drawn = Sampler(model, 2, 1.0, 40).sample(PROMPTS * 20, 1, seed=0)
    lengths = {len(group[0].tokens) for group in drawn}
    ended = [group[0].tokens for group in drawn if group[0].tokens[-1] == 2]
    assert len(lengths) > 3
    assert ended
    assert all(2 not in tokens[:-1] for tokens in ended)


def test_tokens_come_as_often_as_the_model_says(model):
    model.eval()
    with torch.no_grad():
        share = model(torch.tensor([PROMPTS[0]])).logits[0, -1].softmax(-1)
    drawn = Sampler(model, -1, 1.0, 1).sample([PROMPTS[0]], 4000, seed=1)[0]
    counts = torch.bincount(torch.tensor([d.tokens[0] for d in drawn]), minlength=len(share))
    # Pearson's chi-squared over the tokens that are expected five times or more.
    usual = share * 4000 >= 5
    expected = share[usual] * 4000
    statistic = ((counts[usual] - expected) ** 2 / expected).sum().item()
    freedom = int(usual.sum())
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5


def test_conversations_and_texts_are_sampled_from_a_folder(start):
    prompts = [[{"role": "user", "content": "What about vat? "}], "Tell me: "]
    one = sample(start, prompts, n=3, max_tokens=5, seed=1)
    assert [len(group) for group in one] == [3, 3]
    assert one == sample(start, prompts, n=3, max_tokens=5, seed=1)
    assert one != sample(start, prompts, n=3, max_tokens=5, seed=2)
    assert all(not drawn.ended or drawn.tokens[-1] == 1 for group in one for drawn in group)
    assert tiny.tokenizer().decode(one[0][0].tokens, skip_special_tokens=True) == one[0][0].text
