"""Each loss against worked values, against finite differences, and against what it must mean."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from remit.layers.training.plain import losses  # noqa: E402


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def logistic(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(
    ("chosen", "rejected", "beta", "smoothing", "expected"),
    [
        (0.0, 0.0, 0.1, 0.0, math.log(2)),
        (2.0, -3.0, 0.1, 0.0, -math.log(logistic(0.5))),
        (-1.0, 4.0, 0.5, 0.0, -math.log(logistic(-2.5))),
        (2.0, -3.0, 0.1, 0.2, -0.8 * math.log(logistic(0.5)) - 0.2 * math.log(logistic(-0.5))),
    ],
)
def test_dpo_is_the_logistic_loss_of_the_scaled_margin(chosen, rejected, beta, smoothing, expected):
    got = losses.dpo(tensor(chosen), tensor(rejected), beta, smoothing)
    assert got.item() == pytest.approx(expected, abs=1e-12)


def test_smoothed_dpo_is_least_where_the_preference_is_as_likely_as_the_labels_say():
    margins = torch.linspace(-5, 5, 2001, dtype=torch.float64)
    found = losses.dpo(margins, torch.zeros_like(margins), 1.0, 0.2)
    best = margins[found.argmin()].item()
    assert logistic(best) == pytest.approx(0.8, abs=1e-3)


def test_ipo_is_least_at_half_the_inverse_of_beta_whatever_the_lengths():
    tokens = tensor(7.0), tensor(3.0)
    beta = 0.25
    at_best = losses.ipo(tensor(7 * 1.5), tensor(3 * -0.5), *tokens, beta)
    assert at_best.item() == pytest.approx(0.0, abs=1e-12)
    assert losses.ipo(tensor(0.0), tensor(0.0), *tokens, beta).item() == pytest.approx(4.0)


def test_kto_weighs_wanted_and_unwanted_rows_apart_and_moves_them_apart():
    ratios = tensor(1.0, 1.0).requires_grad_()
    kl = tensor(0.5)
    found = losses.kto(ratios, torch.tensor([True, False]), kl, 0.2, 2.0, 3.0)
    expected = [2 * (1 - logistic(0.2 * 0.5)), 3 * (1 - logistic(0.2 * -0.5))]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)
    found.sum().backward()
    assert ratios.grad[0] < 0 < ratios.grad[1]


def test_the_reference_point_of_kto_is_never_negative_and_has_no_gradient():
    ratios = tensor(-1.0, -3.0).requires_grad_()
    assert losses.reference_point(ratios).item() == 0
    assert losses.reference_point(tensor(1.0, 2.0)).item() == 1.5
    assert not losses.reference_point(ratios).requires_grad


def test_rloo_takes_the_mean_of_the_others_as_baseline():
    found = losses.rloo_advantages(tensor(1.0, 2.0, 6.0, 5.0, 5.0, 5.0), 3)
    assert found.tolist() == pytest.approx([-3.0, -1.5, 4.5, 0, 0, 0])


def test_an_answer_without_a_reward_neither_learns_nor_stands_in_a_baseline():
    nan = math.nan
    assert losses.rloo_advantages(tensor(1.0, nan, 3.0), 3).tolist() == [-2.0, 0.0, 2.0]
    assert losses.rloo_advantages(tensor(1.0, nan, nan), 3).tolist() == [0.0, 0.0, 0.0]
    assert losses.grpo_advantages(tensor(1.0, nan, 3.0), 3, normalized=False)[1] == 0


def test_grpo_scales_by_the_deviation_of_the_group():
    found = losses.grpo_advantages(tensor(1.0, 2.0, 3.0, 7.0, 7.0, 7.0), 3, normalized=False)
    assert found.tolist() == pytest.approx([-1.0, 0, 1.0, 0, 0, 0], abs=2e-4)


def test_a_rule_with_large_numbers_does_not_drown_another_when_each_is_scaled_first():
    rewards = torch.tensor([[0.0, 100.0], [1.0, -100.0], [0.0, 100.0], [1.0, -100.0]])
    weights = torch.ones(2)
    first = losses.combined_rewards(rewards, weights, 4, normalize_first=True)
    plain = losses.combined_rewards(rewards, weights, 4, normalize_first=False)
    assert first.abs().max() < 1e-3  # they disagree with one weight each
    assert plain.tolist() == [100, -99, 100, -99]


def test_rewards_that_apply_to_no_answer_stay_absent():
    nan = math.nan
    table = torch.tensor([[nan, 1.0], [nan, nan], [2.0, 1.0]])
    found = losses.combined_rewards(table, torch.tensor([1.0, 0.5]), 3, normalize_first=False)
    assert found[0] == 0.5
    assert math.isnan(found[1])
    assert found[2] == 2.5


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.0, 2.0, -2.0),
        (1.5, 2.0, -2.4),  # a gain is cut at 1 + epsilon
        (0.5, 2.0, -1.0),
        (1.5, -2.0, 3.0),  # a loss is not
        (0.5, -2.0, 1.6),
    ],
)
def test_the_clipped_ratio_bounds_gains_and_never_losses(ratio, advantage, expected):
    found = losses.clipped(tensor(math.log(ratio)), tensor(advantage), 0.2)
    assert found.item() == pytest.approx(expected)


def test_the_token_kl_is_nought_at_the_reference_and_positive_elsewhere():
    reference = tensor(-1.0, -1.0, -1.0)
    policy = tensor(-1.0, -0.5, -2.0)
    found = losses.token_kl(policy, reference, policy)
    assert found[0] == 0
    assert found.min() >= 0
    assert found[1].item() == pytest.approx(math.exp(-0.5) + 0.5 - 1)


def test_the_gradient_of_the_token_kl_is_that_of_the_kl_of_the_distributions():
    """Summed over all tokens by their probability, as sampling would weigh them."""
    logits = tensor(0.3, -0.2, 1.0, 0.0).requires_grad_()
    reference = tensor(0.0, 0.5, -0.5, 0.2).log_softmax(0)
    policy = logits.log_softmax(0)
    sampled = policy.exp().detach()
    estimate = (sampled * losses.token_kl(policy, reference, policy.detach())).sum()
    (got,) = torch.autograd.grad(estimate, logits, retain_graph=True)
    (expected,) = torch.autograd.grad((policy.exp() * (policy - reference)).sum(), logits)
    assert torch.allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y: losses.dpo(x, y, 0.3, 0.1),
        lambda x, y: losses.ipo(x, y, torch.full_like(x, 5), torch.full_like(x, 4), 0.3),
        lambda x, y: losses.kto(x, torch.tensor([True, False, True]), y.mean().detach(), 0.3),
        lambda x, y: losses.clipped(0.01 * x, y.detach(), 0.2),
        lambda x, y: losses.token_kl(x, y.detach(), y.detach()),
    ],
)
def test_gradients_are_those_of_finite_differences(loss):
    drawn = torch.Generator().manual_seed(3)
    x = torch.randn(3, generator=drawn, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, generator=drawn, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: loss(a, y.detach()), (x,))
