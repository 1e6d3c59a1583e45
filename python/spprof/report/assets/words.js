// ---- What a call or a site is in words, and the elements that say it. Texts never become markup.

function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** A name in an element of its own, so that its direction of writing stays within. At most `most` characters of it. */
function named(text, className, most = 400) {
  return element("bdi", className, text.length > most ? `${text.slice(0, most)}…` : text);
}

function fileOf(place, at) {
  if (at < 0 || !place.files[at]) return "";
  return place.lines[at] > 0 ? `${place.files[at]}:${place.lines[at]}` : place.files[at];
}

function between([low, high], unit, write = amount) {
  return `${write(Math.floor(low), unit)} – ${write(Math.ceil(high), unit)}`;
}

/** The amount of some sums in words: [main, detail]. `sides`: of the whole, the report's sides. */
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
  const verdict = isSignificant([old, now]) ? "a change" : "no more than chance explains";
  const range = ends[1] - ends[0] < 1 ? "exact" : `${between(ends, unit, signedAmount)} (95 %)`;
  return [main, `${sides}; ${range}: ${verdict}`];
}

/** A bar for the estimate with a whisker for its interval, on a scale from 0 to `most`. */
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

/** Rows of [name, text] that describe a call. */
function describe(tree, call) {
  const { chosen } = tree, { unit } = chosen.column, sums = tree.sums(call), whole = tree.root;
  const [main, detail] = amountWords(chosen, sums, call === whole ? tree.report.sides : []), rows = [["total", main]];
  if (detail) rows.push([sums.length > 1 ? "" : "interval", detail]);
  const own = tree.own(call);
  rows.push(["own", own.length > 1 ? signedAmount(own[1] - own[0], unit) : amount(own[0], unit)]);
  if (call !== whole) {
    rows.push([chosen.isDifference ? "width" : "share", `${percent(call.width, whole.width)} of all`]);
    if (call.parent !== whole) rows.push(["", `${percent(call.width, call.parent.width)} of the call above`]);
  }
  const samples = sums.reduce((total, sum) => total + sum.samples, 0);
  if (chosen.hasSpread && samples) rows.push(["samples", amount(samples, "count")]);
  return rows;
}

/** What is announced of a call. */
function spoken(tree, call) {
  const place = tree.report.place, file = shortFile(place, call.place), count = tree.children(call).length;
  const [main, detail] = amountWords(tree.chosen, tree.sums(call));
  const name = `${nameOf(tree, call).slice(0, 200)}${file ? `, ${file.slice(0, 200)}` : ""}`;
  return [
    name, main, detail, percent(call.width, tree.root.width),
    `level ${call.depth}`, count === 1 ? "1 call" : `${count} calls`,
  ].filter(Boolean).join("; ");
}
