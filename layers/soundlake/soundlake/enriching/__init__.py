"""What Enrich does: a durable queue of what is to be known, drained as far as the budget lasts.

`queue` says what is wanted, in which order and in which batches, and `wanted` what a run finds so;
`allowed` what the app may ask for; `lookups` asks Spotify, `drain` one request after the other;
`progress` says how fast the queue gets less. `genres` asks others than Spotify about artists. `run`
is one run of it all.
"""
