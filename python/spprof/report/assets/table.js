// ---- The table of sites.

const ROWS_AT_ONCE = 100;
const NARROW = "(max-width: 40rem)"; // as in the style sheet

const PLAIN_COLUMNS = [
  { key: "own", title: "Own", value: (row) => row.own[0].value },
  { key: "interval", title: "95 % interval" },
  { key: "bar", title: "Error bar" },
  { key: "total", title: "Total", value: (row) => row.total[0] },
  { key: "site", title: "Site" },
];
const CHANGE_COLUMNS = [
  { key: "own", title: "Own change", value: (row) => Math.abs(change(row)) },
  { key: "interval", title: "95 % interval" },
  { key: "old", title: "Old", value: (row) => row.own[0].value },
  { key: "new", title: "New", value: (row) => row.own[1].value },
  { key: "total", title: "Total change", value: (row) => Math.abs(row.total[1] - row.total[0]) },
  { key: "site", title: "Site" },
];

function change(row) {
  return row.own[1].value - row.own[0].value;
}

/** Shows the rows of `sitesOf`, sorted. Calls `onSite(place)` and `onAround(place)` when the user chooses one. */
class Table {
  constructor(columns, body, more, count, { onSort, onSite, onAround }) {
    Object.assign(this, { columns, body, count, more, onSort, onSite, onAround });
    Object.assign(this, { sort: "own", ascending: false, shown: ROWS_AT_ONCE });
    more.addEventListener("click", () => {
      this.append(this.shown, (this.shown += ROWS_AT_ONCE));
    });
  }

  show(chosen, rows, found) {
    this.chosen = chosen;
    this.kinds = (chosen.isDifference ? CHANGE_COLUMNS : PLAIN_COLUMNS).filter(({ key }) => {
      return chosen.hasSpread || (key !== "interval" && key !== "bar");
    });
    if (matchMedia(NARROW).matches) this.kinds.unshift(this.kinds.pop()); // visible without scrolling
    this.every = rows;
    this.found = found;
    this.most = Math.max(1, ...chosen.whole.map((sum) => sum.value));
    this.shown = ROWS_AT_ONCE;
    this.order();
  }

  /** Sorts all sites, not only the visible ones, since sorting an ordered array again is fast. */
  order() {
    const kind = this.kinds.find(({ key }) => key === this.sort) ?? this.kinds[0], sign = this.ascending ? -1 : 1;
    const { functions } = this.place, byName = (one, other) => compare(functions[one.place], functions[other.place]);
    for (const row of this.every) row.key = kind.value ? sign * kind.value(row) : 0;
    this.every.sort((one, other) => {
      const byValue = other.key - one.key || (kind.value ? other.total[0] - one.total[0] : 0);
      return byValue || (kind.value ? 1 : sign) * byName(one, other) || one.place - other.place;
    });
    this.rows = this.every.filter((row) => !this.found || this.found[row.place]);
    this.head();
    this.fill();
  }

  head() {
    this.columns.replaceChildren(...this.kinds.map((kind) => this.headCell(kind)));
  }

  headCell(kind) {
    const cell = element("th", kind.key === "site" ? "site" : "");
    cell.scope = "col";
    if (!kind.value && kind.key !== "site") {
      cell.append(element("span", "", kind.title));
      return cell;
    }
    const isSorted = this.sort === kind.key, isUp = kind.value ? this.ascending : !this.ascending;
    cell.setAttribute("aria-sort", isSorted ? (isUp ? "ascending" : "descending") : "none");
    const arrow = element("span", "arrow", isSorted ? (isUp ? "▴" : "▾") : "");
    arrow.setAttribute("aria-hidden", "true");
    const button = element("button", "", kind.title, arrow);
    button.type = "button";
    button.dataset.key = kind.key;
    button.addEventListener("click", () => this.sortBy(kind.key));
    cell.append(button);
    return cell;
  }

  sortBy(key) {
    this.ascending = this.sort === key ? !this.ascending : false;
    this.sort = key;
    this.order();
    this.columns.querySelector(`[data-key="${key}"]`).focus();
    this.onSort();
  }

  fill() {
    this.body.replaceChildren();
    this.append(0, this.shown);
  }

  append(from, shown) {
    const { rows } = this;
    this.body.append(...rows.slice(from, shown).map((row) => this.row(row)));
    this.more.hidden = rows.length <= shown;
    const sites = `${GROUPED.format(rows.length)} sites`;
    this.count.textContent = rows.length > shown ? `${shown} of ${sites}` : sites;
  }

  row(row) {
    const line = element("tr");
    for (const { key } of this.kinds) line.append(key === "site" ? this.siteCell(row) : this.numberCell(key, row));
    return line;
  }

  numberCell(key, row) {
    if (key === "bar") {
      const bars = element("td", "bars"), [sum] = row.own;
      if (sum.value > 0 && sum.isKnown) bars.append(errorBar(sum, sum.interval(), this.most));
      return bars;
    }
    const cell = element("td", "", this.number(key, row));
    if (this.chosen.isDifference && (key === "own" || key === "total")) this.colour(cell, key, row);
    return cell;
  }

  colour(cell, key, row) {
    const delta = key === "own" ? change(row) : row.total[1] - row.total[0];
    if (delta) cell.classList.add(delta > 0 ? "grown" : "shrunk");
    if (key !== "own" || !this.chosen.hasSpread || !isSignificant(row.own)) return;
    cell.classList.add("significant");
    const sign = element("span", "", delta > 0 ? "▲ " : "▼ "), words = element("span", "unseen", "significant ");
    sign.setAttribute("aria-hidden", "true");
    cell.prepend(sign, words);
  }

  number(key, row) {
    const { unit } = this.chosen.column, isDifference = this.chosen.isDifference;
    if (key === "interval") return this.interval(row, unit);
    if (key === "old" || key === "new") return amount(row.own[key === "old" ? 0 : 1].value, unit);
    if (!isDifference) return amount(key === "own" ? row.own[0].value : row.total[0], unit);
    return signedAmount(key === "own" ? change(row) : row.total[1] - row.total[0], unit);
  }

  interval(row, unit) {
    if (row.own.some((sum) => !sum.isKnown) || row.own.every((sum) => sum.value === 0)) return "";
    const { isDifference } = this.chosen, ends = isDifference ? differenceInterval(...row.own) : row.own[0].interval();
    return ends[1] - ends[0] < 1 ? "exact" : between(ends, unit, isDifference ? signedAmount : amount);
  }

  siteCell(row) {
    const { place } = this, at = row.place, name = element("button", "", named(place.functions[at], "", 200));
    name.type = "button";
    name.title = "Find it in the graph";
    name.addEventListener("click", () => this.onSite(at));
    const from = row.from < 0 ? [] : this.fromWords(row.from);
    return element("td", "site", this.aroundButton(at), name, ...this.fileWords(at, 200), ...from);
  }

  aroundButton(at) {
    const button = element("button", "around");
    Object.assign(button, { type: "button", title: "Callers and callees" });
    button.ariaLabel = `Callers and callees of ${this.place.functions[at].slice(0, 200)}`;
    button.addEventListener("click", () => this.onAround(at));
    return button;
  }

  fileWords(at, most) {
    const file = fileOf(this.place, at, this.place.shortFiles);
    if (!file) return [];
    const shown = named(file, "place", most);
    shown.title = fileOf(this.place, at).slice(0, 400);
    return [" ", shown];
  }

  /** The program's own line that led to the site. */
  fromWords(at) {
    const name = named(this.place.functions[at], "", 100);
    return [" ", element("span", "from", "from ", name, ...this.fileWords(at, 120))];
  }
}

function compare(one, other) {
  return one < other ? -1 : Number(one > other);
}
