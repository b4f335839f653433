"""The scripts that Slurm is given, as text.

An array, one participant a task, and what finishes the dataset.  They need nothing but bash and
coreutils.  What comes from outside is quoted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from shlex import quote


@dataclass(frozen=True, slots=True)
class Demand:
    """What a job asks for.

    Parameters
    ----------
    memory_mb : int
    time : str
        As Slurm writes times; a number is minutes.
    cpus : int
    """

    memory_mb: int
    time: str
    cpus: int = 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """Participants of one array: as many as the cluster takes at a time.

    Parameters
    ----------
    offset : int
        How many participants stand before them.
    size : int
    """

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What the scripts are made of.

    Parameters
    ----------
    participants : tuple of str
        Labels, without ``sub-``.
    bids_dir, output_dir, private_dir, work_dir, log_dir : PurePath
        Absolute, and the same on all nodes.
    options : tuple of str
        Of the app, for both levels.
    image : str or None
        Singularity image; without one, ``bidsdeid`` is on the PATH.
    files : tuple of str
        That options name; an image must see them.
    directives : tuple of str
        For ``#SBATCH``, as the user gave them.
    before : tuple of str
        Lines of shell that make programs known (``module load``).
    throttle : int or None
        Tasks at one time.
    largest_array : int
        Tasks of one array, at the most.
    gpu : bool
        The image needs the GPU's driver.
    key_variable : bool
        The key is in the environment, not in a file.
    """

    participants: tuple[str, ...]
    bids_dir: PurePath
    output_dir: PurePath
    private_dir: PurePath
    work_dir: PurePath
    log_dir: PurePath
    options: tuple[str, ...] = ()
    image: str | None = None
    files: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    throttle: int | None = None
    largest_array: int = 1000
    gpu: bool = False
    key_variable: bool = False

    def chunks(self) -> tuple[Chunk, ...]:
        """Return the arrays that are needed.

        Examples
        --------
        >>> here = PurePath("/x")
        >>> Batch(("a", "b", "c"), here, here, here, here, here, largest_array=2).chunks()
        (Chunk(offset=0, size=2), Chunk(offset=2, size=1))
        """
        step, count = self.largest_array, len(self.participants)
        return tuple(Chunk(start, min(step, count - start)) for start in range(0, count, step))

    def indices(self, chunk: Chunk) -> str:
        """Return the value of ``--array``."""
        return f"1-{chunk.size}" + (f"%{self.throttle}" if self.throttle else "")


def array_script(batch: Batch, demand: Demand) -> str:
    """Return the script that does one participant in each task.

    It ends with 0 if some files were withheld (the app's 1): the participant is done, and the
    group level, which waits for all tasks to succeed, tells of it.  It runs the app again after
    73: where Slurm started a task twice, the other was faster, and is found to have done it.
    """
    parts = (
        "#!/bin/bash",
        "# Written by `bidsdeid slurm`.  It holds labels of the source: do not share it.",
        *_directives(batch, demand, "bidsdeid", "%A_%a"),
        f"#SBATCH --array={batch.indices(batch.chunks()[0])}",
        _START,
        "participants=(",
        *(quote(label) for label in batch.participants),
        ")",
        _TASK,
        *_program(batch),
        _run("participant", ' --planned --skip-bids-validation --participant-label "$label"'),
        _TASK_END,
    )
    return "\n".join(parts)


def group_script(batch: Batch, demand: Demand) -> str:
    """Return the script that finishes the dataset, and clears away what killed tasks left."""
    parts = (
        "#!/bin/bash",
        "# Written by `bidsdeid slurm`: finishes the dataset when all participants are done.",
        *_directives(batch, demand, "bidsdeid-group", "%j_group"),
        _START,
        *_program(batch),
        _run("group", ""),
        _GROUP_END,
    )
    return "\n".join(parts)


def typed_commands(batch: Batch, array: PurePath, group: PurePath) -> tuple[str, ...]:
    """Return what a user types, one command a line, the last for the group level."""
    lines: list[str] = []
    jobs: list[str] = []
    for number, chunk in enumerate(batch.chunks(), 1):
        name = "job" if len(batch.chunks()) == 1 else f"job{number}"
        words = array_words(batch, chunk, array, jobs[-1] if jobs else None)
        lines.append(f"{name}=$(sbatch {' '.join(map(_typed, words))})")
        jobs.append(f"${{{name}%%;*}}")
    words = group_words(group, jobs)
    return (*lines, f"sbatch {' '.join(map(_typed, words))}")


def array_words(
    batch: Batch, chunk: Chunk, script: PurePath, previous: str | None
) -> tuple[str, ...]:
    """Return the arguments of ``sbatch`` for an array.

    With a throttle arrays follow one another, so that it holds for all of them together.
    """
    words = ["--parsable"]
    if batch.throttle and previous:
        words.append(f"--dependency=afterany:{previous}")
    if len(batch.chunks()) == 1:
        return (*words, str(script))
    return (*words, f"--array={batch.indices(chunk)}", str(script), str(chunk.offset))


def group_words(script: PurePath, jobs: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments of ``sbatch`` for the group level, after all arrays."""
    if not jobs:
        return ("--parsable", str(script))
    after = f"--dependency=afterok:{':'.join(jobs)}"
    return ("--parsable", after, "--kill-on-invalid-dep=yes", str(script))


def _typed(word: str) -> str:
    """Quote a word for a shell; numbers of jobs stand in variables of it."""
    name, given, value = word.partition("--dependency=")
    return f'{given}"{value}"' if given and not name else quote(word)


def _directives(batch: Batch, demand: Demand, name: str, log: str) -> Iterator[str]:
    """Yield the head of a script; what the user gave comes last, so that it wins."""
    logs = str(batch.log_dir).replace("%", "%%")
    yield f"#SBATCH --job-name={name}"
    yield "#SBATCH --nodes=1"
    yield "#SBATCH --ntasks=1"
    yield f"#SBATCH --cpus-per-task={demand.cpus}"
    yield f"#SBATCH --mem={demand.memory_mb}M"
    yield f"#SBATCH --time={demand.time}"
    yield f"#SBATCH --output={quote(f'{logs}/{log}.log')}"
    yield "#SBATCH --open-mode=append"
    yield from (f"#SBATCH {directive}" for directive in batch.directives)


_START = """
set -u
fail() {
  echo "bidsdeid: $2" >&2
  exit "$1"
}
"""

_TASK = """
[ -n "${SLURM_ARRAY_TASK_ID:-}" ] || fail 64 'this is an array: submit it with sbatch'
index=$(( ${1:-0} + SLURM_ARRAY_TASK_ID - 1 ))
if [ "$index" -lt 0 ] || [ "$index" -ge "${#participants[@]}" ]; then
  fail 64 'there is no participant for this task: submit the script as bidsdeid slurm says'
fi
label=${participants[index]}
"""

_NO_ENGINE = "neither apptainer nor singularity is on the PATH: see --before"
_NO_PROGRAM = "bidsdeid is not on the PATH: see --before, or name an --image"
_NO_KEY = "BIDSDEID_KEY is not set here as it was when this script was written"


def _program(batch: Batch) -> Iterator[str]:
    """Yield the lines that make folders and find the program."""
    yield from batch.before
    for name in ("bids_dir", "output_dir", "private_dir", "work_dir"):
        yield f"{name}={quote(str(getattr(batch, name)))}"
    if batch.key_variable:
        yield f'[ -n "${{BIDSDEID_KEY:-}}" ] || fail 64 {quote(_NO_KEY)}'
    # A folder for each attempt: one that Slurm started twice must not share it.
    yield '(umask 077 && mkdir -p -- "$private_dir" "$work_dir") || fail 73 "no private folder"'
    yield f'attempts="$work_dir/bidsdeid-{_tag(batch)}"'
    yield 'work=$(mktemp -d "$attempts-XXXXXXXXXX") || fail 73 "the work folder cannot be made"'
    yield "trap 'rm -rf -- \"$work\"' EXIT"
    yield 'options=(--private-dir "$private_dir" --work-dir "$work" --nprocs 1'
    yield '  --omp-nthreads "${SLURM_CPUS_PER_TASK:-1}"'
    yield from (f"  {quote(word)}" for word in batch.options)
    yield ")"
    if batch.image is None:
        yield f"program=$(command -v bidsdeid) || fail 70 {quote(_NO_PROGRAM)}"
        yield 'call=("$program")'
        return
    yield 'mkdir -p -- "$output_dir" || fail 73 "the output cannot be made"'
    yield "engine=$(command -v apptainer || command -v singularity) ||"
    yield f"  fail 70 {quote(_NO_ENGINE)}"
    yield 'if [ -n "${BIDSDEID_KEY:-}" ]; then'
    for name in ("APPTAINERENV", "SINGULARITYENV"):
        yield f'  export {name}_BIDSDEID_KEY="$BIDSDEID_KEY"'
    yield "fi"
    yield 'call=("$engine" run --containall --cleanenv --workdir "$work" --pwd /'
    if batch.gpu:
        yield "  --nv"
    yield '  --bind "$bids_dir:$bids_dir:ro" --bind "$output_dir:$output_dir"'
    yield '  --bind "$private_dir:$private_dir" --bind "$work:$work"'
    yield from (f"  --bind {quote(f'{file}:{file}:ro')}" for file in batch.files)
    yield f"  {quote(batch.image)})"


def _tag(batch: Batch) -> str:
    """Return what tells folders of this dataset from others in one work folder."""
    return hashlib.sha256(str(batch.output_dir).encode()).hexdigest()[:10]


def _run(level: str, more: str) -> str:
    """Return the lines that run a level and pass a signal on to it."""
    return f"""
child='' stopped=''
trap 'stopped=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT
run() {{
  "${{call[@]}}" "$bids_dir" "$output_dir" {level} "${{options[@]}}"{more} &
  child=$!
  wait "$child"
  code=$?
  while [ -n "$stopped" ] && kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
  done
}}
"""


_TASK_END = """run
if [ "$code" -eq 73 ] && [ -z "$stopped" ]; then
  echo 'bidsdeid: once more, in case another attempt at this participant was faster'
  run
fi
[ "$code" -ne 1 ] || code=0
exit "$code"
"""

_GROUP_END = """run
if [ "$code" -le 1 ]; then
  rm -rf -- "$attempts"-*
fi
exit "$code"
"""
