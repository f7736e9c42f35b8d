"""What is wrong with a file of history."""


class HistoryError(ValueError):
    """A file that is not imported; the text says what it is, what is expected, and what to do.

    It names files and places in them, and never the people whose history they are.
    """
