"""What `vsortd cluster --json` says of the groups: all that was found, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vsortd.library.clusters.grouping import Cluster, Grouping

SCHEMA_VERSION: Final = 1


def cluster_report(grouping: Grouping) -> dict[str, Any]:
    """Return the grouping as a JSON document: groups, the largest first, with all members, the most typical first.

    `tightness` is the mean cosine of the members to their group's centre, `strength` HDBSCAN's probability, `at` the
    place on the map; `score` is in bits, see `clusters.naming`. `neighbors` is 0 where UMAP was not used, `sampled`
    how many of the videos the groups were found among, where the others joined them.
    """
    at = {film.path: place for film, place in zip(grouping.films, grouping.map_xy.tolist(), strict=True)}
    places = {path: [round(value, 3) for value in place] for path, place in at.items()}
    return {
        "schema_version": SCHEMA_VERSION,
        "model": grouping.model,
        "parameters": {"min_size": grouping.min_size, "neighbors": grouping.neighbors, "seed": grouping.seed},
        "videos": len(grouping.films),
        "sampled": grouping.sampled or len(grouping.films),
        "seconds": {step: round(seconds, 3) for step, seconds in grouping.seconds.items()},
        "groups": [_group(group, places) for group in grouping.groups],
        "noise": [{"path": str(film.path), "at": places[film.path]} for film in grouping.noise],
    }


def _group(group: Cluster, places: dict[Any, list[float]]) -> dict[str, Any]:
    return {
        "number": group.number,
        "name": group.name,
        "rule": group.rule or None,
        "score": round(group.score, 4),
        "words": list(group.prompts),
        "candidates": [
            {"name": one.name, "score": round(one.score, 4), "rule": one.rule or None} for one in group.candidates
        ],
        "size": len(group.members),
        "tightness": round(group.tightness, 4),
        "folders": dict(group.folders),
        "members": [
            {
                "path": str(member.film.path),
                "strength": round(member.strength, 4),
                "duration_s": round(member.film.duration_s, 3),
                "at": places[member.film.path],
            }
            for member in group.members
        ],
    }
