"""The drift flow: compares new texts with a network's training reviews."""

from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from artifacts.figures.render import data_uri, png
from artifacts.figures.scores import drift_figure
from artifacts.publish import Artifact
from artifacts.wording import drift as wording
from artifacts.wording.scoring import TOYS
from flows.ops.deployed_commit import warn_of_another_commit
from flows.ops.notify import FAILURES, announce, on_failure_hooks
from tasks.data.new_texts import NewTexts, read_npz, read_texts
from tasks.data.tokenizer import Tokenizer
from tasks.drift import check_drift
from tasks.errors import DataError
from tasks.fetch import fetch
from tasks.models.saved import SavedNetwork
from tasks.results.drift import Drift
from tasks.storage.layout import CACHE
from tasks.storage.networks import AUTO, Trained, find_network


@flow(name="drift", flow_run_name="drift {texts}", **on_failure_hooks(*FAILURES))
def drift_flow(
    texts: str,
    outputs: Path = Path("outputs"),
    model: str = AUTO,
    text_column: str = "text",
    fail_on_drift: bool = False,
) -> Drift:
    """Compare new texts with the training reviews of a network.

    Args:
        texts: texts as for `score`; an imdb.npz, whose test reviews are used; or "sample".
        outputs: folder that contains the registry.
        model: the network, named as for `score`.
        text_column: name of the column of texts.
        fail_on_drift: fail the run if the texts differ.

    Raises:
        DataError: a file cannot be read, or, with `fail_on_drift`, the texts differ.
    """
    warn_of_another_commit()
    result = measure(texts, text_column, outputs.resolve(), model)
    announce_drift(result)
    if fail_on_drift and result.alarms:
        raise DataError(wording.sentence(result))
    return result


@task(name="drift", task_run_name="drift {texts}", persist_result=False, cache_policy=NO_CACHE)
def measure(texts: str, text_column: str, outputs: Path, model: str) -> Drift:
    """Read the texts and compare them with the training reviews."""
    network = find_network(outputs, model)
    if network.toy:
        get_run_logger().warning(TOYS[network.toy])
    new = read_new_texts(texts, text_column, outputs, network)
    return check_drift(network.folder, network.train, new.tokens, new.lengths, logger=get_run_logger())


def read_new_texts(texts: str, text_column: str, outputs: Path, trained: Trained) -> NewTexts:
    """The texts, encoded in the network's tokens.

    Raises:
        DataError: the file does not exist or cannot be read.
    """
    network = SavedNetwork.read(trained.folder)
    index, path = network.word_index(trained.word_index), Path(texts)
    is_sample = texts == "sample"
    if not is_sample and path.suffix != ".npz":
        if not index:
            raise DataError(
                f"{network.folder}: vocabulary.json contains no words, so texts cannot be read; give an imdb.npz"
            )
        tokenizer = Tokenizer(index, network.word_rules)
        return read_texts(path, text_column, tokenizer, network.vocabulary_size, network.max_length)
    source = fetch.keep(None if is_sample else path, "sample" if is_sample else "auto", outputs / CACHE)
    return read_npz(
        source.path, source.word_index if index else None, index, network.vocabulary_size, network.max_length
    )


def announce_drift(result: Drift) -> None:
    """Report how far the texts have drifted."""
    sentence = wording.sentence(result)
    picture = data_uri(png(drift_figure(result)))
    announce(
        sentence,
        Artifact("drift", wording.markdown(result, picture), sentence),
        Artifact("drift-figures", wording.rows(result), sentence),
    )
