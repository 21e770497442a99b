"""Who may do what: each role may do all that the roles before it may."""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """Ordered, so that "at least a reviewer" is a comparison.

    A viewer sees figures and states; a reviewer also what people wrote, and answers cases; an owner
    also intervenes and signs for its rules; an admin also says who else may come in.
    """

    NOBODY = 0
    VIEWER = 1
    REVIEWER = 2
    OWNER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """The lower-case word used in the store and on the pages."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Role:
        """The role that an account may have. Raises ValueError where there is none such."""
        for role in ROLES:
            if role.word == word:
                return role
        have = ", ".join(role.word for role in ROLES)
        raise ValueError(f"no role '{word}'; have {have}")


ROLES = (Role.VIEWER, Role.REVIEWER, Role.OWNER, Role.ADMIN)
