"""The end of a long run says what each room's tests cost."""

from __future__ import annotations

from tests.support.costs import SHORT_S, costs


def test_the_dearest_comes_first_and_files_beside_the_rooms_count() -> None:
    half = SHORT_S / 2
    told = costs(
        [
            ("tests/web/test_a.py::test_x[a::b]", half),
            ("tests/web/test_a.py::test_y", half),
            ("tests/cli/wizard/test_b.py::TestC::test_z", half),
            ("tests/test_docs.py::test_w", 1.0),
        ]
    )
    assert [line.split() for line in told if line.split()[2:] == ["tests/web"]] == [
        [f"{SHORT_S:.0f}", "s", "tests/web"]
    ]
    rooms = [line.split()[2] for line in told[1 : told.index("the dearest files:")]]
    assert ["tests/web", "tests/cli", "tests/test_docs.py"] == rooms
    assert f"{1.5 * SHORT_S + 1:.0f}" == told[0].split()[0]
    assert "tests/web/test_a.py" == told[told.index("the dearest files:") + 1].split()[-1]


def test_a_short_run_tells_nothing() -> None:
    assert [] == costs([("tests/web/test_a.py::test_x", SHORT_S - 1)])
