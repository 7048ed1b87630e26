"""What `sam build` makes: measured on a real build, for Lambda's platform."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cellwave_ops.template_rules.document import load, resources

ROOT = Path(__file__).parents[3]
LIMIT = 250 * 1024 * 1024


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run `sam build`; the wheels are this machine's own where it is no Linux, so that they can be tried."""
    folder = tmp_path_factory.mktemp("build")
    env = {
        **os.environ,
        "SAM_CLI_TELEMETRY": "0",
        "CELLWAVE_PIP": f"{sys.executable} -m pip",
        "CELLWAVE_PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "CELLWAVE_ARCH": {"aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "CELLWAVE_BUILD_FOR": "lambda" if sys.platform == "linux" else "host",
    }
    command = [str(ROOT / ".tools/sam/bin/sam"), "build", "--template-file", str(ROOT / "template.yaml")]
    done = subprocess.run(
        [*command, "--build-dir", str(folder)], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_every_function_with_its_layers_stays_under_250_mb_unzipped(build: Path) -> None:
    built: dict[str, Any] = load(build / "template.yaml")
    functions = dict(resources(built, "AWS::Serverless::Function"))
    layers = [layer["Ref"] for layer in built["Globals"]["Function"]["Layers"]]

    assert len(functions) == 9
    shared = sum(_size(build / layer) for layer in layers)
    assert shared > 1024 * 1024
    for name, function in functions.items():
        assert "Layers" not in function
        assert _size(build / name) + shared < LIMIT


def test_the_layer_holds_all_that_the_package_needs_and_nothing_of_the_development_environment(build: Path) -> None:
    layer = build / "CellwaveLayer" / "python"
    needs = "botocore, cryptography.hazmat.primitives.ciphers.aead, msgspec, pydantic, zstandard"
    code = f"import sys; sys.path.insert(0, {str(layer)!r}); import cellwave.bootstrap, aws_lambda_powertools, {needs}"

    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert not [p for p in layer.rglob("*") if p.name in ("tests", "__pycache__")]
    assert not (layer / "pytest").exists()
