// The page: each network reads the typed text, a few milliseconds at a time.

const SLICE_MS = 8;
const SHOW_EVERY_MS = 50;
const ANNOUNCE_AFTER_MS = 1000;
const IDLE_HINT = "Point at a word, or move to it with the keyboard, to read the review without it.";

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const ranks = new Map(Object.entries(data.ranks));
const wordsOf = wordSplitter(data.word_tables);
const networks = data.networks.map((description) => makeNetwork(description, data.max_length));

const shown3 = (probability) => probability.toFixed(3);
const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};
const isPositive = (probability) => probability > 0.5;

/** The text's words, with the tokens that the networks read. `ends[i]`: tokens up to word i, with the start token. */
class Review {
  constructor(text) {
    this.words = wordsOf(text);
    this.wordTokens = this.words.map((word) => tokenOf(word, ranks, data.vocabulary_size));
    this.tokens = [START];
    this.ends = this.wordTokens.map((token) => (token === null ? this.tokens.length : this.tokens.push(token)));
    // Tokens beyond the networks' length are cut at the start; only a limited number of words is shown.
    this.cut = Math.max(0, this.tokens.length - data.max_length);
    const read = this.ends.findIndex((end) => end > this.cut);
    this.first = Math.max(read, this.words.length - 2 * data.max_length, 0);
  }

  without(place) {
    if (this.wordTokens[place] === null) return this.tokens;
    const at = this.ends[place] - 1;
    return this.tokens.filter((_, position) => position !== at);
  }

  count(isCounted) {
    return this.wordTokens.filter(isCounted).length;
  }
}

/** One network's results for the review, kept while they are valid, so that typing at the end costs one word. */
class Reading {
  constructor(network) {
    this.network = network;
    this.tokens = [];
    this.after = [];
    this.withoutWord = new Map();
  }

  update(tokens) {
    let same = 0;
    while (same < tokens.length && tokens[same] === this.tokens[same]) same++;
    this.after.length = Math.min(this.after.length, same + 1);
    this.tokens = tokens;
    this.withoutWord.clear();
  }

  get final() {
    return this.after[this.tokens.length];
  }

  *readFinal() {
    if (this.final !== undefined) return;
    const probability = yield* this.network.read(this.network.lastTokens(this.tokens));
    this.after[this.tokens.length] = probability;
  }

  *readWords(first) {
    yield* this.network.readEnds(this.tokens, first, this.after);
  }

  *readWithout(place, tokens) {
    if (this.withoutWord.has(place)) return;
    const probability = yield* this.network.read(this.network.lastTokens(tokens));
    this.withoutWord.set(place, probability);
  }
}

/** One network's part of the page. */
class Panel {
  constructor(section, reading) {
    this.reading = reading;
    this.label = section.dataset.label;
    const names = ["verdict", "share", "without", "chart", "line", "marker", "words"];
    for (const name of names) this[name] = section.querySelector(`.${name}`);
    this.section = section;
    this.painted = [];
  }

  get buttons() {
    return this.words.children;
  }

  showWords() {
    const shown = review.words.length - review.first;
    while (this.buttons.length > shown) this.words.lastChild.remove();
    this.painted.length = this.buttons.length;
    const added = document.createDocumentFragment();
    for (let place = this.buttons.length; place < shown; place++) added.append(newButton());
    this.words.append(added);
    this.section.classList.toggle("empty", shown === 0);
  }

  show() {
    const { final, after } = this.reading;
    this.section.setAttribute("aria-busy", String(final === undefined));
    if (final !== undefined) {
      const when = review.words.length ? "" : "before the first word: ";
      const label = data.labels[isPositive(final) ? 1 : 0];
      setText(this.verdict, `${when}${label}, probability of “${data.labels[1]}”: ${shown3(final)}`);
      this.share.style.width = `${100 * final}%`;
    }
    const points = [];
    for (let place = review.first; place < review.words.length; place++) {
      const probability = after[review.ends[place]];
      this.paint(place, probability);
      if (probability !== undefined) points.push(`${place - review.first + 0.5},${100 * (1 - probability)}`);
    }
    this.chart.setAttribute("viewBox", `0 0 ${Math.max(1, review.words.length - review.first)} 100`);
    // A single point has no line, so it becomes a short one.
    if (points.length === 1) points.unshift(points[0].replace(/^[^,]+/, "0"));
    this.line.setAttribute("points", points.join(" "));
    this.showInspected();
  }

  /** Paints a word, unless it is unchanged since it was last painted. */
  paint(place, probability) {
    const at = place - review.first;
    const now = { word: review.words[place], token: review.wordTokens[place], probability };
    const then = this.painted[at];
    if (then?.word === now.word && then.token === now.token && then.probability === probability) return;
    paint(this.buttons[at], now);
    this.painted[at] = now;
  }

  showInspected() {
    const at = inspected === null ? -1 : inspected - review.first;
    this.marker.setAttribute("visibility", at < 0 ? "hidden" : "visible");
    for (const end of ["x1", "x2"]) this.marker.setAttribute(end, at + 0.5);
    this.words.querySelector(".inspected")?.classList.remove("inspected");
    this.buttons[at]?.classList.add("inspected");
    setText(this.without, this.sentence());
  }

  sentence() {
    if (inspected === null) return IDLE_HINT;
    const word = `Without “${review.words[inspected]}”: `;
    const [before, after] = [this.reading.final, this.reading.withoutWord.get(inspected)];
    if (before === undefined || after === undefined) return `${word}…`;
    if (review.wordTokens[inspected] === null) return `${word}no change, the networks skip it`;
    return `${word}${shown3(after)} instead of ${shown3(before)} (${signed(after - before)})`;
  }
}

function signed(change) {
  const digits = shown3(Math.abs(change));
  return `${change < 0 && digits !== "0.000" ? "−" : "+"}${digits}`;
}

function newButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.tabIndex = -1;
  return button;
}

const KINDS = { skipped: ", not in the word index, skipped", unknown: ", outside the vocabulary" };

/** The word, its colour, its mark if it is unknown, and its text for a screen reader. */
function paint(button, { word, token, probability }) {
  const kind = token === null ? "skipped" : token === UNKNOWN ? "unknown" : "";
  const level = probability === undefined || kind === "skipped" ? "" : `q${Math.round(10 * probability)}`;
  setText(button, word);
  button.className = `${kind} ${level}`.trim();
  const said = probability === undefined ? "" : `, ${shown3(probability)} ${data.labels[1]}`;
  button.setAttribute("aria-label", `${word}${KINDS[kind] ?? ""}${said}`);
}

// Display.

let review = new Review("");
let inspected = null;
const readings = networks.map((network) => new Reading(network));
const panels = [...document.querySelectorAll("section.network")].map((section, at) => new Panel(section, readings[at]));
const text = byId("text");

function readText() {
  review = new Review(text.value);
  inspected = null;
  for (const reading of readings) reading.update(review.tokens);
  for (const panel of panels) {
    panel.showWords();
    setTabStop(panel, 0);
  }
  setText(byId("count"), countSentence());
  const first = review.words.length ? review.ends[review.first] : 1;
  start([...readings.map((reading) => reading.readFinal()), ...readings.map((reading) => reading.readWords(first))]);
  show();
  announceLater();
}

function inspect(place, isAnnounced) {
  if (place === inspected || place >= review.words.length) return;
  inspected = place;
  for (const panel of panels) panel.showInspected();
  if (place === null) return;
  const tokens = review.without(place);
  start(readings.map((reading) => reading.readWithout(place, tokens)), { isNew: false });
  if (isAnnounced) announceLater();
}

function show() {
  for (const panel of panels) panel.show();
}

function countSentence() {
  const [skipped, unknown] = [review.count((token) => token === null), review.count((token) => token === UNKNOWN)];
  const parts = [plural(review.words.length, "word")];
  if (skipped) parts.push(`${skipped.toLocaleString("en")} not in the word index: skipped`);
  if (unknown) parts.push(`${unknown.toLocaleString("en")} outside the vocabulary: read as one unknown word`);
  if (review.first) {
    const hidden = review.first.toLocaleString("en");
    parts.push(`the first ${hidden} are not shown: the networks read the last ${data.max_length} tokens`);
  }
  return parts.join(" · ");
}

// Work, a slice at a time.

let queue = [];
let isWorking = false;
let shownAt = 0;

function start(jobs, { isNew = true } = {}) {
  queue = isNew ? jobs : [...jobs, ...queue];
  if (isWorking) return;
  isWorking = true;
  work();
}

function work() {
  const end = performance.now() + SLICE_MS;
  while (queue.length && performance.now() < end) {
    if (queue[0].next().done) queue.shift();
  }
  isWorking = queue.length > 0;
  if (!isWorking || end - shownAt > SHOW_EVERY_MS) {
    show();
    shownAt = end;
  }
  if (isWorking) setTimeout(work);
}

/** Runs a reading to its end at once, for tests. */
function finish(job) {
  for (;;) {
    const { done, value } = job.next();
    if (done) return value;
  }
}

// Announcements to screen readers: when the user pauses, not at each key.

let announcement = 0;

function announceLater() {
  clearTimeout(announcement);
  announcement = setTimeout(announce, ANNOUNCE_AFTER_MS);
}

function announce() {
  if (queue.length) return announceLater();
  const sentence = (panel) => `${panel.label}: ${inspected === null ? panel.verdict.textContent : panel.sentence()}`;
  const sentences = panels.map(sentence);
  if (inspected === null) sentences.unshift(countSentence());
  setText(byId("status"), sentences.join(". "));
}

// The keyboard, the pointer, the buttons.

/** Puts one word of each network in the tab order; the arrow keys move from it. */
function setTabStop(panel, at) {
  panel.words.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
  panel.buttons[at]?.setAttribute("tabindex", "0");
}

const MOVES = { ArrowRight: (at) => at + 1, ArrowLeft: (at) => at - 1, Home: () => 0, End: (_, last) => last };

function placeOf(panel, event) {
  const at = [...panel.buttons].indexOf(event.target.closest("button"));
  return at < 0 ? null : at + review.first;
}

function listenTo(panel) {
  panel.words.addEventListener("pointerover", (event) => inspect(placeOf(panel, event), false));
  panel.words.addEventListener("pointerleave", () => inspect(focused(), false));
  panel.words.addEventListener("focusin", (event) => {
    const place = placeOf(panel, event);
    setTabStop(panel, place - review.first);
    inspect(place, true);
  });
  panel.words.addEventListener("focusout", () => inspect(null, false));
  panel.words.addEventListener("click", (event) => event.target.closest("button")?.focus()); // Safari would not.
  panel.words.addEventListener("keydown", (event) => {
    if (event.key === "Escape") text.focus();
    const move = MOVES[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const last = panel.buttons.length - 1;
    const at = move(placeOf(panel, event) - review.first, last);
    panel.buttons[Math.min(Math.max(at, 0), last)].focus();
  });
  const plot = panel.chart.parentElement;
  plot.addEventListener("pointermove", (event) => {
    const { left, width } = panel.chart.getBoundingClientRect();
    const at = Math.floor(((event.clientX - left) / width) * panel.buttons.length);
    if (panel.buttons[at]) inspect(at + review.first, false);
  });
  plot.addEventListener("pointerleave", () => inspect(focused(), false));
}

/** The position of the word with keyboard focus, or null. */
function focused() {
  const words = document.activeElement.closest(".words");
  return words ? [...words.children].indexOf(document.activeElement) + review.first : null;
}

function useText(value) {
  text.value = value;
  readText();
}

/** Whether the vocabulary is in the example's language. */
function isReadable(example) {
  const words = wordsOf(example);
  return words.filter((word) => tokenOf(word, ranks, data.vocabulary_size) > UNKNOWN).length > words.length / 2;
}

for (const button of document.querySelectorAll("[data-example]")) {
  button.hidden = !isReadable(button.dataset.example);
  button.addEventListener("click", () => useText(button.dataset.example));
}
byId("clear").addEventListener("click", () => {
  useText("");
  text.focus();
});
text.addEventListener("input", readText);
panels.forEach(listenTo);
// Text that the browser kept over a reload takes precedence over an example.
useText(text.value || (document.querySelector("[data-example]:not([hidden])")?.dataset.example ?? ""));
byId("reader").hidden = false;
