"""The images, built from the recipes as they are and run as nobody, with no rights."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app_runs import EXAMPLE, ROOT, Run
from bidsdeid import __version__
from bidsdeid.core.cohort import INFANTS
from bidsdeid.core.voxels import downsample
from bidsdeid.resources import pydeface_atlas
from bidsdeid.validate import validate
from container import images
from container.engines import NOBODY, Engine
from container.places import ARGUMENTS, Place, moved, poison, wrapped
from readme_blocks import Call
from template_files import save, write_template
from trees import contents, digest

UNPACKED_MB = 800
with (ROOT / "data/canaries.tsv").open(newline="") as table:
    CANARIES = [row["token"] for row in csv.DictReader(table, delimiter="\t")]


def _config(engine: Engine, image: str) -> dict[str, object]:
    config: dict[str, object] = json.loads(engine.output("image", "inspect", image))[0]["Config"]
    return config


def test_the_image_is_small(engine: Engine, image: str) -> None:
    size = int(engine.output("image", "inspect", "--format", "{{.Size}}", image))
    assert size < UNPACKED_MB * 1e6, f"{size / 1e6:.0f} MB"


def test_what_the_image_says_of_itself(engine: Engine, image: str) -> None:
    config = _config(engine, image)
    labels = config["Labels"]
    assert isinstance(labels, dict)
    names = {"title": "bidsdeid", "licenses": "Apache-2.0", "version": __version__}
    for name, value in names.items():
        assert labels[f"org.opencontainers.image.{name}"] == value
    assert labels["org.opencontainers.image.description"]
    done = engine.run(image, "/version", options=["--entrypoint", "/bin/cat"])
    assert done.stdout == f"{__version__}\n"
    assert engine.run(image, "--version").stdout.strip() == f"bidsdeid {__version__}"


def test_nothing_of_this_machine_is_in_the_image(engine: Engine, image: str) -> None:
    env = _config(engine, image)["Env"]
    assert isinstance(env, list)
    names = {variable.split("=")[0] for variable in env}
    ours = {"PYTHONNOUSERSITE", "PYTHONUNBUFFERED", "OMP_NUM_THREADS", "ORT_DISABLE_TELEMETRY"}
    assert names >= {"PATH", *ours}
    assert [name for name in names if re.search("HOME|PIP_|PROXY", name, re.IGNORECASE)] == []
    script = "test ! -s /etc/pip.conf && test ! -e /src"
    done = engine.run(image, "-c", script, options=["--entrypoint", "/bin/sh"])
    assert done.returncode == 0, "pip's settings or the sources are in the image"


def test_anybody_can_read_all_of_it(engine: Engine, image: str) -> None:
    script = r"find /opt/venv /opt/bidsdeid /version ! -perm -o=r ! -type l"
    done = engine.run(image, "-c", script, options=["--entrypoint", "/bin/sh"])
    assert (done.returncode, done.stdout) == (0, "")


def test_no_module_is_compiled_at_each_start(engine: Engine, image: str) -> None:
    script = "import bidsdeid.run.app, multiprocessing.pool, concurrent.futures.process"
    done = engine.run(image, "-v", "-c", script, options=["--entrypoint", "/opt/venv/bin/python"])
    assert done.returncode == 0
    assert done.stderr.count(".pyc'") > 300
    assert re.findall(r"code object from '([^']*\.py)'", done.stderr) == []


def test_the_example_is_released_whole(released: Run, tmp_path: Path) -> None:
    assert released.code == 0, released.words
    assert validate(released.out, tmp_path, deidentified=True) == ()
    assert len(list(released.out.rglob("*.nii*"))) > 9


def test_no_canary_sings(released: Run) -> None:
    assert len(CANARIES) > 100
    found = [
        (name, canary)
        for name, content in contents(released.out)
        for canary in CANARIES
        if canary.encode() in content or canary in name
    ]
    assert found == []
    assert [canary for canary in CANARIES if canary in released.words] == []


def test_files_are_the_users_and_nothing_stays_in_the_work_folder(released: Run) -> None:
    owners = {path.stat().st_uid for path in released.out.rglob("*")}
    assert owners == {int(NOBODY.split(":")[0])}
    for path in released.private.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    assert list((released.private / "work").iterdir()) == []
    assert {p.name for p in released.out.parent.iterdir()} == {"out", "out_private"}


def test_temporary_files_go_where_they_are_told(engine: Engine, image: str, place: Place) -> None:
    """Nothing else can be written, so that it ends well only if it tries nowhere else."""
    work = place.folder / "results" / "work"
    done = engine.run(
        image, *ARGUMENTS, "--participant-label", "03", "--work-dir", "/results/work",
        options=[*place.options, "--env", "HOME=/nowhere"],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert work.is_dir()
    assert list(work.iterdir()) == []
    assert not (place.folder / "results" / "out_private" / "work").exists()


_NETWORK = """
import onnx.helper, onnx.numpy_helper, onnxruntime, numpy, sys
one = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2])
two = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [one], [two])
model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
session = onnxruntime.InferenceSession(model.SerializeToString())
print(session.run(None, {"x": numpy.array([-1, 2], numpy.float32)})[0].tolist())
"""


def test_a_network_runs_and_tells_nobody(engine: Engine, image: str, place: Place) -> None:
    """Onnxruntime keeps a number of the machine in the home when it tells its makers of a run."""
    options = [*place.options, "--entrypoint", "/opt/venv/bin/python", "--env", "HOME=/results"]
    done = engine.run(image, "-I", "-c", _NETWORK, options=options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0.0, 2.0]\n", "")
    assert list((place.folder / "results").iterdir()) == []


def test_brains_are_kept_with_the_weights_in_the_image(engine: Engine, place: Place) -> None:
    bids = place.folder / "bids"
    (bids / "sub-01" / "anat").mkdir(parents=True)
    (bids / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    atlas = pydeface_atlas()
    head, affine = downsample(atlas.head, atlas.affine, 2.0)
    save(bids / "sub-01" / "anat" / "sub-01_T1w.nii.gz", head, affine)
    done = engine.run(
        images.image_with_weights(), "/bids", *ARGUMENTS[1:], "--anat", "skullstrip",
        "--skullstrip-engine", "synthstrip", options=[*place.options, "-v", f"{bids}:/bids:ro"],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "telemetry" not in done.stderr
    released = {path.name for path in place.out.rglob("*.nii.gz")}
    assert released == {"sub-01_desc-brain_T1w.nii.gz", "sub-01_desc-brain_mask.nii.gz"}


def test_templates_that_are_mounted_are_found(engine: Engine, image: str, place: Place) -> None:
    templates = place.folder / "templates"
    write_template(templates, INFANTS[0])
    options = ["-v", f"{templates}:/opt/bidsdeid/templateflow:ro", "--entrypoint", "bidsdeid"]
    done = engine.run(image, "templates", "list", options=options)
    assert done.returncode == 0, done.stderr
    (line,) = [x for x in done.stdout.splitlines() if x.startswith(f"{INFANTS[0]} ")]
    assert line.count("present") == 4, line


def test_without_a_home(engine: Engine, image: str, place: Place) -> None:
    script = 'unset HOME; exec /opt/venv/bin/python -I -u /opt/bidsdeid/run.py "$@"'
    done = engine.run(
        image, "-c", script, "sh", *ARGUMENTS, "--participant-label", "03",
        options=[*place.options, "--entrypoint", "/bin/sh"],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("out", "options"),
    [
        ("/results/out", ["--private-dir", "/tmp/private"]),  # noqa: S108 -- cannot be written
        ("/results/out", []),
        ("/elsewhere", []),
    ],
)
def test_an_output_that_cannot_be_written_is_told_in_a_sentence(
    engine: Engine, image: str, place: Place, out: str, options: list[str]
) -> None:
    mounts = [option.replace(":/results", ":/results:ro") for option in place.options]
    done = engine.run(image, "/in", out, "participant", "--key", "/key", *options, options=mounts)
    assert done.returncode == 73, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("bidsdeid: ")


@pytest.mark.parametrize("program", ["run.py", "bidsdeid", "mass_deidentify"])
def test_modules_of_the_user_are_not_seen(
    engine: Engine, image: str, tmp_path: Path, program: str
) -> None:
    folder = poison(tmp_path / "poison")
    options = ["-v", f"{folder}:/poison:ro", "-v", f"{EXAMPLE}:/in:ro", "--workdir",
               "/poison/modules", "--env", "PYTHONPATH=/poison/modules", "--env",
               "HOME=/poison/home"]  # fmt: skip
    words = ["/in", "/results/out", "participant", "--dry-run"]
    if program != "run.py":
        options += ["--entrypoint", f"/opt/venv/bin/{program}"]
    if program == "mass_deidentify":
        words = ["--help"]
    done = engine.run(image, *words, options=options)
    assert done.returncode == 0, done.stderr
    assert "poisoned" not in done.stdout + done.stderr


@dataclass(frozen=True)
class Running:
    """A container, and the engine's process that waits for it."""

    name: str
    process: subprocess.Popen[str]


@pytest.fixture
def running(
    engine: Engine, image: str, place: Place, request: pytest.FixtureRequest
) -> Iterator[Running]:
    """A run that has something on its way, under a name."""
    name = f"bidsdeid-test-{os.getpid()}-{time.monotonic_ns()}"
    options = ["--name", name, *place.options, *request.param]
    command = engine.start(
        image, *ARGUMENTS, "--nprocs", "2", "--skip-bids-validation", options=options
    )
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=engine.env
    ) as process:
        deadline = time.monotonic() + 120
        while not list(place.folder.glob("results/out_private/work/*/**/*.nii*")):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield Running(name, process)
        engine.done("kill", "--signal", "KILL", name)


@pytest.mark.parametrize(
    ("running", "number"),
    [([], signal.SIGINT), (["--init"], signal.SIGTERM), ([], signal.SIGKILL)],
    indirect=["running"],
)
def test_a_signal_ends_it_with_nothing_half_written(
    engine: Engine, place: Place, released: Run, running: Running, number: signal.Signals
) -> None:
    engine.output("kill", "--signal", number.name.removeprefix("SIG"), running.name)
    words, _ = running.process.communicate(timeout=60)
    assert running.process.returncode in {130, 137, 143}, words
    assert "Traceback" not in words
    reference = digest(released.out)
    for folder in place.out.glob("sub-*"):
        whole = {k: v for k, v in reference.items() if k.startswith(f"{folder.name}/")}
        assert {f"{folder.name}/{k}": v for k, v in digest(folder).items()} == whole
    assert not (place.out / "dataset_description.json").exists()
    again = engine.run(images.TAG, *ARGUMENTS, "--skip-bids-validation", options=place.options)
    assert again.returncode == 0, again.stdout + again.stderr
    assert digest(place.out) == reference


@pytest.mark.parametrize("call", wrapped("docker", "podman"), ids=lambda x: " ".join(x.wrapper))
def test_commands_of_the_readme_run(engine: Engine, image: str, place: Place, call: Call) -> None:
    assert engine.output(*moved(call, image, place.folder)).startswith("usage: bidsdeid")
