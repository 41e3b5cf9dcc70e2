"""Write the pages that are made from the code; tests/unit/docs checks that they are current.

Run it in the repository: ``python docs/generate.py``.
"""
# ruff: noqa: INP001 - a script, in no package

from pathlib import Path

from kbootstrap import docs_generator
from kbootstrap.commands.phases import graph
from kbootstrap.model import inventory_docs
from kbootstrap.model.example import example
from phases import workflows

HERE = Path(__file__).parent


def pages() -> dict[str, str]:
    """File name -> what it must hold."""
    drawing = "\n".join(graph(workflows.up(example())))
    order = (
        "\n## The order, drawn\n\n"
        "From `kbootstrap phases --graph`: solid arrows on one node, dotted ones between nodes.\n\n"
        f"```mermaid\n{drawing}\n```\n"
    )
    return {
        "inventory.md": inventory_docs.markdown() + docs_generator.keys_markdown(),
        "errors.md": docs_generator.errors_markdown(),
        "phases.md": docs_generator.phases_markdown() + order,
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
