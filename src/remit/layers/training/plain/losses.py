"""The losses, pure: log-probabilities in, one number a row out, each with the equation it states.

Log-probabilities are natural logarithms summed over the tokens of a completion unless a name says
`token`; a "log-ratio" is the policy's less the reference's. Nothing here knows models or batches.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

# Keeps a group of equal rewards from dividing by nought; TRL's figure, so that both engines agree.
_TINY = 1e-4


def sft(token_logps: Tensor) -> Tensor:
    """Negative log-likelihood of each token [N]; its mean is cross-entropy in nats a token."""
    return -token_logps


def dpo(chosen: Tensor, rejected: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Direct preference optimisation on log-ratios [B]: Rafailov et al. 2023, eq. 7.

    `label_smoothing` is the probability that a label is flipped: conservative DPO (Mitchell 2023,
    "A note on DPO with noisy preferences", eq. 3), 0 for none.
    """
    margin = beta * (chosen - rejected)
    right, flipped = -logsigmoid(margin), -logsigmoid(-margin)
    return (1 - label_smoothing) * right + label_smoothing * flipped


def ipo(
    chosen: Tensor, rejected: Tensor, chosen_tokens: Tensor, rejected_tokens: Tensor, beta: float
) -> Tensor:
    """Identity preference optimisation on log-ratios [B]: Azar et al. 2023, eq. 17, beta is tau.

    Log-ratios are averaged over a completion's tokens, or the square would grow with its length.
    """
    margin = chosen / chosen_tokens.clamp(min=1) - rejected / rejected_tokens.clamp(min=1)
    return (margin - 1 / (2 * beta)) ** 2


def kto(
    ratios: Tensor,
    wanted: Tensor,
    kl: Tensor,
    beta: float,
    desirable: float = 1.0,
    undesirable: float = 1.0,
) -> Tensor:
    """Kahneman-Tversky optimisation on log-ratios [B]: Ethayarajh et al. 2024, eq. 8.

    `wanted` [B] are the labels, `kl` the reference point z0 (see `reference_point`).
    """
    good = desirable * (1 - torch.sigmoid(beta * (ratios - kl)))
    bad = undesirable * (1 - torch.sigmoid(beta * (kl - ratios)))
    return torch.where(wanted, good, bad)


def reference_point(mismatched_ratios: Tensor) -> Tensor:
    """KTO's z0: the KL estimated on completions of *other* prompts, never below 0, no gradient."""
    return mismatched_ratios.detach().mean().clamp(min=0)


def combined_rewards(
    rewards: Tensor, weights: Tensor, group: int, *, normalize_first: bool
) -> Tensor:
    """Several rewards [B, R], NaN where one does not apply, as one [B]; NaN where none applies.

    With `normalize_first`, each reward is brought to mean 0 and deviation 1 within its group of
    completions before the weighted sum, so that a rule with large numbers does not drown the
    others (GDPO, Liu et al. 2026).
    """
    if normalize_first:
        grouped = rewards.view(-1, group, rewards.shape[1])
        mean = torch.nanmean(grouped, dim=1, keepdim=True)
        rewards = ((grouped - mean) / (_deviation(grouped, 1) + _TINY)).view(rewards.shape)
    total = (rewards * weights).nansum(dim=1)
    return total.masked_fill(torch.isnan(rewards).all(dim=1), torch.nan)


def rloo_advantages(rewards: Tensor, group: int) -> Tensor:
    """REINFORCE leave-one-out, [B]: a reward less the mean of its siblings'.

    Ahmadian et al. 2024, eq. 8. A completion without a reward (NaN) has advantage 0 and is in no
    baseline.
    """
    grouped = rewards.view(-1, group)
    others = (~torch.isnan(grouped)).sum(dim=1, keepdim=True) - 1
    baseline = (torch.nansum(grouped, dim=1, keepdim=True) - grouped) / others
    return torch.nan_to_num((grouped - baseline).view(-1), nan=0.0, posinf=0.0, neginf=0.0)


def grpo_advantages(rewards: Tensor, group: int, *, normalized: bool) -> Tensor:
    """Group-relative advantages [B]: Shao et al. 2024 (DeepSeekMath), section 4.1.2.

    `normalized` rewards were brought to one scale within their group already and are now scaled
    over the batch; else mean and deviation are the group's.
    """
    if normalized:
        spread = _deviation(rewards.view(1, -1), 1).view(-1)
        advantages = (rewards - torch.nanmean(rewards)) / (spread + _TINY)
    else:
        grouped = rewards.view(-1, group)
        mean = torch.nanmean(grouped, dim=1, keepdim=True)
        advantages = ((grouped - mean) / (_deviation(grouped, 1) + _TINY)).view(-1)
    return torch.nan_to_num(advantages, nan=0.0)


def clipped(log_ratio: Tensor, advantages: Tensor, epsilon: float) -> Tensor:
    """PPO's clipped surrogate, negated: Schulman et al. 2017, eq. 7, for each element.

    `log_ratio` is new less old policy: of whole completions for RLOO, of tokens for GRPO.
    """
    ratio = log_ratio.exp()
    bounded = ratio.clamp(1 - epsilon, 1 + epsilon)
    return -torch.minimum(ratio * advantages, bounded * advantages)


def token_kl(policy: Tensor, reference: Tensor, old: Tensor) -> Tensor:
    """KL of policy from reference for each token [N], never negative (Schulman 2020, "k3").

    Weighted by the ratio to the policy that sampled (`old`), without which the gradient would not
    be that of the KL: DeepSeek-V3.2 2025, eq. 7.
    """
    ratio = reference - policy
    return (policy - old).exp() * (ratio.exp() - ratio - 1)


def _deviation(values: Tensor, dim: int) -> Tensor:
    """Sample standard deviation over what is not NaN; 0 where there are fewer than two."""
    count = (~torch.isnan(values)).sum(dim=dim, keepdim=True)
    mean = torch.nanmean(values, dim=dim, keepdim=True)
    square = torch.nansum((values - mean) ** 2, dim=dim, keepdim=True)
    return (square / (count - 1).clamp(min=1)).sqrt()
