"""Which layers are on: the rungs from none to all, each alone, and all but one."""

from __future__ import annotations

from typing import Literal, get_args

Layer = Literal["data", "training", "prompt", "guard", "monitor"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
Layers = frozenset[Layer]

ALL: Layers = frozenset(LAYERS)


def cumulative() -> tuple[Layers, ...]:
    """No layer, then one more at a time, in the order in which they act."""
    return tuple(frozenset(LAYERS[:count]) for count in range(len(LAYERS) + 1))


def standard() -> tuple[Layers, ...]:
    """All that a ladder measures, each once: the rungs, each layer alone, all but one."""
    alone = [frozenset((layer,)) for layer in LAYERS]
    without = [ALL - {layer} for layer in LAYERS]
    return tuple(dict.fromkeys([*cumulative(), *alone, *without]))


def title(layers: Layers) -> str:
    """How a set of layers is called: `none`, `data + training`, `all but guard`."""
    if not layers:
        return "none"
    if layers == ALL:
        return "all"
    if layers not in cumulative() and len(layers) == len(LAYERS) - 1:
        return f"all but {next(iter(ALL - layers))}"
    return " + ".join(layer for layer in LAYERS if layer in layers)
