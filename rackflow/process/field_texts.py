"""Reads the texts that stand under the attributes of a model: they describe the keys of a file in the generated reference.

pydantic can do this itself (`use_attribute_docstrings`), but does it for every model when it is imported. With the agent's 45 models
that took 0.08 s of CPU at each start, and nothing of what it found was used.
"""

import ast
import inspect
import itertools
import textwrap


def field_texts(model: type) -> dict[str, str]:
    """The text under each attribute of a class, by its name; without those of its bases. Empty where the source cannot be had."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    except (OSError, TypeError):
        return {}
    found: dict[str, str] = {}
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    for before, statement in itertools.pairwise(body):
        if not isinstance(before, ast.AnnAssign) or not isinstance(before.target, ast.Name):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            found[before.target.id] = inspect.cleandoc(str(statement.value.value))
    return found
