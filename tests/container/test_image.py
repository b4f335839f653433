"""The images, built from the recipes as they are and run as nobody, with no rights."""

from __future__ import annotations

import csv
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app_runs import EXAMPLE, KEY, ROOT, Run
from bidsdeid import __version__
from bidsdeid.validate import validate
from container.engines import NOBODY, VARIABLE, Engine, output_of
from trees import contents, digest

pytestmark = [
    pytest.mark.skipif(
        os.environ.get(VARIABLE) != "1", reason=f"set {VARIABLE}=1 to build and run the image"
    ),
    pytest.mark.skipif(
        os.getuid() != 0, reason="only root can give folders to the user of the image"
    ),
]

TAG = "localhost/bidsdeid-test"
UNPACKED_MB = 800
with (ROOT / "data/canaries.tsv").open(newline="") as table:
    CANARIES = [row["token"] for row in csv.DictReader(table, delimiter="\t")]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine.found(tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    engine.build(TAG)
    return TAG


@dataclass(frozen=True)
class Place:
    """What an image is given of this machine: a folder for results, and a key."""

    folder: Path

    @property
    def options(self) -> list[str]:
        return [
            "-v", f"{EXAMPLE}:/in:ro", "-v", f"{self.folder}/results:/results",
            "-v", f"{self.folder}/key:/key:ro",
        ]  # fmt: skip

    @property
    def out(self) -> Path:
        return self.folder / "results" / "out"


@contextmanager
def _made_place(user: int = int(NOBODY.split(":")[0])) -> Iterator[Place]:
    """Make folders of the user of the image; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="bidsdeid-test-") as name:
        place = Place(Path(name))
        place.folder.chmod(0o755)
        (place.folder / "results").mkdir()
        (place.folder / "key").write_bytes(KEY)
        (place.folder / "key").chmod(0o600)
        for owned in ("results", "key"):
            os.chown(place.folder / owned, user, user)
        yield place


@pytest.fixture
def place() -> Iterator[Place]:
    with _made_place() as made:
        yield made


ARGUMENTS = ("/in", "/results/out", "participant", "--key", "/key")


@pytest.fixture(scope="session")
def released(engine: Engine, image: str) -> Iterator[Run]:
    """The example, de-identified in the image."""
    before = digest(EXAMPLE, times=True)
    with _made_place() as place:
        done = engine.run(image, *ARGUMENTS, "--nprocs", "2", options=place.options)
        words = done.stdout + done.stderr
        assert "Traceback" not in words, words
        assert digest(EXAMPLE, times=True) == before
        yield Run(done.returncode, place.out, place.out.with_name("out_private"), words)


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
    assert names >= {"PATH", "PYTHONNOUSERSITE", "PYTHONUNBUFFERED", "OMP_NUM_THREADS"}
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


def _poison(folder: Path) -> Path:
    """Make a home and a folder of modules that break whatever imports from them."""
    for minor in (11, 12, 13):
        site = f"home/.local/lib/python3.{minor}/site-packages"
        (folder / site).mkdir(parents=True)
    (folder / "modules").mkdir()
    for where in [folder / "modules", *folder.glob("home/.local/lib/*/site-packages")]:
        for name in ("numpy", "nibabel", "pydicom", "bidsdeid", "argparse"):
            (where / f"{name}.py").write_text("raise SystemExit('poisoned')\n")
    return folder


@pytest.mark.parametrize("program", ["run.py", "bidsdeid", "mass_deidentify"])
def test_modules_of_the_user_are_not_seen(
    engine: Engine, image: str, tmp_path: Path, program: str
) -> None:
    folder = _poison(tmp_path / "poison")
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
    again = engine.run(TAG, *ARGUMENTS, "--skip-bids-validation", options=place.options)
    assert again.returncode == 0, again.stdout + again.stderr
    assert digest(place.out) == reference


@pytest.fixture(scope="session")
def sif(engine: Engine, image: str) -> Iterator[Path]:
    """The image as Apptainer has it, by the definition."""
    if shutil.which("apptainer") is None:
        pytest.skip("apptainer is not installed")
    with _made_place() as place:
        yield _built_sif(engine, image, place.folder)


def _built_sif(engine: Engine, image: str, folder: Path) -> Path:
    engine.output("save", *_archive_format(engine), "-o", folder / "image.tar", image)
    output_of(
        ["apptainer", "build", "--fakeroot", "--force",
         "--mksquashfs-args", "-comp gzip -Xcompression-level 1",
         "--build-arg", "BOOTSTRAP=docker-archive",
         "--build-arg", f"FROM={folder / 'image.tar'}",
         folder / "bidsdeid.sif", ROOT / "Singularity.def"]
    )  # fmt: skip
    (folder / "image.tar").unlink()
    return folder / "bidsdeid.sif"


def _archive_format(engine: Engine) -> list[str]:
    return ["--format", "docker-archive"] if engine.program == "podman" else []


#: Apptainer wants a user who has a name.
ORDINARY = "nobody"


@pytest.fixture
def ordinary_place() -> Iterator[Place]:
    with _made_place(pwd.getpwnam(ORDINARY).pw_uid) as made:
        yield made


def _apptainer(home: Path, verb: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Apptainer as an ordinary user, whose home and PYTHONPATH are what they are."""
    user = pwd.getpwnam(ORDINARY)
    drop = ["setpriv", "--reuid", f"{user.pw_uid}", "--regid", f"{user.pw_gid}", "--clear-groups"]
    return subprocess.run(
        [*drop, "apptainer", verb, "--home", home / "home", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home / "home"),
            "PYTHONPATH": str(home / "modules"),
        },
    )


def test_the_definition_tests_and_explains_itself(sif: Path) -> None:
    assert __version__ in output_of(["apptainer", "test", sif])
    assert "OUT_private" in output_of(["apptainer", "run-help", sif])
    assert __version__ in output_of(["apptainer", "inspect", sif])


def test_apptainer_gives_the_same_bytes(sif: Path, ordinary_place: Place, released: Run) -> None:
    place = ordinary_place
    home = _poison(place.folder / "poison")
    mounts = ["-B" if option == "-v" else option for option in place.options]
    done = _apptainer(home, "run", "--containall", "--cleanenv", *mounts, sif, *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert digest(place.out) == digest(released.out)


@pytest.mark.parametrize("program", [["run"], ["exec", "bidsdeid"]])
def test_apptainer_without_its_walls_sees_no_module_of_the_user(
    sif: Path, ordinary_place: Place, program: list[str]
) -> None:
    """Neither --containall nor --cleanenv: home and environment are the user's."""
    home = _poison(ordinary_place.folder / "poison")
    verb, *inside = program
    words = [sif, *inside, "/in", "/nowhere/out", "participant", "--dry-run"]
    mounts = ["-B", f"{home}:{home}:ro", "-B", f"{EXAMPLE}:/in:ro"]
    done = _apptainer(home, verb, *mounts, *words)
    assert done.returncode == 0, done.stderr
    assert "poisoned" not in done.stdout + done.stderr
