// From text to tokens by the same rules as in tasks/data.

const PAD = 0;
const START = 1;
const UNKNOWN = 2;
const OFFSET = 3;
const SEPARATORS = /[!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~\t\n]/g;

/** A function from a text to its words: by the rules `unicode` if the page has their tables, else by those of IMDB. */
function wordSplitter(tables) {
  return tables.letters ? unicodeSplitter(tables) : imdbWords;
}

/** Lower-cases ASCII letters, replaces punctuation by spaces, splits only at U+0020: other spaces belong to words. */
function imdbWords(text) {
  const lower = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return lower.replace(SEPARATORS, " ").split(" ").filter((word) => word !== "");
}

/** The rules of tasks/data/unicode_words.py; characters that their tables lack are spaces. */
function unicodeSplitter({ letters, numbers, marks, characters, removed, upper, lower }) {
  const small = [...lower];
  const lowerOf = new Map([...upper].map((character, place) => [character, small[place]]));
  const ignored = new RegExp(`[${removed}]`, "gu");
  const other = new RegExp(`[^${letters}${numbers}${marks}${characters}'’＇‐‑-]`, "gu");
  const part = `[${letters}][${marks}]*['-](?=[${letters}])|[${letters}${numbers}][${marks}]*`;
  const word = new RegExp(`[${characters}]|(?:${part})+`, "gu");
  return (text) => {
    const composed = text.replace(ignored, "").replace(other, " ").normalize("NFC");
    const lowered = [...composed].map((character) => lowerOf.get(character) ?? character).join("");
    const words = lowered.replace(/i\u0307/g, "i").normalize("NFC").match(word) ?? [];
    return words.map((each) => each.replace(/(?<=.)σ$/u, "ς"));
  };
}

/** A word's token: null if the index lacks the word, 2 if its rank is beyond the vocabulary. */
function tokenOf(word, ranks, vocabularySize) {
  const rank = ranks.get(word);
  if (rank === undefined) return null;
  return rank + OFFSET < vocabularySize ? rank + OFFSET : UNKNOWN;
}

/** The start token, then the tokens of the words in the index. */
function tokensOf(words, ranks, vocabularySize) {
  const tokens = words.map((word) => tokenOf(word, ranks, vocabularySize));
  return [START, ...tokens.filter((token) => token !== null)];
}
