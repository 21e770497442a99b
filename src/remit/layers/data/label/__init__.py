"""Where people say, row by row, whether a step was right: a page on this machine's loopback."""

from remit.layers.data.label.server import LabelServer

__all__ = ["LabelServer"]
