"""Labels that may be wrong: those of the reviews that all networks and the bag of words contradict most surely."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.comparison import read_predictions
from tasks.data.unpadded import UnpaddedReviews
from tasks.data.vocabulary import words_by_token, words_of
from tasks.results.data import Dataset
from tasks.results.training import Evaluation
from tasks.results.yardstick import Suspect, Suspects, Yardstick
from tasks.storage.files import atomic_path
from tasks.storage.layout import BAG_OF_WORDS, OUT_OF_FOLD

WRITTEN, SHOWN, WORDS = 1_000, 10, 60
PARTS = ("train", "test")  # The numbers of the parts in a survey of own texts, too.
COLUMN = "bag_of_words"
NETWORK_COLUMN = "probability_"  # With the name of the network.


def find_suspects(path: Path, dataset: Dataset, evaluations: Sequence[Evaluation], yardstick: Yardstick) -> Suspects:
    """Find the labels that every judge contradicts, and write the first ones to `suspects.parquet`, the surest first.

    Test reviews are judged by each network at its last epoch, as the mean over its seeds, and by the bag of words.
    Training reviews are judged only by a bag of words that has not seen their labels: the networks have seen them, and
    a network that has learned a wrong label by heart would confirm it.

    Columns of the file: part, review_id, file and row, label, score, a column of probabilities of "positive" for each
    judge (empty for judges that have seen the label), and words (the last ones). File and row are where the review is
    in the user's own texts, as messages count rows, and empty for other data.

    Args:
        path: the file to write.
        dataset: the reviews.
        evaluations, yardstick: the judges.
    """
    judged = pd.concat([_training(yardstick), _test(evaluations, yardstick)], ignore_index=True)
    names = [str(name) for name in judged]
    judges = [name for name in names if name == COLUMN or name.startswith(NETWORK_COLUMN)]
    against = judged[judges].where(judged["label"] == 0, 1 - judged[judges])
    judged.insert(4, "score", against.min(axis=1))
    contradicted = judged[judged["score"] > 0.5].sort_values("score", ascending=False, kind="stable")
    written = contradicted.head(WRITTEN).copy()
    written["words"] = _words(dataset, written)
    written = _with_origins(dataset, written)
    with atomic_path(path) as temporary:
        written.to_parquet(temporary, index=False)
    rows = [dict(zip(map(str, written), row, strict=True)) for row in written.head(SHOWN).to_numpy()]
    return Suspects(len(judged), len(contradicted), len(written), tuple(map(_suspect, rows)))


def _training(yardstick: Yardstick) -> pd.DataFrame:
    rows = pd.read_parquet(yardstick.folder / OUT_OF_FOLD)
    return _judged("train", rows)


def _test(evaluations: Sequence[Evaluation], yardstick: Yardstick) -> pd.DataFrame:
    judged = _judged("test", pd.read_parquet(yardstick.folder / BAG_OF_WORDS))
    for model, seeds in read_predictions(evaluations).probabilities.items():
        judged[NETWORK_COLUMN + model] = np.mean(list(seeds.values()), axis=0)
    return judged


def _judged(part: str, rows: pd.DataFrame) -> pd.DataFrame:
    columns = {"part": part, "review_id": rows["review_id"], "row": rows["row"], "label": rows["label"]}
    return pd.DataFrame({**columns, COLUMN: rows["probability"]})


def _words(dataset: Dataset, chosen: pd.DataFrame) -> NDArray[np.object_]:
    """The last words of each chosen review, as the networks see them; `row` is its place in the split."""
    by_token = words_by_token(dataset.vocabulary)
    words = np.full(len(chosen), "", object)
    for part, split in zip(PARTS, (dataset.train, dataset.test), strict=True):
        here = np.flatnonzero(chosen["part"] == part)
        tokens = UnpaddedReviews.read(split.unpadded).tokens_of(chosen["row"].to_numpy()[here]).last(WORDS)
        words[here] = [" ".join(words_of(tokens.review(i).tolist(), by_token)) for i in range(len(tokens))]
    return words


def _with_origins(dataset: Dataset, chosen: pd.DataFrame) -> pd.DataFrame:
    """The chosen reviews with the file and the row of each; `row` was its place in the split."""
    files, rows = np.full(len(chosen), None, object), np.zeros(len(chosen), np.int64)
    survey = dataset.source.survey
    if survey is not None:
        texts = pd.read_parquet(survey.reviews, columns=["part", "place", "file", "row"])
        for number, part in enumerate(PARTS):
            in_part = texts[texts["part"] == number].set_index("place")
            here = np.flatnonzero(chosen["part"] == part)
            found = in_part.loc[chosen["review_id"].to_numpy()[here]]
            files[here], rows[here] = found["file"].astype(str), found["row"]
    with_files = chosen.assign(row=pd.Series(rows, chosen.index).where(rows > 0).astype("Int64"))
    with_files.insert(2, "file", pd.Series(files, chosen.index, dtype="str"))
    return with_files


def _suspect(values: dict[str, Any]) -> Suspect:
    judges = {name.removeprefix(NETWORK_COLUMN): name for name in values if name.startswith(NETWORK_COLUMN)}
    return Suspect(
        part=values["part"],
        review_id=int(values["review_id"]),
        file=None if pd.isna(values["file"]) else str(values["file"]),
        row=None if pd.isna(values["row"]) else int(values["row"]),
        label=int(values["label"]),
        score=float(values["score"]),
        bag_of_words=float(values[COLUMN]),
        networks={model: float(values[name]) for model, name in judges.items() if not pd.isna(values[name])},
        words=tuple(values["words"].split()),
    )
