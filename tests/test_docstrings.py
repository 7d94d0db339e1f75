"""Docstrings lead with a noun or a verb."""

import ast
import re

import pytest

from support.paths import REPOSITORY

FILES = sorted((REPOSITORY / "src").rglob("*.py"))
QUESTION = re.compile(r"(What|Where|When|How|Whether|Why|Who|Whom|Whose|Which|That)\b")


def docstrings(tree):
    """Docstrings of modules, classes and functions, and the texts below constants and fields."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                if isinstance(text, str):
                    yield statement.lineno, text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY / "src")))
def test_no_docstring_leads_with_a_question_word(path):
    found = docstrings(ast.parse(path.read_text()))
    assert [f"{line}: {text[:60]}" for line, text in found if QUESTION.match(text)] == []
