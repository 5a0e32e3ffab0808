"""From raw text to probability: the scorer against Keras's `TextVectorization` and `model.predict`, in turn:
`python tests/benchmarks/scoring.py --npz imdb.npz --index imdb_word_index.json`.

Texts are rebuilt from the test reviews. `TextVectorization` gets the same rules and vocabulary; where its tokens
differ from ours, the numbers of neither side count, and the script ends with an error. The network is an untrained LSTM
of the tutorial's sizes.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(Path(__file__).parent.parent.parent))
VOCABULARY_SIZE, MAX_LENGTH, BATCH = 10_000, 500, 4_096


def main() -> None:
    """Time both ways on the same texts and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--npz", type=Path, required=True)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--reviews", type=int, default=25_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of Keras; the scorer uses a thread for each core")
    arguments = parser.parse_args()

    from tasks.models.loading import start_tensorflow

    start_tensorflow(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        texts = read_texts(arguments.npz, arguments.index, arguments.reviews)
        sides = make_sides(Path(folder), arguments.index, texts)
        seconds = time_sides(sides, arguments.rounds)
    keras, ours = (statistics.median(seconds[side]) for side in ("keras", "ours"))
    ratios = [a / b for a, b in zip(seconds["keras"], seconds["ours"], strict=True)]
    print(
        f"{len(texts):,} reviews, {arguments.threads} threads: keras {keras:.2f} s, ours {ours:.2f} s, ratio "
        f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}), {len(texts) / ours:,.0f} reviews/s"
    )


def read_texts(npz: Path, index: Path, count: int) -> Any:
    """The test reviews as texts."""
    from tasks.data.imdb_npz import read_imdb_npz
    from tasks.data.tokenizer import Tokenizer
    from tasks.results.data import IMDB_RULES

    _, reviews = read_imdb_npz(npz)
    return Tokenizer.read(index, IMDB_RULES).decode(reviews.ranks, reviews.offsets)[:count]


def make_sides(folder: Path, index: Path, texts: Any) -> dict[str, Callable[[], Any]]:
    """What each side does, once it is sure that both read the same tokens and say the same.

    Raises:
        SystemExit: they do not.
    """
    import numpy as np

    from tasks.models.keras_learner import build
    from tasks.models.scorer import Scorer
    from tasks.models.spec import preset
    from tasks.storage.files import write_json

    spec = preset("lstm", 32, 32, 0.0)
    model = build(spec, VOCABULARY_SIZE, 0.001, 1)
    model.save(folder / "best.keras")
    network = {"network": spec.model_dump(mode="json"), "seed": 1}
    sizes = {"vocabulary_size": VOCABULARY_SIZE, "max_length": MAX_LENGTH}
    write_json(folder / "network.json", network | sizes)
    scorer = Scorer(folder, index)
    to_tokens = text_vectorization(index)
    strings = np.array(texts.to_pylist(), object)

    def keras() -> Any:
        return model.predict(to_tokens(strings), batch_size=128, verbose=0)[:, 0]

    def ours() -> Any:
        return score_texts(scorer, texts)

    some = slice(0, 1_000)
    if not np.array_equal(to_tokens(strings[some]), scorer.encode(texts[some]).tokens.padded()):
        sys.exit("both sides read other tokens: the comparison is void")
    difference = np.abs(keras() - ours()).max()
    print(f"same tokens; probabilities differ by at most {difference:.1e}")
    return {"keras": keras, "ours": ours}


def text_vectorization(index: Path) -> Callable[[Any], Any]:
    """Texts to tokens by Keras, by the rules of `tasks.data.tokenizer`.

    `TextVectorization` gives 1 to unknown words and 2 to the first word. It cannot skip words, drops rare ones into
    "unknown", pads behind and cuts the end, so that its ragged ranks are moved, cut and padded in front afterwards.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    from tasks.data.tokenizer import SEPARATORS
    from tasks.data.tokens import OFFSET, START, UNKNOWN
    from tasks.data.vocabulary import read_word_index

    signs = "[" + "".join(f"\\x{ord(sign):02x}" for sign in SEPARATORS) + "]"
    words = sorted(read_word_index(index).items(), key=lambda item: item[1])
    kept = [word for word, rank in words if rank < VOCABULARY_SIZE - OFFSET]
    layer = keras.layers.TextVectorization(
        max_tokens=len(kept) + 2,
        standardize=lambda texts: tf.strings.regex_replace(tf.strings.lower(texts), signs, " "),
        split=lambda texts: tf.strings.split(texts, " "),
        output_mode="int",
        ragged=True,
        vocabulary=kept,
    )

    def to_tokens(texts: Any) -> Any:
        tokens = np.zeros((len(texts), MAX_LENGTH), np.int32)
        for first in range(0, len(texts), BATCH):
            ranks = layer(tf.constant(texts[first : first + BATCH]))
            lists = np.split(ranks.values.numpy(), ranks.row_splits.numpy()[1:-1])
            for row, review in enumerate(lists, start=first):
                moved = np.where(review == 1, UNKNOWN, review + (OFFSET - 1))[-MAX_LENGTH:]
                tokens[row, MAX_LENGTH - len(moved) :] = moved
                if len(moved) < MAX_LENGTH:
                    tokens[row, MAX_LENGTH - len(moved) - 1] = START
        return tokens

    return to_tokens


def score_texts(scorer: Any, texts: Any) -> Any:
    """As a scoring does it: batches side by side, one a core."""
    import numpy as np

    from tasks.data.own_texts.workers import in_order

    batches = (texts[first : first + BATCH] for first in range(0, len(texts), BATCH))
    return np.concatenate(list(in_order(lambda batch: scorer.predict(scorer.encode(batch).tokens), batches)))


def time_sides(sides: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side in each round, in turn; the check before has warmed both up."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for side in order:
            started = time.perf_counter()
            sides[side]()
            seconds[side].append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
