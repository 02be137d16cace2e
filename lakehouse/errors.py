"""The errors of the lakehouse: one base, and a class for each thing that a caller can do differently.

Every message says what was wrong and what the operator does next.
"""


class LakehouseError(Exception):
    """Base of all errors that we raise on purpose. The command line prints it and exits with ``exit_code``."""

    exit_code = 2


class RefusedError(LakehouseError):
    """The request was understood and refused; nothing has changed."""

    exit_code = 1


class NotReadyError(LakehouseError):
    """A part of the stack does not answer; the same call may work later."""


class AlreadyExistsError(LakehouseError):
    """Another writer has published under this name first."""


class NotFoundError(LakehouseError):
    """The file, table or release that was named does not exist."""


class SupersededError(LakehouseError):
    """A newer writer has taken over; this one must stop and not try again."""
