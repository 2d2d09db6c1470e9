"""Imports go down only: benchmarks -> synthesis, forensics -> shared; the wings never import each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "shared": {"shared"},
    "synthesis": {"synthesis", "shared"},
    "forensics": {"forensics", "shared"},
    "benchmarks": {"benchmarks", "synthesis", "forensics", "shared"},
}


def imported_packages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found & set(ALLOWED)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_lies_below_it(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = {
        str(file): found for file in files if (found := imported_packages(file) - ALLOWED[package])
    }
    assert wrong == {}


def test_the_rule_would_see_a_breach(tmp_path):
    file = tmp_path / "breach.py"
    file.write_text("import numpy\nfrom forensics.verdict import Verdict\n")
    assert imported_packages(file) == {"forensics"}
