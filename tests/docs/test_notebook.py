"""The example notebook runs as it stands; a toy run shows what a notebook draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLE = FOLDER / "ner.ipynb"


def execute(notebook: Any, folder: Path, timeout: int) -> list[Any]:
    """Run every cell and return the code cells."""
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def html(cell: Any) -> str:
    """Return all HTML that a cell drew."""
    return "".join(
        "".join(output.data.get("text/html", "")) for output in cell.outputs if "data" in output
    )


def test_the_example_is_stored_without_outputs():
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.filterwarnings("ignore")  # jupyter's own: event loops, paths
def test_what_a_notebook_draws(toy, toy_site, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(toy_site))
    cells = (
        f"import ftcore\nrecipe = ftcore.load_recipe({str(toy.recipe)!r})",
        "ftcore.preview(recipe, rows=1)",
        "ftcore.plan(recipe)",
        f"result = ftcore.run(recipe, python='current', runs={str(toy.runs)!r})\nresult",
        "result.predictions()",
        "ftcore.load_recipe('nothing.toml')",
    )
    notebook = new_notebook(cells=[new_code_cell(text) for text in cells])
    notebook.cells[-1].metadata["tags"] = ["raises-exception"]
    _, preview, plan, run, predictions, error = execute(notebook, toy.root, 120)
    assert "ft-supervised" in html(preview)
    assert "capitals with toy on cpu" in html(plan)
    assert "<progress" in html(run)
    assert "After − before" in html(run)
    assert "Which is the capital of France?" in html(predictions)
    (shown,) = error.outputs
    assert shown.ename == "RecipeError"
    assert shown.traceback[0] == "RecipeError: there is no recipe nothing.toml"
    assert len(shown.traceback) == 2


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")  # jupyter's own: event loops, paths
def test_the_example_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("FT_RUNS", str(tmp_path / "runs"))
    notebook = nbformat.read(EXAMPLE, as_version=4)
    cells = execute(notebook, FOLDER, 1200)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    drawn = "".join(map(html, cells))
    for text in ("ft-supervised", "ner with trl on", "Entity F1", "After − before"):
        assert text in drawn
    (folder,) = (tmp_path / "runs").glob("*")
    assert (folder / "report.html").exists()
