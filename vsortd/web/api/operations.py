"""Every operation of the page's API: from this one table its routes are made, and its description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.web.api import (
    alike_operations,
    daemon_operations,
    group_operations,
    item_operations,
    job_operations,
    review_operations,
    scene_operations,
    video_operations,
)

if TYPE_CHECKING:
    from vsortd.web.api.operation import ApiOperation

OPERATIONS: Final[tuple[ApiOperation[Any], ...]] = (
    *daemon_operations.OPERATIONS,
    *item_operations.OPERATIONS,
    *review_operations.OPERATIONS,
    *video_operations.OPERATIONS,
    *scene_operations.OPERATIONS,
    *group_operations.OPERATIONS,
    *alike_operations.OPERATIONS,
    *job_operations.OPERATIONS,
)
