"""The door for people: commands, their help, exit codes, and the environment.

Only here are arguments, environment variables and the terminal looked at. Everything heavy is
imported by the command that needs it, so that help is there at once.
"""

from remit.cli.commands import main

__all__ = ["main"]
