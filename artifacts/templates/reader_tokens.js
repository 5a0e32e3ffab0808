// From text to tokens by the rules of Keras's IMDB data, the same as in tasks/data.

const PAD = 0;
const START = 1;
const UNKNOWN = 2;
const OFFSET = 3;
const SEPARATORS = /[!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~\t\n]/g;

/** Lower-cases ASCII letters, replaces punctuation by spaces, splits only at U+0020: other spaces belong to words. */
function wordsOf(text) {
  const lower = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return lower.replace(SEPARATORS, " ").split(" ").filter((word) => word !== "");
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
