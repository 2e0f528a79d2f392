"""The log for modules of light commands, which rarely have anything to tell it: it is imported once they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loguru import logger
else:

    class _LazyLogger:
        """loguru's logger, as soon as anything of it is asked for."""

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any of its methods
            from loguru import logger

            return getattr(logger, name)

    logger = _LazyLogger()

__all__ = ["logger"]
