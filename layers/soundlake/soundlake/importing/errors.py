"""What is wrong with a file of history."""

import re

EXPECTED = (
    "Expected is the zip or a file of Spotify's Extended streaming history or Account data, of an "
    "export of ListenBrainz, Last.fm (CSV or JSON), Maloja or Koito, or of Soundlake's own."
)


class HistoryError(ValueError):
    """A file that is not imported; the text says what it is, what is expected, and what to do.

    It names files and places in them, and never the people whose history they are.
    """


# What the errors of zips say of a file's name: it may be a person's.
_NAME = re.compile(r"(?: for file)? ?b?(?P<quote>['\"]).*(?P=quote)", re.DOTALL)


def nameless(error: Exception) -> str:
    """What an error of a zip says, without the names of files."""
    return _NAME.sub("", str(error))
