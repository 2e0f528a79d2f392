"""The JSON report holds all that was found, and how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from vsortd.library.clusters.cluster_report import cluster_report
from vsortd.library.clusters.grouping import group_films

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.index.video import IndexedVideo


def test_every_video_is_in_the_report_once(made_films: Callable[..., list[IndexedVideo]]) -> None:
    films = made_films(6, 5, strangers=2)
    report = json.loads(json.dumps(cluster_report(group_films(films, model="m", seed=4))))
    members = [member["path"] for group in report["groups"] for member in group["members"]]
    assert sorted(str(film.path) for film in films) == sorted(members + [one["path"] for one in report["noise"]])
    assert (13, 2, [6, 5]) == (report["videos"], len(report["noise"]), [group["size"] for group in report["groups"]])


def test_the_report_says_how_the_groups_came_about(made_films: Callable[..., list[IndexedVideo]]) -> None:
    report = cluster_report(group_films(made_films(6, 5), model="m", min_size=4, seed=4))
    assert {"min_size": 4, "neighbors": 0, "seed": 4} == report["parameters"]
    assert ("m", 1, 11) == (report["model"], report["schema_version"], report["sampled"])
    assert {"reading", "grouping", "drawing the map"} <= report["seconds"].keys()


def test_a_group_says_where_its_members_come_from_and_how_tight_it_is(
    made_films: Callable[..., list[IndexedVideo]],
) -> None:
    first = cluster_report(group_films(made_films(6, 5), model="m"))["groups"][0]
    assert {"/0": 6} == first["folders"]
    assert 0.9 < first["tightness"] <= 1
    assert all(0 < member["strength"] <= 1 for member in first["members"])
    assert np.isfinite([member["at"] for member in first["members"]]).all()
    assert (None, [], 0.0) == (first["rule"], first["candidates"], first["score"])


def test_nothing_at_all_is_a_report_too() -> None:
    report = cluster_report(group_films([], model="m"))
    assert (0, [], []) == (report["videos"], report["groups"], report["noise"])
