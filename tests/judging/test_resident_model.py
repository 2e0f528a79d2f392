"""The resident model: who has it in hand can use it, however it is let go meanwhile; then its memory is free."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.ears import PitchEncoder
from tests.support.waiting import PATIENCE_S, until
from vsortd.config.rules import build_rules
from vsortd.config.settings import Settings
from vsortd.errors import Cancelled, ChangedError, HalfLoadedError, ModelError
from vsortd.filing.journal import Journal
from vsortd.judging import resident_model
from vsortd.judging.corrections import Corrections
from vsortd.judging.example_store import ExampleStore, examples_path
from vsortd.judging.resident_model import Classifier, ResidentModel
from vsortd.judging.resident_sound import ResidentSound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.config.rules import RuleTree
    from vsortd.vision.encoder import Encoder


def settings_of(folder: Path, *names: str | dict[str, Any]) -> Settings:
    rules = [{"name": name} if isinstance(name, str) else name for name in names]
    values = {"inboxes": [{"path": str(folder / "in")}], "library": str(folder / "lib"), "rules": rules}
    return Settings.model_validate(values | {"model": "sample"})


def tree_of(folder: Path, *names: str | dict[str, Any]) -> RuleTree:
    return build_rules(settings_of(folder, *names))


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ResidentModel]:
    made = ResidentModel("sample", tree_of(tmp_path, "forest", "sea"), keep_trying=False)
    yield made
    made.close()


def encoder_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "encoder"]


def usable(encoder: Encoder) -> bool:
    side = encoder.info.preprocess.side_px
    rows = encoder.encode_images(np.zeros((1, side, side, 3), np.uint8))
    return bool(np.isfinite(rows).all() and np.isfinite(encoder.encode_texts(["never asked before"])).all())


@pytest.mark.parametrize("let_go", [ResidentModel.unload, ResidentModel.close])
def test_who_has_the_model_in_hand_can_use_it_until_it_is_done(
    model: ResidentModel, let_go: Callable[[ResidentModel], None]
) -> None:
    classifier = model.get(threading.Event())
    (thread,) = encoder_threads()
    model._thread.join(10)
    let_go(model)
    assert model.classifier is None
    assert usable(classifier.encoder)
    del classifier
    assert not thread.is_alive()


@pytest.mark.parametrize("let_go", [ResidentModel.unload, ResidentModel.close])
def test_a_model_that_nobody_uses_is_gone_when_letting_go_returns(
    model: ResidentModel, let_go: Callable[[ResidentModel], None]
) -> None:
    model.get(threading.Event())
    model._thread.join(10)  # the loader has it in hand a moment longer
    let_go(model)
    assert [] == encoder_threads()


@pytest.mark.parametrize("let_go", [ResidentModel.unload, ResidentModel.close])
def test_rules_tried_beside_it_leave_the_models_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, let_go: Callable[[ResidentModel], None]
) -> None:
    hears = {3000.0: "thunder"}
    monkeypatch.setattr("vsortd.hearing.sound_factory.load_sound_encoder", lambda *_, **__: PitchEncoder(hears))
    sound = ResidentSound("some/clap")
    tree = tree_of(tmp_path, {"name": "forest"}, {"name": "loud", "prompts": ["sea"], "sound": ["thunder"]})
    model = ResidentModel("sample", tree, keep_trying=False, sound=sound)
    try:
        before = model.get(threading.Event())
        tried = model.beside(tree, None, cancel=threading.Event())
        heard = tried.get(threading.Event()).listening
        assert before.listening is not None
        assert heard is not None
        assert before.listening.encoder is heard.encoder is sound.get()
        let_go(tried)
        assert (before, heard.encoder) == (model.classifier, sound.get())
    finally:
        model.close()
    assert heard.encoder is not sound.get()  # its own holder does let it go


def test_what_knows_the_examples_does_not_keep_the_model(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "forest", "sea")
    with ExampleStore(examples_path(tmp_path)) as store, Journal.open(tmp_path / "journal.sqlite3") as journal:
        refine = Corrections(settings, tmp_path, store, journal).applied
        model = ResidentModel("sample", build_rules(settings), keep_trying=False, refine=refine)
        model.get(threading.Event())
        model._thread.join(10)
        model.unload()
        assert [] == encoder_threads()
        model.close()


def test_an_error_does_not_keep_the_model(model: ResidentModel) -> None:
    encoder = model.get(threading.Event()).encoder
    model._thread.join(10)
    error = failure_of(encoder)
    del encoder
    model.unload()
    assert ([], "The model failed") == (encoder_threads(), str(error)[:16])


def failure_of(encoder: Encoder) -> Exception:
    texts: Any = [1]  # no text
    with pytest.raises(ModelError) as caught:
        encoder.encode_texts(texts)
    return caught.value.with_traceback(None)


def test_one_that_was_let_go_is_loaded_anew(model: ResidentModel) -> None:
    key = model.get(threading.Event()).key
    model.unload()
    classifier = model.get(threading.Event())
    assert (key, True) == (classifier.key, usable(classifier.encoder))


def test_one_let_go_before_who_waits_for_it_wakes_is_loaded_anew(model: ResidentModel) -> None:
    """A search asks for the model just as it is unloaded: it gets another one, and does not wait for ever."""

    class UnloadsOnce(threading.Condition):
        unloaded = False

        def notify_all(self) -> None:
            super().notify_all()
            if not self.unloaded:
                self.unloaded = True
                model.unload()  # whoever waits can't have woken: the lock is still held

    model._changed = UnloadsOnce()
    giving_up = threading.Event()
    timer = threading.Timer(20, giving_up.set)
    timer.start()
    try:
        assert usable(model.get(giving_up).encoder)
    finally:
        timer.cancel()
        timer.join()
    assert model._changed.unloaded


@pytest.mark.long
def test_one_let_go_while_rules_change_is_loaded_with_the_new_ones(
    model: ResidentModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.get(threading.Event())
    model._thread.join(10)
    embed = resident_model._classifier

    def unloaded_meanwhile(encoder: Encoder, tree: RuleTree, *cancel: threading.Event | None) -> Classifier:
        monkeypatch.setattr(resident_model, "_classifier", embed)
        model.unload()
        return embed(encoder, tree, *cancel)

    monkeypatch.setattr(resident_model, "_classifier", unloaded_meanwhile)
    model.change_rules(tree_of(tmp_path, "city"))
    assert [] == encoder_threads()  # nobody has asked for it since
    classifier = model.get(threading.Event())
    assert (["city"], True) == ([rule.name for rule in classifier.tree.rules], usable(classifier.encoder))


def test_a_load_that_ends_after_the_end_leaves_nothing(model: ResidentModel, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = resident_model._classifier
    embedding, closed = threading.Event(), threading.Event()

    def late(encoder: Encoder, tree: RuleTree, sound: None) -> Classifier:
        embedding.set()
        assert closed.wait(10)
        return embed(encoder, tree, sound)

    monkeypatch.setattr(resident_model, "_classifier", late)
    model.start()
    loader = model._thread
    assert embedding.wait(30)
    model.close()
    closed.set()
    loader.join(30)
    assert not loader.is_alive()
    assert [] == encoder_threads()
    with pytest.raises(Cancelled):
        model.get(threading.Event())


class Failing(ResidentModel):
    """A model whose loads end as given, one after another."""

    ends: list[BaseException]

    def _load(self) -> Encoder:
        if self.ends:
            raise self.ends.pop(0)
        return super()._load()


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(24, "Too many open files"), "ulimit -n"),
        (RuntimeError("libx.so: Too many open files"), "ulimit -n"),
        (RuntimeError("function '_has_torch_function' already has a docstring"), "Only a new process"),
        (ImportError("libx.so: undefined symbol"), "Only a new process"),
        (ModuleNotFoundError("No module named 'torch'"), "Only a new process"),
        (MemoryError(), "Only a new process"),
        (chained(ModelError("It can't be built."), ImportError("cannot import name x")), "Only a new process"),
        (chained(ModelError("It can't be read."), OSError(24, "Too many open files")), "ulimit -n"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseException) else "",
)
def test_a_load_that_broke_off_half_way_is_told_at_once_and_never_tried_again(
    tmp_path: Path, error: BaseException, says: str
) -> None:
    made, told = Failing("sample", tree_of(tmp_path, "sea"), keep_trying=True), list[BaseException]()
    made.ends = [error]
    made.when_half_loaded(told.append)
    for _ in range(2):
        with pytest.raises(HalfLoadedError, match=says):
            made.get(threading.Event())
        made.try_again()
    made._thread.join(PATIENCE_S)
    late: list[BaseException] = []
    made.when_half_loaded(late.append)
    assert [says in str(one) for one in (*told, *late)] == [True, True]
    made.close()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "error",
    [
        ModelError("The weights aren't there."),
        chained(ModelError("It wants more."), ModuleNotFoundError("No module named 'sentencepiece'")),
        chained(ModelError("No network."), OSError(101, "Network is unreachable")),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"),
    ],
    ids=["no weights", "a library that isn't there", "no network", "the GPU is full"],
)
def test_a_model_that_cannot_be_had_yet_is_tried_again_in_the_same_process(
    tmp_path: Path, error: BaseException
) -> None:
    made, told = Failing("sample", tree_of(tmp_path, "sea"), keep_trying=True), list[BaseException]()
    made.ends = [error]
    made.when_half_loaded(told.append)
    made.start()
    until(lambda: made.trouble, what="the first try has failed")
    made.try_again()
    assert made.get(threading.Event()).encoder is not None
    assert ([], "") == (told, made.trouble)
    made.close()
    error.with_traceback(None)  # its frames hold the encoder, and pytest holds it


def test_a_model_is_loading_from_the_start_of_the_load_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the load fails; a model that nobody asked for is not."""
    go_on = threading.Event()

    def refused(*_: object, **__: object) -> Encoder:
        assert go_on.wait(PATIENCE_S)
        raise ModelError("no weights")

    monkeypatch.setattr("vsortd.vision.factory.load_encoder", refused)
    model = ResidentModel("sample", tree_of(tmp_path, "forest", "sea"), keep_trying=False)
    assert (False, None) == (model.loading, model.loading_s)
    model.start()
    assert model.loading
    first_s = model.loading_s
    assert first_s is not None
    assert first_s < (model.loading_s or 0)
    go_on.set()
    with pytest.raises(ModelError):
        model.get(threading.Event())
    assert (False, None) == (model.loading, model.loading_s)
    model.close()


def waiting_for(model: ResidentModel, ends: list[object]) -> threading.Thread:
    """Begin to wait for a model on a thread of its own; what comes of it is noted."""

    def wait() -> None:
        try:
            ends.append(model.get(threading.Event()))
        except (ChangedError, Cancelled) as error:
            ends.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_nobody_waits_for_a_model_that_a_reload_has_replaced(tmp_path: Path) -> None:
    made, ends = Failing("sample", tree_of(tmp_path, "sea"), keep_trying=True), list[object]()
    made.ends = [ModelError("The weights aren't there.")]
    threads = [waiting_for(made, ends) for _ in range(3)]
    until(lambda: made.trouble, what="they wait")
    loader = made._thread
    assert not made.replaced
    made.send_back()
    for thread in (*threads, loader):  # and nobody tries to load it any more
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    late = waiting_for(made, ends)  # a video that was on its way to it
    late.join(PATIENCE_S)
    made.close()
    waiting_for(made, ends).join(PATIENCE_S)
    assert made.replaced
    assert [ChangedError] * 5 == ends


def test_a_model_that_is_here_serves_what_began_with_it_until_it_is_closed(model: ResidentModel) -> None:
    key = model.get(threading.Event()).key
    model._thread.join(10)
    model.send_back()
    assert (False, key) == (model.replaced, model.get(threading.Event()).key)
    model.close()
    assert model.replaced
    with pytest.raises(ChangedError):
        model.get(threading.Event())


def test_one_that_is_replaced_while_it_is_loaded_is_handed_to_nobody(
    model: ResidentModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = resident_model._classifier
    embedding, replaced = threading.Event(), threading.Event()

    def late(encoder: Encoder, tree: RuleTree, sound: None) -> Classifier:
        embedding.set()
        assert replaced.wait(PATIENCE_S)
        return embed(encoder, tree, sound)

    monkeypatch.setattr(resident_model, "_classifier", late)
    ends: list[object] = []
    waiting, loader = waiting_for(model, ends), model._thread
    assert embedding.wait(PATIENCE_S)
    model.send_back()
    waiting.join(PATIENCE_S)
    replaced.set()
    loader.join(PATIENCE_S)
    assert ([ChangedError], []) == (ends, encoder_threads())


def test_other_rules_are_tried_at_once_where_the_former_kept_the_model_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they wait for the next try, which is up to five minutes away."""
    embed = resident_model._classifier
    bad = tree_of(tmp_path, "sea")

    def refuses(encoder: Encoder, tree: RuleTree, sound: None) -> Classifier:
        if tree is bad:
            raise ModelError("The sound model's folder is not there.")
        return embed(encoder, tree, sound)

    monkeypatch.setattr(resident_model, "_classifier", refuses)
    monkeypatch.setattr(resident_model, "RETRY_AFTER_S", (10 * PATIENCE_S,))
    made, ends = ResidentModel("sample", bad, keep_trying=True), list[object]()
    thread = waiting_for(made, ends)
    until(lambda: made.trouble, what="the first try has failed")
    made.change_rules(tree_of(tmp_path, "city"))
    thread.join(PATIENCE_S)
    made.close()
    (found,) = ends
    assert isinstance(found, Classifier)
    assert ["city"] == [rule.name for rule in found.tree.rules]
