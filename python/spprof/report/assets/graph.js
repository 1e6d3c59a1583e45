// ---- The graph: boxes on a canvas of the size of its frame, whatever the depth of the stacks.

const ROW = 21, ROWS_LEAST = 8, GAP = 1, NARROWEST = 1, TEXT_FROM = 26, PADDING = 5, HUES = 18;
const FOREIGN = /[^\x20-\x7e…]/; // letters that need not be as wide as the others
const FONT = '12px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

const LIGHT = {
  ground: "#fbfbf9", ink: "#1c1f23", faint: "#4f565e", focus: "#0b57d0", found: "#ffd24a", rest: "#e4e4df",
  root: "#e6e6e1", box: (hue, isPython) => oklch(isPython ? 0.89 : 0.92, isPython ? 0.068 : 0.03, hue),
  still: "#e9e9e4", grown: (share) => oklch(0.93 - 0.17 * share, 0.02 + 0.12 * share, 25),
  shrunk: (share) => oklch(0.93 - 0.15 * share, 0.02 + 0.09 * share, 250), mark: "#1c1f23",
};
const DARK = {
  ground: "#16181b", ink: "#eef0f2", faint: "#b4bbc3", focus: "#8ab4f8", found: "#8a6400", rest: "#2a2d31",
  root: "#2e3136", box: (hue, isPython) => oklch(isPython ? 0.38 : 0.33, isPython ? 0.06 : 0.025, hue),
  still: "#2e3136", grown: (share) => oklch(0.31 + 0.1 * share, 0.02 + 0.11 * share, 25),
  shrunk: (share) => oklch(0.31 + 0.1 * share, 0.02 + 0.09 * share, 250), mark: "#eef0f2",
};

/** A colour of OKLCH, whose lightness is the eye's, as the canvas reads it fastest. */
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

/** Draws `tree` from the call `zoomed` on, beneath its callers, which are as wide as the frame. */
class Graph {
  constructor(frame, canvas, spacer) {
    Object.assign(this, { frame, canvas, spacer, rows: [], found: null, hovered: null, selected: null });
    this.pen = canvas.getContext("2d");
    this.colours = LIGHT;
    this.fills = new Map();
    frame.addEventListener("scroll", () => this.draw(), { passive: true });
  }

  /** Takes other colours; nothing is drawn yet. */
  paint(colours) {
    if (colours !== this.colours) this.fills.clear();
    this.colours = colours;
  }

  show(tree, zoomed) {
    Object.assign(this, { tree, zoomed, hovered: null });
    this.place = tree.report.place;
    this.fit();
  }

  /** Lays out for the frame's width, makes the frame as high as that needs, and draws. */
  fit() {
    this.width = this.frame.clientWidth;
    this.layOut();
    this.tallest = Math.max(this.tallest, this.rows.length, ROWS_LEAST);
    // The style sheet has the most; it shrinks only with a new tree.
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

  // ---- Where calls are: rows[depth] = [{ call, left, right }, …] from left to right

  layOut() {
    this.rows = [];
    for (let call = this.zoomed; call; call = call.parent) {
      this.rows[call.depth] = [{ call, left: 0, right: this.width }];
    }
    const pending = [this.rows[this.zoomed.depth][0]];
    while (pending.length) {
      const added = this.layOutChildren(pending.pop());
      for (let at = added.length - 1; at >= 0; at--) pending.push(added[at]);
    }
  }

  /** Places the calls of a box that are wide enough to be seen; one box without a call stands for the rest. */
  layOutChildren(box) {
    const scale = (box.right - box.left) / box.call.width, children = this.tree.children(box.call), added = [];
    if (!children.length) return added;
    const row = (this.rows[box.call.depth + 1] ??= []);
    let left = box.left, at = 0;
    for (; at < children.length && children[at].width * scale >= NARROWEST; at++) {
      added.push({ call: children[at], left, right: left + children[at].width * scale });
      left = added[at].right;
    }
    row.push(...added);
    if (at < children.length) this.layOutRest(row, box, children, at, left, scale);
    return added;
  }

  layOutRest(row, box, children, from, left, scale) {
    let width = 0;
    for (let at = from; at < children.length; at++) width += children[at].width;
    if (width * scale >= NARROWEST) {
      const right = left + width * scale;
      row.push({ call: null, widest: children[from], count: children.length - from, width, left, right });
    }
  }

  boxAt(x, y) {
    const row = this.rows[Math.floor((y + this.frame.scrollTop) / ROW)] ?? [];
    let low = 0, high = row.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (row[middle].right <= x) low = middle + 1;
      else high = middle;
    }
    return low < row.length && row[low].left <= x && y >= 0 ? row[low] : null;
  }

  boxOf(call) {
    return this.rows[call.depth]?.find((box) => box.call === call) ?? null;
  }

  /** Scrolls so that the row of a call is seen. */
  reveal(call) {
    const top = call.depth * ROW, { frame } = this;
    if (top < frame.scrollTop) frame.scrollTop = top;
    else if (top + ROW > frame.scrollTop + this.height) frame.scrollTop = top + ROW - this.height;
  }

  // ---- What they look like

  draw() {
    if (!this.tree) return;
    const { pen, frame, rows } = this, top = frame.scrollTop;
    pen.fillStyle = this.colours.ground;
    pen.fillRect(0, 0, this.width, this.height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    this.letter = pen.measureText("m").width;
    const last = Math.min(rows.length, Math.ceil((top + this.height) / ROW));
    for (let depth = Math.floor(top / ROW); depth < last; depth++) {
      for (const box of rows[depth] ?? []) this.drawBox(box, depth * ROW - top);
    }
    this.drawOutline(this.hovered, this.colours.ink, 1);
    if (document.activeElement === frame) this.drawOutline(this.selected, this.colours.focus, 2.5);
  }

  drawBox(box, y) {
    const { pen } = this, width = box.right - box.left, gap = width > 3 ? GAP : 0;
    pen.fillStyle = box.call ? this.fill(box.call) : this.colours.rest;
    pen.fillRect(box.left, y, width - gap, ROW - GAP);
    if (box.call && box.call.depth < this.zoomed.depth) this.fade(box, y);
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
    if (this.found?.[call.place]) return this.colours.found;
    if (this.tree.chosen.isDifference) return this.changeFill(call);
    if (call.place < 0) return this.colours.root;
    if (this.found) return this.colours.still;
    return this.packageFill(this.place.packages[call.place], this.place.flags[call.place] & IS_PYTHON);
  }

  packageFill(name, isPython) {
    const key = isPython ? name : `${name}\0`;
    if (!this.fills.has(key)) this.fills.set(key, this.colours.box(hueOf(name), isPython));
    return this.fills.get(key);
  }

  changeFill(call) {
    const [old, now] = call.values, share = Math.abs(now - old) / Math.max(old, now, 1);
    if (now === old || this.found) return this.colours.still;
    return now > old ? this.colours.grown(share) : this.colours.shrunk(share);
  }

  /** Changes that chance does not explain are marked. */
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
    const used = this.widthOf(name) + 2 * this.letter, file = shortFile(this.place, box.call.place);
    if (file && room - used > 8 * this.letter && !name.endsWith("…")) {
      if (!this.found?.[box.call.place]) pen.fillStyle = this.colours.faint;
      pen.fillText(this.fitted(file, room - used), box.left + PADDING + used, middle);
    }
  }

  sign(call) {
    if (!this.isMarked(call)) return "";
    return call.values[1] > call.values[0] ? "▲ " : "▼ ";
  }

  widthOf(text) {
    return FOREIGN.test(text) ? this.pen.measureText(text).width : text.length * this.letter;
  }

  /** As much of a text as fits. Letters are of one width, but for foreign ones, which are measured. */
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
    const y = call.depth * ROW - this.frame.scrollTop;
    this.pen.strokeStyle = colour;
    this.pen.lineWidth = width;
    this.pen.strokeRect(
      box.left + width / 2, y + width / 2, Math.max(box.right - box.left - GAP - width, 2), ROW - GAP - width,
    );
  }
}

/** The same in every report. */
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
  return call.place < 0 ? "all" : tree.report.place.functions[call.place];
}

function shortFile(place, at) {
  if (at < 0 || !place.files[at]) return "";
  const short = place.files[at].slice(-300).split(/[\\/]/).slice(-1)[0];
  return place.lines[at] > 0 ? `${short}:${place.lines[at]}` : short;
}
