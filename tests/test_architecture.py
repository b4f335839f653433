"""Rules of the design, read off the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bidsdeid

ROOT = Path(bidsdeid.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
CORE = sorted((ROOT / "core").glob("*.py"))

#: Of the DICOM side, what reads and writes files and starts processes.
DICOM_RIM = {"archive", "fields", "study", "subjects", "survey"}
DICOM = [path for path in sorted((ROOT / "dicom").glob("*.py")) if path.stem not in DICOM_RIM]

EFFECTS = {
    "os", "io", "subprocess", "shutil", "tempfile", "logging", "random", "time", "secrets",
    "socket", "urllib", "http", "sys", "glob", "multiprocessing", "threading",
}  # fmt: skip
PATHS_WITH_EFFECTS = {"Path", "PosixPath"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), named(path))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of each import."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 30
    assert len(CORE) > 10


@pytest.mark.parametrize("path", CORE, ids=named)
def test_the_core_has_no_effects(path: Path) -> None:
    for module, name in imports(path):
        assert module.partition(".")[0] not in EFFECTS, module
        assert not (module == "pathlib" and name not in ("PurePosixPath", "PurePath")), name
    calls = [n.func for n in ast.walk(tree(path)) if isinstance(n, ast.Call)]
    assert not {c.id for c in calls if isinstance(c, ast.Name)} & {"open", "print", "input"}


@pytest.mark.parametrize("path", DICOM, ids=named)
def test_the_engine_for_dicom_has_no_effects(path: Path) -> None:
    found = {(module.partition(".")[0], name) for module, name in imports(path)}
    assert not {module for module, _ in found} & (EFFECTS - {"io"})
    assert not found & {("pathlib", name) for name in PATHS_WITH_EFFECTS}
    assert {name for module, name in found if module == "io"} <= {"BytesIO"}


@pytest.mark.parametrize("path", CORE, ids=named)
def test_the_core_knows_nothing_of_the_rim(path: Path) -> None:
    own = {module for module, _ in imports(path) if module.startswith("bidsdeid")}
    assert all(m.startswith("bidsdeid.core") or m == "bidsdeid.errors" for m in own), own


def test_only_the_audit_makes_what_may_be_published() -> None:
    makers = {
        named(path)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) == "Verified"
    }
    assert makers == {"core/audit.py"}
    token = {named(p) for p in MODULES if "_TOKEN" in p.read_text("utf-8")}
    assert token == {"core/audit.py"}


def test_only_the_store_knows_the_output() -> None:
    writers = {
        named(path)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in {"write_bytes", "write_text", "copyfile", "rename", "replace", "move"}
        and isinstance(node.value, ast.Name | ast.Attribute | ast.BinOp)
        and "output_dir" in ast.unparse(node.value)
    }
    assert writers <= {"io/store.py"}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_is_short_and_named_after_what_it_is_about(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 300
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_nothing_is_evaluated_unpickled_or_given_to_a_shell(path: Path) -> None:
    modules = {module.partition(".")[0] for module, _ in imports(path)}
    assert not modules & {"pickle", "shelve", "marshal", "socket", "requests", "urllib", "http"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            assert getattr(node.func, "id", "") not in {"eval", "exec", "compile", "__import__"}
            assert ast.unparse(node.func) not in {"os.system", "os.popen"}
        if isinstance(node, ast.keyword):
            assert node.arg != "shell"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_everything_public_says_what_it_is(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module), "the module"
    classes = [n for n in ast.walk(module) if isinstance(n, ast.ClassDef) and n.name[0] != "_"]
    for inner in (inner for outer in (module, *classes) for inner in outer.body):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and inner.name[0] != "_":
            assert ast.get_docstring(inner), inner.name


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_the_layers_point_inwards(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    forbidden = {
        "io": ("bidsdeid.run", "bidsdeid.engines", "bidsdeid.cli"),
        "engines": ("bidsdeid.run", "bidsdeid.cli"),
        "dicom": ("bidsdeid.run", "bidsdeid.cli", "bidsdeid.engines"),
    }.get(layer, ())
    assert not [module for module, _ in imports(path) if module.startswith(forbidden or "-")]
