"""Docstrings lead with a noun or a verb."""

import ast
import re

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


def test_no_docstring_leads_with_a_question_word():
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {text[:60]}"
        for path in FILES
        for line, text in docstrings(ast.parse(path.read_text()))
        if QUESTION.match(text)
    ]
    assert found == []
