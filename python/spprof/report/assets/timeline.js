// ---- The live memory over time, and the selected range of time.

const CHART_HEIGHT = 190, CHART_TOP = 8, CHART_BOTTOM = 20, CHART_RIGHT = 10, CHART_BEFORE = 14, TICK_ROOM = 84;
const DRAG_LEAST = 4; // pixels; a shorter movement is a click
const STEPS_MS = [
  100, 200, 500, ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].map((seconds) => seconds * 1000),
  ...[1, 2, 3, 6, 12, 24, 48, 120, 240, 720, 2400, 8760, 87600].map((hours) => hours * 3600000),
];
const DAY_MS = 86400000, DATE_MOST = 8.64e15;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Formats times of day in UTC, as precisely as the points require. The date is included if there are several days. */
class Clock {
  constructor(times) {
    this.hasDates = Math.floor(times[0] / DAY_MS) !== Math.floor(times[times.length - 1] / DAY_MS);
    const least = times.slice(1).reduce((gap, time, at) => Math.min(gap, time - times[at]), Infinity);
    this.digits = least >= 60000 ? 5 : least >= 1000 ? 8 : 10;
  }

  text(time, digits = this.digits, hasDate = this.hasDates) {
    if (!(Math.abs(time) <= DATE_MOST)) return "?";
    const date = new Date(time), clock = date.toISOString().replace(/^.*T/, "").slice(0, digits);
    const day = hasDate ? `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}` : "";
    return [day, clock].filter(Boolean).join(" ");
  }
}

/** Returns [distance between marks, function that formats a mark] for an axis from 0 to `most` bytes. */
function sizeSteps(most, room = 4) {
  const [name, scale] = SIZES.findLast((unit) => unit[1] <= Math.max(most, 1));
  const factors = (scale === 1 ? [] : [0.1, 0.2, 0.5]).concat([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]);
  const factor = factors.find((one) => most / (one * scale) <= room) ?? most / scale / room;
  return [factor * scale, (at) => (at ? `${Math.round(10 * at * factor) / 10} ${name}` : "0")];
}

function drawn(tag, attributes, ...content) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

function polyline(points) {
  return points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/**
 * Draws the points of a history. A range is a pair of edges, [from, to]: edge 0 is before all points, and edge k is
 * point k - 1. The range contains the memory that was first seen by the points after `from`, up to `to`. A range of
 * null contains everything.
 * `on` has three callbacks: `range(range)` when a range is chosen, `preview(range)` during a drag, and
 * `tip(content, x, y)` to show a tip (null: no tip).
 */
class Timeline {
  constructor(section, history, on) {
    const find = (selector) => section.querySelector(selector);
    Object.assign(this, { ...history, on, range: null, dragged: null, hasRss: true });
    this.frame = find("#timeline");
    this.picture = find("svg");
    this.shades = [...section.querySelectorAll(".shade")];
    this.edges = [find("#range-from"), find("#range-to")];
    this.last = this.points.length;
    this.clock = new Clock(this.points.map((point) => point.time));
    this.listen();
    this.fillLegend(find("#timeline-legend"));
    const details = find("details");
    details.addEventListener("toggle", () => this.fillTable(details.querySelector("table")), { once: true });
  }

  get knowsRss() {
    return this.points.some((point) => point.rss !== null);
  }

  // ---- Text

  timeOf(edge) {
    return edge > 0 ? this.clock.text(this.points[edge - 1].time) : "before the first snapshot";
  }

  /** Describes when the memory in a range was allocated. */
  words([from, to]) {
    if (from === 0) return `before ${this.timeOf(to)} UTC`;
    return `between ${this.timeOf(from)} and ${this.timeOf(to)} UTC`;
  }

  names() {
    const found = this.sites.map(([name, file]) => [named(name, "", 60), " ", named(file, "place", 80)]);
    return [...found, ["all other sites"]];
  }

  fillLegend(list) {
    const row = (...content) => element("li", "", ...content), heap = "heap, with its 95 % interval";
    const sites = this.names().map((name, at) => row(this.swatch(at), ...name));
    const rss = this.knowsRss ? [row(element("span", "stroke dashed"), "RSS")] : [];
    list.replaceChildren(row(element("span", "stroke"), heap), ...rss, ...sites);
  }

  swatch(at) {
    return element("span", `swatch ${this.partClass(at)}`);
  }

  partClass(at) {
    return at < this.sites.length ? `part-${at}` : "part-others";
  }

  /** Returns rows of [name, text] that describe a point. */
  numbersOf({ bytes, low, high, rss, pss }) {
    const rows = [["heap", amount(bytes, "bytes")]];
    if (low !== null) rows.push(["", high - low < 1 ? "exact" : `${between([low, high], "bytes")} (95 %)`]);
    if (rss !== null) rows.push(["RSS", amount(rss, "bytes")]);
    if (pss !== null) rows.push(["PSS", amount(pss, "bytes")]);
    return rows;
  }

  about(point) {
    const numbers = element("dl", "numbers"), parts = element("ul", "parts"), names = this.names();
    numbers.append(...this.numbersOf(point).map(([key, text]) => {
      return element("div", "", element("dt", "", key), element("dd", "", text));
    }));
    parts.append(...point.parts.map((bytes, at) => {
      return bytes ? element("li", "", this.swatch(at), `${amount(bytes, "bytes")} `, ...names[at]) : "";
    }));
    return [element("div", "name", `${this.clock.text(point.time)} UTC`), numbers, parts];
  }

  summary() {
    const [first, last] = [this.points[0], this.points[this.last - 1]];
    const say = (point) => this.numbersOf(point).map((row) => row.join(" ").trim()).join(", ");
    return `At ${this.clock.text(first.time)}: ${say(first)}. At ${this.clock.text(last.time)}: ${say(last)}.`;
  }

  fillTable(table) {
    const cells = (tag, texts) => texts.map((text) => element(tag, "", text)), size = (bytes) => amount(bytes, "bytes");
    const known = (bytes) => (bytes === null ? "" : size(bytes));
    const heads = ["Time (UTC)", "Heap", "95 % interval", "RSS", "PSS"], names = this.names();
    table.append(element("thead", "", element("tr", "", ...cells("th", heads), ...names.map(([name]) => {
      return element("th", "", name);
    }))));
    table.append(element("tbody", "", ...this.points.map((point) => {
      const { time, bytes, low, high, rss, pss, parts } = point;
      const ends = low === null ? "" : between([low, high], "bytes");
      const texts = [this.clock.text(time), size(bytes), ends, known(rss), known(pss), ...parts.map(size)];
      return element("tr", "", ...cells("td", texts));
    })));
    for (const head of table.querySelectorAll("th")) head.scope = "col";
  }

  // ---- The picture

  /** Draws everything at the width of the frame. */
  fit() {
    this.width = this.frame.clientWidth;
    const { points, last } = this, tops = points.map(({ bytes, high, rss }) => {
      return Math.max(bytes, high ?? 0, this.hasRss ? rss ?? 0 : 0);
    });
    this.most = Math.max(...tops, 1) * 1.04;
    const [step, write] = sizeSteps(this.most), count = Math.floor(this.most / step);
    const marks = Array.from({ length: count + 1 }, (_, at) => [this.y(at * step), write(at)]);
    this.left = 12 + 6.7 * Math.max(...marks.map(([, text]) => text.length)) + CHART_BEFORE;
    this.span = Math.max(points[last - 1].at, 1);
    this.xs = [this.left - CHART_BEFORE, ...points.map((point) => this.x(point.at))];
    this.picture.setAttribute("width", this.width);
    this.picture.setAttribute("height", CHART_HEIGHT);
    this.picture.setAttribute("aria-label", this.summary());
    this.picture.replaceChildren(
      ...marks.flatMap(([y, text]) => this.sizeMark(y, text)), ...this.areas(), ...this.lines(),
      ...this.timeMarks().flatMap(([x, text]) => this.timeMark(x, text)),
    );
    this.place(this.dragged?.range ?? this.range);
  }

  x(at) {
    return this.left + (this.width - this.left - CHART_RIGHT) * (at / this.span);
  }

  y(bytes) {
    return CHART_TOP + (CHART_HEIGHT - CHART_TOP - CHART_BOTTOM) * (1 - bytes / this.most);
  }

  sizeMark(y, text) {
    const left = this.left - CHART_BEFORE;
    return [
      drawn("line", { class: "grid", x1: left, x2: this.width - CHART_RIGHT, y1: y, y2: y }),
      drawn("text", { x: left - 5, y: y + 4, "text-anchor": "end" }, text),
    ];
  }

  timeMark(x, text) {
    const end = CHART_HEIGHT - CHART_BOTTOM, room = text.length * 3.6;
    const at = Math.min(Math.max(x, room), this.width - room);
    return [
      drawn("line", { class: "tick", x1: x, x2: x, y1: end, y2: end + 4 }),
      drawn("text", { x: at, y: CHART_HEIGHT - 4, "text-anchor": "middle" }, text),
    ];
  }

  /** Returns [x, text] for each mark. Marks are at round times. */
  timeMarks() {
    const { points, last, clock } = this, first = points[0].time, end = points[last - 1].time;
    const most = Math.max((this.width - this.left) / TICK_ROOM, 1);
    const step = STEPS_MS.find((one) => (end - first) / one <= most);
    if (!step || !(Math.max(Math.abs(first), Math.abs(end)) <= DATE_MOST)) return [];
    const digits = step >= DAY_MS ? 0 : step >= 60000 ? 5 : step >= 1000 ? 8 : 10, marks = [];
    for (let time = Math.ceil(first / step) * step, at = 0; time <= end; time += step) {
      while (at < last - 2 && points[at + 1].time < time) at++;
      const [one, next] = [points[at], points[Math.min(at + 1, last - 1)]];
      const share = next.time > one.time ? (time - one.time) / (next.time - one.time) : 0;
      const isNewDay = clock.hasDates && (!marks.length || time % DAY_MS === 0);
      marks.push([this.x(one.at + share * (next.at - one.at)), clock.text(time, digits, isNewDay || !digits)]);
    }
    return marks;
  }

  /** Draws what each site held, stacked with the largest at the bottom. */
  areas() {
    const { points } = this, sums = points.map(() => 0);
    return points[0].parts.map((_, part) => {
      const below = points.map((point, at) => [this.x(point.at), this.y(sums[at])]);
      points.forEach((point, at) => { sums[at] += point.parts[part]; });
      const above = points.map((point, at) => [this.x(point.at), this.y(sums[at])]);
      const outline = `${polyline([...above, ...below.reverse()])}Z`;
      return drawn("path", { class: `area ${this.partClass(part)}`, d: outline });
    });
  }

  lines() {
    const found = [];
    for (const run of runsOf(this.points, (point) => point.low !== null)) {
      const ends = (of) => run.map((point) => [this.x(point.at), this.y(point[of])]);
      found.push(drawn("path", { class: "band", d: `${polyline([...ends("high"), ...ends("low").reverse()])}Z` }));
    }
    found.push(this.line("heap", this.points, "bytes"));
    if (this.hasRss) {
      for (const run of runsOf(this.points, (point) => point.rss !== null)) found.push(this.line("rss", run, "rss"));
    }
    return found;
  }

  line(name, points, of) {
    return drawn("path", { class: name, d: polyline(points.map((point) => [this.x(point.at), this.y(point[of])])) });
  }

  // ---- The range

  /** Shows the chosen range; null: there is none. */
  show(range, hasRss) {
    this.range = range;
    this.hasRss = hasRss;
    this.fit();
  }

  place(range) {
    const ends = range ?? [0, this.last], [left, right] = ends.map((edge) => this.xs[edge]);
    const bottom = CHART_HEIGHT - CHART_BOTTOM;
    this.edges.forEach((edge, at) => {
      edge.style.transform = `translateX(${[left, right][at]}px)`;
      edge.style.height = `${bottom}px`;
      edge.setAttribute("aria-valuemin", at ? ends[0] + 1 : 0);
      edge.setAttribute("aria-valuemax", at ? this.last : ends[1] - 1);
      edge.setAttribute("aria-valuenow", ends[at]);
      edge.setAttribute("aria-valuetext", this.edgeText(ends[at]));
    });
    const widths = [[this.xs[0], left], [right, this.xs[this.last]]];
    this.shades.forEach((shade, at) => {
      shade.hidden = !range;
      shade.style.left = `${widths[at][0]}px`;
      shade.style.width = `${Math.max(widths[at][1] - widths[at][0], 0)}px`;
      shade.style.height = `${bottom}px`;
    });
  }

  edgeText(edge) {
    if (edge === 0) return this.timeOf(0);
    const point = this.points[edge - 1], rows = this.numbersOf(point).filter(([key]) => key);
    return [`${this.timeOf(edge)} UTC`, ...rows.map((row) => row.join(" "))].join(", ");
  }

  listen() {
    const { frame } = this;
    frame.addEventListener("pointerdown", (event) => this.press(event));
    frame.addEventListener("pointermove", (event) => this.move(event));
    frame.addEventListener("pointerup", () => this.release());
    frame.addEventListener("pointercancel", () => this.cancel());
    frame.addEventListener("pointerleave", () => this.on.tip(null));
    this.edges.forEach((edge, at) => {
      edge.addEventListener("keydown", (event) => this.key(at, event));
      edge.addEventListener("blur", () => this.on.tip(null));
    });
  }

  xOf(event) {
    return event.clientX - this.frame.getBoundingClientRect().left;
  }

  press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    const which = this.edges.indexOf(event.target), x = this.xOf(event);
    const anchor = which < 0 ? x : this.xs[(this.range ?? [0, this.last])[1 - which]];
    this.dragged = { anchor, x, isEdge: which >= 0, range: null };
    this.frame.setPointerCapture(event.pointerId);
    if (which < 0) event.preventDefault();
  }

  move(event) {
    const x = this.xOf(event);
    if (!this.dragged) return this.hover(event, x);
    this.on.tip(null);
    if (!this.dragged.range && Math.abs(x - this.dragged.x) < DRAG_LEAST) return;
    const range = this.between(this.dragged.anchor, x);
    if (String(range) === String(this.dragged.range)) return;
    this.dragged.range = range;
    this.place(range);
    this.on.preview(range);
  }

  release() {
    const range = this.dragged?.range;
    this.dragged = null;
    if (range) this.choose(range);
  }

  /** Ends a drag without choosing a range. Returns whether there was a drag. */
  cancel() {
    if (!this.dragged) return false;
    this.dragged = null;
    this.place(this.range);
    this.on.preview(this.range);
    return true;
  }

  choose([from, to]) {
    this.on.range(from === 0 && to === this.last ? null : [from, to]);
  }

  /** Returns the range with the edges nearest to two x positions. If they are equal, it is the one around them. */
  between(one, other) {
    const from = this.nearest(Math.min(one, other)), to = this.nearest(Math.max(one, other));
    if (from < to) return [from, to];
    const at = Math.min(Math.max(this.xs.findIndex((x) => x > (one + other) / 2), 1), this.last);
    return this.xs[this.last] <= (one + other) / 2 ? [this.last - 1, this.last] : [at - 1, at];
  }

  nearest(x) {
    return this.xs.reduce((best, at, edge) => (Math.abs(at - x) < Math.abs(this.xs[best] - x) ? edge : best), 0);
  }

  hover(event, x) {
    if (event.pointerType === "touch") return;
    const edge = Math.max(this.nearest(x), 1);
    this.on.tip(this.about(this.points[edge - 1]), event.clientX, event.clientY);
  }

  key(which, event) {
    const range = [...(this.range ?? [0, this.last])], far = Math.max(Math.round(this.last / 10), 1);
    const steps = {
      ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -far, PageUp: far,
      Home: -this.last, End: this.last,
    };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    const [least, most] = which ? [range[0] + 1, this.last] : [0, range[1] - 1];
    range[which] = Math.min(Math.max(range[which] + steps[event.key], least), most);
    event.preventDefault();
    this.choose(range);
    const box = this.edges[which].getBoundingClientRect(), point = this.points[range[which] - 1];
    this.on.tip(point ? this.about(point) : null, box.x, box.y);
  }
}

/** Returns the maximal runs of points that all satisfy `isSo`. */
function runsOf(points, isSo) {
  const runs = [[]];
  for (const point of points) {
    if (isSo(point)) runs[runs.length - 1].push(point);
    else if (runs[runs.length - 1].length) runs.push([]);
  }
  return runs.filter((run) => run.length);
}
