"""Layer 3: say to the model, in its own instructions, what the remit asks."""

from remit.layers.prompt.canary import canary
from remit.layers.prompt.compiler import DIALECTS, Dialect, Prompt, PromptError, compile_prompt
from remit.layers.prompt.spotlight import spotlight
from remit.layers.prompt.tokens import estimate

__all__ = [
    "DIALECTS",
    "Dialect",
    "Prompt",
    "PromptError",
    "canary",
    "compile_prompt",
    "estimate",
    "spotlight",
]
