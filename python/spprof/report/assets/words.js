// ---- Descriptions of calls and sites, and their elements. Text is never treated as markup.

function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** Returns a name, limited to `most` characters, in its own element, which isolates its writing direction. */
function named(text, className, most = 400) {
  return element("bdi", className, text.length > most ? `${text.slice(0, most)}…` : text);
}

/** `files`: all file names, either in full or as shown in tables. */
function fileOf(place, at, files = place.files) {
  if (at < 0 || !files[at]) return "";
  return place.lines[at] > 0 ? `${files[at]}:${place.lines[at]}` : files[at];
}

function between([low, high], unit, write = amount) {
  return `${write(Math.floor(low), unit)} – ${write(Math.ceil(high), unit)}`;
}

/** Describes sums in words: [main, detail]. `sides`: the report's sides, if these are the sums of the whole. */
function amountWords(chosen, sums, sides = []) {
  const { unit } = chosen.column;
  if (sums.length > 1) return changeWords(chosen, sums);
  const [sum] = sums;
  if (!chosen.hasSpread || !sum.isKnown) return [amount(sum.value, unit), ""];
  const ends = sum.interval(sides[0]), isExact = ends[1] - ends[0] < 1;
  return [amount(sum.value, unit), isExact ? "exact" : `${between(ends, unit)} (95 %)`];
}

function changeWords(chosen, [old, now]) {
  const { unit } = chosen.column, main = signedAmount(now.value - old.value, unit);
  const sides = `${amount(old.value, unit)} → ${amount(now.value, unit)}`;
  if (!chosen.hasSpread || !old.isKnown || !now.isKnown) return [main, sides];
  const ends = differenceInterval(old, now);
  const verdict = isSignificant([old, now]) ? "a significant change" : "no more than chance could explain";
  const range = ends[1] - ends[0] < 1 ? "exact" : `${between(ends, unit, signedAmount)} (95 %)`;
  return [main, `${sides}; ${range}: ${verdict}`];
}

/** A bar for the estimate, with a whisker for its interval, on a scale from 0 to `most`. */
function errorBar(sum, ends, most) {
  const bar = element("span", "bar"), fill = element("span", "fill"), whisker = element("span", "whisker");
  const place = (value) => `${100 * Math.min(Math.max(value / most, 0), 1)}%`;
  bar.setAttribute("aria-hidden", "true");
  fill.style.width = place(sum.value);
  whisker.style.left = place(ends[0]);
  whisker.style.width = `${100 * Math.max(Math.min(ends[1] / most, 1) - Math.max(ends[0], 0) / most, 0)}%`;
  bar.append(fill);
  if (ends[1] - ends[0] >= 1) bar.append(whisker);
  return bar;
}

/** Fills a bar and its list with the parts of memory, each as wide as its share of all parts. */
function showMemory(memory, bar, list) {
  const drawn = memory.filter((part) => part.bytes > 0), whole = drawn.reduce((total, part) => total + part.bytes, 0);
  bar.setAttribute("aria-label", memory.map((part) => `${part.name} ${part.amount}`).join(", "));
  bar.replaceChildren(...drawn.map((part) => {
    const piece = element("span");
    piece.dataset.part = part.name;
    piece.style.width = `${(100 * part.bytes) / whole}%`;
    piece.title = `${part.name}: ${part.amount}`;
    return piece;
  }));
  list.replaceChildren(...memory.map((part) => {
    const swatch = element("span", "swatch"), words = element("span", "", `${part.amount} `, named(part.name));
    swatch.dataset.part = part.name;
    words.title = part.what;
    const row = element("li", "", swatch, words, element("span", "place", part.share));
    if (part.remedy) row.append(element("span", "remedy", part.remedy));
    return row;
  }));
}

/** Returns rows of [name, text] that describe a call. */
function describe(tree, call) {
  const { chosen, root } = tree, { unit } = chosen.column, sums = tree.sums(call), isAll = call.place < 0;
  const [main, detail] = amountWords(chosen, sums, isAll ? tree.report.sides : []), rows = [["total", main]];
  if (detail) rows.push([sums.length > 1 ? "" : "interval", detail]);
  const own = tree.own(call), isCaller = root.place >= 0 && tree instanceof CalledFirst;
  if (!isCaller) rows.push(["own", own.length > 1 ? signedAmount(own[1] - own[0], unit) : amount(own[0], unit)]);
  if (!isAll) {
    rows.push([chosen.isDifference ? "width" : "share", `${percent(call.width, chosen.nodeWidths[0])} of all`]);
    const { above } = call;
    const name = above === root ? nameOf(tree, root).slice(0, 100) : "its parent";
    if (above && above.place >= 0) rows.push(["", `${percent(call.width, above.width)} of ${name}`]);
  }
  const age = tree.age(call);
  if (age !== null) rows.push(["age", `${tree.report.bands[Math.round(age)]} on average`]);
  const samples = sums.reduce((total, sum) => total + sum.samples, 0);
  if (chosen.hasSpread && samples) rows.push(["samples", amount(samples, "count")]);
  return rows;
}

/** Returns rows of [name, text] that describe a site. */
function describeSite(chosen, { own, total }) {
  const { unit } = chosen.column, [main, detail] = amountWords(chosen, own), last = own.length - 1;
  const rows = [["own", main]];
  if (detail) rows.push([own.length > 1 ? "" : "interval", detail]);
  const share = percent(own[last].value, chosen.whole[last].value);
  if (share) rows.push(["share", `${share} of all`]);
  rows.push(["total", total.length > 1 ? signedAmount(total[1] - total[0], unit) : amount(total[0], unit)]);
  return rows;
}

/** Returns the source lines around a place, with its own line marked; nothing if the report has no source lines. */
function sourceOf(report, at) {
  const found = report.sources.get(at), { lines, files } = report.place;
  if (!found) return [];
  const code = element("code", "", ...found.lines.map((text, index) => {
    const number = found.first + index, line = element("span", "", element("span", "number", `${number}`), `${text}\n`);
    if (number === lines[at]) line.setAttribute("aria-current", "true");
    return line;
  }));
  const frame = element("pre", "source", code);
  Object.assign(frame, { tabIndex: 0, role: "region", ariaLabel: `Source lines of ${files[at].slice(-100)}` });
  return [frame];
}

/** The text with which a screen reader describes a call. */
function spoken(tree, call) {
  const { place } = tree.report, isFolded = tree.isFolded(call), count = tree.beneath(call).length;
  const [main, detail] = amountWords(tree.chosen, tree.sums(call));
  const file = isFolded ? foldedDetail(tree, call) : shortFile(place, call.place);
  const name = `${nameOf(tree, call).slice(0, 200)}${file ? `, ${file.slice(0, 200)}` : ""}`;
  return [
    name, main, detail, percent(call.width, tree.chosen.nodeWidths[0]),
    `level ${call.row ?? call.depth}`, count === 1 ? "1 call" : `${count} calls`,
  ].filter(Boolean).join("; ");
}
