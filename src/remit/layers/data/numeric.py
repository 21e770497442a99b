"""numpy, from the extra `data`: asked for where it is needed, since filtering by rules is not."""

from __future__ import annotations

from importlib import import_module


def require_numpy(what: str) -> None:
    """Raises ImportError with the cure where numpy is not installed."""
    try:
        import_module("numpy")
    except ImportError as error:
        message = f"{what} needs numpy; install it with: pip install 'remit[data]'"
        raise ImportError(message, name="numpy") from error
