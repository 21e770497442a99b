"""Remit keeps an AI model within the boundaries its owner has set, and proves it."""

__version__ = "0.1.0"
