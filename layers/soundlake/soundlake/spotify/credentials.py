"""The app's id and secret. Whoever only needs to know which app it is loads no client for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The app's id and secret, from https://developer.spotify.com/dashboard.

    Without a secret ("") it is a public client: it gets users' tokens by PKCE, and none of its own.
    """

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"AppCredentials(client_id={self.client_id!r})"
