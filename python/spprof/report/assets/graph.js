// ---- The graph: boxes on a canvas that is as large as its frame, however deep the stacks are.

const ROW = 21, ROWS_LEAST = 8, GAP = 1, NARROWEST = 1, TEXT_FROM = 26, PADDING = 5, HUES = 18;
const FOREIGN = /[^\x20-\x7e…]/; // letters whose width may differ from that of the others
const FONT = '12px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

const LIGHT = {
  ground: "#fbfbf9", ink: "#1c1f23", faint: "#4f565e", focus: "#0b57d0", found: "#ffd24a", rest: "#e4e4df",
  root: "#e6e6e1", box: (hue, isPython) => oklch(isPython ? 0.89 : 0.92, isPython ? 0.068 : 0.03, hue),
  still: "#e9e9e4", grown: (share) => oklch(0.93 - 0.17 * share, 0.02 + 0.12 * share, 25),
  shrunk: (share) => oklch(0.93 - 0.15 * share, 0.02 + 0.09 * share, 250), mark: "#1c1f23",
  aged: (share) => oklch(0.95 - 0.19 * share, 0.05 + 0.08 * share, 105 - 70 * share),
};
const DARK = {
  ground: "#16181b", ink: "#eef0f2", faint: "#b4bbc3", focus: "#8ab4f8", found: "#8a6400", rest: "#2a2d31",
  root: "#2e3136", box: (hue, isPython) => oklch(isPython ? 0.38 : 0.33, isPython ? 0.06 : 0.025, hue),
  still: "#2e3136", grown: (share) => oklch(0.31 + 0.1 * share, 0.02 + 0.11 * share, 25),
  shrunk: (share) => oklch(0.31 + 0.1 * share, 0.02 + 0.09 * share, 250), mark: "#eef0f2",
  aged: (share) => oklch(0.33 + 0.1 * share, 0.03 + 0.08 * share, 105 - 70 * share),
};

/** Returns a colour in OKLCH, whose lightness is perceptual, in the form that a canvas parses fastest. */
function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos(hue * Math.PI / 180), b = chroma * Math.sin(hue * Math.PI / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `rgb(${linear.map((part) => Math.round(255 * gamma(Math.min(Math.max(part, 0), 1)))).join(",")})`;
}

function gamma(part) {
  return part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055;
}

/**
 * Draws `tree` from the call `zoomed` on. Its callers are drawn above it, as wide as the frame. `isUpward` flips the
 * graph vertically. The frame has at least `least` rows.
 */
class Graph {
  constructor(frame, isUpward = false) {
    const canvas = frame.querySelector("canvas"), spacer = frame.querySelector(".spacer");
    Object.assign(this, { frame, canvas, spacer, isUpward, least: ROWS_LEAST, tallest: 0, rows: [] });
    Object.assign(this, { found: null, hovered: null, selected: null, isByAge: false });
    this.pen = canvas.getContext("2d");
    this.colours = LIGHT;
    this.fills = new Map();
    frame.addEventListener("scroll", () => this.draw(), { passive: true });
  }

  /** Sets the colours, without drawing. */
  paint(colours) {
    if (colours !== this.colours) this.fills.clear();
    this.colours = colours;
  }

  /** Sets the tree, without drawing. */
  plant(tree, least) {
    Object.assign(this, { tree, least, tallest: 0, hovered: null, selected: tree.root, zoomed: tree.root });
    this.place = tree.report.place;
  }

  show() {
    this.hovered = null;
    this.fit();
    if (this.isUpward) this.frame.scrollTop = this.fullHeight;
  }

  /** Lays out the calls for the frame's width, adapts the frame's height, and draws. */
  fit() {
    this.width = this.frame.clientWidth;
    this.layOut();
    this.tallest = Math.max(this.tallest, this.rows.length, this.least);
    // The style sheet sets the maximum; the frame only shrinks for a new tree.
    this.frame.style.height = `${this.tallest * ROW + 2}px`;
    this.height = this.frame.clientHeight;
    this.spacer.style.height = `${Math.max(0, this.rows.length * ROW - this.height)}px`;
    this.fitCanvas();
    this.draw();
  }

  fitCanvas() {
    const { canvas } = this, ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.width * ratio), height = Math.round(this.height * ratio);
    if (canvas.width === width && canvas.height === height) return;
    Object.assign(canvas, { width, height });
    canvas.style.width = `${this.width}px`;
    canvas.style.height = `${this.height}px`;
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  // ---- Layout: rows[depth] = [{ call, left, right }, …] from left to right

  layOut() {
    this.rows = [];
    for (let call = this.zoomed; call; call = call.above) this.rows.unshift([{ call, left: 0, right: this.width }]);
    this.rows.forEach(([{ call }], row) => { call.row = row; });
    const pending = [...this.rows[this.zoomed.row]];
    while (pending.length) {
      const added = this.layOutChildren(pending.pop());
      for (let at = added.length - 1; at >= 0; at--) pending.push(added[at]);
    }
  }

  /** Places the calls of a box that are wide enough to be visible. One box without a call represents the rest. */
  layOutChildren(box) {
    const { tree } = this, scale = (box.right - box.left) / shownWidth(box.call), added = [];
    const children = tree.beneath(box.call);
    if (!children.length) return added;
    const row = (this.rows[box.call.row + 1] ??= []);
    let left = box.left, at = 0;
    for (; at < children.length && shownWidth(children[at]) * scale >= NARROWEST; at++) {
      added.push({ call: children[at], left, right: left + shownWidth(children[at]) * scale });
      children[at].row = box.call.row + 1;
      left = added[at].right;
    }
    row.push(...added);
    if (at < children.length) this.layOutRest(row, box, children, at, left, scale);
    return added;
  }

  layOutRest(row, box, children, from, left, scale) {
    let width = 0;
    for (let at = from; at < children.length; at++) width += shownWidth(children[at]);
    if (width * scale >= NARROWEST) {
      const right = left + width * scale;
      row.push({ call: null, widest: children[from], count: children.length - from, width, left, right });
    }
  }

  boxAt(x, y) {
    const down = y + this.frame.scrollTop;
    const row = this.rows[Math.floor((this.isUpward ? this.fullHeight - down : down) / ROW)] ?? [];
    let low = 0, high = row.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (row[middle].right <= x) low = middle + 1;
      else high = middle;
    }
    return low < row.length && row[low].left <= x && y >= 0 ? row[low] : null;
  }

  boxOf(call) {
    return this.rows[call.row]?.find((box) => box.call === call) ?? null;
  }

  /** The height of all rows. The frame may be taller. */
  get fullHeight() {
    return Math.max(this.rows.length * ROW, this.height);
  }

  topOf(row) {
    return this.isUpward ? this.fullHeight - (row + 1) * ROW : row * ROW;
  }

  /** Scrolls until the row of a call is visible. */
  reveal(call) {
    const top = this.topOf(call.row), { frame } = this;
    if (top < frame.scrollTop) frame.scrollTop = top;
    else if (top + ROW > frame.scrollTop + this.height) frame.scrollTop = top + ROW - this.height;
  }

  // ---- Drawing

  draw() {
    if (!this.tree) return;
    const { pen, frame, rows } = this, top = frame.scrollTop;
    pen.fillStyle = this.colours.ground;
    pen.fillRect(0, 0, this.width, this.height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    this.letter = pen.measureText("m").width;
    const seen = Math.ceil(this.height / ROW) + 1;
    const first = Math.max(0, Math.floor((this.isUpward ? this.fullHeight - top - this.height : top) / ROW));
    for (let row = first; row < Math.min(rows.length, first + seen); row++) {
      for (const box of rows[row] ?? []) this.drawBox(box, this.topOf(row) - top);
    }
    this.drawOutline(this.hovered, this.colours.ink, 1);
    if (document.activeElement === frame) this.drawOutline(this.selected, this.colours.focus, 2.5);
  }

  drawBox(box, y) {
    const { pen } = this, width = box.right - box.left, gap = width > 3 ? GAP : 0;
    pen.fillStyle = box.call ? this.fill(box.call) : this.colours.rest;
    pen.fillRect(box.left, y, width - gap, ROW - GAP);
    if (box.call && box.call.row < this.zoomed.row) this.fade(box, y);
    if (box.call && this.isMarked(box.call)) this.drawMark(box, y, width);
    if (width >= TEXT_FROM) this.drawText(box, y, width);
  }

  fade(box, y) {
    this.pen.globalAlpha = 0.45;
    this.pen.fillStyle = this.colours.ground;
    this.pen.fillRect(box.left, y, box.right - box.left, ROW);
    this.pen.globalAlpha = 1;
  }

  fill(call) {
    const calls = this.tree.isFolded(call) ? call.run : [call], [{ place }] = calls;
    if (this.found && calls.some((one) => this.found[one.place])) return this.colours.found;
    if (this.tree.chosen.isDifference) return this.changeFill(call);
    if (place < 0 || isCommon(call)) return this.colours.root;
    if (this.found) return this.colours.still;
    if (this.isByAge && this.tree.chosen.ages) return this.ageFill(call);
    return this.packageFill(this.place.packages[place], this.place.flags[place] & IS_PYTHON);
  }

  packageFill(name, isPython) {
    const key = isPython ? name : `${name}\0`;
    if (!this.fills.has(key)) this.fills.set(key, this.colours.box(hueOf(name), isPython));
    return this.fills.get(key);
  }

  ageFill(call) {
    const oldest = this.tree.report.bands.length - 1;
    return this.colours.aged(oldest > 0 ? this.tree.age(call) / oldest : 0);
  }

  changeFill(call) {
    const [old, now] = call.values, share = Math.abs(now - old) / Math.max(old, now, 1);
    if (now === old || this.found) return this.colours.still;
    return now > old ? this.colours.grown(share) : this.colours.shrunk(share);
  }

  /** Returns whether to mark a call because chance does not explain its change. */
  isMarked(call) {
    if (!this.tree.chosen.isDifference || !this.tree.chosen.hasSpread) return false;
    call.isSignificant ??= isSignificant(this.tree.sums(call));
    return call.isSignificant;
  }

  drawMark(box, y, width) {
    this.pen.fillStyle = this.colours.mark;
    this.pen.fillRect(box.left, y + ROW - GAP - 3, Math.max(width - GAP, 1), 2);
  }

  drawText(box, y, width) {
    const { pen } = this, room = width - 2 * PADDING, middle = y + ROW / 2 - 0.5;
    if (!box.call) {
      pen.fillStyle = this.colours.faint;
      pen.fillText(this.fitted("…", room), box.left + PADDING, middle);
      return;
    }
    const name = this.fitted(this.sign(box.call) + nameOf(this.tree, box.call), room);
    pen.fillStyle = this.colours.ink;
    pen.fillText(name, box.left + PADDING, middle);
    const used = this.widthOf(name) + 2 * this.letter, file = this.besides(box.call);
    if (file && room - used > 8 * this.letter && !name.endsWith("…")) {
      if (!this.found?.[box.call.place]) pen.fillStyle = this.colours.faint;
      pen.fillText(this.fitted(file, room - used), box.left + PADDING + used, middle);
    }
  }

  /** The text after the name. */
  besides(call) {
    return this.tree.isFolded(call) ? foldedDetail(this.tree, call) : shortFile(this.place, call.place);
  }

  sign(call) {
    if (this.tree.isFolded(call)) return "▸ ";
    if (!this.isMarked(call)) return "";
    return call.values[1] > call.values[0] ? "▲ " : "▼ ";
  }

  widthOf(text) {
    return FOREIGN.test(text) ? this.pen.measureText(text).width : text.length * this.letter;
  }

  /** Returns as much of a text as fits. All letters have the same width, except foreign ones, which are measured. */
  fitted(text, room) {
    const count = Math.floor(room / this.letter);
    let cut = text.length <= count ? text : `${text.slice(0, Math.max(count - 1, 0))}…`;
    while (cut.length > 1 && FOREIGN.test(cut) && this.widthOf(cut) > room) {
      cut = `${cut.slice(0, -Math.max(2, cut.length >> 2))}…`;
    }
    return cut;
  }

  drawOutline(call, colour, width) {
    const box = call && this.boxOf(call);
    if (!box) return;
    const y = this.topOf(call.row) - this.frame.scrollTop;
    this.pen.strokeStyle = colour;
    this.pen.lineWidth = width;
    this.pen.strokeRect(
      box.left + width / 2, y + width / 2, Math.max(box.right - box.left - GAP - width, 2), ROW - GAP - width,
    );
  }
}

/** Returns the hue of a package, which is the same in every report. */
function hueOf(name) {
  let hash = 7;
  for (let at = 0; at < Math.min(name.length, 200); at++) hash = (Math.imul(hash, 31) + name.charCodeAt(at)) >>> 0;
  return (hash % HUES) * (360 / HUES);
}

function isSignificant([old, now]) {
  if (!old.isKnown || !now.isKnown) return false;
  const [low, high] = differenceInterval(old, now);
  return low > 0 || high < 0;
}

function nameOf(tree, call) {
  if (!tree.isFolded(call)) return call.place < 0 ? "all" : tree.report.place.functions[call.place];
  return isCommon(call) ? foldedWords(tree, call) : foldedNames(tree, call);
}

/** The description of a run of calls, next to its name. */
function foldedDetail(tree, call) {
  return isCommon(call) ? foldedNames(tree, call) : foldedWords(tree, call);
}

function foldedWords({ root }, call) {
  const count = GROUPED.format(call.run.length), isOfAll = call.width >= root.width;
  if (!isCommon(call)) return `${count} library frames`;
  return `${count} frames common to ${isOfAll ? "all stacks" : `${percent(call.width, root.width)} of all`}`;
}

/** The first and the last name of a run. "<module>" at the start of a run is skipped, since it says nothing. */
function foldedNames({ report }, { run }) {
  const names = run.map(({ place }) => report.place.functions[place].slice(0, 100));
  return `${names.find((name) => name !== "<module>") ?? names[0]} … ${names[names.length - 1]}`;
}

/** Returns whether a call represents a run of calls that all stacks have in common. */
function isCommon(call) {
  return call.run?.length > 0 && call.above.place < 0 && call.width >= RUN_SHARE * call.above.width;
}

/** The width at which a call is drawn. A run is as wide as its first call. */
function shownWidth(call) {
  return call.run?.length ? call.run[0].width : call.width;
}

function shortFile(place, at) {
  if (at < 0 || !place.files[at]) return "";
  const short = place.files[at].slice(-300).split(/[\\/]/).slice(-1)[0];
  return place.lines[at] > 0 ? `${short}:${place.lines[at]}` : short;
}
