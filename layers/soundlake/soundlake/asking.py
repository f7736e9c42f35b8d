"""Asking Spotify: this process's client. What asks nobody does not load it."""

from functools import cache

from soundlake.settings import settings
from soundlake.spotify.client import AppCredentials, Spotify
from soundlake.store import secrets


@cache
def _client(credentials: AppCredentials) -> Spotify:
    return Spotify(
        credentials,
        api_url=settings().spotify_api_url,
        accounts_url=settings().spotify_accounts_url,
    )


def spotify() -> Spotify:
    """Spotify with the app's present credentials, its request count at zero.

    Credentials that Spotify refused are read afresh: the right ones may have been written
    meanwhile. Raises MissingSecretError.
    """
    prefix = settings().parameter_prefix
    client = _client(secrets.app_credentials(prefix))
    if client.refused:
        secrets.forget()
        _client.cache_clear()
        client = _client(secrets.app_credentials(prefix))
    client.requests.clear()
    return client
