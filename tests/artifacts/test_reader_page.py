import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from artifacts import pages
from tasks.data.unicode_words import portable_tables
from tasks.models.keras_learner import build
from tasks.models.saved import read_saved_weights
from tasks.models.spec import ModelSpec, preset
from tasks.results.export import ReaderNetwork, ReaderPage
from tests.tasks.data.word_cases import ALONE, DECOMPOSED, MIXED, words

VOCABULARY_SIZE, MAX_LENGTH = 60, 40
SEPARATORS = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))
UPPER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
NASTY = '</script><img src=x onerror="document.title=1"> & "q" \'s\' {{ 7 * 7 }}'

# Ranks 1 to 56 are inside the vocabulary, the others outside. Words that only the exact rules give are among them.
INDEX_WORDS = (
    "the and a of to is br in it i this that was as for with movie but film on not you he are his have be one all at "
    "they by an who so from like there or just about out if has what some good great bad isn't Écran café \x96 "
    "a\u00a0b constructor __proto__ 1999 naïve superb awful dull bright plot scene"
).split(" ")
RANKS = {word: rank for rank, word in enumerate(INDEX_WORDS, 1)}

SPECS = [
    preset("simple_rnn", 8, 6, 0.0),
    preset("lstm", 8, 6, 0.0),
    preset("gru", 8, 6, 0.0),
    preset("stacked_simple_rnn", 6, 5, 0.0),
    preset("bidirectional_lstm", 6, 5, 0.0),
    ModelSpec(name="mixed", cell="gru", units=(7, 4, 3), bidirectional=True, embedding=5),
    ModelSpec(name="stacked_lstm", cell="lstm", units=(6, 4), embedding=5, dropout=0.2),
]


def tokens_of(text: str) -> list[int]:
    """The rules, written again in Python."""
    words = [word for word in text.translate(UPPER).translate(SEPARATORS).split(" ") if word]
    ranks = [RANKS[word] + 3 for word in words if word in RANKS]
    return [1, *(token if token < VOCABULARY_SIZE else 2 for token in ranks)]


def padded(texts: list[str]) -> NDArray[np.int32]:
    """Tokens of the texts, shape (texts, MAX_LENGTH), cut and padded in front."""
    rows = np.zeros((len(texts), MAX_LENGTH), np.int32)
    for row, text in zip(rows, texts, strict=True):
        tokens = tokens_of(text)[-MAX_LENGTH:]
        row[MAX_LENGTH - len(tokens) :] = tokens
    return rows


def texts_of(count: int) -> list[str]:
    """Texts of every length, with capitals, punctuation, markup, other spaces, words that no index holds."""
    draw = np.random.default_rng(5)
    fixed = ["", " ", NASTY, "THE FILM<br /><br />isn't\tbad\n\ngood", "É Écran écran", "a\u00a0b a\u0085b", "\0 🎬"]
    pieces = [*INDEX_WORDS, "The", "GREAT", "zzz", "(good)", "a-b", "film...", "écran", "<br />", "\u2028", "\n"]
    longest = 3 * MAX_LENGTH
    texts = [" ".join(draw.choice(pieces, draw.integers(1, longest))) for _ in range(count - len(fixed))]
    return [*fixed, *texts]


def choices(words: Sequence[str], count: int) -> list[str]:
    """So many words, drawn."""
    return np.random.default_rng(1).choice(words, count).tolist()


def trained(spec: ModelSpec) -> Any:
    """A model whose embedding and biases matter, as after training."""
    model = build(spec, VOCABULARY_SIZE, 0.01, seed=3)
    draw = np.random.default_rng(7)
    weights = [draw.normal(0, 0.7, weight.shape) if weight.ndim < 2 else weight for weight in model.get_weights()]
    weights[0] = draw.normal(0, 1, weights[0].shape)
    weights[-2] = 6 * weights[-2]
    model.set_weights(weights)
    return model


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return {spec.name: trained(spec) for spec in SPECS}


@pytest.fixture(scope="module")
def record(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> ReaderPage:
    folder = tmp_path_factory.mktemp("models")
    networks = []
    for spec in SPECS:
        models[spec.name].save(folder / f"{spec.name}.keras")
        weights = read_saved_weights(spec, len(models[spec.name].get_weights()[0]), folder / f"{spec.name}.keras")
        networks.append(ReaderNetwork(spec.name, spec.cell, spec.units, spec.bidirectional, 3, 0.875, weights))
    return ReaderPage("20260101-abc", "IMDB reviews", VOCABULARY_SIZE, MAX_LENGTH, RANKS, tuple(networks))


@pytest.fixture
def requests(page: Page) -> list[str]:
    """Everything that the page asked for, itself left out."""
    asked: list[str] = []
    page.on("request", lambda request: None if request.is_navigation_request() else asked.append(request.url))
    return asked


@contextmanager
def without_problems(page: Page) -> Iterator[None]:
    """Errors and violations of the content policy: there must be none."""
    seen: list[str] = []
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("console", lambda message: seen.append(message.text) if message.type in ("error", "warning") else None)
    yield
    assert seen == []


@pytest.fixture
def opened(record: ReaderPage, page: Page, tmp_path: Path) -> Iterator[Page]:
    with without_problems(page):
        yield open_page(page, record, tmp_path)


def open_page(page: Page, record: ReaderPage, folder: Path) -> Page:
    (folder / "reader.html").write_text(pages.reader_html(record), encoding="utf-8")
    page.goto((folder / "reader.html").as_uri())
    return page


def type_review(page: Page, text: str) -> None:
    page.get_by_label("Review").fill(text)
    wait(page)


def wait(page: Page) -> None:
    """Until all is read. Playwright's own waiting evaluates strings, which the content policy forbids."""
    while page.evaluate("isWorking"):
        page.wait_for_timeout(10)


def verdicts(page: Page) -> list[float]:
    return [float(text.split()[-1]) for text in page.locator(".verdict").all_text_contents()]


def test_tokens_are_those_of_the_rules(opened: Page) -> None:
    texts = texts_of(200)
    ours = opened.evaluate("texts => texts.map(text => tokensOf(wordsOf(text), ranks, data.vocabulary_size))", texts)
    assert ours == [tokens_of(text) for text in texts]


def test_words_of_any_language_are_those_of_the_rules(record: ReaderPage, page: Page, tmp_path: Path) -> None:
    opened = open_page(page, replace(record, word_tables=portable_tables()), tmp_path)
    texts = [ALONE, *MIXED, *DECOMPOSED]
    assert opened.evaluate("texts => texts.map(text => wordsOf(text))", texts) == words(texts)


def test_tokens_by_hand(opened: Page) -> None:
    def tokens(text: str) -> list[int]:
        return opened.evaluate("text => tokensOf(wordsOf(text), ranks, data.vocabulary_size)", text)

    assert tokens("The FILM<br />was not-good, zzz") == [1, 4, 22, 10, 16, 24, 50]
    assert tokens("isn't isn t") == [1, RANKS["isn't"] + 3]
    assert tokens("Écran écran") == [1, RANKS["Écran"] + 3]
    assert tokens("a\u00a0b") == [1, RANKS["a\u00a0b"] + 3]
    assert tokens("plot scene constructor toString") == [1, 2, 2, RANKS["constructor"] + 3]


@pytest.mark.parametrize("name", [spec.name for spec in SPECS])
def test_probabilities_equal_keras(opened: Page, models: dict[str, Any], name: str) -> None:
    texts = texts_of(50)
    ours = opened.evaluate(
        """([texts, at]) => texts.map((text) => {
          const tokens = tokensOf(wordsOf(text), ranks, data.vocabulary_size);
          return finish(networks[at].read(networks[at].lastTokens(tokens)));
        })""",
        [texts, [spec.name for spec in SPECS].index(name)],
    )
    expected = models[name].predict(padded(texts), verbose=0)[:, 0]
    assert np.std(expected) > 0.02
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_shows_the_probabilities_of_keras(opened: Page, models: dict[str, Any]) -> None:
    for text in ("", "The plot isn't bad. zzz", "good great superb " * 30):
        type_review(opened, text)
        expected = [model.predict(padded([text]), verbose=0)[0, 0] for model in models.values()]
        np.testing.assert_allclose(verdicts(opened), expected, atol=6e-4)


@pytest.mark.parametrize("count", [5, 3 * MAX_LENGTH])
def test_each_word_shows_what_the_text_up_to_it_gives(opened: Page, models: dict[str, Any], count: int) -> None:
    words = choices([word for word in INDEX_WORDS if "_" not in word], count)
    type_review(opened, " ".join(words))
    shown = words[-min(count, MAX_LENGTH) :]
    prefixes = [" ".join(words[: len(words) - len(shown) + place + 1]) for place in range(len(shown))]
    for name, model in models.items():
        buttons = opened.get_by_role("group", name=f"as {name} reads").get_by_role("button", include_hidden=True)
        labels = [button.get_attribute("aria-label") or "" for button in buttons.all()]
        ours = [float(label.split()[-2]) for label in labels]
        np.testing.assert_allclose(ours, model.predict(padded(prefixes), verbose=0)[:, 0], atol=6e-4)


def test_typing_on_and_editing_give_what_a_new_page_gives(opened: Page) -> None:
    def state() -> list[float]:
        return opened.evaluate("readings.flatMap(reading => [...reading.after.slice(2)])")

    type_review(opened, "the plot was good and")
    type_review(opened, "the plot was good and great but the scene was bad")
    type_review(opened, "the plot was not good and great but")
    edited = state()
    opened.reload()
    type_review(opened, "the plot was not good and great but")
    np.testing.assert_allclose(edited, state(), atol=1e-6)


@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_missing_word_shows_the_change(opened: Page, models: dict[str, Any], place: int) -> None:
    words = "the plot was not good zzz".split()
    type_review(opened, " ".join(words))
    opened.locator(".words").first.get_by_role("button").nth(place).hover()
    wait(opened)
    texts = [" ".join(words), " ".join(words[:place] + words[place + 1 :])]
    for sentence, model in zip(opened.locator(".without").all_text_contents(), models.values(), strict=True):
        assert sentence.startswith(f"Without “{words[place]}”: ")
        before, after = model.predict(padded(texts), verbose=0)[:, 0]
        if words[place] == "zzz":
            assert "no change" in sentence
        else:
            shown = [float(number.replace("−", "-")) for number in re.findall(r"[−+]?\d\.\d+", sentence)]
            np.testing.assert_allclose(shown, [after, before, after - before], atol=1.1e-3)
    opened.get_by_label("Review").hover()
    expect(opened.locator(".without").first).to_contain_text("Point at a word")


def test_without_a_word_of_a_long_text_a_word_that_was_cut_comes_back(opened: Page, models: dict[str, Any]) -> None:
    words = choices(INDEX_WORDS[:40], 2 * MAX_LENGTH)
    type_review(opened, " ".join(words))
    opened.locator(".words").first.get_by_role("button").last.hover()
    wait(opened)
    expected = models["simple_rnn"].predict(padded([" ".join(words[:-1])]), verbose=0)[0, 0]
    shown = float(re.findall(r"\d\.\d+", opened.locator(".without").first.text_content() or "")[0])
    assert shown == pytest.approx(expected, abs=6e-4)


def test_unknown_words_are_marked(opened: Page) -> None:
    type_review(opened, "good scene zzz")
    buttons = opened.locator(".words").first.get_by_role("button")
    expect(buttons.nth(1)).to_have_class(re.compile("unknown"))
    expect(buttons.nth(2)).to_have_class("skipped")
    expect(buttons.nth(2)).to_have_attribute("aria-label", re.compile("zzz, not in the word index, skipped"))
    expect(opened.locator("#count")).to_have_text(
        "3 words · 1 not in the word index: skipped · 1 outside the vocabulary: read as one unknown word"
    )


def test_words_are_coloured_by_what_the_network_says(opened: Page) -> None:
    type_review(opened, "the film isn't bad and good but zzz scene " * 3)
    seen = opened.evaluate(
        """panels.flatMap(panel => [...panel.buttons].map((button, at) => {
          const style = getComputedStyle(button);
          const token = review.wordTokens[at + review.first];
          const value = panel.reading.after[review.ends[at + review.first]];
          return [token, value, style.backgroundColor, style.textDecorationLine];
        }))"""
    )
    for token, value, colour, line in seen:
        level = round(10 * value)
        expected = "0, 0, 0" if level == 5 or token is None else "118, 42, 131" if level < 5 else "240, 228, 66"
        assert expected in colour
        assert line == {None: "line-through", 2: "underline"}.get(token, "none")


def test_a_word_more_is_all_that_is_read_again(opened: Page) -> None:
    type_review(opened, "the film was good " * 8)
    missing = """() => {
      text.value += " and";
      readText();
      return readings.map((reading) => review.ends.filter((end) => reading.after[end] === undefined).length);
    }"""
    # What needs little time is read at once, so one or none is still missing.
    assert set(opened.evaluate(missing)) <= {0, 1}


def test_text_from_people_is_never_markup(record: ReaderPage, page: Page, tmp_path: Path) -> None:
    networks = (replace(record.networks[0], label=NASTY), *record.networks[1:])
    nasty = replace(
        record,
        title=NASTY,
        run=NASTY,
        networks=networks,
        left_out=(NASTY,),
        ranks=RANKS | {NASTY: 9},
        labels=("schlecht", "<b>gut</b>"),
    )
    with without_problems(page):
        open_page(page, nasty, tmp_path)
        type_review(page, f"{NASTY} <b>good</b>")
    assert page.locator("img, .words b").count() == 0
    assert page.title() == f"Reader · {NASTY}"
    expect(page.get_by_role("heading", name=NASTY)).to_be_visible()
    expect(page.locator(".legend .q10")).to_have_text("<b>gut</b>")
    expect(page.locator(".verdict").first).to_contain_text("probability of “<b>gut</b>”: 0.")
    assert "onerror" in page.locator(".words").first.get_by_role("button").all_text_contents()


def test_asks_for_nothing_and_its_policy_forbids_it(requests: list[str], opened: Page, record: ReaderPage) -> None:
    type_review(opened, "good film http://127.0.0.1:9/x.png")
    assert requests == []
    html = pages.reader_html(record)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r"<[^>]*\son\w+=|<[^>]*\sstyle=", html)


def test_the_policy_stops_other_scripts(record: ReaderPage, page: Page, tmp_path: Path) -> None:
    html = pages.reader_html(record).replace("<main", '<script>document.title = "broken in"</script><main')
    (tmp_path / "reader.html").write_text(html, encoding="utf-8")
    page.goto((tmp_path / "reader.html").as_uri())
    assert page.title() != "broken in"


def test_the_keyboard_reaches_each_word_and_leaves_again(opened: Page) -> None:
    type_review(opened, "the plot was good")
    opened.get_by_label("Review").focus()
    for _ in range(20):
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.closest('.words') !== null"):
            break

    def focused() -> str:
        return opened.evaluate("document.activeElement.textContent")

    assert focused() == "the"
    reached = {"ArrowRight": "plot", "End": "good", "ArrowLeft": "was", "Home": "the"}
    for key, word in reached.items():
        opened.keyboard.press(key)
        assert focused() == word
    opened.keyboard.press("ArrowRight")
    expect(opened.locator(".without").first).to_contain_text("Without “plot”")
    opened.keyboard.press("Tab")  # One stop for each network.
    assert opened.evaluate("panels.findIndex(panel => panel.words.contains(document.activeElement))") == 1
    opened.keyboard.press("Escape")
    assert opened.evaluate("document.activeElement.id") == "text"


def test_a_screen_reader_hears_the_result_once_a_person_pauses(opened: Page) -> None:
    status = opened.get_by_role("status")
    type_review(opened, "the film was good")
    expect(status).to_contain_text("4 words. simple_rnn: ")
    opened.get_by_role("group", name="as lstm reads").get_by_role("button").first.focus()
    expect(status).to_contain_text("lstm: Without “the”: 0.")
    assert opened.get_by_role("region", name="stacked_lstm").count() == 1
    unnamed = """[...document.querySelectorAll("button, textarea, [role=group]")].filter(
      (element) => !element.ariaLabel && !element.textContent && !element.labels?.length).length"""
    assert opened.evaluate(unnamed) == 0


def test_the_line_runs_over_the_words(opened: Page) -> None:
    type_review(opened, "the plot was good")
    points = opened.locator(".line").first.get_attribute("points") or ""
    heights = [float(point.split(",")[1]) for point in points.split()]
    values = opened.evaluate("readings[0].after.slice(2)")
    np.testing.assert_allclose(heights, [100 * (1 - value) for value in values])


def test_pointing_at_the_line_finds_the_word(opened: Page) -> None:
    type_review(opened, "the plot was good")
    chart = opened.locator(".chart").first
    box = chart.bounding_box()
    assert box
    chart.hover(position={"x": 0.6 * box["width"], "y": 20})
    expect(opened.locator(".without").last).to_contain_text("Without “was”")


@pytest.mark.parametrize("width", [390, 1300])
def test_nothing_runs_over_the_edge(opened: Page, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 900})
    type_review(opened, "the plot was good " * 20 + "x" * 300)
    assert opened.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_words_of_every_colour_can_be_read(opened: Page, scheme: Literal["dark", "light"]) -> None:
    opened.emulate_media(color_scheme=scheme)
    contrast = opened.evaluate(
        """() => {
          const page = getComputedStyle(document.body);
          const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
          const linear = (c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
          const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
          const ground = numbers(page.backgroundColor);
          const word = document.body.appendChild(document.createElement("span"));
          return [...Array(11).keys()].map((level) => {
            word.className = `q${level}`;
            const [r, g, b, alpha = 1] = numbers(getComputedStyle(word).backgroundColor);
            const mixed = [r, g, b].map((c, at) => alpha * c + (1 - alpha) * ground[at]);
            const [one, two] = [light(numbers(page.color)), light(mixed)].sort((a, b) => b - a);
            return (one + 0.05) / (two + 0.05);
          });
        }"""
    )
    assert min(contrast) >= 4.5


def test_examples_are_of_the_vocabularys_language(record: ReaderPage, page: Page, tmp_path: Path) -> None:
    open_page(page, replace(record, vocabulary_size=20), tmp_path)
    expect(page.get_by_role("button", name="A bad one")).to_be_hidden()
    examples = page.locator("[data-example]").evaluate_all("buttons => buttons.map(b => b.dataset.example)")
    words = re.findall(r"[\w']+", " ".join(examples).lower())
    open_page(page, replace(record, vocabulary_size=1000, ranks={w: r for r, w in enumerate(words, 1)}), tmp_path)
    page.get_by_role("button", name="A bad one").click()
    expect(page.locator(".words").first).to_contain_text("waste")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label("Review")).to_have_value("")


def test_says_which_epoch_and_what_is_left_out(record: ReaderPage, page: Page, tmp_path: Path) -> None:
    open_page(page, replace(record, left_out=("lstm seed 2",)), tmp_path)
    expect(page.locator(".about").first).to_have_text(
        "SimpleRNN, 8 units · epoch 3, its best by balanced validation accuracy (0.8750)"
    )
    expect(page.get_by_text("larger than 20 MB: lstm seed 2.")).to_be_visible()
