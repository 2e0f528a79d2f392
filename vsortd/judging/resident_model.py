"""The resident model: loaded once, in the background, together with the vectors of the rules.

Whoever needs it waits; when it can't be had the reason is kept for `status`, and a daemon goes on trying.

Letting the model go only drops this one's reference. The encoder is closed when the last holder has dropped it
(`vision.batching`), so that no search or sort finds it closed half-way, and an idle model's memory is free at once.
"""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

from vsortd.core.measured_facts import MUSIC_SHARE
from vsortd.core.system import descriptors
from vsortd.errors import Cancelled, ChangedError, HalfLoadedError, ModelError, VsortdError
from vsortd.judging.model_source import OwnModels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.config.rules import RuleTree
    from vsortd.config.settings import ModelChoice
    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.judging.model_source import ModelSource
    from vsortd.judging.resident_sound import ResidentSound
    from vsortd.judging.sound_evidence import SoundRules
    from vsortd.vision.encoder import Encoder, ModelInfo
    from vsortd.vision.prompts import RuleVectors

# Waits before a model that couldn't be had is asked for again, seconds; the last one for good.
RETRY_AFTER_S = (15.0, 30.0, 60.0, 300.0)
# So many texts take a large model a second or two on a processor: who calls off waits no longer.
_TEXTS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Listening:
    """A loaded sound model and what the rules listen to in its terms."""

    encoder: SoundEncoder
    rules: SoundRules


@dataclass(frozen=True, slots=True)
class Classifier:
    """A loaded encoder and the rules in its terms. Whoever holds it, or its encoder, keeps the model in memory."""

    encoder: Encoder
    tree: RuleTree
    vectors: RuleVectors
    listening: Listening | None = None  # where some rule listens

    @property
    def key(self) -> str:
        """What makes embeddings comparable: name, weights and preprocessing."""
        return self.encoder.info.key


class ResidentModel:
    """Loads the encoder on a thread of its own and hands out the `Classifier`.

    With `keep_trying`, a model that can't be had is asked for again and again (a daemon: the weights may come);
    without, `get` raises the ModelError. A load that broke off half-way is never tried again: it left libraries in
    pieces, and each further try would fail by those; see `when_half_loaded`. Nobody waits for a model that a reload has
    replaced; see `send_back`.

    `refine` makes of the classifier by texts alone the one that is handed out, asked anew each time: it knows what was
    taught meanwhile. `texts_path` is the file that keeps the vectors of texts between runs. `sound` is the sound model,
    which is loaded as well where a rule listens or asks for music, and let go with the other. `models` is where the
    encoder comes from, by default this process.
    """

    def __init__(
        self,
        choice: str | ModelChoice,
        tree: RuleTree,
        *,
        keep_trying: bool,
        refine: Callable[[Classifier], Classifier] | None = None,
        texts_path: Path | None = None,
        sound: ResidentSound | None = None,
        models: ModelSource | None = None,
    ) -> None:
        self._choice = choice
        self._models = models or OwnModels()
        self._sound = sound
        self._sound_is_own = True
        self._texts_path = texts_path
        self._tree = tree
        self._keep_trying = keep_trying
        self._refine = refine
        self._changed = threading.Condition()
        self._classifier: Classifier | None = None
        self._error: VsortdError | None = None
        self._tell_half_loaded: Callable[[HalfLoadedError], None] = lambda _: None
        self._stopping = False
        self._replaced = False
        self._poked = False
        self._started = False
        self._begun_s = 0.0
        self._used_s = time.monotonic()
        self._thread = self._new_thread()

    def start(self) -> None:
        """Begin to load, unless that has begun."""
        with self._changed:
            if not (self._started or self._stopping or self._replaced):
                self._started, self._begun_s = True, time.monotonic()
                self._thread.start()

    def when_half_loaded(self, tell: Callable[[HalfLoadedError], None]) -> None:
        """Have `tell` called, on the loader's thread, when a load breaks off half-way; at once where one has."""
        with self._changed:
            self._tell_half_loaded = tell
            error = self._error
        if isinstance(error, HalfLoadedError):
            tell(error)

    def get(self, cancel: threading.Event) -> Classifier:
        """Wait for the model; begins to load it where nobody has.

        Raises ModelError when it can't be had, ChangedError when it isn't here and a reload has replaced it, Cancelled
        when `cancel` is set meanwhile, and what `refine` raises.
        """
        self._used_s = time.monotonic()
        with self._changed:
            while self._classifier is None:
                if self._replaced and not cancel.is_set():
                    raise ChangedError("the config came to name another model while it waited for this one")
                self.start()  # also when it was let go since the last turn
                if self._error is not None and (not self._keep_trying or isinstance(self._error, HalfLoadedError)):
                    raise self._error
                if self._stopping or cancel.is_set():
                    raise Cancelled
                self._changed.wait(0.2)
            classifier, refine = self._classifier, self._refine
        self._used_s = time.monotonic()
        return classifier if refine is None else refine(classifier)

    def lend(self, cancel: threading.Event) -> Encoder | None:
        """Return the encoder alone, for who judges by rules of its own; None where it can't be had now.

        Waits while it is loaded; begins to load it where nobody has.
        """
        self._used_s = time.monotonic()
        with self._changed:
            while self._classifier is None:
                if self._replaced or self._stopping or self._error is not None or cancel.is_set():
                    return None
                self.start()
                self._changed.wait(0.2)
            return self._classifier.encoder

    @property
    def idle_s(self) -> float:
        """How long ago somebody asked for the model, or it was made, seconds."""
        return time.monotonic() - self._used_s

    @property
    def classifier(self) -> Classifier | None:
        """The loaded model with the rules by their texts alone, or None while there is none."""
        with self._changed:
            return self._classifier

    @property
    def loading(self) -> bool:
        """Whether there is no model yet, and it is on its way: no load failed, and it was not let go."""
        with self._changed:
            return self._started and not self._stopping and self._classifier is None and self._error is None

    @property
    def loading_s(self) -> float | None:
        """For how long it has been on its way, seconds; None where it isn't."""
        return time.monotonic() - self._begun_s if self.loading else None

    @property
    def replaced(self) -> bool:
        """Whether nobody gets this one any more: it isn't here, and a reload has brought another."""
        with self._changed:
            return self._replaced and self._classifier is None

    @property
    def trouble(self) -> str:
        """Why there is no model yet, or ""."""
        with self._changed:
            return "" if self._error is None else str(self._error)

    def change_rules(
        self,
        tree: RuleTree,
        refine: Callable[[Classifier], Classifier] | None = None,
        *,
        cancel: threading.Event | None = None,
    ) -> None:
        """Judge by other rules from now on; who has the `Classifier` in hand keeps it.

        Raises ModelError when the model fails, Cancelled when `cancel` is set meanwhile; the rules are the old ones
        then.
        """
        with self._changed:
            classifier = self._classifier
            if classifier is None:  # the load under way, or the next one, takes these
                self._tree, self._refine = tree, refine
                if self._error is not None:  # these rules may well be what was wrong
                    self.try_again()
                return
        changed = _classifier(classifier.encoder, tree, self._sound, cancel)
        with self._changed:
            self._tree, self._refine = tree, refine
            if self._classifier is not None:  # else it was let go meanwhile
                self._classifier = changed

    def beside(
        self, tree: RuleTree, refine: Callable[[Classifier], Classifier] | None, *, cancel: threading.Event
    ) -> ResidentModel:
        """Return a model that judges by other rules with what is loaded here; this one goes on by its own.

        Waits for the model. Raises like `get`; texts are embedded as in `change_rules`. Closing it lets go nothing that
        is loaded here.
        """
        encoder = self.get(cancel).encoder
        other = ResidentModel(
            self._choice,
            tree,
            keep_trying=False,
            refine=refine,
            texts_path=self._texts_path,
            sound=self._sound,
            models=self._models,
        )
        other._sound_is_own = False
        other._classifier = _classifier(encoder, tree, self._sound, cancel)
        return other

    def try_again(self) -> None:
        """Ask for a missing model now instead of at the next interval."""
        with self._changed:
            self._poked = True
            self._changed.notify_all()

    def send_back(self) -> None:
        """Let who waits begin anew: the config names another model now. Who has this one in hand keeps it.

        One that is here goes on serving what began with it, until it is closed; one that isn't is asked for no more.
        """
        with self._changed:
            self._replaced = True
            self._changed.notify_all()

    def unload(self) -> None:
        """Let the loaded model go until it is asked for again; who has it in hand keeps it. Nothing without one."""
        with self._changed:
            if self._classifier is None:
                return
            dropped, self._classifier = self._classifier, None
            self._thread = self._new_thread()
            self._started = False
        self._unload_sound()
        del dropped  # outside the lock: where nobody else has it, this waits for the end of the encoder's thread
        gc.collect()  # and what only a cycle still holds

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._work, name="model-loader", daemon=True)

    def close(self) -> None:
        """Stop trying and let the model go for good; who has it in hand keeps it.

        A load under way is not waited for: it can't be interrupted.
        """
        with self._changed:
            self._stopping = True
            dropped, self._classifier = self._classifier, None
            self._changed.notify_all()
        del dropped
        self._unload_sound()

    def _unload_sound(self) -> None:
        if self._sound is not None and self._sound_is_own:
            self._sound.unload()

    def _work(self) -> None:
        encoder: Encoder | None = None  # kept for the next try where only the rules could not be embedded
        tries = 0
        while not (self._stopping or self._replaced):
            try:
                started_s = time.perf_counter()
                encoder = encoder or self._load()
                classifier = _classifier(encoder, self._tree, self._sound)
            except Exception as error:  # noqa: BLE001 - torch raises anything; a worker must hear of it
                self._fail(_told(error, self._choice), tries)
            else:
                _tell_loaded(encoder.info, time.perf_counter() - started_s)
                if self._hand_out(classifier):
                    return
                continue  # its rules have changed meanwhile
            if not self._keep_trying or isinstance(self._error, HalfLoadedError):
                return
            self._wait(RETRY_AFTER_S[min(tries, len(RETRY_AFTER_S) - 1)])
            tries += 1

    def _load(self) -> Encoder:
        return self._models.encoder(self._choice, texts=self._texts_path)

    def _hand_out(self, classifier: Classifier) -> bool:
        """Give a classifier to who waits for it, unless it is too late; False where its rules are the former ones."""
        with self._changed:
            if self._stopping or self._replaced:
                return True
            if classifier.tree is not self._tree:
                return False
            self._classifier, self._error = classifier, None
            self._changed.notify_all()
            return True

    def _fail(self, error: VsortdError, tries: int) -> None:
        if tries == 0 and self._keep_trying and not isinstance(error, HalfLoadedError):
            logger.error("{} The files wait in the inbox; vsortd keeps trying.", error)
        with self._changed:
            self._error = error
            tell = self._tell_half_loaded
            self._changed.notify_all()
        if isinstance(error, HalfLoadedError):
            tell(error)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (self._stopping or self._replaced or self._poked):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            self._poked = False


def _told(error: Exception, choice: str | ModelChoice) -> VsortdError:
    """Return what is said of a load that failed, as HalfLoadedError where this process can't try again."""
    chain = list(_causes(error))
    short = any(descriptors.is_shortage(one) for one in chain)
    half = short or any(isinstance(one, MemoryError) or _broke_off(one) for one in chain)
    if isinstance(error, VsortdError) and not half:
        return error
    why = error.title if isinstance(error, VsortdError) else str(error) or repr(error)
    said = f"The model {choice} failed to load: {why.rstrip('.')}."
    if type(error).__name__ == "OutOfMemoryError":  # torch's: another program has the GPU's memory now
        return ModelError(said)
    remedy = "Only a new process can try again; a service manager starts one by itself."
    return HalfLoadedError(said, remedy=f"{descriptors.REMEDY} {remedy}" if short else remedy)


def _broke_off(error: BaseException) -> bool:
    """Tell whether an import began and did not end; a library that isn't there at all never began."""
    return isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def _classifier(
    encoder: Encoder, tree: RuleTree, sound: ResidentSound | None, cancel: threading.Event | None = None
) -> Classifier:
    from vsortd.vision.prompts import level_vectors

    embedding = encoder if cancel is None else _CancellableTexts(encoder, cancel)
    return Classifier(encoder, tree, level_vectors(tree, embedding), _listening(tree, sound))


def _listening(tree: RuleTree, sound: ResidentSound | None) -> Listening | None:
    """Return what is needed to listen; None where no rule does, and nothing is loaded then.

    Where conditions ask for music the sound model is loaded, too, so that files wait for one that can't be had.
    """
    if sound is not None and MUSIC_SHARE in tree.measured:
        sound.get()
    if sound is None or not any(rule.sound for rule in tree.walk()):
        return None
    from vsortd.judging.sound_evidence import sound_rules

    encoder = sound.get()
    rules = sound_rules(tree, encoder)
    return None if rules is None else Listening(encoder, rules)


class _CancellableTexts:
    """An encoder that embeds many texts a few at a time, and raises Cancelled in between when `cancel` is set."""

    def __init__(self, encoder: Encoder, cancel: threading.Event) -> None:
        self._encoder = encoder
        self._cancel = cancel
        self.info = encoder.info
        self.encode_images = encoder.encode_images
        self.unknown_words = encoder.unknown_words
        self.close = encoder.close

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts; returns [n, dim]. Raises Cancelled."""
        parts = [self._encoder.encode_texts([])]
        for begin in range(0, len(texts), _TEXTS_AT_ONCE):
            if self._cancel.is_set():
                raise Cancelled
            parts.append(self._encoder.encode_texts(texts[begin : begin + _TEXTS_AT_ONCE]))
        return np.concatenate(parts)


def _tell_loaded(info: ModelInfo, took_s: float) -> None:
    logger.info(
        "model {} / {} on {} ({}), ready after {:.1f} s", info.name, info.weights, info.device, info.dtype, took_s
    )
