"""Every sentence about the reader: the page in which networks read what a person types."""

from artifacts.blocks import Link, Spans
from tasks.results.reader import MAX_WEIGHT_BYTES, Reader, ReaderNetwork

_CELLS = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
MAX_MEGABYTES = MAX_WEIGHT_BYTES // 1_000_000


def about_reader(reader: Reader) -> Spans:
    """Where to find the reader, or why there is none."""
    if not reader.ranks:
        return ("There is no page to try the networks on your own text: the data came without a word index.",)
    if not reader.networks:
        limit = f"{MAX_MEGABYTES} MB"
        return (f"There is no page to try the networks on your own text: the weights of each exceed {limit}.",)
    return Link("Type a review and watch the networks read it", "reader.html"), ", word by word, in your browser."


def network(network: ReaderNetwork) -> str:
    """Kind and size of a network, and which epoch it is from."""
    both = "Bidirectional " if network.bidirectional else ""
    sizes = " + ".join(map(str, network.units))
    return (
        f"{both}{_CELLS[network.cell]}, {sizes} units · epoch {network.epoch}, its best by validation accuracy "
        f"({network.validation_accuracy:.4f})"
    )
