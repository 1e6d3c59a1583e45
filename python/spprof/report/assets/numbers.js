// ---- Sums with their intervals, and how numbers are written.

const Z = 1.959963984540054; // normal quantile of 0.975

/** Sums over entries of one side. The interval's formula is that of spprof/estimate.py. */
class Sum {
  constructor() {
    this.value = this.samples = this.seen = this.variance = this.skewness = 0;
    this.isKnown = true;
  }

  add(side, values, entry, hasSpread) {
    const value = values[entry];
    if (value === 0) return;
    this.value += value;
    if (!hasSpread) return;
    if (side.samples[entry] < 0) this.isKnown = false;
    const variance = side.variance[entry];
    this.samples += Math.max(side.samples[entry], 0);
    this.seen += side.seen[entry];
    this.variance += variance;
    this.skewness += variance * side.lean[entry];
  }

  /** [low, high] at 95 %; `unseen` where there may be more of which nothing was sampled. */
  interval(unseen = 0) {
    const bend = leaning(this.variance, this.skewness), above = reach(this.variance, bend);
    const low = Math.max(this.value + bend - above, this.seen);
    return [low, Math.max(this.value + above, unseen && this.seen + unseen)];
  }
}

function leaning(variance, skewness) {
  return variance > 0 ? Z * Z * skewness / variance : 0;
}

function reach(variance, bend) {
  return bend / 2 + Math.sqrt(Z * Z * variance + bend * bend / 4);
}

/** [low, high] of new less old, two runs with no sample in common. */
function differenceInterval(old, now) {
  const delta = now.value - old.value, variance = now.variance + old.variance;
  const below = reach(variance, delta < 0 ? leaning(variance, old.skewness) : 0);
  const above = reach(variance, delta > 0 ? leaning(variance, now.skewness) : 0);
  return [delta - below, delta + above];
}

// ---- Words for numbers

const GROUPED = new Intl.NumberFormat("en-US");
const SECONDS = { nanoseconds: 1e-9, microseconds: 1e-6, milliseconds: 1e-3, seconds: 1 };

function amount(value, unit) {
  if (unit === "bytes") return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
  if (unit in SECONDS) return duration(value * SECONDS[unit]);
  return minus(GROUPED.format(Math.round(value)));
}

function scaled(value, base, units) {
  let size = Math.abs(value), unit = 0;
  if (size < base) return minus(`${GROUPED.format(Math.round(value))} ${units[0]}`);
  while (unit < units.length - 1 && size >= (unit ? base - 0.05 : base)) {
    size /= base;
    unit++;
  }
  return `${value < 0 ? "−" : ""}${size.toFixed(1)} ${units[unit]}`;
}

function duration(seconds) {
  const size = Math.abs(seconds), sign = seconds < 0 ? "−" : "";
  if (size === 0) return "0 s";
  if (size >= 100) return `${sign}${GROUPED.format(Math.round(size))} s`;
  if (size >= 1) return `${sign}${size.toFixed(2)} s`;
  return size >= 1e-3 ? `${sign}${(size * 1e3).toFixed(1)} ms` : `${sign}${(size * 1e6).toFixed(1)} µs`;
}

function minus(text) {
  return text.replace("-", "−");
}

function signedAmount(value, unit) {
  return (value > 0 ? "+" : "") + amount(value, unit);
}

function percent(part, whole) {
  if (whole <= 0) return "";
  const share = 100 * part / whole;
  return `${share >= 99.95 || share === 0 ? share.toFixed(0) : share >= 0.1 ? share.toFixed(1) : "< 0.1"} %`;
}
