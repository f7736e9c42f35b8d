"""Access: one client a process, and a foreseen error as a result."""

import json
from typing import Any

import pytest
from soundlake import access
from soundlake.spotify.client import CredentialsError, RateLimitedError, SpotifyError
from soundlake.spotify.models import BadAnswerError
from soundlake.store.objects import CorruptObjectError
from soundlake.store.secrets import MissingSecretError

from tests.unit.helpers import BUCKET, NORWAY, PREFIX, FakeSpotify, Zones, playlist


def test_the_bucket_is_the_settings(zones: Zones) -> None:
    assert access.bucket().name == BUCKET
    assert access.bucket() is access.bucket()


def test_a_warm_process_uses_its_token_again_and_counts_anew(spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    access.spotify().playlist(NORWAY)

    client = access.spotify()
    before = dict(client.requests)
    client.playlist(NORWAY)

    assert before == {}
    assert client.requests == {"playlists/{id}": 1}
    assert spotify.asked.count("POST /api/token") == 1


def test_new_credentials_make_a_new_client(spotify: FakeSpotify, ssm: Any) -> None:
    before = access.spotify()
    value = json.dumps({"client_id": "new", "client_secret": "new"})
    ssm.put_parameter(
        Name=f"{PREFIX}/spotify/app", Value=value, Type="SecureString", Overwrite=True
    )

    access.failure(CredentialsError("refused"))

    assert access.spotify() is not before


def test_refused_credentials_are_not_held_on_to(spotify: FakeSpotify) -> None:
    before = access.spotify()

    access.failure(CredentialsError("refused"))

    assert access.spotify() is not before


def test_another_failure_keeps_the_client(spotify: FakeSpotify) -> None:
    before = access.spotify()

    access.failure(SpotifyError("broken"))

    assert access.spotify() is before


def test_a_rate_limit_is_a_result_with_its_seconds() -> None:
    assert access.failure(RateLimitedError(7)) == {
        "status": "rate_limited",
        "retry_after": 7,
        "error": "Spotify's rate limit: wait 7 s.",
    }


@pytest.mark.parametrize(
    "error",
    [
        SpotifyError("a sentence"),
        CredentialsError("a sentence"),
        BadAnswerError("a sentence"),
        MissingSecretError("a sentence"),
        CorruptObjectError("a sentence"),
    ],
)
def test_a_foreseen_error_is_a_result_with_its_sentence(error: Exception) -> None:
    assert isinstance(error, access.FORESEEN)
    assert access.failure(error) == {"status": "failed", "error": "a sentence"}
