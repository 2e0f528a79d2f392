"""The daemon's numbers in Prometheus' text form (exposition format 0.0.4)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vsortd.core.documents import StatusDocument

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[str, dict[str, str], float]


class StageTimes:
    """How long the stages of all videos took together; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, tuple[int, float]] = {}

    def add(self, spent_ms: Mapping[str, float]) -> None:
        """Add the times of one video, ms."""
        with self._lock:
            for name, ms in spent_ms.items():
                count, total = self._sums.get(name, (0, 0.0))
                self._sums[name] = count + 1, total + ms

    def sums(self) -> dict[str, tuple[int, float]]:
        """Return for each stage how many videos had it, and how long they took, ms."""
        with self._lock:
            return dict(self._sums)


def exposition(status: StatusDocument, times: StageTimes, ended: Mapping[Any, int], up_s: float) -> str:
    """Return the text; `ended` counts the videos that ended since the start, by state."""
    inboxes = [({"path": one["path"]}, one) for one in status["inboxes"]]
    stages = times.sums()
    families: list[tuple[str, str, str, list[Sample]]] = [
        ("vsortd_up_seconds", "gauge", "Time since the start.", [("", {}, up_s)]),
        ("vsortd_paused", "gauge", "1 while everything is paused.", [("", {}, status["paused"]["all"])]),
        ("vsortd_queued", "gauge", "Videos that wait.", [("", {}, status["queued"])]),
        ("vsortd_working", "gauge", "Videos under way.", [("", {}, status["working"])]),
        (
            "vsortd_videos",
            "gauge",
            "Videos by what the journal says of them now.",
            [("", {"state": name}, count) for name, count in _counts(status)],
        ),
        (
            "vsortd_ended_total",
            "counter",
            "Videos that ended since the start.",
            [("", {"state": str(state)}, count) for state, count in sorted(ended.items())],
        ),
        (
            "vsortd_inbox_healthy",
            "gauge",
            "1 while an inbox is watched as it should be.",
            [("", labels, one["health"] == "ok") for labels, one in inboxes],
        ),
        (
            "vsortd_inbox_paused",
            "gauge",
            "1 while an inbox is paused.",
            [("", labels, one["paused"]) for labels, one in inboxes],
        ),
        ("vsortd_model_loaded", "gauge", "1 while the model is ready.", [("", {}, bool(status["model"]["device"]))]),
        (
            "vsortd_stage_seconds",
            "summary",
            "Time that videos spent in each stage.",
            [
                (suffix, {"stage": stage}, value)
                for stage, (count, ms) in stages.items()
                for suffix, value in (("_sum", ms / 1000), ("_count", count))
            ],
        ),
    ]
    return "".join(_family(*family) for family in families)


def _counts(status: StatusDocument) -> list[tuple[str, int]]:
    counts = status["counts"]
    return [
        ("filed", counts["filed"]),
        ("review", counts["review"]),
        ("rejected", counts["rejected"]),
        ("failed", counts["failed"]),
        ("held", counts["held"]),
        ("aside", counts["aside"]),
    ]


def _family(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
    for suffix, labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{suffix}{{{inside}}} {value:.17g}" if inside else f"{name}{suffix} {value:.17g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
