// ---- Synchronous decompression of zlib data. Old browsers have no built-in decompression, and that of modern
// browsers is asynchronous: the page would still be empty at its load event, when it may be printed or captured.

const LENGTH_BASES = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BITS = Array.from({ length: 30 }, (_, code) => Math.max(0, (code >> 1) - 1));
const DISTANCE_BASES = DISTANCE_BITS.map((bits, code) => (code < 2 ? code + 1 : 1 + ((2 + (code & 1)) << bits)));
const LENGTHS_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const BLOCK_END = 256, DISTANCES = 30;

function damaged() {
  return new Error("its data is damaged");
}

/** Decompresses zlib data. Throws if it is damaged. */
function inflated(bytes) {
  return new Inflater(bytes).all();
}

/** Implements RFC 1950 and RFC 1951. */
class Inflater {
  constructor(bytes) {
    Object.assign(this, { bytes, at: 2, hold: 0, held: 0, out: new Uint8Array(4 * bytes.length + 1024), size: 0 });
  }

  all() {
    const { bytes } = this, kind = (bytes[0] << 8) | bytes[1];
    if ((kind & 0x0f00) !== 0x0800 || kind % 31 || kind & 32) throw damaged();
    for (let isLast = 0; !isLast;) {
      isLast = this.take(1);
      this.block(this.take(2));
    }
    const out = this.out.subarray(0, this.size), sum = this.tail();
    if (sum !== checksum(out)) throw damaged();
    return out;
  }

  block(type) {
    if (type === 0) this.stored();
    else if (type === 1) this.packed(...fixedTables());
    else if (type === 2) this.packed(...this.tables());
    else throw damaged();
  }

  /** Reads `count` bits, lowest first. Beyond the end of the data, a limited number of zeros is returned. */
  take(count) {
    while (this.held < count) this.fill();
    const bits = this.hold & ((1 << count) - 1);
    this.hold >>>= count;
    this.held -= count;
    return bits;
  }

  fill() {
    if (this.at > this.bytes.length + 8) throw damaged();
    this.hold |= (this.bytes[this.at++] ?? 0) << this.held;
    this.held += 8;
  }

  /** Returns the value of the next code of a table, below 2 ** 12. */
  code({ bits, codes }) {
    while (this.held < bits) this.fill();
    const found = codes[this.hold & ((1 << bits) - 1)], length = found & 15;
    if (!length) throw damaged();
    this.hold >>>= length;
    this.held -= length;
    return found >> 4;
  }

  /** Moves back to the first unused byte. */
  align() {
    this.at -= this.held >> 3;
    this.hold = this.held = 0;
  }

  room(count) {
    if (this.size + count <= this.out.length) return;
    const larger = new Uint8Array(2 * this.out.length + count);
    larger.set(this.out);
    this.out = larger;
  }

  stored() {
    this.align();
    const { bytes, at } = this, length = bytes[at] | (bytes[at + 1] << 8), end = at + 4 + length;
    if (end > bytes.length || (length ^ (bytes[at + 2] | (bytes[at + 3] << 8))) !== 0xffff) throw damaged();
    this.room(length);
    this.out.set(bytes.subarray(at + 4, end), this.size);
    this.size += length;
    this.at = end;
  }

  packed(literals, distances) {
    for (;;) {
      const code = this.code(literals);
      if (code < BLOCK_END) {
        if (this.size === this.out.length) this.room(1);
        this.out[this.size++] = code;
      } else if (code === BLOCK_END) {
        return;
      } else {
        this.repeat(code - BLOCK_END - 1, distances);
      }
    }
  }

  repeat(code, distances) {
    if (code >= LENGTH_BASES.length) throw damaged();
    const length = LENGTH_BASES[code] + this.take(LENGTH_BITS[code]), far = this.code(distances);
    if (far >= DISTANCES) throw damaged();
    const distance = DISTANCE_BASES[far] + this.take(DISTANCE_BITS[far]);
    if (distance > this.size) throw damaged();
    this.room(length);
    const { out } = this, end = this.size + length;
    for (let at = this.size; at < end; at++) out[at] = out[at - distance];
    this.size = end;
  }

  /** Reads the tables of a block that has its own. */
  tables() {
    const literals = this.take(5) + 257, distances = this.take(5) + 1, count = this.take(4) + 4;
    const short = new Uint8Array(19), lengths = new Uint8Array(literals + distances);
    for (let at = 0; at < count; at++) short[LENGTHS_ORDER[at]] = this.take(3);
    const table = tableOf(short);
    for (let at = 0; at < lengths.length;) {
      const code = this.code(table);
      if (code < 16) {
        lengths[at++] = code;
        continue;
      }
      const again = code === 16 ? 3 + this.take(2) : code === 17 ? 3 + this.take(3) : 11 + this.take(7);
      if (at + again > lengths.length || (code === 16 && !at)) throw damaged();
      lengths.fill(code === 16 ? lengths[at - 1] : 0, at, (at += again));
    }
    return [tableOf(lengths.subarray(0, literals)), tableOf(lengths.subarray(literals))];
  }

  /** Returns the four bytes after the last block. */
  tail() {
    this.align();
    if (this.at + 4 > this.bytes.length) throw damaged();
    return new DataView(this.bytes.buffer, this.bytes.byteOffset).getUint32(this.at);
  }
}

let fixed = null;

function fixedTables() {
  const lengths = Uint8Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8));
  return (fixed ??= [tableOf(lengths), tableOf(new Uint8Array(32).fill(5))]);
}

/** For each pattern of the next bits, the code's value × 16 + its length; 0: no code. `lengths`: one per value. */
function tableOf(lengths) {
  const bits = Math.max(1, ...lengths), codes = new Uint16Array(1 << bits), next = new Uint16Array(17);
  for (const length of lengths) if (length) next[length + 1]++;
  for (let length = 1, used = 0; length <= 16; length++) next[length] = used = (used + next[length]) << 1;
  lengths.forEach((length, value) => {
    if (!length) return;
    let code = next[length]++, turned = 0;
    for (let bit = 0; bit < length; bit++, code >>= 1) turned = (turned << 1) | (code & 1);
    for (let at = turned; at < codes.length; at += 1 << length) codes[at] = (value << 4) | length;
  });
  return { bits, codes };
}

/** Returns the Adler-32 checksum. A 32-bit sum allows at most 3800 steps (rounded down) between reductions. */
function checksum(bytes) {
  let low = 1, high = 0;
  for (let at = 0; at < bytes.length;) {
    for (const end = Math.min(at + 3800, bytes.length); at < end; at++) {
      low += bytes[at];
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return high * 65536 + low;
}
