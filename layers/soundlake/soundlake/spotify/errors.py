"""What may go wrong around Spotify; a function that only catches loads no client for it."""


class SpotifyError(Exception):
    """Spotify did not give what was asked; the text says what, and what to do."""


class RateLimitedError(SpotifyError):
    """Spotify asked to wait `retry_after` whole seconds before the next request."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Spotify's rate limit: wait {retry_after} s.")
        self.retry_after = retry_after


class UnavailableError(SpotifyError):
    """Spotify cannot be reached or answers 5xx; `retry_after` seconds later it may be well."""

    retry_after = 60


class CredentialsError(SpotifyError):
    """Spotify refused the client id, the client secret, or the refresh token."""


class RefusedError(SpotifyError):
    """Spotify refused this request to this app or user (401 or 403)."""


class ExpiredTokenError(RefusedError):
    """Spotify no longer takes this access token (401); a new one may help."""


class NotFoundError(SpotifyError):
    """Spotify knows nothing under this id, or withholds it from this app (404)."""


class BadAnswerError(Exception):
    """An answer that is not what the endpoint documents; the text names the field."""


class MissingSecretError(Exception):
    """A SecureString that is not there or not what it should be; the text says how to write it."""
