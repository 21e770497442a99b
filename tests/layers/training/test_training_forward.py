"""Short cuts of the forward pass give the model's own log-probabilities."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from remit.layers.training.plain import forward, loading  # noqa: E402
from remit.layers.training.plain.encoding import Tree  # noqa: E402

TREES = [
    Tree((5, 6, 7, 8, 9, 10, 11), ((20, 21, 1), (30, 31, 32, 33, 1))),
    Tree((9,), ((40, 1), (41, 42, 43, 1))),
    Tree((12, 13, 14, 15), ((50, 51, 52, 1), (53, 1))),
]


def one_by_one(model, trees):
    """The same by the book: one sequence, all logits."""
    found = []
    with torch.no_grad():
        for tree in trees:
            for branch in tree.completions:
                ids = torch.tensor([[*tree.prompt, *branch]])
                logps = model(ids).logits[0].log_softmax(-1)
                places = range(len(tree.prompt) - 1, ids.shape[1] - 1)
                found += [logps[at, ids[0, at + 1]].item() for at in places]
    return found


@pytest.fixture(scope="module")
def model(start):
    return loading.load(start)[0].eval()


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("shares", [True, False])
def test_shared_prompts_and_lean_heads_change_nothing(model, lean, shares, monkeypatch):
    monkeypatch.setattr(forward, "_worth", lambda trees: True)
    read = forward.Reader(model, lean, shares, torch.device("cpu"))
    with torch.no_grad():
        scored = read.score(TREES)
    assert scored.token_logps.tolist() == pytest.approx(one_by_one(model, TREES), abs=1e-5)
    assert scored.lengths.tolist() == [3, 5, 2, 4, 4, 2]


def test_a_llama_is_found_to_allow_both_short_cuts(model):
    read = forward.reader(model, torch.device("cpu"))
    assert read.lean_head
    assert read.shares


@pytest.mark.parametrize("kind", ["gemma2", "mistral", "gpt2"])
def test_a_model_that_answers_otherwise_is_read_the_long_way(kind):
    """Soft-capped logits, sliding windows, learnt positions: whatever is found, it is right."""
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {
        "gemma2": {"head_dim": 8, "sliding_window": 4, "final_logit_softcapping": 0.5},
        "mistral": {"sliding_window": 4},
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 0, "eos_token_id": 1},
    }
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    torch.manual_seed(1)
    given = {**({} if kind == "gpt2" else shape), **sizes[kind]}
    config = AutoConfig.for_model(kind, vocab_size=64, pad_token_id=0, **given)
    model = AutoModelForCausalLM.from_config(config).eval()
    read = forward.reader(model, torch.device("cpu"))
    assert read.shares == (kind == "gpt2")
    assert read.lean_head == (kind != "gemma2")
    with torch.no_grad():
        logps = read.score(TREES).token_logps.tolist()
    assert logps == pytest.approx(one_by_one(model, TREES), abs=1e-4)


def test_a_large_vocabulary_is_scored_in_pieces_with_the_same_gradient(model, monkeypatch):
    read = forward.reader(model, torch.device("cpu"))

    def gradient():
        model.zero_grad()
        read.score(TREES, temperature=0.7, entropy=True).sums.sum().backward()
        return [p.grad.clone() for p in model.parameters()]

    whole = gradient()
    monkeypatch.setattr(forward, "_LOGITS", 3 * model.config.vocab_size)
    pieces = gradient()
    for one, other in zip(whole, pieces, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_the_entropy_of_a_token_is_that_of_its_distribution(model):
    read = forward.reader(model, torch.device("cpu"))
    with torch.no_grad():
        scored = read.score(TREES[:1], entropy=True)
        logps = model(torch.tensor([[*TREES[0].prompt]])).logits[0, -1].log_softmax(-1)
    assert scored.entropy[0].item() == pytest.approx(-(logps.exp() * logps).sum().item(), abs=1e-5)


def test_scores_under_a_temperature_are_those_of_divided_logits(model):
    read = forward.reader(model, torch.device("cpu"))
    with torch.no_grad():
        cold = read.score(TREES[:1], temperature=0.5).token_logps[0].item()
        logits = model(torch.tensor([[*TREES[0].prompt]])).logits[0, -1]
    assert cold == pytest.approx((logits / 0.5).log_softmax(-1)[20].item(), abs=1e-5)
