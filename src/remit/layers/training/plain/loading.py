"""A model from a folder and back; where it is computed, and in which precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from remit.layers.training.engine import TrainingError
from remit.layers.training.extra import quiet
from remit.layers.training.recipes import Recipe


def load(start: Path | str) -> tuple[Any, Any]:
    """The causal model at `start` in float32, and its tokenizer. Raises TrainingError.

    Only safetensors are read, and no code that a folder brings is run.
    """
    quiet()
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    folder = Path(start)
    if not (folder / "config.json").is_file():
        raise TrainingError(f"{start}: no model there (config.json is missing); name its folder")
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise TrainingError(f"{start}: {' '.join(str(error).split())[:400]}") from error
    return model, tokenizer


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes the model in the Hugging Face layout."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def device() -> torch.device:
    """A CUDA device where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(recipe: Recipe, at: torch.device) -> torch.dtype | None:
    """The type to compute in beside float32, or None. Raises TrainingError for what is not there.

    On processors that emulate bfloat16 it is several times slower than float32, so `auto` takes
    it only where there are instructions for it.
    """
    if recipe.precision == "fp32":
        return None
    if _computes_bf16(at):
        return torch.bfloat16
    if recipe.precision == "bf16":
        raise TrainingError("this machine does not compute in bf16; write precision: fp32 or auto")
    return None


def _computes_bf16(at: torch.device) -> bool:
    if at.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.backends.cpu.get_cpu_capability()
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    avx = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return capabilities != "DEFAULT" and bool(amx() or avx())
