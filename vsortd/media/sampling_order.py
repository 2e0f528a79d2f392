"""Which moments of a video to look at, and in which order, so that more frames only add."""

from __future__ import annotations

# The first look takes this many frames, spread over the whole video.
_FIRST_LOOK = 8


def visiting_order(total: int) -> tuple[int, ...]:
    """Return the bins 0 to total-1 in the order in which they are visited.

    Of 32 bins the first 8 ranks are the bins 4k+2, the next 8 the bins 4k, then come the odd ones; within
    each of these groups the order bisects, so every prefix is spread over the whole video. Other totals take
    the order of the next power of two, each bin at its first mention. Raises ValueError for a total below 1.
    """
    if total < 1:
        raise ValueError("at least one bin is needed")
    power = 1
    while power < total:
        power *= 2
    order: dict[int, None] = {}
    for fine in _order_of_power(power):
        order.setdefault((2 * fine + 1) * total // (2 * power), None)
    return tuple(order)


def _order_of_power(power: int) -> list[int]:
    step = max(1, power // _FIRST_LOOK)
    order = [step // 2 + step * number for number in _bit_reversed(power // step)]
    if step > 1:
        order += [step * number for number in _bit_reversed(power // step)]
    while step > 2:  # noqa: PLR2004 - at 2 every bin is visited
        step //= 2
        order += [step // 2 + step * number for number in _bit_reversed(power // step)]
    return order


def _bit_reversed(count: int) -> list[int]:
    """Return 0 to count-1 (a power of two) by their bits read backwards."""
    order = [0]
    while len(order) < count:
        order = [2 * number for number in order] + [2 * number + 1 for number in order]
    return order
