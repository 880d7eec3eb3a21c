"""The one exception type for what a user can mend."""


class DrivetrError(Exception):
    """A user's mistake or bad input, told in one sentence.

    The sentence names the file and the field, what was found, what was expected and how to mend it.
    The command line prints it without a traceback and ends with status 2.
    """
