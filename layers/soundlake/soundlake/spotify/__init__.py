"""Spotify's Web API: its answers as typed models, and the client that asks for them."""
