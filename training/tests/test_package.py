"""The package says what it stands on, once."""

import tomllib
from pathlib import Path

TRAINING = Path(__file__).resolve().parents[1]


def test_requirements_txt_is_what_pyproject_names():
    project = tomllib.loads((TRAINING / "pyproject.toml").read_text())["project"]
    lines = [line for line in (TRAINING / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert sorted(lines) == sorted(project["dependencies"] + project["optional-dependencies"]["test"])


def test_every_folder_with_code_is_packaged():
    settings = tomllib.loads((TRAINING / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(TRAINING) for path in (TRAINING / "ichor_training").rglob("*.py")}
    assert {str(folder).replace("/", ".") for folder in folders} == set(settings["packages"])
