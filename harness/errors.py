"""The error that a person can mend: one sentence that names what, where and the remedy."""

from __future__ import annotations


class UserError(Exception):
    """Something outside the program is wrong; the text is complete and meant for a person."""
