"""The text under each field of a form, read when a schema is made.

Pydantic would read it whenever the forms are imported, which takes longer than all else of them.
"""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise


@cache
def field_docs(form: type) -> dict[str, str]:
    """By name of the field, those that it inherits included."""
    found: dict[str, str] = {}
    for each in reversed(form.__mro__):
        found |= _module_docs(each.__module__).get(each.__name__, {})
    return found


@cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    """Of every class of a module of the house."""
    if not module.startswith("headstart."):
        return {}
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: _class_docs(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _class_docs(node: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
