from dataclasses import replace

from artifacts.markup import html_spans
from artifacts.wording.report import about_reader, network_summary
from tasks.results.export import ReaderNetwork, ReaderPage

NETWORK = ReaderNetwork("lstm", "lstm", (16, 8), True, 3, 0.875, {})


def test_the_report_says_where_the_reader_is_or_why_there_is_none() -> None:
    reader = ReaderPage("run", "IMDB reviews", 50, 30, {"the": 1}, (NETWORK,))
    assert html_spans(about_reader(reader)).startswith('<a href="reader.html">Type a review')
    assert "without a word index" in html_spans(about_reader(replace(reader, ranks={})))
    assert "weights of each exceed 20 MB" in html_spans(about_reader(replace(reader, networks=())))


def test_a_network_is_described_with_its_epoch() -> None:
    assert (
        network_summary(NETWORK)
        == "Bidirectional LSTM, 16 + 8 units · epoch 3, its best by balanced validation accuracy (0.8750)"
    )
