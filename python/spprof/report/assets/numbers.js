// ---- Sums with their intervals, and the formatting of numbers.

const Z = 1.959963984540054; // normal quantile of 0.975

/** Sums over entries of one side, like `Sums` in analysis/sites.py. The interval is that of analysis/estimate.py. */
class Sum {
  constructor() {
    this.value = this.samples = this.seen = this.variance = this.skewness = this.renewed = 0;
    this.isKnown = true;
    this.choice = null;
  }

  /** `spread`: the inputs of the column's intervals; undefined if it has none. */
  add(spread, values, entry) {
    const value = values[entry];
    if (value === 0) return;
    this.value += value;
    if (!spread) return;
    if (spread.samples[entry] < 0) this.isKnown = false;
    const variance = spread.variance[entry];
    this.samples += Math.max(spread.samples[entry], 0);
    this.seen += spread.seen[entry];
    this.variance += variance;
    this.skewness += variance * spread.lean[entry];
    if (!spread.choice) return;
    this.choice = spread.choice;
    this.renewed += spread.renewed[entry];
  }

  /** Returns [low, high] at 95 %. For a whole side, `unseen` bytes may have no sample; `lost` is from lost samples. */
  interval({ unseen = 0, lost = 0 } = {}) {
    const { value, variance, skewness, seen } = this, z = this.lowReach();
    const bend = leaning(variance, skewness, z), above = reach(variance, leaning(variance, skewness));
    const low = Math.max(value + bend - reach(variance, bend, z), seen);
    return [low, Math.max(value + above, unseen && seen + unseen) + lost];
  }

  /** How many standard errors the low end is below the value. It is more than Z for a peak chosen among others. */
  lowReach() {
    if (!this.choice || this.renewed <= 0) return Z;
    const [middle, top, renewed] = this.choice;
    const share = Math.min(this.renewed / Math.sqrt(this.variance * renewed), 1);
    return share * middle + Math.hypot(Math.sqrt(1 - share * share) * Z, share * (top - middle));
  }
}

function leaning(variance, skewness, z = Z) {
  return variance > 0 ? z * z * skewness / variance : 0;
}

function reach(variance, bend, z = Z) {
  return bend / 2 + Math.sqrt(z * z * variance + bend * bend / 4);
}

/** Returns [low, high] of new minus old, for two runs that have no sample in common. */
function differenceInterval(old, now) {
  const delta = now.value - old.value, variance = now.variance + old.variance;
  const below = reach(variance, delta < 0 ? leaning(old.variance, old.skewness) : 0);
  const above = reach(variance, delta > 0 ? leaning(now.variance, now.skewness) : 0);
  return [delta - below, delta + above];
}

// ---- Numbers as text, by the rules of spprof/text.py: integers, rounded half up

const GROUPED = new Intl.NumberFormat("en-US");
const NANOSECONDS = { nanoseconds: 1, microseconds: 1e3, milliseconds: 1e6, seconds: 1e9 };
const SIZES = [["B", 1], ["KiB", 2 ** 10], ["MiB", 2 ** 20], ["GiB", 2 ** 30], ["TiB", 2 ** 40]];
const TIMES = [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]];

function amount(value, unit) {
  const whole = Math.round(value), size = Math.abs(whole);
  if (unit in NANOSECONDS) return duration(whole * NANOSECONDS[unit]);
  return minusOf(whole) + (unit === "bytes" ? scaled(size, SIZES) : GROUPED.format(size));
}

function scaled(size, units) {
  if (size < units[1][1]) return `${size} ${units[0][0]}`;
  for (let at = 1; ; at++) {
    const [name, scale] = units[at], tenths = quotient(10 * size, scale), isLast = at === units.length - 1;
    if (isLast || tenths < 10 * units[at + 1][1] / scale) return `${Math.floor(tenths / 10)}.${tenths % 10} ${name}`;
  }
}

function duration(nanoseconds) {
  const size = Math.abs(nanoseconds);
  if (size === 0) return "0 s";
  const text = scaled(size, TIMES);
  if (!text.endsWith(" s")) return minusOf(nanoseconds) + text;
  const hundredths = quotient(100 * size, 1e9);
  const seconds = hundredths < 10000 ? (hundredths / 100).toFixed(2) : GROUPED.format(quotient(size, 1e9));
  return `${minusOf(nanoseconds)}${seconds} s`;
}

/** Returns `part / whole` rounded to the nearest integer, half up. */
function quotient(part, whole) {
  return Math.floor((2 * part + whole) / (2 * whole));
}

function minusOf(value) {
  return value < 0 ? "−" : "";
}

function signedAmount(value, unit) {
  return (value > 0 ? "+" : "") + amount(value, unit);
}

function percent(part, whole) {
  if (whole <= 0) return "";
  if (part === 0) return "0 %";
  const tenths = quotient(1000 * Math.abs(part), whole);
  if (tenths === 0) return "< 0.1 %";
  return `${minusOf(part)}${tenths < 1000 ? (tenths / 10).toFixed(1) : quotient(100 * Math.abs(part), whole)} %`;
}
