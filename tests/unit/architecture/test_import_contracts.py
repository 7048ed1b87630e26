"""The house's floors hold, and each contract that says so fails on a breach."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "layers/cellwave/src/cellwave"
FUNCTIONS = sorted(path for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

LAYERS = "Imports run down only"
PURE = "The domain is pure: no AWS, no wire models, no clock, no I/O"
MATCHER = "The matcher's import path holds no pydantic, pandas, Powertools or boto3 resource"

# Adapters and contracts share a floor: adapters read and write by the wire models.
UPWARD = [
    ("domain/flow.py", "cellwave.ports.clock"),
    ("domain/flow.py", "cellwave.application.report"),
    ("ports/clock.py", "cellwave.application.report"),
    ("application/report.py", "cellwave.adapters.memory"),
    ("application/report.py", "cellwave.contracts.api"),
    ("application/report.py", "cellwave.observability"),
    ("application/report.py", "cellwave.bootstrap"),
    ("contracts/stream.py", "cellwave.bootstrap"),
    ("adapters/expiry.py", "cellwave.bootstrap"),
    ("observability.py", "cellwave.bootstrap"),
]
FORBIDDEN_LOW = ["boto3", "botocore", "pydantic", "aws_lambda_powertools", "requests", "socket", "time"]
FORBIDDEN_HOT = ["pydantic", "pandas", "aws_lambda_powertools", "boto3"]


def lint(package: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the project's own configuration over a package named cellwave."""
    program = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        env={"PYTHONPATH": str(package.parent), "PATH": "", "NO_COLOR": "1", "COLUMNS": "300"},
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, bool]:
    """Return by contract whether it was kept."""
    found = {}
    for contract in CONTRACTS:
        name = contract["name"]
        assert f"{name} KEPT" in done.stdout or f"{name} BROKEN" in done.stdout, done.stdout + done.stderr
        found[name] = f"{name} KEPT" in done.stdout
    return found


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the package that a test may spoil."""
    copy = tmp_path / "cellwave"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def spoil(package: Path, module: str, imported: str) -> None:
    path = package / module
    path.write_text(f"{path.read_text()}\nimport {imported}\n")


def test_every_contract_is_kept() -> None:
    done = lint(PACKAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(verdicts(done).values())


def test_every_contract_has_a_breach_below() -> None:
    assert {contract["name"] for contract in CONTRACTS} == {LAYERS, PURE, MATCHER}


@pytest.mark.parametrize(("module", "imported"), UPWARD)
def test_an_upward_import_breaks_the_floors(copied: Path, module: str, imported: str) -> None:
    spoil(copied, module, imported)
    done = lint(copied)
    assert done.returncode != 0
    assert not verdicts(done)[LAYERS]


def test_a_room_that_no_floor_names_breaks_the_floors(copied: Path) -> None:
    (copied / "helpers.py").write_text('"""A room of its own."""\n')
    done = lint(copied)
    assert done.returncode != 0
    assert "cellwave.helpers" in done.stdout + done.stderr


@pytest.mark.parametrize("room", ["domain/flow.py", "ports/clock.py", "application/report.py"])
def test_pure_rooms_may_not_import_aws_wire_models_clocks_or_sockets(copied: Path, room: str) -> None:
    for name in FORBIDDEN_LOW:
        spoil(copied, room, name)
    done = lint(copied)
    assert not verdicts(done)[PURE]
    dotted = "cellwave." + room.removesuffix(".py").replace("/", ".")
    assert [name for name in FORBIDDEN_LOW if f"{dotted} -> {name}" not in done.stdout] == []


@pytest.mark.parametrize("module", ["bootstrap.py", "adapters/expiry.py", "application/match_records.py"])
def test_the_matchers_import_path_may_not_reach_heavy_packages_by_any_way(copied: Path, module: str) -> None:
    for name in FORBIDDEN_HOT:
        spoil(copied, module, name)
    done = lint(copied)
    assert not verdicts(done)[MATCHER]
    assert [name for name in FORBIDDEN_HOT if f"-> {name}" not in done.stdout] == []


def test_functions_hold_only_a_handler_and_its_settings() -> None:
    assert FUNCTIONS
    for function in FUNCTIONS:
        files = sorted(path.name for path in function.iterdir() if path.name != "__pycache__")
        assert files == ["handler.py", "settings.py"], function.name


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda path: path.name)
def test_handlers_reach_adapters_through_the_wiring_only_and_never_another_function(function: Path) -> None:
    others = {path.name for path in FUNCTIONS} | {"functions"}
    for name in imports_of(function / "handler.py"):
        assert not name.startswith("cellwave.adapters"), name
        assert name.partition(".")[0] not in others, name
        assert not name.startswith(("boto3", "botocore")), name
    assert not [name for name in imports_of(function / "settings.py") if name.startswith("cellwave.")]


def imports_of(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            found.append(node.module or "")
    return found
