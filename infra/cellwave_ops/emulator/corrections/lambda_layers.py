"""A layer is unpacked once and shared by all workers, with the bytecode that the first of them compiles.

Stock ministack unpacks every layer anew for each worker, and each compiles all that it imports: with a layer of
boto3, pydantic and the like, a cold start takes five to ten seconds of a core and 90 MB of disk. On AWS a layer
is mounted, once.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

_FOLDERS = "_LAMBDA_LAYERS_DIRS"


def apply() -> None:
    """Give Python workers the shared folders of their layers."""
    stock_spawn = lambda_runtime.Worker._spawn
    root = Path(tempfile.mkdtemp(prefix="cellwave-layers-"))
    unpacking = threading.Lock()

    def spawn(worker: Any, *args: Any, **options: Any) -> Any:
        config = worker.config
        if not config.get("Layers") or not config.get("Runtime", "").startswith("python"):
            return stock_spawn(worker, *args, **options)
        with unpacking:
            folders = [_unpacked(root, lambda_svc._resolve_layer_zip(layer)) for layer in config["Layers"]]
        variables = {**config.get("Environment", {}).get("Variables", {}), _FOLDERS: ":".join(map(str, folders))}
        worker.config = {**config, "Layers": [], "Environment": {"Variables": variables}}
        try:
            return stock_spawn(worker, *args, **options)
        finally:
            worker.config = config

    lambda_runtime.Worker._spawn = spawn


def _unpacked(root: Path, content: bytes) -> Path:
    """Return the folder of a layer's content, unpacked if it is new. Raises RuntimeError for an entry that escapes."""
    folder = root / hashlib.sha256(content).hexdigest()[:32]
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                if not (unfinished / name).resolve().is_relative_to(unfinished.resolve()):
                    raise RuntimeError(f"Zip entry escapes target dir: {name}")
            archive.extractall(unfinished)
        unfinished.rename(folder)
    return folder
