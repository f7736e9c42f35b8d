"""The doctor: what the app may do, all else to see to, and whether anything is to be done."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws
from rich.console import Console
from soundlake.abilities import Abilities, Ability, Finding
from soundlake.accounts import State, connected
from soundlake.refusals import REFUSALS, mode_in_words, sentences
from soundlake.store.abilities import AbilitiesTable
from soundlake.times import format_time

from cli import access, accounts, doctor, machines, sources
from cli.errors import Misuse, Trouble
from cli.follow import Outcome, take
from cli.sources import Source
from cli.target import Target
from tests.template.translated import source

from .conftest import stack_of_tables

NOW = datetime(2026, 11, 21, 9, 18, tzinfo=UTC)
DEVELOPMENT = [each for each in Ability if each is not Ability.CATALOGUE]
PARAMETERS = {"FeatureSources": "spotify,reccobeats", "ChartSources": "spotify"}


class FakeFunctions:
    """Lambda with a Probe that answers what a test prepared; `given` is what it got last."""

    def __init__(self) -> None:
        self.answer: Any = probed()
        self.error = False
        self.given: Any = None

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "the-probe"
        self.given = json.loads(Payload)
        answer: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(self.answer).encode())}
        return answer | ({"FunctionError": "Unhandled"} if self.error else {})


def probed(*refused: Ability, **changes: Any) -> dict[str, Any]:
    """Probe's answer about an app that may do all but this."""
    found = [Finding(each, each not in refused, NOW, f"asked for {each}") for each in Ability]
    known = Abilities(found, probed_at=NOW)
    return {
        "status": "probed",
        "mode": known.mode,
        "in_words": mode_in_words(known),
        "refused": known.refused,
        "probed_at": format_time(NOW),
        "findings": [
            {
                "ability": each.ability,
                "allowed": each.allowed,
                "at": format_time(each.at),
                "evidence": each.evidence,
            }
            for each in found
        ],
        "sentences": sentences(known),
        "requests": {"api/token": 1, "playlists/{id}": 1, "albums": 1},
        "counts": {"requests": 3},
    } | changes


@pytest.fixture
def functions() -> FakeFunctions:
    return FakeFunctions()


@pytest.fixture
def target(functions: FakeFunctions, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A deployed stack with an app and one account."""
    with mock_aws():
        stack = stack_of_tables({"ProbeFunction": "the-probe"})
        stack.__dict__["functions"] = functions
        add(stack, "a12345678901")
        store(stack, "0123456789abcdef", "secret")
        monkeypatch.setattr(machines, "now", lambda: NOW)
        monkeypatch.setattr(sources, "stack_parameters", lambda _: PARAMETERS)
        yield stack


def add(stack: Target, name: str, **changes: Any) -> None:
    account = replace(connected(name, f"spotify-{name}", "Somebody", NOW), **changes)
    assert accounts.table(stack).create(account)


def store(stack: Target, client_id: str, secret: str) -> None:
    app = json.dumps({"client_id": client_id, "client_secret": secret})
    name = "/soundlake/test/spotify/app"
    stack.ssm.put_parameter(Name=name, Value=app, Type="SecureString", Overwrite=True)


def printed(stack: Target, *, well: bool = True) -> str:
    console = Console(file=io.StringIO(), width=100, no_color=True)
    assert doctor.show(stack, NOW, console) is well
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


#### WELL ##########################################################################################


def test_an_app_that_may_do_all(target: Target, functions: FakeFunctions) -> None:
    lines = printed(target).splitlines()

    assert functions.given == {"start_time": "2026-11-21T09:18:00.000Z"}
    assert lines[:3] == [
        "App      0123...cdef, with its secret.",
        "Access   Extended: Spotify refuses this app nothing that Soundlake asks for.",
        "         Probed now, by 2 requests.",
    ]
    assert [line.split()[-4:] for line in lines if line.startswith(" look-ups")] == [
        ["yes", "asked", "for", "catalogue"]
    ]
    assert not any(line.startswith("- ") for line in lines)
    assert "Accounts 1 of 1 captured." in lines
    assert "         a12345678901: its consent ends on 2027-05-21, in 181 days." in lines
    assert "Requests 0 in the last 24 hours." in lines
    assert lines[-1] == "Nothing is to be done."


def test_a_development_app_is_told_every_refusal(target: Target, functions: FakeFunctions) -> None:
    functions.answer = probed(*DEVELOPMENT)

    text = printed(target)
    lines = text.splitlines()

    assert lines[1] == (
        "Access   Development: no charts, no audio features, no audio analyses, no several at once."
    )
    assert [line for line in lines if line.startswith("- ")] == [
        f"- {sentence}" for sentence in functions.answer["sentences"]
    ]
    (several,) = [line.split() for line in lines if line.startswith(" several at once")]
    assert several[3:] == ["no", "2026-02-11", "asked", "for", "several"]
    assert "audio features from spotify: on, but Spotify refuses it to this app." in text
    assert lines[-1] == "Nothing is to be done."


def test_scripts_are_told_the_same(
    target: Target, functions: FakeFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    functions.answer = probed(Ability.SEVERAL)

    assert doctor.show(target, NOW, Console(), as_json=True)

    found = json.loads(capsys.readouterr().out)
    assert found == doctor.facts(target, NOW)
    assert list(found) == [
        *("app", "access", "accounts", "requests", "contact", "sources", "to_do")
    ]
    assert found["app"] == {"client_id": "0123...cdef", "has_secret": True}
    charts, *_, several, catalogue = found["access"]["abilities"]
    assert (charts["allowed"], charts["since"], catalogue["allowed"]) == (True, None, True)
    about = REFUSALS[Ability.SEVERAL]
    assert several == {
        "ability": "several",
        "name": "several at once",
        "allowed": False,
        "found_at": "2026-11-21T09:18:00.000Z",
        "evidence": "asked for several",
        "since": about.since,
        "instead": about.instead,
        "tables": about.tables,
    }
    assert found["accounts"]["consents"] == [
        {"account": "a12345678901", "ends": "2027-05-21T09:18:00.000Z", "days_left": 181}
    ]


#### WHAT WAITS FOR A PERSON #######################################################################


def test_without_an_app_it_says_how_to_store_one(target: Target, functions: FakeFunctions) -> None:
    target.ssm.delete_parameter(Name="/soundlake/test/spotify/app")
    nothing = probed(
        findings=[],
        sentences=[],
        mode="unknown",
        in_words="unknown",
        probed_at=None,
        requests={},
        status="failed",
        error="No such SecureString.",
    )
    functions.answer = nothing

    lines = printed(target, well=False).splitlines()

    assert lines[0].startswith("App      There is no Spotify app yet;")
    assert lines[2] == (
        "         It could not be found out now (0 requests): No such SecureString."
    )
    assert [line.split()[-2:] for line in lines if line.startswith(" charts")] == [["not", "known"]]
    assert lines[-1] == "To do: No such SecureString."


@pytest.mark.parametrize(
    ("status", "to_do"),
    [
        ("rate_limited", None),
        ("incomplete", None),
        ("unreachable", "To do: A sentence. Run this again later."),
        ("failed", "To do: A sentence."),
    ],
)
def test_what_passes_by_itself_is_nobodys_to_do(
    status: str, to_do: str | None, target: Target, functions: FakeFunctions
) -> None:
    functions.answer = probed(status=status, error="A sentence.")

    lines = printed(target, well=to_do is None).splitlines()

    assert "         It could not be found out now (2 requests): A sentence." in lines
    assert "         What is shown is of 2026-11-21." in lines
    assert lines[-1] == (to_do or "Nothing is to be done.")


def test_a_consent_that_has_ended_is_to_do(target: Target) -> None:
    add(target, "b12345678901", state=State.NEEDS_CONSENT)

    text = printed(target, well=False)

    assert "To do: b12345678901: Spotify no longer takes this account's consent" in text
    assert "b12345678901: its consent ends" not in text
    assert "Nothing is to be done." not in text


def test_a_consent_that_ends_soon_is_warned_of_once(target: Target) -> None:
    add(target, "c12345678901", consented_at=NOW - timedelta(days=160))

    lines = [line for line in printed(target).splitlines() if "c12345678901" in line]

    assert lines == [
        "         c12345678901: Consent ends on 2026-12-14, in 23 days; renew it with "
        "./soundlake connect."
    ]


def test_an_app_without_a_secret_is_named_so_and_a_short_id_is_shown_whole(target: Target) -> None:
    store(target, "client", "")

    assert printed(target).startswith("App      client, without a secret: plays only.\n")


@pytest.mark.parametrize("answer", [{"errorMessage": "it broke"}, "text"])
def test_a_probe_that_breaks_is_a_sentence(
    answer: Any, target: Target, functions: FakeFunctions
) -> None:
    functions.answer, functions.error = answer, isinstance(answer, dict)

    with pytest.raises(Trouble, match="soundlake logs probe says why"):
        doctor.show(target, NOW, Console())


@pytest.mark.parametrize(("well", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_something_waits_for_a_person(
    well: bool,
    code: int,
    command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cli import __main__ as cli

    monkeypatch.setattr(cli, "_target", lambda *_: "a target")
    monkeypatch.setattr(cli, "_now", lambda _: NOW)
    monkeypatch.setattr(doctor, "show", lambda *_, **__: well)

    assert command("doctor")[0] == code


#### SOURCES #######################################################################################


def said(target: Target, *refused: str) -> list[str]:
    return list(sources.lines(sources.facts(target, refused)))


def test_sources_are_told_with_their_terms(target: Target) -> None:
    assert [line.partition(";")[0].rstrip(".") for line in said(target)] == [
        "charts from spotify: on",
        "charts from files: on",
        "charts from kworb: off (not in ChartSources)",
        "audio features from spotify: on",
        "audio features from reccobeats: on",
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sources, "stack_parameters", lambda _: {"FeatureSources": "spotify"})
        assert said(target)[-1].startswith(
            "audio features from reccobeats: off (not in FeatureSources); free and without a key"
        )
    assert sum("developer.spotify.com/policy" in line for line in said(target)) == 1
    for one in sources.SOURCES:
        assert "https://" in one.terms or "charts.spotify.com" in one.terms
        assert not one.terms.endswith(".")
    assert len({(one.gives, one.name) for one in sources.SOURCES}) == len(sources.SOURCES)


def test_a_source_that_wants_a_contact_is_named_so(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Source("open", "things", "free", "ThingSources", wants_contact=True)
    monkeypatch.setattr(sources, "SOURCES", (one,))
    given = {"ThingSources": "open", "Contact": "none"}
    monkeypatch.setattr(sources, "stack_parameters", lambda _: given)

    assert said(target) == ["things from open: on, but not asked without a Contact; free."]
    assert sources.contact(target) is None

    given["Contact"] = "me@example.org"
    assert said(target) == ["things from open: on; free."]
    assert sources.contact(target) == "me@example.org"
    assert "Contact  me@example.org, told to open sources." in printed(target)

    monkeypatch.setattr(sources, "stack_parameters", lambda _: {})
    assert said(target) == []


def test_what_a_person_chooses_is_checked() -> None:
    assert sources.choices(None, None) == {}
    assert sources.choices("spotify,kworb", "https://example.org/me") == {
        "ChartSources": "spotify,kworb",
        "Contact": "https://example.org/me",
    }
    with pytest.raises(
        Misuse, match="--chart-sources: 'apple' in 'apple' is not one of spotify, k"
    ):
        sources.choices("apple", None)
    for wrong in ("somebody", "http://example.org", "me@example.org (me)", ""):
        with pytest.raises(Misuse, match="is no e-mail address, no https address, and not none"):
            sources.choices(None, wrong)


def test_a_contact_is_what_the_template_takes_for_one() -> None:
    assert source()["Parameters"]["Contact"]["AllowedPattern"] == f"^({sources.CONTACT.pattern})$"


def test_who_chooses_a_site_is_told_its_terms() -> None:
    fresh = {"ChartSources": "spotify,kworb"}
    (told,) = sources.chosen(fresh | {"Contact": "me@example.org"}, "me@example.org")

    assert told.startswith("You chose charts from kworb: a hobby site, ")
    assert "https://kworb.net/faq.html" in told
    assert list(sources.chosen(fresh, "none")) == [
        told,
        "It is not asked before it can reach you: --contact you@example.org.",
    ]
    assert list(sources.chosen({"ChartSources": "spotify"}, "none")) == []


#### A RUN #########################################################################################


def run_of(result: dict[str, Any]) -> list[str]:
    return list(access.of_run(result))


def test_a_run_that_probed_tells_the_refusals_and_others_the_mode_alone() -> None:
    result = probed(*DEVELOPMENT)
    plans = {name: result[name] for name in ("mode", "in_words", "refused")} | {"status": "known"}
    line = (
        "Access: development: no charts, no audio features, no audio analyses, no several at once."
    )

    assert run_of(result) == [line, *result["sentences"]]
    assert run_of(plans) == [line]


def test_a_run_says_nothing_of_an_app_that_may_do_all() -> None:
    assert run_of(probed()) == []
    assert run_of({}) == []


def test_a_run_says_why_nothing_could_be_found_out() -> None:
    why = "What the app may do could not be found out: A sentence."
    nobody = {"mode": "unknown", "in_words": "unknown: nobody has looked yet", "status": "failed"}

    assert run_of(nobody | {"error": "A sentence."}) == [why]
    assert run_of(nobody) == ["Access: unknown: nobody has looked yet."]
    assert run_of(probed(Ability.SEVERAL, error="A sentence."))[:2] == [
        why,
        "Access: a mixture: no several at once.",
    ]


def test_following_a_run_reads_what_plan_and_probe_say() -> None:
    outcome = Outcome("daily", "arn")

    def left(number: int, name: str, output: Any) -> dict[str, Any]:
        details = {"name": name, "output": json.dumps(output)}
        kind = {"type": "TaskStateExited", "id": number, "timestamp": NOW}
        return kind | {"stateExitedEventDetails": details}

    take(outcome, [left(1, "Plan", {"charts": [1, 2], "done": 3, "access": {"status": "due"}})])
    assert (outcome.planned, outcome.done_before) == (2, 3)
    assert outcome.access == {"status": "due"}

    take(outcome, [left(2, "Probe", {"charts": [1, 2], "access": probed()})])
    assert outcome.access["status"] == "probed"
    assert outcome.requests() == {"api/token": 1, "playlists/{id}": 1, "albums": 1}
    assert (outcome.planned, outcome.done_before) == (2, 3)


def test_another_secret_for_the_same_app_wants_a_probe(target: Target) -> None:
    access.again(target, "an-app", NOW)

    assert AbilitiesTable("the-budget", target.dynamodb).abilities("an-app", NOW).probe_wanted
