"""The console: where the people behind a remit see whether it holds, and act.

It is an application of `remit.http` for all that lies under `/console/`. A page is a function of a
`Visit`, in a file of its own under `pages/`; `table.py` says which page answers where, and who may
ask for it.
"""

from remit.console.app import Console
from remit.console.visit import Live

__all__ = ["Console", "Live"]
