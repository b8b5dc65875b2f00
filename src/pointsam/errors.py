"""The one kind of error that is the user's to fix."""


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line a user can act on.

    It says what came, what was expected and what to do. The command line prints it without
    a traceback and exits with status 2; any other exception is a fault of this package and
    keeps its traceback.
    """
