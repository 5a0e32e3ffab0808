"""The version of the code that determines a result: it covers arithmetic, not wording.

Cache keys include this version. It covers a step's module, every module of ours that this module reaches, and the
releases of the libraries it computes with. Modules that affect no result are listed below, each with its reason.
Comments, docstrings, log lines and error messages are left out, so that a better message causes no retraining. A
changed formula, constant or default changes the version.

`python -m tasks.storage.code_version tasks.train` prints what a step's version covers.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import tenacity

ROOT = Path(__file__).parents[2]
ROOMS = ("tasks", "artifacts", "flows")

# A module is listed here only if no change to it can change a kept result.
DECIDES_NOTHING = {
    "tasks.errors": "defines errors and their messages",
    "tasks.machine": "describes the machine and counts processors; the number of threads changes no result",
    "tasks.progress": "reports progress",
    "tasks.storage.code_version": "computes versions; a change to it changes them anyway",
    "tasks.storage.compiled": "caches machine code under a digest of its sources",
    "tasks.storage.download": "fetches files that are checked by their SHA-256",
    "tasks.storage.files": "writes and reads files unchanged; a change to its digests changes keys anyway",
    "tasks.storage.layout": "names files; a result under another name is not found, so it is computed again",
    "tasks.storage.networks": "finds networks by name; their hash is part of keys",
    "tasks.storage.registry": "keeps copies of networks; their hash is part of keys",
    "tasks.storage.reuse": "compares keys and keeps records",
    "tasks.storage.run_log": "lists finished runs",
    "tasks.storage.runs": "reads the records of runs unchanged",
    "tasks.storage.training_state": "writes and reads arrays unchanged, and reports progress",
}

# Import name -> the distribution whose release affects results.
LIBRARIES = {
    "keras": "keras",
    "matplotlib": "matplotlib",
    "numba": "numba",
    "numpy": "numpy",
    "PIL": "pillow",
    "pyarrow.compute": "pyarrow",
    "pyarrow.csv": "pyarrow",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
}

# The other libraries that steps use.
COMPUTES_NOTHING = {
    "cyclopts": "parses the command line",
    "filelock": "makes processes take turns",
    "fsspec": "copies files",
    "h5py": "reads weights unchanged",
    "httpx": "fetches files that are checked by their SHA-256",
    "llvmlite": "is pinned by numba",
    "markupsafe": "escapes text in pages, which are not kept",
    "onnx": "writes exports, which are not kept",
    "pandas": "writes and reads tables; NumPy computes",
    "psutil": "describes processes",
    "pyarrow": "writes and reads columns unchanged, apart from the modules named above",
    "pydantic": "checks records",
    "pydantic_core": "checks records",
    "rich": "shows progress",
    "tenacity": "retries",
}

LOGGING = {"debug", "info", "warning", "error", "exception"}
# Python 3.11 counts the nesting of syntax trees across all threads. If two threads build trees at the same time, the
# counts do not match and Python raises SystemError, although nothing is wrong with the source.
parsing = tenacity.retry(
    retry=tenacity.retry_if_exception_type(SystemError), stop=tenacity.stop_after_attempt(10), reraise=True
)


class ModuleSource(NamedTuple):
    """A module of ours: the digest of its arithmetic, the names it imports, and its constants as written."""

    digest: str
    imports: frozenset[str]
    constants: dict[str, str]


class Coverage(NamedTuple):
    """What a version covers.

    Attributes:
        modules: the digest of each module of ours, by name.
        libraries: the release of each library, by distribution.
        left_out: for each module of ours that is reached but affects no result, the reason, by name.
    """

    modules: dict[str, str]
    libraries: dict[str, str]
    left_out: dict[str, str]


@cache
def code_version(module: str) -> str:
    """SHA-256 of everything that determines the results of a module, such as "tasks.train"."""
    covered = coverage(module)
    lines = [f"{name} {value}\n" for part in (covered.modules, covered.libraries) for name, value in part.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def coverage(module: str) -> Coverage:
    """Return what a module's version covers. Imports are followed from module to module, even inside functions.

    Raises:
        ValueError: there is no such module of ours.
    """
    if _path(module) is None:
        raise ValueError(f"{module}: no such module; give one such as tasks.train")
    reached: dict[str, ModuleSource] = {}
    left_out: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in DECIDES_NOTHING:
            left_out[name] = DECIDES_NOTHING[name]
        elif name not in reached and _path(name) is not None:
            reached[name] = module_source(name)
            waiting += [imported for imported in reached[name].imports if imported.split(".")[0] in ROOMS]
    imports = {imported for each in reached.values() for imported in each.imports}
    distributions = sorted({LIBRARIES[library] for imported in imports if (library := _library(imported)) in LIBRARIES})
    return Coverage(
        modules={name: reached[name].digest for name in sorted(reached)},
        libraries={distribution: version(distribution) for distribution in distributions},
        left_out=dict(sorted(left_out.items())),
    )


@cache
def module_source(module: str) -> ModuleSource:
    """Read a module of ours."""
    path = _path(module)
    if path is None:
        raise ValueError(f"{module}: no such module")
    tree = _parse(path)
    imports, constants = frozenset(_imports(tree)), dict(_constants(tree))
    arithmetic = ast.dump(_WithoutTexts().visit(tree))
    return ModuleSource(hashlib.sha256(arithmetic.encode()).hexdigest(), imports, constants)


@parsing
def _parse(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def _path(module: str) -> Path | None:
    """The file of a module or package; None for a name inside a module."""
    base = ROOT / module.replace(".", "/")
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _library(imported: str) -> str:
    """The longest prefix of an imported name that is in `LIBRARIES`; the name's first part if none is."""
    parts = imported.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((name for name in names if name in LIBRARIES), names[-1])


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The upper-case names that a module sets, with their values as written in the source."""
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            if all(isinstance(name, ast.Name) and name.id.strip("_").isupper() for name in names):
                yield ast.unparse(target).strip("()"), ast.unparse(node.value) if node.value else ""  # type: ignore[attr-defined]


class _WithoutTexts(ast.NodeTransformer):
    """Removes from a syntax tree everything that only people read."""

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
    """Whether a decorator is `@step(…)`, which only sets a title and the place where the result is kept."""
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "step"


def report(module: str) -> str:
    """Format the modules, constants and libraries that a version covers, and what it leaves out."""
    covered = coverage(module)
    lines = [
        f"{module}: version {code_version(module)[:16]}",
        "",
        "Modules of ours, each with a digest and its constants",
    ]
    for name, digest in covered.modules.items():
        lines.append(f"  {digest[:8]}  {name}")
        lines += [
            f"              {constant} = {value[:90]}" for constant, value in module_source(name).constants.items()
        ]
    lines += ["", "Libraries", *(f"  {name} {release}" for name, release in covered.libraries.items())]
    lines += ["", "Reached, but left out", *(f"  {name}: {reason}" for name, reason in covered.left_out.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        for argument in sys.argv[1:] or ["tasks.train"]:
            print(report(argument if "." in argument else f"tasks.{argument}"))
    except ValueError as error:
        sys.exit(f"Error: {error}")
