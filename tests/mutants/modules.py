"""Which modules are mutated, and which tests belong to each: those that a fault in it should wake."""

from __future__ import annotations

from typing import Final

_JUDGING: Final = (
    "tests/judging/test_decide.py",
    "tests/judging/test_decide_conditions.py",
    "tests/judging/test_frame_scores.py",
    "tests/judging/test_none_examples.py",
    "tests/judging/test_settled.py",
)

_COMPLETENESS: Final = ("tests/watch/test_box_edges.py", "tests/watch/test_completeness.py")

TESTS_OF: Final[dict[str, tuple[str, ...]]] = {
    "vsortd/core/isobmff.py": ("tests/core/test_isobmff.py", *_COMPLETENESS),
    "vsortd/core/names.py": ("tests/core/test_names.py", "tests/filing/test_filing_names.py"),
    "vsortd/core/units.py": ("tests/core/test_units.py",),
    "vsortd/filing/file_names.py": ("tests/filing/test_filing_names.py",),
    "vsortd/judging/aggregation.py": _JUDGING,
    "vsortd/judging/calibration.py": ("tests/judging/test_calibration.py",),
    "vsortd/judging/conditions.py": ("tests/judging/test_conditions.py", "tests/judging/test_decide_conditions.py"),
    "vsortd/judging/corrections.py": ("tests/judging/test_corrections.py", "tests/judging/test_example_store.py"),
    "vsortd/judging/decide.py": _JUDGING,
    "vsortd/judging/decision_reasons.py": _JUDGING,
    "vsortd/judging/frame_scores.py": _JUDGING,
    "vsortd/judging/leave_one_out.py": (
        "tests/judging/test_leave_one_out.py",
        "tests/judging/test_corrections.py",
        "tests/judging/test_none_examples.py",
    ),
    "vsortd/library/search/scenes.py": ("tests/library/search/test_scenes.py",),
    "vsortd/library/timeline/boundaries.py": ("tests/library/timeline/test_boundaries.py",),
    "vsortd/media/protocol.py": ("tests/media/test_protocol.py",),
    "vsortd/pipeline/runner.py": ("tests/pipeline/test_runner.py", "tests/pipeline/test_runner_queue.py"),
    "vsortd/watch/iso_completeness.py": _COMPLETENESS,
    "vsortd/watch/settle.py": ("tests/watch/test_settle_times.py", "tests/watch/test_watch_settle.py"),
}
