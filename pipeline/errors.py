"""The one exception that means: the request itself was wrong."""


class UsageError(Exception):
    """Something the user asked for can't be done.

    Its message is one line that names what was wrong, where, and what to do. The command line
    prints it without a traceback and exits with code 2, before any model has been loaded.
    """
