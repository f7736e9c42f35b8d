"""Asking: one client a process, until Spotify refuses its credentials."""

import json
from typing import Any

import pytest
from soundlake import asking
from soundlake.spotify.errors import CredentialsError, NotFoundError

from tests.unit.helpers import NORWAY, PREFIX, FakeSpotify, playlist

APP = f"{PREFIX}/spotify/app"


def write(ssm: Any, client_id: str) -> None:
    value = json.dumps({"client_id": client_id, "client_secret": "secret"})
    ssm.put_parameter(Name=APP, Value=value, Type="SecureString", Overwrite=True)


def test_a_warm_process_uses_its_token_again_and_counts_anew(spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    asking.spotify().playlist(NORWAY)

    client = asking.spotify()
    before = dict(client.requests)
    client.playlist(NORWAY)

    assert before == {}
    assert client.requests == {"playlists/{id}": 1}
    assert spotify.asked.count("POST /api/token") == 1


def test_refused_credentials_are_read_afresh(spotify: FakeSpotify, ssm: Any) -> None:
    write(ssm, "wrong")
    before = asking.spotify()
    with pytest.raises(CredentialsError):
        before.app_token()
    write(ssm, "right")

    after = asking.spotify()

    assert after is not before
    assert not after.refused
    assert asking.spotify() is after


def test_a_refused_refresh_token_makes_a_new_client(spotify: FakeSpotify) -> None:
    before = asking.spotify()
    spotify.reply("/api/token", 400, {"error": "invalid_grant"})
    with pytest.raises(CredentialsError):
        before.user_token("ended")

    assert asking.spotify() is not before


def test_credentials_that_were_not_refused_are_held_on_to(spotify: FakeSpotify, ssm: Any) -> None:
    before = asking.spotify()
    with pytest.raises(NotFoundError):
        before.playlist("unknown")
    write(ssm, "written meanwhile")

    assert asking.spotify() is before
