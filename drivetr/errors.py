"""The exception types for what a user can mend or asked for."""


class DrivetrError(Exception):
    """A user's mistake or bad input, told in one sentence.

    The sentence names the file and the field, what was found, what was expected and how to mend it.
    The command line prints it without a traceback and ends with status 2.

    Attributes:
        status: exit status of a command that ends with it.
    """

    status = 2


class StoppedError(DrivetrError):
    """A run that was told to stop by a signal did so in order, and can be gone on with.

    Its status is EX_TEMPFAIL of sysexits.h: nothing is wrong, start the same command again.
    """

    status = 75
