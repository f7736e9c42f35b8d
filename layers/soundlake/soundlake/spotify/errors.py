"""What may go wrong around Spotify, and around every other source in the same words.

A function that only catches them loads no client for it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundlake.sources.web import Answer


class SpotifyError(Exception):
    """Spotify, or the source that the text names, did not give what was asked.

    The text says what, and what to do.
    """


class RateLimitedError(SpotifyError):
    """A source asked to wait `retry_after` whole seconds before the next request."""

    def __init__(self, retry_after: int, source: str = "Spotify") -> None:
        super().__init__(f"{source}'s rate limit: wait {retry_after} s.")
        self.retry_after = retry_after


class NotYourTurnError(RateLimitedError):
    """Others who ask a source that is asked once in a while come first; nobody was asked.

    `retry_after` is when the next turn is: soon, since each of them takes one.
    """


class ReservedError(RateLimitedError):
    """What is left of Spotify's quota is left to captures; the text says how much that is.

    `retry_after` is an hour: by then an hour's calls no longer count.
    """

    def __init__(self, sentence: str) -> None:
        SpotifyError.__init__(self, sentence)
        self.retry_after = 3600


class UnavailableError(SpotifyError):
    """A source cannot be reached or answers 5xx; `retry_after` seconds later it may be well."""

    retry_after = 60


class CredentialsError(SpotifyError):
    """Spotify refused the client id, the client secret, or the refresh token."""


class InvalidClientError(CredentialsError):
    """Spotify does not know the client id and secret."""


class InvalidGrantError(CredentialsError):
    """Spotify refused the refresh token, or the code of a consent."""


class RefusedError(SpotifyError):
    """A source refused this request to this app or user (401 or 403)."""


class NotRegisteredError(RefusedError):
    """The user is not on the app's list of users (403)."""


class NoPremiumError(RefusedError):
    """The app's owner has no Premium (403)."""


class ExpiredTokenError(RefusedError):
    """Spotify no longer takes this access token (401); a new one may help."""


class NotFoundError(SpotifyError):
    """Spotify knows nothing under this id, or withholds it from this app (404).

    `answer` is what it sent, of Spotify where that was JSON: to know that there is nothing is worth
    keeping.
    """

    def __init__(self, text: str, answer: "Answer | None" = None) -> None:
        super().__init__(text)
        self.answer = answer


class BadAnswerError(Exception):
    """An answer that is not what the endpoint documents; the text names the field."""


class MissingSecretError(Exception):
    """A SecureString that is not there or not what it should be; the text says how to write it."""
