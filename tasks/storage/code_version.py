"""The version of the code that decides a result: its arithmetic, not its text.

Results are kept under keys that hold this version. Comments, docstrings, log lines and the texts of errors are left
out of it, so that a better sentence retrains nothing; a changed formula, constant or default changes it.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tasks.storage.parsing import parsing

ROOT = Path(__file__).parents[2]
# The rooms whose code computes numbers, or draws them. Steps, records and storage only pass them on.
ARITHMETIC_ROOMS = ("tasks.data", "tasks.models", "tasks.analysis", "artifacts")
# It says what a network ran on, which changes no number.
WITHOUT_ARITHMETIC = ("tasks.models.machine",)
LOGGING = {"debug", "info", "warning", "error", "exception"}


@cache
def code_version(module: str) -> str:
    """SHA-256 of the arithmetic of a module, such as "tasks.train", and of the rooms' modules that it imports.

    Imports are followed from module to module, those inside functions included.
    """
    digest = hashlib.sha256()
    for name, tree in sorted(_with_imports(module).items()):
        digest.update(f"{name}\n{ast.dump(_WithoutTexts().visit(tree))}\n".encode())
    return digest.hexdigest()


def _with_imports(module: str) -> dict[str, ast.Module]:
    """The syntax trees of a module and of every arithmetic module that it reaches."""
    trees: dict[str, ast.Module] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in trees or path is None:
            continue
        trees[name] = _parse(path)
        waiting += [imported for imported in _imports(trees[name]) if _is_arithmetic(imported)]
    return trees


@parsing
def _parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def _path(module: str) -> Path | None:
    """The file of a module or package; None for the name of something inside a module."""
    base = ROOT / module.replace(".", "/")
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_arithmetic(module: str) -> bool:
    return module.startswith(ARITHMETIC_ROOMS) and module not in WITHOUT_ARITHMETIC


class _WithoutTexts(ast.NodeTransformer):
    """Takes out of a syntax tree what people read and no number depends on."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text or _is_log_call(node.value) else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.copy_location(ast.Raise(exc=None, cause=None), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = [decorator for decorator in node.decorator_list if not _is_step(decorator)]
        return self.generic_visit(node)


def _is_log_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOGGING


def _is_step(decorator: ast.expr) -> bool:
    """`@step(…)` says how runs speak of a function and where they keep its result."""
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "step"
