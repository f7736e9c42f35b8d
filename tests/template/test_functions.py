"""The functions and their logs."""

import ast
from pathlib import Path
from typing import Any

import pytest
from soundlake.settings import Settings

from tests.benchmarks.import_code import ENVIRONMENT
from tests.statemachines.asl import MACHINES, definition, invoked, states, tasks
from tests.template.translated import DEFAULT, REPO, Stack, functions, machines, source

VERBS = tuple(functions())
# Invoked by the command line, with a person at its other end.
BY_HAND = {"Connect"}
POWERTOOLS = "arn:aws:lambda:eu-north-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-"
PANDAS = "arn:aws:lambda:eu-north-1:336392948345:layer:AWSSDKPandas-Python313"
# A chart's owner takes rows out as it puts them in, and a name may stand once in a machine.
# So who keeps an upload also deletes it.
# Derive alone writes the tables of plays: of an import it takes several steps.
ANOTHER_WORD = {
    "WithdrawCharts.Withdraw": "Withdraw",
    "Forget": "Forget",
    "Group": "Group",
    "MergeMonths.Merge": "Merge",
    "PlayMonths.Play": "Play",
    "Conclude": "Conclude",
    # One function says what there is to audit, and audits it: it reads the same for both.
    "Survey": "Survey",
}
WITH_PANDAS = {"Audit", "Derive", "Read", "Plan", "Load", "Enrich", "Verify", "Publish"}


def _app(verb: str) -> Path:
    return REPO / "functions" / verb.lower() / "app.py"


def _decorated(path: Path) -> list[str]:
    """The verbs that a file gives to `@function`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            match decorator:
                case ast.Call(func=ast.Name(id="function"), args=[ast.Constant(value=str(verb))]):
                    found.append(verb)
    return found


def _imports(path: Path) -> set[str]:
    """The packages that a file, or what it uses of the shared one, imports."""
    todo, seen, found = [path], set(), set()
    while todo:
        each = todo.pop()
        if each in seen or not each.is_file():
            continue
        seen.add(each)
        for node in ast.walk(ast.parse(each.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    modules = [alias.name for alias in names]
                case ast.ImportFrom(module=str(module), names=names):
                    modules = [module, *(f"{module}.{alias.name}" for alias in names)]
                case _:
                    continue
            for module in modules:
                found.add(module.split(".")[0])
                if module.startswith("soundlake."):
                    parts = module.split(".")
                    todo.append(REPO.joinpath("layers", "soundlake", *parts).with_suffix(".py"))
    return found


#### ONE WORD ######################################################################################


def test_folder_resource_state_and_verb_are_one_word() -> None:
    folders = {path.parent.name for path in (REPO / "functions").glob("*/app.py")}
    assert folders == {verb.lower() for verb in VERBS}
    assert set(tasks()) == set(VERBS) - BY_HAND
    for machine in MACHINES:
        for name, state in states(definition(machine)):
            if (verb := invoked(state)) is not None:
                assert name.rpartition(".")[2] == ANOTHER_WORD.get(name, verb)
    for verb in VERBS:
        assert _decorated(_app(verb)) == [verb]
        assert source()["Resources"][f"{verb}Function"]["Properties"]["CodeUri"] == (
            f"functions/{verb.lower()}"
        )
        assert functions()[verb]["FunctionName"] == f"soundlake-dev-{verb.lower()}"


def test_every_function_says_what_it_does() -> None:
    described = [properties["Description"] for properties in functions().values()]
    assert all(described)
    assert len(set(described)) == len(described)


#### SETTINGS ######################################################################################


@pytest.mark.parametrize("verb", VERBS)
def test_runtime_handler_and_traces(verb: str) -> None:
    properties = functions()[verb]
    assert properties["Runtime"] == "python3.13"
    assert properties["Handler"] == "app.handler"
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert {"Key": "app", "Value": "soundlake"} in properties["Tags"]


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_the_architecture_is_a_parameters(architecture: str) -> None:
    stack = Stack({"Architecture": architecture})
    for properties in stack.of_type("AWS::Lambda::Function").values():
        assert properties["Architectures"] == [architecture]
    (layer,) = stack.of_type("AWS::Lambda::LayerVersion").values()
    assert layer["CompatibleArchitectures"] == [architecture]
    assert layer["CompatibleRuntimes"] == ["python3.13"]
    metadata = source()["Resources"]["SoundlakeLayer"]["Metadata"]
    # Without it SAM builds a layer for x86_64, whatever the functions are.
    assert metadata["BuildArchitecture"] == {"Ref": "Architecture"}
    assert metadata["BuildMethod"] == "python3.13"


@pytest.mark.parametrize("verb", sorted(set(VERBS) - BY_HAND))
def test_a_task_outlasts_its_function(verb: str) -> None:
    """So that a slow function ends by its own timeout, with its own words."""
    timeout = source()["Resources"][f"{verb}Function"]["Properties"]["Timeout"]
    assert 0 < timeout < tasks()[verb]["TimeoutSeconds"]
    assert functions()[verb]["Timeout"] == timeout


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_outlasts_its_slowest_task(machine: str) -> None:
    found = [state for _, state in states(definition(machine)) if invoked(state)]
    assert definition(machine)["TimeoutSeconds"] > max(state["TimeoutSeconds"] for state in found)


@pytest.mark.parametrize("verb", VERBS)
def test_memory_suits_what_a_function_imports(verb: str) -> None:
    own = source()["Resources"][f"{verb}Function"]["Properties"]["MemorySize"]
    assert (1024 if verb in WITH_PANDAS else 512) <= own <= 2048


@pytest.mark.parametrize("verb", VERBS)
def test_the_environment_is_what_the_package_reads(verb: str) -> None:
    variables = functions()[verb]["Environment"]["Variables"]
    read = {name.upper() for name in Settings.__dataclass_fields__}
    libraries = {"ARROW_DEFAULT_MEMORY_POOL", "MALLOC_ARENA_MAX"}
    powertools = {
        "POWERTOOLS_LOG_LEVEL",
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_METRICS_DISABLED",
    }
    assert set(variables) == read | libraries | powertools
    assert {name: variables[name] for name in libraries} == ENVIRONMENT
    assert variables["POWERTOOLS_SERVICE_NAME"] == "soundlake-dev"
    assert variables["DATA_BUCKET"] == "soundlake-dev-123456789012-eu-north-1"
    assert variables["PARAMETER_PREFIX"] == "/soundlake/dev"
    assert variables["ACCOUNTS_TABLE"] == "soundlake-dev-accounts"
    assert variables["BUDGET_TABLE"] == "soundlake-dev-budget"
    assert variables["QUOTA_OWNER"] == "default"


#### LAYERS ########################################################################################


def _layers(stack: Stack, verb: str) -> list[Any]:
    own, *others = stack.properties(f"{verb}Function")["Layers"]
    assert own.startswith("SoundlakeLayer")
    return others


@pytest.mark.parametrize("verb", VERBS)
def test_heavy_layers_are_where_they_are_imported(verb: str) -> None:
    imported = _imports(_app(verb))
    assert "aws_lambda_powertools" in imported
    assert bool(imported & {"awswrangler", "pandas", "pyarrow"}) == (verb in WITH_PANDAS)
    expected = [f"{POWERTOOLS}arm64:27"] + [f"{PANDAS}-Arm64:14"] * (verb in WITH_PANDAS)
    assert _layers(DEFAULT, verb) == expected


@pytest.mark.parametrize("verb", VERBS)
def test_layers_for_another_architecture(verb: str) -> None:
    stack = Stack({"Architecture": "x86_64"})
    expected = [f"{POWERTOOLS}x86_64:27"] + [f"{PANDAS}:14"] * (verb in WITH_PANDAS)
    assert _layers(stack, verb) == expected


@pytest.mark.parametrize("verb", VERBS)
def test_layers_can_be_given_or_left_out(verb: str) -> None:
    own = "arn:aws:lambda:eu-north-1:123456789012:layer:own:3"
    another = "arn:aws:lambda:eu-north-1:123456789012:layer:another:4"
    given = Stack({"PowertoolsLayerArn": own, "PandasLayerArn": another})
    assert _layers(given, verb) == [own] + [another] * (verb in WITH_PANDAS)
    assert _layers(Stack({"PowertoolsLayerArn": own, "PandasLayerArn": "none"}), verb) == [own]
    assert _layers(Stack({"PowertoolsLayerArn": "none", "PandasLayerArn": "none"}), verb) == []


def test_concurrency_is_reserved_where_somebody_wants_it() -> None:
    given = Stack({"ReservedConcurrency": 4}).of_type("AWS::Lambda::Function")
    assert {each["ReservedConcurrentExecutions"] for each in given.values()} == {4}
    for each in functions().values():
        assert "ReservedConcurrentExecutions" not in each


#### LOGS ##########################################################################################


def test_everything_that_runs_has_its_log_group() -> None:
    groups = {
        properties["LogGroupName"] for properties in DEFAULT.of_type("AWS::Logs::LogGroup").values()
    }
    of_functions = {f"/aws/lambda/{each['FunctionName']}" for each in functions().values()}
    of_machines = {
        f"/aws/vendedlogs/states/{each['StateMachineName']}" for each in machines().values()
    }
    assert groups == of_functions | of_machines


@pytest.mark.parametrize("verb", VERBS)
def test_a_function_writes_to_its_log_group(verb: str) -> None:
    properties = functions()[verb]
    assert properties["LoggingConfig"] == {"LogGroup": f"/aws/lambda/{properties['FunctionName']}"}


def test_logs_end() -> None:
    stack = Stack({"LogRetentionDays": 7})
    for name, properties in stack.of_type("AWS::Logs::LogGroup").items():
        assert properties["RetentionInDays"] == 7
        resource = stack.resource(name)
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Delete"


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_no_stage_logs_what_functions_are_given(stage: str) -> None:
    """Events and results may name what somebody listens to; `function` logs neither."""
    for each in Stack({"Stage": stage}).of_type("AWS::Lambda::Function").values():
        variables = each["Environment"]["Variables"]
        assert {"POWERTOOLS_LOGGER_LOG_EVENT", "POWERTOOLS_DEV", "POWERTOOLS_DEBUG"}.isdisjoint(
            variables
        )
        assert variables["POWERTOOLS_LOG_LEVEL"] == "INFO"
    for path in [
        *REPO.glob("functions/*/app.py"),
        *REPO.glob("layers/soundlake/soundlake/**/*.py"),
    ]:
        text = path.read_text(encoding="utf-8")
        assert "inject_lambda_context" not in text, path
        assert "log_event" not in text, path
