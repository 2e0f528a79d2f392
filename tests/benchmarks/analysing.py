"""What measuring a video costs: `python -m tests.benchmarks.analysing [--minutes 4 17] [--out FILE]`.

A 480p clip of each length is made: half a minute of cuts, pans, noise and sound, coded as phones do, then repeated
without coding it again. Of one (the longest, or `--compared`), each pass of the worker is timed by itself, what is made
of its numbers, and all parts of `vsortd analyze` in one pass; then ffmpeg, one measure a call, one after the other,
each decoding the clip anew with one thread. CPU time is what to compare: other work makes the clock worse. The worker's
memory is its peak, of a new one for each length. Prints a table, and writes a JSON file with `--out`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.machine import facts, load
from tests.support.listeners import KeptSound
from vsortd.analysis.arousal import arousal
from vsortd.analysis.shots import find_shots
from vsortd.analysis.sound import judge_sound
from vsortd.analysis.speech import find_speech
from vsortd.analysis.video_analysis import AnalysisWish, analyze_video
from vsortd.errors import VsortdError
from vsortd.index.store import Index
from vsortd.media.measures import PictureMeasures, SoundMeasures
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SIZE, _FPS = "854x480", 30
_PIECE_S = 5
# Six pieces, each another picture and so a cut: what moves, what pans, what is noisy, what stands still.
_PICTURES = (
    f"testsrc2=s={_SIZE}:r={_FPS}",
    f"mandelbrot=s={_SIZE}:r={_FPS}",
    f"gradients=s={_SIZE}:r={_FPS}:speed=0.05",
    f"cellauto=s={_SIZE}:r={_FPS}:rule=110",
    f"smptehdbars=s={_SIZE}:r={_FPS},noise=alls=18:allf=t",
    f"life=s={_SIZE}:r={_FPS}:mold=10:ratio=0.1:death_color=#203040:life_color=#c0d0e0",
)
_TONE = (
    "aevalsrc=0.3*sin(2*PI*440*t)*(1+sin(2*PI*0.2*t))/2+0.02*(random(0)-0.5)|0.3*sin(2*PI*660*t)*(1+sin(2*PI*0.3*t))/2"
)
# What our passes measure, by the filters that do so; with `metadata=print` they would print their numbers.
_PICTURE_FILTERS = {
    "scdet": "scdet=t=10",
    "blackdetect": "blackdetect=d=0.1:pic_th=0.98:pix_th=0.10",
    "freezedetect": "freezedetect=n=-60dB:d=2",
    "signalstats": "signalstats",
    "idet": "idet",
    "blurdetect, a frame a second": "fps=1,scale=640:-2,blurdetect",
    "blockdetect, a frame a second": "fps=1,blockdetect",
}
_SOUND_FILTERS = {
    "ebur128": "ebur128=peak=true",
    "silencedetect": "silencedetect=n=-60dB:d=0.5",
    "volumedetect": "volumedetect",
    "astats": "astats",
}
_TIMEOUT_S = 7200.0
_MEMORY_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took, seconds."""

    wall_s: float
    cpu_s: float

    def to_json(self) -> dict[str, float]:
        """Return the figures, rounded to what they are worth."""
        return {"wall_s": round(self.wall_s, 2), "cpu_s": round(self.cpu_s, 2)}


def make_clip(folder: Path, minutes: float) -> Path:
    """Return a clip of so many minutes."""
    piece, clip = folder / "piece.mp4", folder / f"{minutes:g}.mp4"
    if not piece.exists():
        inputs = [word for one in _PICTURES for word in ("-f", "lavfi", "-t", str(_PIECE_S), "-i", one)]
        length_s = _PIECE_S * len(_PICTURES)
        inputs += ["-f", "lavfi", "-t", str(length_s), "-i", f"{_TONE}:s=48000"]
        labels = "".join(f"[{number}:v]format=yuv420p,setsar=1[v{number}];" for number in range(len(_PICTURES)))
        joined = "".join(f"[v{number}]" for number in range(len(_PICTURES)))
        graph = f"{labels}{joined}concat=n={len(_PICTURES)}:v=1:a=0[out]"
        coded = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "2M", "-g", "60", "-c:a", "aac", "-b:a", "128k"]
        mapped = ["-filter_complex", graph, "-map", "[out]", "-map", f"{len(_PICTURES)}:a"]
        _ffmpeg(*inputs, *mapped, *coded, "-threads", "1", str(piece))
    if not clip.exists():
        _ffmpeg("-stream_loop", "-1", "-i", str(piece), "-t", f"{minutes * 60:g}", "-c", "copy", str(clip))
    return clip


def _ffmpeg(*words: str) -> None:
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-v", "error", "-y", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"ffmpeg: {done.stderr.strip()}")


@contextmanager
def _timed(costs: dict[str, Cost], name: str, cpu: Callable[[], float]) -> Iterator[None]:
    begin, cpu_begin = time.perf_counter(), cpu()
    yield
    costs[name] = Cost(time.perf_counter() - begin, cpu() - cpu_begin)


def _own_cpu(pool: MediaPool) -> Callable[[], float]:
    """Return what tells the CPU time of this process and of the pool's one worker so far."""

    def seconds() -> float:
        times = [psutil.Process(pid).cpu_times() for pid in pool.pids()]
        return time.process_time() + sum(one.user + one.system for one in times)

    return seconds


def our_costs(clip: Path, *, apart: bool) -> tuple[dict[str, Cost], float, dict[str, Any]]:
    """Return what measuring takes, the worker's peak memory (MB), and what was found; `apart`: each part as well."""
    costs: dict[str, Cost] = {}
    with (
        MediaPool(1, timeout_s=_TIMEOUT_S, memory_bytes=_MEMORY_BYTES) as pool,
        tempfile.TemporaryDirectory() as folder,
    ):
        pool.warm()
        cpu = _own_cpu(pool)
        with closing(Index(Path(folder) / "index.sqlite")) as index, _timed(costs, "all parts, one pass", cpu):
            found = analyze_video(pool, index, clip, AnalysisWish())
        peak_mb = _peak_mb(pool)
        if apart:
            _time_parts(pool, clip, costs, cpu)
    if found.reason:
        raise SystemExit(f"{clip} can't be measured: {found.reason}")
    told = {part.value: document for part, document in found.documents.items() if document is not None}
    shots, sound = told["shots"], told["sound"]
    return (
        costs,
        peak_mb,
        {"shots": shots["count"], "lufs": sound["integrated_lufs"], "no_speech": sound["speech_error"]},
    )


def _time_parts(pool: MediaPool, clip: Path, costs: dict[str, Cost], cpu: Callable[[], float]) -> None:
    with _timed(costs, "facts: every packet's header", cpu):
        pool.technical(clip, timeout_s=_TIMEOUT_S)
    with _timed(costs, "pictures, a pass", cpu):
        pictures = pool.measure(clip, sound=False, timeout_s=_TIMEOUT_S).pictures
    with _timed(costs, "sound, a pass", cpu):
        heard = KeptSound()
        sound = pool.measure(clip, pictures=False, speech=heard, timeout_s=_TIMEOUT_S).sound
    if not isinstance(pictures, PictureMeasures) or not isinstance(sound, SoundMeasures):
        raise SystemExit(f"{clip} can't be measured: {pictures}, {sound}")
    with _timed(costs, "shots, of the numbers", cpu):
        shots = find_shots(pictures)
    try:
        with _timed(costs, "speech, of the sound", cpu):
            find_speech(heard.pcm)
    except VsortdError:  # the extra isn't here
        pass
    with _timed(costs, "sound's verdicts", cpu):
        judge_sound(sound, speech=None)
    with _timed(costs, "arousal, of the numbers", cpu):
        arousal(pictures, shots, sound.short_lufs, sound_start_s=sound.start_s)


def _peak_mb(pool: MediaPool) -> float:
    """Return the most that the worker has had in memory at once, MB; Linux tells it."""
    (pid,) = pool.pids()
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    (line,) = (line for line in text.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1000


def their_costs(clip: Path) -> dict[str, Cost]:
    """Return what ffmpeg takes for each measure, called once a measure; ffprobe for the facts."""
    costs: dict[str, Cost] = {}
    with _timed(costs, "ffprobe, every packet", _children_cpu):
        words = ["ffprobe", "-v", "error", "-count_packets", "-show_format", "-show_streams", "-of", "json", str(clip)]
        subprocess.run(words, capture_output=True, check=True)
    streams = ((_PICTURE_FILTERS, "-vf", "-an"), (_SOUND_FILTERS, "-af", "-vn"))
    for filters, option, without in streams:
        for name, graph in filters.items():
            with _timed(costs, name, _children_cpu):
                threads = ("-threads", "1", "-filter_threads", "1")
                _ffmpeg(*threads, without, "-i", str(clip), option, graph, without, "-f", "null", "-")
    return costs


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(
    folder: Path, lengths: Sequence[float], compared: float, keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Return the document: the parts and ffmpeg for the compared length, all parts and the worker's memory for each.

    `keep` gets it after each step as well, so that a run of an hour that is stopped leaves what it has.
    """
    document: dict[str, Any] = {"machine": facts(), "size": _SIZE, "fps": _FPS, "compared": compared, "rows": []}
    for minutes in sorted({*lengths, compared}, key=lambda one: (one != compared, one)):
        clip = make_clip(folder, minutes)
        costs, peak_mb, found = our_costs(clip, apart=minutes == compared)
        row = {"minutes": minutes, "bytes": clip.stat().st_size, "worker_peak_mb": round(peak_mb, 1), "found": found}
        document["rows"].append({**row, "ours": {name: cost.to_json() for name, cost in costs.items()}})
        keep(document)
        if minutes == compared:
            theirs = their_costs(clip)
            whole = Cost(sum(cost.wall_s for cost in theirs.values()), sum(cost.cpu_s for cost in theirs.values()))
            document["ffmpeg"] = {name: cost.to_json() for name, cost in theirs.items()}
            document["ffmpeg_sum"] = whole.to_json()
            keep(document)
    document["load_after"] = load()
    return document


def table_of(document: dict[str, Any]) -> Table:
    """Return the document as a table."""
    compared = document["rows"][0]
    title = f"Measuring {compared['minutes']:g} minutes of {document['size']}"
    table = Table("what", "CPU s", "s", box=None, title=title, title_justify="left", pad_edge=False)
    for head, costs in (("ours", compared["ours"]), ("ffmpeg, a call each", document["ffmpeg"])):
        table.add_row(f"[b]{head}")
        for name, cost in costs.items():
            table.add_row(f"  {name}", f"{cost['cpu_s']:.1f}", f"{cost['wall_s']:.1f}")
    table.add_row("  all calls", f"{document['ffmpeg_sum']['cpu_s']:.1f}", f"{document['ffmpeg_sum']['wall_s']:.1f}")
    for row in document["rows"]:
        whole = row["ours"]["all parts, one pass"]
        told = f"all parts at {row['minutes']:g} minutes, worker's peak {row['worker_peak_mb']:.0f} MB"
        table.add_row(told, f"{whole['cpu_s']:.1f}", f"{whole['wall_s']:.1f}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.analysing", description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[4, 17])
    parser.add_argument("--compared", type=float, help="which length is timed part by part and by ffmpeg: the longest")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the clips")
    parser.add_argument("--out", type=Path, help="the JSON file")
    wishes = parser.parse_args(arguments)
    if not sys.platform.startswith("linux"):
        parser.error("it reads the worker's peak of memory from /proc, which only Linux has")

    def keep(document: dict[str, Any]) -> None:
        if wishes.out is not None:
            wishes.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory() as made:
        folder = wishes.cache or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        document = measure(folder, wishes.minutes, wishes.compared or max(wishes.minutes), keep)
    Console(width=None if sys.stdout.isatty() else 120).print(table_of(document))
    keep(document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
