"""What is to be done after videos: found in the journal, once, whatever ends in between, and kept until it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.hook_bench import HookBench
from vsortd.core.outcomes import ItemState
from vsortd.filing.journal import Journal
from vsortd.filing.records import FOUND
from vsortd.service.hooks.delivery_store import DeliveryKind, deliveries_path
from vsortd.service.lock import HookLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.service.hooks.delivery_queue import Bundle, DeliveryQueue

RUN, POST = DeliveryKind.RUN, DeliveryKind.POST
BOTH = 'after: {run: [/bin/true, "{path}"], post: "http://127.0.0.1:9/", retries: 2}'
BATCH = "after: {run: /bin/true, batch: true}"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HookBench]:
    with HookBench(tmp_path, BOTH) as found:
        yield found


def _next(queue: DeliveryQueue, kind: DeliveryKind = RUN, quiet_s: float = 0.0) -> Bundle | None:
    queue.take_in()
    return queue.next(kind, quiet_s=quiet_s)[0]


def _all(queue: DeliveryQueue, kind: DeliveryKind = RUN) -> list[list[int]]:
    """Deliver all that there is, and return which videos' entries came together."""
    found = []
    while bundle := _next(queue, kind):
        queue.begin(bundle)
        queue.done(bundle)
        found.append([item.id for item in bundle.items])
    return found


def test_only_what_ends_from_the_first_start_on_counts_and_each_once(bench: HookBench) -> None:
    bench.end("before.mp4")
    queue = bench.queue()
    assert queue.prepare()
    first, second = bench.end("a.mp4"), bench.end("b.mp4", rule="")
    assert [[first.id], [second.id]] == _all(queue)
    assert [[first.id], [second.id]] == _all(queue, POST)
    assert 0 == queue.waiting()
    assert [] == _all(queue)


def test_what_ended_while_nobody_looked_is_found_at_the_next_start(bench: HookBench) -> None:
    """As after a kill between the journal's commit and anything else."""
    queue = bench.queue()
    assert queue.prepare()
    queue.close()
    item = bench.end()
    queue = bench.queue()
    assert queue.prepare()
    assert [[item.id]] == _all(queue)


def test_what_was_under_way_when_the_process_was_killed_is_done_again_and_nothing_else(bench: HookBench) -> None:
    queue = bench.queue()
    queue.prepare()
    items = [bench.end(f"{name}.mp4") for name in "abc"]
    done = _next(queue)
    assert done is not None
    queue.begin(done)
    queue.done(done)
    cut_short = _next(queue)
    assert cut_short is not None
    queue.begin(cut_short)
    queue.close()  # no word of how that ended
    queue = bench.queue()
    queue.prepare()
    assert [[items[1].id], [items[2].id]] == _all(queue)


def test_a_video_that_has_no_end_yet_is_waited_for_and_those_behind_it_are_not(bench: HookBench) -> None:
    queue = bench.queue()
    queue.prepare()
    under_way = bench.end("slow.mp4", state=ItemState.PLACING, owner="somebody")
    behind = bench.end("quick.mp4")
    assert [[behind.id]] == _all(queue)
    queue.close()
    bench.change(under_way, state="filed", owner=None)
    queue = bench.queue()
    queue.prepare()
    assert [[under_way.id]] == _all(queue)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (ItemState.FILED, True),
        (ItemState.REVIEW, True),
        (ItemState.FAILED, True),
        (ItemState.SET_ASIDE, True),  # to people that is failed
        (ItemState.REJECTED, False),
        (ItemState.UNDONE, False),
        (ItemState.ROLLED_BACK, False),
    ],
)
def test_after_which_ends_something_is_done(bench: HookBench, state: ItemState, *, wanted: bool) -> None:
    bench.tree = bench.rules("after: {run: /bin/true, states: [filed, review, failed]}")
    queue = bench.queue()
    queue.prepare()
    item = bench.end(state=state)
    assert ([[item.id]] if wanted else []) == _all(queue)


def test_filed_alone_counts_where_nothing_else_is_said(bench: HookBench) -> None:
    queue = bench.queue()
    queue.prepare()
    bench.end(state=ItemState.REVIEW)
    bench.end(state=ItemState.FAILED)
    filed = bench.end()
    assert [[filed.id]] == _all(queue)


def test_nothing_is_done_after_what_a_repair_found(bench: HookBench) -> None:
    queue = bench.queue()
    queue.prepare()
    bench.end(detail={FOUND: True})
    assert [] == _all(queue)


def test_nothing_is_done_after_a_video_that_was_undone_before(bench: HookBench) -> None:
    queue = bench.queue()
    queue.prepare()
    item = bench.end()
    queue.take_in()
    bench.change(item, state="undone")
    assert _next(queue) is None
    assert 1 == queue.waiting()  # the request, which was not looked at yet
    assert _next(queue, POST) is None
    assert 0 == queue.waiting()


def test_a_rule_says_otherwise_for_itself_and_the_rules_below_it(bench: HookBench) -> None:
    rules = """rules:
  - {name: sea, after: none, rules: [{name: calm}, {name: rough, after: {run: /bin/false}}]}
  - {name: fire, rules: [{name: big}]}"""
    bench.tree = bench.rules(BOTH, rules)
    queue = bench.queue()
    queue.prepare()
    for rule in ("sea", "sea/calm"):
        bench.end(rule=rule)
    wanted = [bench.end(rule=rule) for rule in ("sea/rough", "fire", "fire/big", "")]
    commands = {}
    while bundle := _next(queue):
        queue.done(bundle)
        commands[bundle.items[0].rule] = bundle.after.run
    assert {item.rule for item in wanted} == commands.keys()
    assert ("/bin/false",) == commands["sea/rough"]
    assert ("/bin/true", "{path}") == commands["fire/big"]


def test_what_fails_is_tried_again_ever_later_then_given_up(bench: HookBench) -> None:
    queue = bench.queue(pauses_s=(0.0, 0.0, 3600.0))
    queue.prepare()
    bench.end()
    paused = []
    while bundle := _next(queue):
        queue.begin(bundle)
        paused.append(queue.failed(bundle, for_good=False))
    assert [0.0, 0.0, None] == paused  # retries: 2
    assert 1 == queue.gave_up
    assert 1 == queue.waiting()  # the request


def test_while_one_waits_for_its_next_try_the_others_are_done(bench: HookBench) -> None:
    queue = bench.queue(pauses_s=(3600.0,))
    queue.prepare()
    bench.end("a.mp4")
    second = bench.end("b.mp4")
    first = _next(queue)
    assert first is not None
    queue.begin(first)
    assert 3600.0 == queue.failed(first, for_good=False)
    assert [[second.id]] == _all(queue)
    _, wait_s = queue.next(RUN, quiet_s=0.0)
    assert wait_s is not None
    assert 3000 < wait_s <= 3600


def test_what_ends_vsortd_each_time_is_given_up(bench: HookBench) -> None:
    """Such as a command that restarts it."""
    item = None
    for _ in range(5):
        queue = bench.queue()
        queue.prepare()
        item = item or bench.end()
        bundle = _next(queue)
        assert bundle is not None
        queue.begin(bundle)
        queue.close()
    queue = bench.queue()
    queue.prepare()
    assert _next(queue) is None
    assert 1 == queue.gave_up


def test_a_batch_is_gathered_until_nothing_comes_and_stays_one(bench: HookBench) -> None:
    bench.tree = bench.rules(BATCH)
    queue = bench.queue()
    queue.prepare()
    items = [bench.end(f"{name}.mp4").id for name in "abc"]
    assert _next(queue, quiet_s=3600.0) is None
    _, wait_s = queue.next(RUN, quiet_s=3600.0)
    assert wait_s is not None
    assert wait_s > 3000
    bundle = _next(queue, quiet_s=0.0)
    assert bundle is not None
    assert items == [item.id for item in bundle.items]
    queue.begin(bundle)
    queue.close()
    queue = bench.queue()
    queue.prepare()
    late = bench.end("late.mp4")
    assert [items, [late.id]] == _all(queue)


def test_what_is_gathered_by_different_rules_words_are_different_batches(bench: HookBench) -> None:
    bench.tree = bench.rules(
        BATCH, "rules: [{name: sea}, {name: fire, after: {run: /bin/false, batch: true}}, {name: ice}]"
    )
    queue = bench.queue()
    queue.prepare()
    numbers = {rule: bench.end(rule=rule).id for rule in ("sea", "fire", "ice")}
    assert [[numbers["sea"], numbers["ice"]], [numbers["fire"]]] == _all(queue)


def test_a_batch_that_the_config_no_longer_wants_as_one_loses_no_video(bench: HookBench) -> None:
    bench.tree = bench.rules(BATCH)
    queue = bench.queue()
    queue.prepare()
    items = [bench.end(f"{name}.mp4").id for name in "abc"]
    assert _next(queue) is not None  # it is one now
    bench.tree = bench.rules("after: {run: /bin/true}")
    queue.prepare()
    assert [[number] for number in items] == _all(queue)


def test_no_more_wait_than_there_is_room_for_and_none_is_lost(bench: HookBench) -> None:
    queue = bench.queue(most=4)
    queue.prepare()
    numbers = [bench.end(f"{number}.mp4").id for number in range(30)]
    queue.take_in()
    assert 8 == queue.waiting()  # a command and a request after each
    runs, posts = [], []
    while queue.waiting():
        runs += _all(queue)
        posts += _all(queue, POST)
    assert [[number] for number in numbers] == runs == posts


def test_a_config_that_wants_nothing_drops_what_waits_and_begins_anew_later(bench: HookBench) -> None:
    queue = bench.queue()
    queue.prepare()
    bench.end()
    queue.take_in()
    wanted, bench.tree = bench.tree, bench.rules("")
    assert queue.prepare()
    assert 0 == queue.waiting()
    bench.end("meanwhile.mp4")
    assert [] == _all(queue)
    bench.tree = wanted
    queue.prepare()
    item = bench.end("later.mp4")
    assert [[item.id]] == _all(queue)


def test_without_a_word_of_it_in_the_config_no_file_is_made(bench: HookBench) -> None:
    bench.tree = bench.rules("")
    assert bench.queue().prepare()
    assert not deliveries_path(bench.state).exists()


def test_one_process_does_it_at_a_time(bench: HookBench) -> None:
    queue = bench.queue()
    with HookLock(bench.state):
        assert not queue.prepare()
        assert _next(queue) is None
    assert queue.prepare()


def test_an_older_journal_is_looked_through_from_its_end(bench: HookBench) -> None:
    """One that was restored: its numbers are given once more."""
    queue = bench.queue()
    queue.prepare()
    items = [bench.end(f"{name}.mp4") for name in "abc"]
    assert 3 == len(_all(queue))
    queue.close()
    with bench.journal.db.write() as db:
        db.execute("DELETE FROM item WHERE id > ?", (items[0].id,))
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'item'", (items[0].id,))
    queue = bench.queue()
    queue.prepare()
    again = bench.end("again.mp4")
    assert again.id == items[1].id
    assert [[again.id]] == _all(queue)


def test_what_waited_is_not_done_after_the_videos_of_another_journal(bench: HookBench) -> None:
    queue = bench.queue()
    queue.prepare()
    bench.end()
    queue.take_in()
    assert 2 == queue.waiting()
    queue.close()
    bench.journal.close()
    for left in bench.state.glob("journal*"):
        left.unlink()
    bench.journal = Journal.open(bench.state / "journal.sqlite3")
    bench.end("another.mp4")  # with the same number
    queue = bench.queue()
    queue.prepare()
    assert 0 == queue.waiting()
    assert [] == _all(queue)


def test_a_damaged_file_is_set_aside_and_it_begins_anew(bench: HookBench) -> None:
    path = deliveries_path(bench.state)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"no database" * 1000)
    queue = bench.queue()
    assert queue.prepare()
    assert path.with_name(f"{path.name}.damaged").exists()
    item = bench.end()
    assert [[item.id]] == _all(queue)
