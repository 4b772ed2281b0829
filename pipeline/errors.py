"""What is wrong with a request, and what can't be read."""


class UsageError(Exception):
    """Something the user asked for can't be done.

    Its message is one line that names what was wrong, where, and what to do. The command line
    prints it without a traceback and exits with code 2, before any model has been loaded.
    """


class Unreadable(UsageError):
    """A file that this project writes is damaged; the message names it and what is wrong with it.

    Whoever reads many runs shows that one as unreadable, and goes on.
    """
