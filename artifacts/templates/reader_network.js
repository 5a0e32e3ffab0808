// The networks: Keras's recurrent layers, computed from the weights in the page.
//
// Work is written as generators that yield after each step, so that the page can respond to the keyboard.
// `read` returns the probability of "positive" for tokens that are padded at the start to `maxLength`; the state after
// the padding is not zero.

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** sums += vector · matrix; the matrix is stored row by row. */
function addProduct(sums, vector, matrix) {
  const columns = sums.length;
  for (let row = 0, at = 0; row < vector.length; row++) {
    const value = vector[row];
    for (let column = 0; column < columns; column++, at++) sums[column] += value * matrix[at];
  }
}

/** One recurrent cell. A state is the hidden state, which is the cell's output, followed by the LSTM's cell state. */
class Cell {
  constructor(units, gates, weights) {
    this.units = units;
    this.width = gates * units;
    Object.assign(this, weights);
  }

  get start() {
    return new Float32Array(this.stateSize);
  }

  get stateSize() {
    return this.units;
  }

  output(state) {
    return state.subarray(0, this.units);
  }

  /** The part of a step that depends only on the input: input · kernel + bias. */
  project(input) {
    const sums = Float64Array.from(this.bias.subarray(0, this.width));
    addProduct(sums, input, this.kernel);
    return sums;
  }
}

class SimpleRNN extends Cell {
  constructor(units, weights) {
    super(units, 1, weights);
  }

  step(projected, state) {
    const sums = projected.slice();
    addProduct(sums, state, this.recurrent_kernel);
    const next = new Float32Array(this.units);
    for (let unit = 0; unit < this.units; unit++) next[unit] = Math.tanh(sums[unit]);
    return next;
  }
}

/** Gates in Keras's order: input, forget, candidate, output. */
class LSTM extends Cell {
  constructor(units, weights) {
    super(units, 4, weights);
  }

  get stateSize() {
    return 2 * this.units;
  }

  step(projected, state) {
    const units = this.units;
    const sums = projected.slice();
    addProduct(sums, this.output(state), this.recurrent_kernel);
    const next = new Float32Array(2 * units);
    for (let unit = 0; unit < units; unit++) {
      const kept = sigmoid(sums[units + unit]) * state[units + unit];
      const cell = kept + sigmoid(sums[unit]) * Math.tanh(sums[2 * units + unit]);
      next[units + unit] = cell;
      next[unit] = sigmoid(sums[3 * units + unit]) * Math.tanh(cell);
    }
    return next;
  }
}

/** Gates in Keras's order: update, reset, candidate. The reset gate applies after the product, which has its own bias. */
class GRU extends Cell {
  constructor(units, weights) {
    super(units, 3, weights);
  }

  step(projected, state) {
    const units = this.units;
    const sums = Float64Array.from(this.bias.subarray(this.width));
    addProduct(sums, state, this.recurrent_kernel);
    const next = new Float32Array(units);
    for (let unit = 0; unit < units; unit++) {
      const update = sigmoid(projected[unit] + sums[unit]);
      const reset = sigmoid(projected[units + unit] + sums[units + unit]);
      const candidate = Math.tanh(projected[2 * units + unit] + reset * sums[2 * units + unit]);
      next[unit] = update * state[unit] + (1 - update) * candidate;
    }
    return next;
  }
}

const CELLS = { simple_rnn: SimpleRNN, lstm: LSTM, gru: GRU };

// States this close give the same answer to six decimals; padding brings most networks there after some hundred steps.
const CLOSE = 1e-6;

function areClose(one, other) {
  return one.every((state, layer) => state.every((value, place) => Math.abs(value - other[layer][place]) <= CLOSE));
}

function decoded(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** The parts that both kinds of network share: the embedding, the cells of each direction, the final sigmoid unit. */
class Network {
  constructor({ cell, units, weights }, maxLength) {
    const arrays = Object.fromEntries(Object.entries(weights).map(([name, base64]) => [name, decoded(base64)]));
    this.maxLength = maxLength;
    this.embedding = arrays.embedding;
    this.dense = { kernel: arrays["dense.kernel"], bias: arrays["dense.bias"] };
    this.makeCells = (direction) =>
      units.map((size, layer) => {
        const ofCell = (name) => arrays[`layer${layer}.${direction}.${name}`];
        const parts = { kernel: ofCell("kernel"), recurrent_kernel: ofCell("recurrent_kernel"), bias: ofCell("bias") };
        return new CELLS[cell](size, parts);
      });
    this.forward = this.makeCells("forward");
    this.features = this.forward[0].kernel.length / this.forward[0].width;
  }

  /** A function that returns a token's projection by a cell of the first layer; each token is projected once. */
  projections(cell) {
    const known = new Map();
    return (token) => {
      if (!known.has(token)) {
        const row = this.embedding.subarray(token * this.features, (token + 1) * this.features);
        known.set(token, cell.project(row));
      }
      return known.get(token);
    };
  }

  probability(features) {
    const sums = Float64Array.from(this.dense.bias);
    addProduct(sums, features, this.dense.kernel);
    return sigmoid(sums[0]);
  }

  /** The last tokens of a text that the network reads. */
  lastTokens(tokens, end = tokens.length) {
    return tokens.slice(Math.max(0, end - this.maxLength), end);
  }

  /** For each end from `first` on whose value `after` lacks: the probability if the text ended there. */
  *readEnds(tokens, first, after) {
    for (let end = first; end <= tokens.length; end++) {
      if (after[end] === undefined) after[end] = yield* this.read(this.lastTokens(tokens, end));
    }
  }
}

/** Layers that read from the first word to the last. The network's state consists of the states of all cells. */
class ForwardNetwork extends Network {
  constructor(description, maxLength) {
    super(description, maxLength);
    this.projected = this.projections(this.forward[0]);
    // The states after 0, 1, 2, … padding tokens: computed once, shared by all texts.
    this.padded = [this.forward.map((cell) => cell.start)];
  }

  step(token, states) {
    const next = [];
    this.forward.forEach((cell, layer) => {
      const projected = layer ? cell.project(this.forward[layer - 1].output(next[layer - 1])) : this.projected(token);
      next.push(cell.step(projected, states[layer]));
    });
    return next;
  }

  *afterPadding(count) {
    while (this.padded.length <= count) {
      this.padded.push(this.step(PAD, this.padded.at(-1)));
      yield;
    }
    return this.padded[count];
  }

  *readFrom(states, tokens) {
    for (const token of tokens) {
      states = this.step(token, states);
      yield;
    }
    return states;
  }

  says(states) {
    return this.probability(this.forward.at(-1).output(states.at(-1)));
  }

  *read(tokens) {
    const start = yield* this.afterPadding(this.maxLength - tokens.length);
    return this.says(yield* this.readFrom(start, tokens));
  }

  *readEnds(tokens, first, after) {
    let former = null;
    for (let end = first; end <= tokens.length; end++) {
      if (after[end] !== undefined) continue;
      const start = yield* this.afterPadding(Math.max(0, this.maxLength - end));
      // One more word, after padding that leaves the same state: resume the previous reading where it ended.
      const resumes = former?.end === end - 1 && end <= this.maxLength && areClose(former.start, start);
      const states = resumes
        ? this.step(tokens[end - 1], former.states)
        : yield* this.readFrom(start, this.lastTokens(tokens, end));
      former = { start: resumes ? former.start : start, end, states };
      after[end] = this.says(states);
      yield;
    }
  }
}

/** Layers that read in both directions, each layer's outputs side by side. */
class BidirectionalNetwork extends Network {
  constructor(description, maxLength) {
    super(description, maxLength);
    this.backward = this.makeCells("backward");
    this.projectedForward = this.projections(this.forward[0]);
    this.projectedBackward = this.projections(this.backward[0]);
  }

  /** The cell's state after each step. */
  *states(cell, projected) {
    const states = [];
    let state = cell.start;
    for (const input of projected) {
      state = cell.step(input, state);
      states.push(state);
      yield;
    }
    return states;
  }

  *projectAll(cell, inputs) {
    const projected = [];
    for (const input of inputs) {
      projected.push(cell.project(input));
      yield;
    }
    return projected;
  }

  *read(tokens) {
    const all = [...new Array(this.maxLength - tokens.length).fill(PAD), ...tokens];
    let ahead = all.map(this.projectedForward);
    let back = all.map(this.projectedBackward).reverse();
    for (let layer = 0; ; layer++) {
      const [forward, backward] = [this.forward[layer], this.backward[layer]];
      const join = (one, other) => Float32Array.of(...forward.output(one), ...backward.output(other));
      const statesAhead = yield* this.states(forward, ahead);
      const statesBack = yield* this.states(backward, back);
      if (layer === this.forward.length - 1) return this.probability(join(statesAhead.at(-1), statesBack.at(-1)));
      statesBack.reverse();
      const inputs = statesAhead.map((state, place) => join(state, statesBack[place]));
      ahead = yield* this.projectAll(this.forward[layer + 1], inputs);
      back = (yield* this.projectAll(this.backward[layer + 1], inputs)).reverse();
    }
  }
}

function makeNetwork(description, maxLength) {
  return new (description.bidirectional ? BidirectionalNetwork : ForwardNetwork)(description, maxLength);
}
