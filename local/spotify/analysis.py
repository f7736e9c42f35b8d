"""Made-up audio analysis: a pure function of a track, in the shape of ``/audio-analysis/{id}``."""

import random
from typing import Any

from local.spotify import ids
from local.spotify.world import Features, Track

_SAMPLE_RATE = 22050


def audio_analysis(track: Track, features: Features) -> dict[str, Any]:
    """The analysis of one track; seconds and dB. Sections and segments cover the whole duration.

    Bars, beats and tatums cover only the first bars, to keep answers small.
    """
    rng = random.Random(f"analysis|{track.id}")  # noqa: S311 - not a secret
    seconds = track.duration_ms / 1000
    beat = 60 / (features.tempo or 120.0)
    per_bar = max(1, features.time_signature)
    return {
        "meta": {
            "analyzer_version": "made up by Soundlake's local Spotify",
            "platform": "local",
            "detailed_status": "OK",
            "status_code": 0,
            "timestamp": 1_700_000_000 + ids.number(10_000_000, "analysed", track.id),
            "analysis_time": round(2 + 6 * rng.random(), 5),
            "input_process": "made up",
        },
        "track": {
            "num_samples": int(seconds * _SAMPLE_RATE),
            "duration": seconds,
            "sample_md5": "",
            "offset_seconds": 0,
            "window_seconds": 0,
            "analysis_sample_rate": _SAMPLE_RATE,
            "analysis_channels": 1,
            "end_of_fade_in": round(rng.random() * 2, 5),
            "start_of_fade_out": round(seconds * 0.96, 5),
            "loudness": features.loudness,
            "tempo": features.tempo,
            "tempo_confidence": _share(rng),
            "time_signature": features.time_signature,
            "time_signature_confidence": _share(rng),
            "key": features.key,
            "key_confidence": _share(rng),
            "mode": features.mode,
            "mode_confidence": _share(rng),
            "codestring": "",
            "code_version": 3.15,
            "echoprintstring": "",
            "echoprint_version": 4.15,
            "synchstring": "",
            "synch_version": 1.0,
            "rhythmstring": "",
            "rhythm_version": 1.0,
        },
        "bars": _intervals(rng, 4, beat * per_bar),
        "beats": _intervals(rng, 4 * per_bar, beat),
        "tatums": _intervals(rng, 8 * per_bar, beat / 2),
        "sections": _sections(rng, seconds, features),
        "segments": _segments(rng, seconds, features),
    }


def _share(rng: random.Random) -> float:
    return round(rng.random(), 3)


def _intervals(rng: random.Random, count: int, length: float) -> list[dict[str, float]]:
    return [
        {"start": round(n * length, 5), "duration": round(length, 5), "confidence": _share(rng)}
        for n in range(count)
    ]


def _sections(rng: random.Random, seconds: float, features: Features) -> list[dict[str, Any]]:
    count = max(1, min(12, int(seconds / 25)))
    weights = [0.6 + rng.random() for _ in range(count)]
    starts = [round(seconds * sum(weights[:n]) / sum(weights), 5) for n in range(count)]
    ends = [*starts[1:], seconds]
    return [
        {
            "start": start,
            "duration": round(end - start, 5),
            "confidence": _share(rng),
            "loudness": round(features.loudness + 6 * (rng.random() - 0.5), 3),
            "tempo": round(features.tempo * (0.985 + 0.03 * rng.random()), 3),
            "tempo_confidence": _share(rng),
            "key": features.key if rng.random() < 0.7 else rng.randrange(12),
            "key_confidence": _share(rng),
            "mode": features.mode if rng.random() < 0.8 else 1 - features.mode,
            "mode_confidence": _share(rng),
            "time_signature": features.time_signature,
            "time_signature_confidence": _share(rng),
        }
        for start, end in zip(starts, ends, strict=True)
    ]


def _segments(rng: random.Random, seconds: float, features: Features) -> list[dict[str, Any]]:
    """Sounds of 0.12 to 0.6 s, each as loud at its start as the one before at its end."""
    starts = [0.0]
    while (following := round(starts[-1] + 0.12 + 0.48 * rng.random(), 5)) < seconds - 0.12:
        starts.append(following)
    ends = [*starts[1:], seconds]
    quiet = [round(features.loudness - 4 - 8 * rng.random(), 3) for _ in (*starts, seconds)]
    return [
        {
            "start": start,
            "duration": round(end - start, 5),
            "confidence": _share(rng),
            "loudness_start": quiet[place],
            "loudness_max": round(features.loudness + 4 * (rng.random() - 0.5), 3),
            "loudness_max_time": round(0.8 * (end - start) * rng.random(), 5),
            # Only the last says how it ends, as in real answers: the others end as the next starts.
            "loudness_end": quiet[-1] if end == seconds else 0.0,
            "pitches": _pitches(rng),
            "timbre": [round(60 + features.loudness, 3)]
            + [round(rng.gauss(0, 90 / dimension), 3) for dimension in range(1, 12)],
        }
        for place, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _pitches(rng: random.Random) -> list[float]:
    """Twelve shares; the strongest is 1."""
    shares = [rng.random() ** 2 for _ in range(12)]
    return [round(share / max(shares), 3) for share in shares]
