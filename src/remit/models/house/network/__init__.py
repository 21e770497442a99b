"""The house's small language model: a Llama shape in numpy, without torch (extra `learned`).

A folder in the Hugging Face layout goes in (config.json, model.safetensors, tokenizer.json);
nothing in it can run code, and every size in it is checked before memory is taken.
"""

from __future__ import annotations

from remit.models.house.network.files import Shape, WeightsError, read_shape, read_tensors
from remit.models.house.network.llama import Cache, Llama
from remit.models.house.network.sight import Sight, sight

__all__ = [
    "Cache",
    "Llama",
    "Shape",
    "Sight",
    "WeightsError",
    "read_shape",
    "read_tensors",
    "sight",
]
