// ---- The document, as encode.py describes it.

const IS_PYTHON = 1, IS_LIBRARY = 2;

/** Reads the report in `element`. Throws if it is damaged. */
function readReport(element) {
  const streams = new Streams(inflated(fromBase64(element.textContent)));
  const header = JSON.parse(new TextDecoder().decode(streams.next()));
  const report = { ...header, place: places(streams, header), ...nodes(streams, header.nodes) };
  report.columns = header.columns.map(([group, measure, unit]) => ({ group, measure, unit }));
  report.memory = header.memory.map(([name, what, bytes, amount, share, remedy]) => {
    return { name, what, bytes, amount, share, remedy };
  });
  Object.assign(report, entries(streams, header));
  report.history = header.history && historyOf(header.history);
  report.sources = new Map(header.sources.map(([place, first, text]) => [place, { first, lines: text.split("\n") }]));
  report.sides = header.sides.map((side) => readSide(streams, side, header));
  element.remove(); // its text is as long as the file
  return report;
}

function fromBase64(text) {
  const characters = atob(text.trim());
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

/** Returns one stream of bytes after another. */
class Streams {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  next() {
    let length = 0, scale = 1, byte;
    do {
      byte = this.bytes[this.at++];
      length += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Reads `count` numbers. Multiplies rather than shifts, since they may have 53 bits. */
  numbers(count, Kind = Int32Array) {
    const bytes = this.next(), numbers = new Kind(count);
    let at = 0;
    for (let index = 0; index < count; index++) {
      let byte = bytes[at++], number = byte & 127, scale = 128;
      while (byte > 127) {
        byte = bytes[at++];
        number += (byte & 127) * scale;
        scale *= 128;
      }
      numbers[index] = number;
    }
    return numbers;
  }

  signed(count) {
    const numbers = this.numbers(count, Float64Array);
    for (let index = 0; index < count; index++) {
      const number = numbers[index];
      numbers[index] = number % 2 ? -(number + 1) / 2 : number / 2;
    }
    return numbers;
  }

  floats(count) {
    const bytes = this.next(), view = new DataView(bytes.buffer, bytes.byteOffset), numbers = new Float64Array(count);
    for (let index = 0; index < count; index++) numbers[index] = view.getFloat32(4 * index, true);
    return numbers;
  }
}

function places(streams, header) {
  const count = header.places, texts = header.texts, text = (number) => texts[number];
  return {
    count,
    functions: Array.from(streams.numbers(count), text),
    files: Array.from(streams.numbers(count), text),
    shortFiles: Array.from(streams.numbers(count), text),
    lines: streams.numbers(count),
    packages: Array.from(streams.numbers(count), text),
    flags: streams.numbers(count, Uint8Array),
  };
}

/** For each node, its caller, its place (-1 for "all") and the end of its calls: those of n are n + 1 … end[n] - 1. */
function nodes(streams, count) {
  const ups = streams.numbers(count - 1), read = streams.numbers(count - 1);
  const parent = new Int32Array(count), end = new Int32Array(count), nodePlace = new Int32Array(count);
  const open = [0];
  nodePlace[0] = parent[0] = -1;
  for (let node = 1; node < count; node++) {
    for (let up = ups[node - 1]; up > 0; up--) end[open.pop()] = node;
    parent[node] = open[open.length - 1];
    nodePlace[node] = read[node - 1];
    open.push(node);
  }
  for (const node of open) end[node] = count;
  return { nodeCount: count, parent, end, nodePlace };
}

/** The entries of nodes a to b - 1 are firstEntry[a] … firstEntry[b] - 1. */
function entries(streams, header) {
  const entryCount = header.entries, entryNode = streams.numbers(entryCount);
  const firstEntry = new Int32Array(header.nodes + 1);
  for (let entry = 1; entry < entryCount; entry++) entryNode[entry] += entryNode[entry - 1];
  for (let entry = 0; entry < entryCount; entry++) firstEntry[entryNode[entry] + 1]++;
  for (let node = 0; node < header.nodes; node++) firstEntry[node + 1] += firstEntry[node];
  const entryThread = streams.numbers(entryCount), entryPoint = header.history && streams.numbers(entryCount);
  return { entryCount, entryNode, firstEntry, entryThread, entryPoint };
}

function historyOf([sites, points]) {
  return {
    sites,
    points: points.map(([time, at, bytes, low, high, rss, pss, parts]) => {
      return { time, at, bytes, low, high, rss, pss, parts };
    }),
  };
}

function readSide(streams, side, header) {
  const count = header.entries, values = header.columns.map(() => streams.signed(count));
  const spreads = header.spread.map((_, at) => readSpread(streams, count, side.choices[at]));
  return { ...side, values, spreads, ages: header.bands.length ? streams.signed(count) : null };
}

/** `choice`: [median, upper end, renewed variance] for a peak that was chosen among others, else null. */
function readSpread(streams, count, choice) {
  const samples = streams.signed(count), seen = streams.numbers(count, Float64Array);
  const variance = streams.floats(count), lean = streams.floats(count);
  return { samples, seen, variance, lean, choice, renewed: choice && streams.floats(count) };
}
