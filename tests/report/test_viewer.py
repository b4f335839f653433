from __future__ import annotations

import json
from pathlib import Path

import pytest

from bidsdeid.report.viewer import niivue_script


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "stand_in_for_niivue"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('it is not imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_a_module_is_handed_to_the_page_as_it_is(package: Path) -> None:
    module = "const end = '</script>\\u2028'; export { end as default };\n"
    (package / "static").mkdir()
    (package / "static" / "widget.js").write_text(module)
    script = niivue_script(package.name)
    assert script is not None
    comment, _, call = script.decode().partition("\n")
    assert comment.startswith("// NiiVue")
    assert "BSD-2-Clause" in comment
    assert json.loads(call.removeprefix("bidsdeidViewer(").removesuffix(");\n")) == module
    assert "</script" not in call


def test_a_package_without_the_module_is_no_viewer(package: Path) -> None:
    assert niivue_script(package.name) is None


def test_a_package_that_is_not_installed_is_no_viewer() -> None:
    assert niivue_script("no_such_package_as_this") is None


def test_the_installed_package_has_it() -> None:
    script = niivue_script()
    if script is None:
        pytest.skip("NiiVue comes with bidsdeid[view]")
    assert b"initialize" in script
