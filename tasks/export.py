"""Export: writes a trained network as a model that works without this project."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.parquet import read_tokens
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import OFFSET, PAD, UNKNOWN, Tokens
from tasks.data.unicode_words import portable_tables
from tasks.errors import DataError, PipelineError
from tasks.machine import available_cores
from tasks.models.export import check as export_check
from tasks.models.export.onnx_model import write_onnx
from tasks.models.export.savedmodel import write_savedmodel
from tasks.models.export.unicode_ops import REFUSAL
from tasks.models.loading import start_tensorflow
from tasks.models.saved import SavedNetwork
from tasks.results.export import Export, ExportFormat
from tasks.storage.files import write_json, write_text
from tasks.storage.layout import BEST, NETWORK, VOCABULARY, WORD_TABLES
from tasks.storage.networks import Trained
from tasks.storage.reuse import LOGGER, Logger

REVIEWS, MAX_DIFFERENCE, BATCH = 1_000, 1e-5, 250
ANOTHER_NETWORK = 1e-3  # A difference in probability that rounding never makes.
CHECK_SECONDS = 600
MODEL: dict[ExportFormat, str] = {
    "savedmodel": "1",
    "onnx": "model.onnx",
}  # TensorFlow Serving requires a version number.
PACKAGES: dict[ExportFormat, tuple[str, ...]] = {
    "savedmodel": ("tensorflow", "keras"),
    "onnx": ("onnx", "onnxruntime", "keras"),
}


@dataclass(frozen=True)
class Examples:
    """Reviews with Keras's predictions.

    Attributes:
        tokens: int32, shape (reviews, max_length).
        probability: probability of "positive", shape (reviews,).
        texts: the same reviews as texts; a word beyond the vocabulary replaces each unknown token.
        text_tokens: the tokens of the texts.
        text_probability: Keras's predictions for `text_tokens`.
    """

    tokens: NDArray[np.int32]
    probability: NDArray[np.float32]
    texts: tuple[str, ...]
    text_tokens: NDArray[np.int32]
    text_probability: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write the examples to the file that the check reads."""
        content = [text.encode() for text in self.texts]
        np.savez(
            path,
            tokens=self.tokens,
            probability=self.probability,
            texts=np.frombuffer(b"".join(content), np.uint8),
            offsets=np.cumsum([0, *map(len, content)]),
            text_probability=self.text_probability,
        )


def export(
    network: Trained,
    folder: Path,
    kind: ExportFormat,
    readme: Callable[[Export], str],
    *,
    logger: Logger = LOGGER,
) -> Export:
    """Write a network into a new folder, which appears only if the exported model predicts what Keras predicts.

    Args:
        network: the network to export; the first 1,000 of its test reviews are checked.
        folder: the folder to write; it must be new or empty.
        kind: the model's format.
        readme: makes the folder's README.
        logger: gets one line about the result.

    Raises:
        PipelineError: the folder is not empty, a package is missing, a network for a SavedModel has no vocabulary, or
            the model, reloaded in a process without this project, differs from Keras by more than 1e-5.
    """
    folder = folder.absolute()
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise PipelineError(f"{folder}: already exists and is not an empty folder; give --to a new folder")
    saved = SavedNetwork.read(network.folder)
    index = saved.word_index(network.word_index)
    if kind == "savedmodel" and not index:
        raise DataError(
            f"{network.folder}: vocabulary.json contains no words, so texts cannot be read; use --format onnx"
        )
    with _whole_folder(folder) as new_folder:
        result = replace(_export_into(new_folder, saved, index, network.test, kind), folder=folder)
        write_text(new_folder / "README.md", readme(result))
    largest = max(result.differences.values())
    logger.info("%s as %s: at most %.1g from Keras on %d reviews", saved.label, kind, largest, result.reviews)
    return result


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder next to `folder`; it replaces `folder` if the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new_folder = Path(temporary) / folder.name
        new_folder.mkdir()
        yield new_folder
        if folder.exists():
            folder.rmdir()
        new_folder.rename(folder)


def _export_into(folder: Path, saved: SavedNetwork, index: Mapping[str, int], test: Path, kind: ExportFormat) -> Export:
    tokens = read_tokens(test)[:REVIEWS]
    expected = saved.predict(tokens).probabilities  # Reads the weights as network.json describes them.
    start_tensorflow(available_cores())
    import keras

    model = keras.models.load_model(saved.folder / BEST, compile=False, safe_mode=True)
    examples = _examples(model, saved, index, tokens)
    if not np.allclose(examples.probability, expected, rtol=0, atol=ANOTHER_NETWORK):
        raise DataError(f"{saved.folder / BEST}: contains another network than {NETWORK} describes; train it again")
    if kind == "savedmodel":
        write_savedmodel(model, index, saved.word_rules, saved.vocabulary_size, saved.max_length, folder / MODEL[kind])
    else:
        write_onnx(model, folder / MODEL[kind])
    differences = check(folder / MODEL[kind], kind, examples)
    write_json(folder / VOCABULARY, index)
    example = _example(examples)
    write_json(folder / "example.json", example)
    if kind == "onnx" and index and saved.word_rules.name == "unicode":
        write_json(folder / WORD_TABLES, portable_tables())
    return Export(
        folder=folder,
        format=kind,
        name=saved.spec.name,
        label=saved.label,
        labels=saved.labels,
        vocabulary_size=saved.vocabulary_size,
        max_length=saved.max_length,
        words=len(index),
        reviews=len(examples.tokens),
        differences=differences,
        versions={package: version(package) for package in PACKAGES[kind]},
        example=example,
        word_rules=saved.word_rules,
    )


def check(model: Path, kind: ExportFormat, examples: Examples) -> dict[str, float]:
    """The largest difference between the model and Keras for each kind of input, in a process without this project.

    Raises:
        PipelineError: the difference exceeds 1e-5, or the model cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as temporary:
        saved = Path(temporary) / "examples.npz"
        examples.save(saved)
        command = [sys.executable, "-I", export_check.__file__, kind, str(model), str(saved)]
        try:
            done = subprocess.run(  # noqa: S603 -- our own script
                command, capture_output=True, text=True, timeout=CHECK_SECONDS, cwd=temporary, check=False
            )
        except subprocess.TimeoutExpired:
            raise PipelineError(
                f"--format {kind}: the check of the exported model took more than {CHECK_SECONDS} s; nothing is written"
            ) from None
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        reason = REFUSAL if REFUSAL in done.stderr else last[0][:200]
        raise PipelineError(f"--format {kind}: the exported model cannot be used ({reason}); nothing is written")
    differences: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    if not max(differences.values()) <= MAX_DIFFERENCE:
        raise PipelineError(
            f"--format {kind}: the exported model differs from Keras by {max(differences.values()):.1e}, expected at "
            f"most {MAX_DIFFERENCE:.0e}; nothing is written"
        )
    return differences


def _examples(model: Any, saved: SavedNetwork, index: Mapping[str, int], tokens: Tokens) -> Examples:
    texts = _texts(tokens, index, saved.vocabulary_size)
    encoded = Tokenizer(index, saved.word_rules).encode(texts).tokens(saved.vocabulary_size, saved.max_length)
    whole, text_tokens = (each.padded().astype(np.int32) for each in (tokens, encoded))
    return Examples(whole, _predict(model, whole), texts, text_tokens, _predict(model, text_tokens))


def _texts(tokens: Tokens, index: Mapping[str, int], vocabulary_size: int) -> tuple[str, ...]:
    """Texts that have these tokens; a token without a word is skipped."""
    by_token = {rank + OFFSET: word for word, rank in index.items()}
    beyond = next((word for word, rank in index.items() if rank + OFFSET >= vocabulary_size), None)
    words = {token: word for token, word in by_token.items() if token < vocabulary_size}
    if beyond is not None:
        words[UNKNOWN] = beyond
    reviews = (tokens.review(row).tolist() for row in range(len(tokens)))
    return tuple(" ".join(words[token] for token in review if token in words) for review in reviews)


def _predict(model: Any, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
    probabilities: NDArray[np.float32] = model.predict(tokens, batch_size=BATCH, verbose=0)[:, 0]
    return probabilities


def _example(examples: Examples) -> dict[str, object]:
    """The shortest review, as an example of input and output."""
    row = int(np.argmin((examples.text_tokens != PAD).sum(axis=1)))
    tokens = examples.text_tokens[row]
    return {
        "text": examples.texts[row],
        "tokens": tokens[tokens != PAD].tolist(),
        "probability": round(float(examples.text_probability[row]), 6),
    }
