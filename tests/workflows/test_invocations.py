"""What `make invoke` hands to SAM and to containers; Docker alone is missing here.

The functions' answers to the same events, as deployed: tests/stack/test_invocations.py.
"""

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.request import urlopen

import pytest
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.yamlhelper import yaml_dump

from cli import deploy
from cli.local_lake import Lake
from tests.invocations import forward, layers, world
from tests.invocations.__main__ import WITHOUT_DOCKER, answer, arguments_for
from tests.template.translated import REPO, functions, source

# SAM's own, which warn of each other.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:sam.*")
VERBS = tuple(functions())
GIVEN = {"DATA_BUCKET": "the-bucket", layers.ENDPOINT: "http://192.0.2.1:4566"}


class Sam:
    """SAM's own reading of a template with local layers, up to where it would start Docker."""

    def __init__(self, folder: Path) -> None:
        self.folders = {condition: folder / condition.lower() for condition in layers.PACKAGES}
        for each in self.folders.values():
            (each / "python").mkdir(parents=True)
        built = source()
        for resource in built["Resources"].values():
            for uri in ("CodeUri", "ContentUri"):
                if uri in resource.get("Properties", {}):
                    resource["Properties"][uri] = str(REPO / resource["Properties"][uri])
        path = folder / "invoke.yaml"
        path.write_text(yaml_dump(layers.with_layers(built, self.folders)))
        listed = deploy.parameters("http://127.0.0.1:4580", folder)
        given = dict(each.split("=", 1) for each in listed) | {"Architecture": "arm64"}
        stacks, _ = SamLocalStackProvider.get_stacks(str(path), parameter_overrides=given)
        self._provider = SamFunctionProvider(stacks)
        variables = {f"{verb}Function": GIVEN for verb in VERBS}
        self._runner = LocalLambdaRunner(
            None, self._provider, str(folder), str(folder), None, "eu-north-1", variables
        )

    def seen(self, verb: str) -> Any:
        return self._runner.get_invoke_config(self._provider.get(f"{verb}Function"))


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Sam:
    return Sam(tmp_path_factory.mktemp("invoke"))


@pytest.mark.parametrize("verb", VERBS)
def test_a_function_has_local_layers_where_awss_would_be(verb: str, sam: Sam) -> None:
    seen = sam.seen(verb)
    assert seen.architecture == "arm64"
    assert Path(seen.code_abs_path) == REPO / "functions" / verb.lower()
    wanted = [str(REPO / "layers" / "soundlake"), str(sam.folders["PowertoolsNone"])]
    if "AWSSDKPandas" in str(functions()[verb]["Layers"]):
        wanted.append(str(sam.folders["PandasNone"]))
    assert [layer.codeuri for layer in seen.layers] == wanted
    assert all(layer.is_defined_within_template for layer in seen.layers)


@pytest.mark.parametrize("verb", VERBS)
def test_a_function_gets_the_variables_of_the_file(verb: str, sam: Sam) -> None:
    seen = sam.seen(verb).env_vars.resolve()
    assert {name: seen[name] for name in GIVEN} == GIVEN
    assert seen["AWS_SAM_LOCAL"] == "true"


def test_without_the_endpoint_in_the_template_it_would_not_be_handed_on() -> None:
    assert layers.ENDPOINT not in str(source())


def test_packages_are_of_the_lock_that_the_local_lake_uses() -> None:
    lock = layers.LOCK.read_text(encoding="utf-8")
    for packages in layers.PACKAGES.values():
        for package in packages:
            assert f"\n{package.partition('[')[0]}==" in lock


def test_every_function_is_invoked_with_its_own_event(tmp_path: Path) -> None:
    assert set(world.EXPECTED) == set(VERBS)
    state = SimpleNamespace(spotify="http://127.0.0.1:4580", folder=tmp_path, region="eu-north-1")
    lake = cast(Lake, SimpleNamespace(state=state))
    for verb in VERBS:
        arguments = arguments_for(verb, lake, tmp_path, tmp_path / "invoke.yaml")
        assert arguments[:3] == ["local", "invoke", f"{verb}Function"]
        event = Path(arguments[arguments.index("--event") + 1])
        assert json.loads(event.read_text(encoding="utf-8")) == world.event(verb)
        for name in ("PowertoolsLayerArn", "PandasLayerArn"):
            assert f"{name}=none" in arguments


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"status": "loaded"}, None),
        ({"status": "failed", "error": "It broke."}, "is failed: It broke."),
        ({"errorType": "KeyError", "errorMessage": "'x'"}, "KeyError: 'x'"),
        ({}, "is None"),
        ("Traceback", "'Traceback'"),
        (None, "None"),
    ],
)
def test_what_counts_is_the_status_without_an_error(result: Any, why: str | None) -> None:
    found = world.wrong("Load", result)
    assert found is None if why is None else why in str(found)


def test_connect_counts_where_spotify_itself_refused_its_code() -> None:
    refused = {"status": "failed", "error": f"{world.REFUSED} (it works once)."}
    assert world.wrong("Connect", refused) is None
    other = {"status": "failed", "error": "Spotify does not answer."}
    assert "does not answer" in str(world.wrong("Connect", other))


def test_an_answer_is_the_last_line_that_sam_prints() -> None:
    assert answer('Invoking app.handler\n{"status": "loaded"}\n\n') == {"status": "loaded"}
    assert answer("no JSON") == "no JSON"
    assert answer("") == ""


#### THE WAY TO THIS MACHINE'S LOOPBACK ############################################################


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while (line := self.rfile.readline().strip()) and line != b"":
            asked = line if line.startswith(b"GET") else None
            if asked:
                body = asked.split()[1] * 20_000
                head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() + body)
                return


@pytest.fixture
def port() -> Iterator[int]:
    """A service that listens on the loopback alone."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.allow_hosts(["127.0.0.1", WITHOUT_DOCKER])
def test_what_comes_to_the_bridge_goes_on_to_the_loopback(port: int) -> None:
    url = f"http://{WITHOUT_DOCKER}:{port}/x"
    with forward.forwarding(WITHOUT_DOCKER, [port]), urlopen(url, timeout=5) as response:
        assert response.read() == b"/x" * 20_000
    with pytest.raises(OSError, match="refused"):
        urlopen(url, timeout=5)


def test_without_docker_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match="no Docker"):
        forward.gateway()
