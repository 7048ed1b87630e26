"""Write the JSON Schemas beside this file."""

from pathlib import Path

from cellwave.contracts.schemas import generate

for name, text in generate().items():
    (Path(__file__).parent / name).write_text(text, encoding="utf-8")
