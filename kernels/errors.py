"""The error that a person can mend, for everything under kernels/."""

from __future__ import annotations


class KernelError(Exception):
    """Something outside the program is wrong; the text is complete and meant for a person."""
