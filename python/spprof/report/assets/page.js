// ---- The page: the user's choices, which are kept in the address, and the handling of clicks and keys.

const get = (id) => document.getElementById(id);
const BUTTONS_MOST = 4;
const SECTIONS = ["theme", "controls", "graph-section", "sites-section"];
const THEMES = ["system", "light", "dark"];

/** The user's choices, as written in the address:
 * #c=1&t=0&r=3-12&rss=0&i=1&h=1&f=0&a=1&q=load&s=total&w=5&z=0.4.17 */
const NOTHING_CHOSEN = {
  column: -1, thread: -1, invert: false, hide: false, fold: true, age: false, search: "", sort: "own",
  ascending: false, around: -1, zoom: [],
  theme: "system", range: null, rss: true,
};

function toAddress(choice, first) {
  const pairs = [];
  if (choice.column !== first) pairs.push(["c", choice.column]);
  if (choice.thread >= 0) pairs.push(["t", choice.thread]);
  if (choice.range) pairs.push(["r", choice.range.join("-")]);
  if (!choice.rss) pairs.push(["rss", 0]);
  if (choice.invert) pairs.push(["i", 1]);
  if (choice.hide) pairs.push(["h", 1]);
  if (!choice.fold) pairs.push(["f", 0]);
  if (choice.age) pairs.push(["a", 1]);
  if (choice.search) pairs.push(["q", choice.search]);
  if (choice.sort !== "own" || choice.ascending) pairs.push(["s", (choice.ascending ? "-" : "") + choice.sort]);
  if (choice.theme !== "system") pairs.push(["theme", choice.theme]);
  if (choice.around >= 0) pairs.push(["w", choice.around.toString(36)]);
  if (choice.zoom.length) pairs.push(["z", choice.zoom.map((place) => place.toString(36)).join(".")]);
  return new URLSearchParams(pairs).toString();
}

/** Reads the choices from the address. They are limited to what the report contains. */
function fromAddress(text, report) {
  const given = new URLSearchParams(text), sort = given.get("s") ?? "own", theme = given.get("theme");
  return {
    ...NOTHING_CHOSEN,
    column: numberBelow(given.get("c"), report.columns.length, report.first),
    thread: numberBelow(given.get("t"), report.threads.length, -1),
    invert: given.get("i") === "1",
    hide: given.get("h") === "1",
    fold: given.get("f") !== "0",
    age: given.get("a") === "1",
    search: given.get("q") ?? "",
    sort: sort.replace(/^-/, ""),
    ascending: sort.startsWith("-"),
    around: placeBelow(given.get("w"), report.place.count),
    theme: THEMES.includes(theme) ? theme : "system",
    range: rangeWithin(given.get("r"), report),
    rss: given.get("rss") !== "0",
    zoom: (given.get("z") ?? "").split(".").filter(Boolean).map((place) => parseInt(place, 36)),
  };
}

function placeBelow(text, limit) {
  const place = /^[0-9a-z]{1,8}$/.test(text ?? "") ? parseInt(text, 36) : -1;
  return place < limit ? place : -1;
}

function numberBelow(text, limit, otherwise) {
  return text !== null && /^\d+$/.test(text) && Number(text) < limit ? Number(text) : otherwise;
}

function rangeWithin(text, { history }) {
  const [, from, to] = /^(\d{1,9})-(\d{1,9})$/.exec(text ?? "") ?? [], last = history?.points.length ?? 0;
  if (!to || Number(from) >= Number(to) || Number(to) > last || Number(to) - Number(from) === last) return null;
  return [Number(from), Number(to)];
}

class Page {
  constructor(report) {
    this.report = report;
    this.keptBefore = {};
    this.nothingHidden = new Uint8Array(report.place.count);
    this.libraries = report.place.flags.map((flags) => Number((flags & IS_LIBRARY) > 0));
    this.graph = new Graph(get("graph"));
    this.upper = new Graph(get("callers"), true);
    this.table = new Table(...["columns", "rows", "more", "count"].map(get), {
      onSort: () => this.sorted(),
      onSite: (place) => this.searchFor(place),
      onAround: (place) => this.lookAround(place),
    });
    this.table.place = report.place;
    this.choice = fromAddress(location.hash.slice(1), report);
    this.fillControls();
    this.fillTimeline();
    this.listen();
    for (const id of SECTIONS) get(id).hidden = false;
    this.apply();
    get("waiting").remove();
  }

  // ---- Setup

  fillControls() {
    const { report } = this;
    get("facts").replaceChildren(...report.facts.map(([key, text]) => {
      return element("div", "", element("dt", "", named(key)), element("dd", "", named(text)));
    }));
    get("memory").hidden = !report.memory.length;
    showMemory(report.memory, get("memory-bar"), get("memory-parts"));
    this.fillChoices("groups", "group");
    this.fillChoices("measures", "measure");
    const options = ["All threads", ...report.threads].map((name, at) => new Option(name.slice(0, 100), at - 1));
    get("threads").append(...options);
    get("threads-label").hidden = report.threads.length < 2;
    get("hide").closest("label").hidden = !this.libraries.includes(1);
  }

  fillTimeline() {
    const { history } = this.report, hasTime = history?.points.length > 1;
    get("over-time").hidden = !hasTime;
    if (!hasTime) return;
    this.timeline = new Timeline(get("over-time"), history, {
      range: (range) => this.chooseRange(range),
      preview: (range) => this.showRange(range),
      tip: (content, x, y) => this.showTip(content, x, y),
    });
    get("rss-label").hidden = !this.timeline.knowsRss;
    get("range-all").addEventListener("click", () => this.chooseRange(null));
    get("rss").addEventListener("change", () => this.choose({ rss: get("rss").checked }));
  }

  /** A choice among the columns, starting with the first column's value. Shown as buttons, or as a list if long. */
  fillChoices(id, part) {
    const { columns, first } = this.report;
    const texts = [...new Set([columns[first], ...columns].map((column) => column[part]))];
    get(id).hidden = texts.length < 2;
    if (texts.length > BUTTONS_MOST) {
      const list = element("select", "", ...texts.map((text) => new Option(text.slice(0, 100), text)));
      list.setAttribute("aria-label", get(id).querySelector("legend").textContent);
      get(id).append(list);
      return;
    }
    get(id).append(...texts.map((text) => {
      const input = element("input");
      Object.assign(input, { type: "radio", name: id, value: text });
      return element("label", "", input, element("span", "", named(text, "", 60)));
    }));
  }

  listen() {
    const on = (id, type, does) => get(id).addEventListener(type, does);
    get("controls").addEventListener("submit", (event) => event.preventDefault());
    for (const id of ["groups", "measures"]) on(id, "change", () => this.choose({ column: this.columnOf(id) }));
    on("threads", "change", () => this.choose({ thread: Number(get("threads").value) }));
    on("invert", "change", () => this.choose({ invert: get("invert").checked, zoom: [] }));
    on("hide", "change", () => this.choose({ hide: get("hide").checked, zoom: [] }));
    on("fold", "change", () => this.choose({ fold: get("fold").checked, zoom: [] }));
    on("age", "change", () => this.choose({ age: get("age").checked }));
    on("search", "input", () => this.search(get("search").value));
    on("reset", "click", () => this.reset());
    on("theme", "click", () => this.setTheme(THEMES[(THEMES.indexOf(this.choice.theme) + 1) % THEMES.length]));
    on("leave", "click", () => this.choose({ around: -1, zoom: [] }));
    on("around", "click", () => this.lookAround(this.foundPlace));
    for (const graph of [this.graph, this.upper]) this.listenTo(graph);
    document.addEventListener("keydown", (event) => this.anyKey(event));
    window.addEventListener("hashchange", () => {
      this.choice = fromAddress(location.hash.slice(1), this.report);
      this.apply();
    });
    window.addEventListener("resize", () => {
      this.shownGraphs.forEach((graph) => graph.fit());
      this.timeline?.fit();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.setTheme(this.choice.theme));
  }

  listenTo(graph) {
    const { frame, canvas } = graph;
    canvas.addEventListener("click", (event) => this.click(graph, event));
    canvas.addEventListener("pointermove", (event) => this.hover(graph, event));
    canvas.addEventListener("pointerleave", () => this.unhover());
    frame.addEventListener("keydown", (event) => this.key(graph, event));
    frame.addEventListener("focus", () => graph.draw());
    frame.addEventListener("blur", () => graph.draw());
    frame.addEventListener("scroll", () => this.unhover(), { passive: true });
  }

  // ---- Choices

  /** Returns the column with the chosen group and measure or, if there is none, a column with what was just chosen. */
  columnOf(changed) {
    const checked = (id) => get(id).querySelector("input:checked, select")?.value, { columns } = this.report;
    const group = checked("groups"), measure = checked("measures");
    const both = columns.findIndex((column) => column.group === group && column.measure === measure);
    if (both >= 0) return both;
    return columns.findIndex((column) => (changed === "groups" ? column.group === group : column.measure === measure));
  }

  choose(change) {
    Object.assign(this.choice, change);
    this.apply();
  }

  /** Makes the page show the current choices. */
  apply() {
    const { choice, report } = this;
    this.hidden = choice.hide ? this.libraries : this.nothingHidden;
    if (choice.range && !report.dated.includes(choice.column)) choice.range = null;
    const { column, thread, range } = choice;
    this.chosen = this.kept("chosen", [column, thread, String(range)], () => new Chosen(report, column, thread, range));
    this.owner = this.kept("owner", [this.hidden], () => owners(report, this.hidden));
    this.sites = this.kept("sites", [this.chosen, this.hidden], () => sitesOf(this.chosen, this.hidden, this.owner));
    this.plant();
    for (const graph of [this.graph, this.upper]) graph.isByAge = choice.age;
    Object.assign(this.table, { sort: choice.sort, ascending: choice.ascending });
    this.showControls();
    this.showWhole();
    this.showWhere();
    this.showTimeline();
    this.found = this.find();
    this.paint();
    this.shownGraphs.forEach((graph) => graph.show());
    this.zoom(this.graph.zoomed);
    this.showFound();
  }

  /** Creates the trees for the graphs: everything, or the callers and callees of a function. */
  plant() {
    const { choice, chosen, hidden, graph, upper } = this, { around } = choice;
    const nodes = around >= 0 && callsOf(this.report, around);
    this.shownGraphs = nodes ? [upper, graph] : [graph];
    if (nodes) upper.plant(new CalledFirst(chosen, hidden, around, nodes), 2);
    graph.plant(nodes ? new CallersFirst(chosen, hidden, around, nodes)
      : new (choice.invert ? CalledFirst : CallersFirst)(chosen, hidden), nodes ? 2 : ROWS_LEAST);
    graph.selected = graph.zoomed = this.tree.follow(choice.zoom);
    this.fold();
  }

  get tree() {
    return this.graph.tree;
  }

  get isAround() {
    return this.choice.around >= 0;
  }

  lookAround(place) {
    this.choose({ around: place, zoom: [] });
    get("graph-section").scrollIntoView({ block: "nearest" });
    get("graph").focus({ preventScroll: true });
    get("spoken").textContent = `Callers and callees. ${spoken(this.tree, this.tree.root)}`;
  }

  /** Folds runs of calls, except a run into which a link leads. An inverted graph needs no folding. */
  fold() {
    const { choice, shownGraphs } = this, canFold = !choice.invert || this.isAround;
    for (const { tree } of shownGraphs) tree.folds = canFold;
    get("fold").checked = choice.fold;
    get("fold").closest("label").hidden = !shownGraphs.some(({ tree }) => tree.hasRuns);
    for (const { tree, zoomed } of shownGraphs) {
      tree.folds = canFold && choice.fold;
      if (!tree.folds) tree.forget();
      tree.show(zoomed);
    }
  }

  unfold(graph, call) {
    const { above, run } = call;
    graph.tree.unfold(call);
    if (graph.zoomed.row > above.row) this.zoom(above, graph);
    graph.fit();
    this.select(run[0], graph);
    get("spoken").textContent = `Unfolded. ${get("spoken").textContent}`;
  }

  /** Returns the last result of `make` if its inputs have not changed, else a new one. */
  kept(name, of, make) {
    const known = this.keptBefore[name];
    if (known && of.every((one, at) => one === known.of[at])) return known.made;
    const made = make();
    this.keptBefore[name] = { of, made };
    return made;
  }

  showControls() {
    const { choice, report } = this, { group, measure } = report.columns[choice.column];
    for (const [id, value] of [["groups", group], ["measures", measure]]) {
      for (const input of get(id).querySelectorAll("input")) input.checked = input.value === value;
      for (const list of get(id).querySelectorAll("select")) list.value = value;
    }
    get("threads").value = choice.thread;
    get("invert").checked = choice.invert;
    get("hide").checked = choice.hide;
    get("age").checked = choice.age;
    get("age").closest("label").hidden = !this.chosen.ages;
    get("invert").closest("label").hidden = this.isAround;
    get("legend").textContent = this.legend();
    if (get("search").value !== choice.search) get("search").value = choice.search;
  }

  /** Shows what the graph covers: everything, or a function. */
  showWhere() {
    const { around } = this.choice, name = this.isAround ? this.report.place.functions[around] : "";
    const { range } = this.choice, of = range ? [`, allocated ${this.timeline.words(range)}`] : [];
    const title = name ? ["Callers and callees of ", named(name, "", 200)] : ["Flame graph"];
    get("graph-title").replaceChildren(...title, ...of);
    get("callers").hidden = get("leave").hidden = !this.isAround;
  }

  legend() {
    const isInverted = this.choice.invert && !this.isAround;
    const order = `Callers are ${isInverted ? "below" : "above"} the functions they call.`;
    if (!this.chosen.isDifference) return `${order} ${this.colouring()}`;
    const words = "; ▲ ▼ and an underline mark changes that chance does not explain (95 %)";
    const marks = this.chosen.hasSpread ? words : "";
    return `${order} Red grew, blue shrank${marks}. Widths are the larger of old and new.`;
  }

  colouring() {
    if (!this.choice.age || !this.chosen.ages) return "Coloured by package.";
    const { bands } = this.report, oldest = bands[bands.length - 1];
    return `Coloured by average age, from yellow (${bands[0]}, the youngest) to red (${oldest}, the oldest).`;
  }

  showWhole() {
    const [main, detail] = amountWords(this.chosen, this.chosen.whole, this.report.sides);
    const { group, measure } = this.report.columns[this.choice.column], what = group || measure;
    const { range } = this.choice, when = range ? `, allocated ${this.timeline.words(range)}` : "";
    const more = element("span", "", named(what, "", 60), when, detail ? `, ${detail}` : "");
    get("whole").replaceChildren(element("strong", "", main), more);
  }

  // ---- Over time

  showTimeline() {
    if (!this.timeline) return;
    get("rss").checked = this.choice.rss;
    this.timeline.show(this.choice.range, this.choice.rss);
    this.showRange(this.choice.range);
  }

  /** Shows only memory that was allocated in a range; null: everything. Only live memory has allocation times. */
  chooseRange(range) {
    const { column } = this.choice;
    this.choose({ range, column: range ? this.datedColumn(column) : column });
    get("spoken").textContent = get("range-words").textContent;
  }

  datedColumn(column) {
    const { dated, columns } = this.report;
    return dated.includes(column) ? column : dated.find((at) => columns[at].unit === "bytes") ?? dated[0] ?? column;
  }

  /** Describes the contents of a range, also while it is being dragged. */
  showRange(range) {
    get("range-all").hidden = !range;
    get("range-words").textContent = range ? this.rangeWords(range)
      : "Select a time range by dragging or with the arrow keys to see what was allocated in it and is still live.";
  }

  rangeWords(range) {
    const { report, choice, timeline } = this, column = this.datedColumn(choice.column);
    const isShown = String(range) === String(choice.range);
    const chosen = isShown ? this.chosen : new Chosen(report, column, choice.thread, range);
    const [main, detail] = amountWords(chosen, chosen.whole, report.sides), { measure, unit } = chosen.column;
    const much = `${main}${unit === "bytes" ? "" : ` ${measure}`}${detail ? `, ${detail}` : ""}`;
    return `Allocated ${timeline.words(range)}, still live at ${timeline.timeOf(timeline.last)}: ${much}`;
  }

  showTip(content, x, y) {
    get("tip").hidden = !content;
    if (!content) return;
    get("tip").replaceChildren(...content);
    this.placeTip(x, y);
  }

  keepAddress() {
    const text = toAddress(this.choice, this.report.first);
    try {
      history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
    } catch {
      // A notebook's frame does not have its own address in which the choice could be kept.
    }
  }

  // ---- Search

  search(text) {
    this.choice.search = text;
    this.found = this.find();
    this.drawAll();
    this.showFound();
    this.keepAddress();
  }

  drawAll() {
    for (const graph of this.shownGraphs) {
      graph.found = this.found;
      graph.draw();
    }
  }

  searchFor(place) {
    get("search").value = this.report.place.functions[place].slice(0, 200);
    this.search(get("search").value);
    get("details").replaceChildren(...this.aboutSite("Site", this.sites.find((row) => row.place === place)));
    get("graph-section").scrollIntoView({ block: "nearest" });
  }

  /** The visible places that match the search; null without a search. */
  find() {
    const found = placesWith(this.report.place, this.choice.search);
    return found && found.map((flag, place) => flag & (this.hidden[place] ^ 1));
  }

  showFound() {
    const { search, sort, ascending } = this.choice;
    const show = () => this.table.show(this.chosen, this.sites, this.found);
    this.kept("table", [this.sites, search, sort, ascending], show);
    get("found").textContent = this.found ? this.foundWords(this.found) : "";
    this.foundPlace = this.found ? this.largestFound() : -1;
    get("around").hidden = this.foundPlace < 0;
    if (this.foundPlace >= 0) get("around").replaceChildren("Callers and callees of ", this.nameOf(this.foundPlace));
  }

  nameOf(place) {
    return named(this.report.place.functions[place], "", 80);
  }

  largestFound() {
    let found = -1, most = 0;
    for (const { place, total } of this.sites) {
      if (this.found[place] && Math.max(...total) > most) [found, most] = [place, Math.max(...total)];
    }
    return found;
  }

  foundWords(found) {
    const count = this.sites.filter((row) => found[row.place]).length, sums = sumsWith(this.chosen, found);
    if (!count) return "No matches.";
    const [main, detail] = amountWords(this.chosen, sums), last = sums.length - 1;
    const share = percent(sums[last].value, this.chosen.whole[last].value);
    const sites = `${GROUPED.format(count)} ${count === 1 ? "site" : "sites"}`;
    return `${sites}: ${share ? `${share} of all, ` : ""}${main}${detail ? `, ${detail}` : ""}`;
  }

  sorted() {
    Object.assign(this.choice, { sort: this.table.sort, ascending: this.table.ascending });
    this.keepAddress();
  }

  // ---- The graph

  zoom(call, graph = this.graph) {
    if (graph === this.graph) this.choice.zoom = pathOf(call);
    graph.selected = graph.zoomed = call;
    graph.found = this.found;
    graph.show();
    graph.reveal(call);
    get("reset").disabled = this.shownGraphs.every(({ zoomed, tree }) => zoomed === tree.root);
    this.showDetails(call, graph);
    this.keepAddress();
    performance.mark("spprof:drawn");
  }

  reset() {
    for (const graph of this.shownGraphs) this.zoom(graph.tree.root, graph);
  }

  select(call, graph = this.graph) {
    graph.selected = call;
    graph.reveal(call);
    graph.draw();
    this.showDetails(call, graph);
    get("spoken").textContent = spoken(graph.tree, call);
  }

  click(graph, event) {
    const box = graph.boxAt(event.offsetX, event.offsetY);
    if (!box) return;
    this.unhover();
    const call = box.call ?? box.widest;
    if (graph.tree.isFolded(call)) this.unfold(graph, call);
    else this.zoom(call, graph);
    graph.frame.focus({ preventScroll: true });
  }

  hover(graph, event) {
    const box = event.pointerType === "touch" ? null : graph.boxAt(event.offsetX, event.offsetY);
    if (box !== this.hoveredBox) {
      this.unhover();
      this.hoveredBox = box;
      this.hoveredGraph = graph;
      graph.hovered = box?.call ?? null;
      graph.draw();
      this.fillTip(box);
    }
    if (box) this.placeTip(event.clientX, event.clientY);
  }

  unhover() {
    if (!this.hoveredBox) return;
    this.hoveredBox = this.hoveredGraph.hovered = null;
    get("tip").hidden = true;
    this.hoveredGraph.draw();
  }

  fillTip(box) {
    get("tip").hidden = !box;
    if (!box) return;
    if (box.call) {
      get("tip").replaceChildren(...this.about(box.call, this.hoveredGraph.tree));
    } else {
      const { unit } = this.chosen.column, text = `${GROUPED.format(box.count)} calls too narrow to draw`;
      const words = `${amount(box.width, unit)}. Click to zoom to the widest.`;
      get("tip").replaceChildren(element("div", "name", text), words);
    }
  }

  placeTip(x, y) {
    const tip = get("tip"), { offsetWidth, offsetHeight } = tip, margin = 14;
    const left = x + margin + offsetWidth > innerWidth ? x - margin - offsetWidth : x + margin;
    const top = y + margin + offsetHeight > innerHeight ? y - margin - offsetHeight : y + margin;
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }

  /** Shows a call's details. For the root, shows the largest site, since the header covers the total. */
  showDetails(call, { tree }) {
    const { place } = call, isCall = place >= 0 && !tree.isFolded(call), largest = place < 0 && this.largestSite();
    if (largest) return get("details").replaceChildren(...this.aboutSite("Largest site", largest));
    const parts = this.about(call, tree);
    if (isCall) parts[0] = this.lead(parts[0], place);
    get("details").replaceChildren(element("div", "about", ...parts), ...(isCall ? sourceOf(this.report, place) : []));
  }

  /** A name followed by a button. */
  lead(name, place) {
    const button = element("button", "", "Callers and callees");
    button.type = "button";
    button.addEventListener("click", () => this.lookAround(place));
    return element("div", "lead", name, ...(this.choice.around === place ? [] : [button]));
  }

  largestSite() {
    const size = ({ own }) => (own.length > 1 ? Math.abs(own[1].value - own[0].value) : own[0].value);
    return this.sites.reduce((most, row) => (size(row) > (most ? size(most) : 0) ? row : most), null);
  }

  /** A site with its source lines. For a library's site, these are around the program's own line that led there. */
  aboutSite(what, row) {
    if (!row) return [];
    const { report, chosen } = this, { place, from } = row, numbers = element("dl", "numbers");
    const yours = from >= 0 && report.sources.has(from) ? from : place;
    numbers.append(...describeSite(chosen, row).map(([key, text]) => {
      return element("div", "", element("dt", "", key), element("dd", "", text));
    }));
    const parts = [
      this.lead(element("div", "name", `${what}: `, named(report.place.functions[place])), place),
      element("div", "file", named(fileOf(report.place, place))), numbers,
    ];
    if (from >= 0) parts.splice(2, 0, element("div", "file", ...this.table.fromWords(from)));
    if (chosen.hasSpread && row.own.length === 1 && row.own[0].isKnown) {
      parts.push(errorBar(row.own[0], row.own[0].interval(), Math.max(chosen.whole[0].value, 1)));
    }
    return [element("div", "about", ...parts), ...sourceOf(report, yours)];
  }

  about(call, tree) {
    const { report, chosen } = this, numbers = element("dl", "numbers"), sums = tree.sums(call);
    const row = ([key, text]) => element("div", "", element("dt", "", key), element("dd", "", text));
    numbers.append(...describe(tree, call).map(row));
    const parts = [element("div", "name", named(nameOf(tree, call)))];
    const file = tree.isFolded(call) ? foldedDetail(tree, call) : fileOf(report.place, call.place);
    if (file) parts.push(element("div", "file", named(file)));
    parts.push(numbers);
    if (chosen.hasSpread && sums.length === 1 && sums[0].isKnown) {
      const [side] = report.sides, most = Math.max(chosen.whole[0].interval(side)[1], 1);
      parts.push(errorBar(sums[0], sums[0].interval(call.place < 0 ? side : {}), most));
    }
    return parts;
  }

  // ---- Keys

  key(graph, event) {
    const { tree } = graph, call = graph.selected, siblings = call.above ? tree.beneath(call.above) : [call];
    const at = siblings.indexOf(call);
    const [deeper, back] = graph.isUpward ? ["ArrowUp", "ArrowDown"] : ["ArrowDown", "ArrowUp"];
    const next = {
      [deeper]: () => tree.beneath(call)[0],
      [back]: () => call.above,
      ArrowLeft: () => siblings[at - 1],
      ArrowRight: () => siblings[at + 1],
      Home: () => siblings[0],
      End: () => siblings[siblings.length - 1],
    }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.zoomTo(call, graph);
    else if (event.key === "c" && call.place >= 0 && !tree.isFolded(call)) this.lookAround(call.place);
    else if (next) this.move(next(), graph);
    else return;
    event.preventDefault();
  }

  /** Selects a call, zooming out or in until it is drawn. */
  move(call, graph) {
    if (!call) return;
    if (call.depth < graph.zoomed.depth) return this.select(call, graph);
    if (!graph.boxOf(call)) this.zoom(call.above, graph);
    if (!graph.boxOf(call)) this.zoom(call, graph);
    this.select(call, graph);
  }

  zoomTo(call, graph) {
    if (graph.tree.isFolded(call)) return this.unfold(graph, call);
    this.zoom(call, graph);
    get("spoken").textContent = `Zoomed. ${spoken(graph.tree, call)}`;
  }

  anyKey(event) {
    const isTyping = event.target.matches("input[type=search], select");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
      get("search").focus();
      event.preventDefault();
    } else if (event.key === "Escape" && isTyping && this.choice.search) {
      get("search").value = "";
      this.search("");
    } else if (event.key === "Escape") {
      this.unhover();
      if (this.timeline?.cancel()) return;
      if (this.leavesRange(event)) return this.chooseRange(null);
      if (this.isAround && get("reset").disabled) this.choose({ around: -1, zoom: [] });
      else this.reset();
      get("spoken").textContent = spoken(this.tree, this.tree.root);
    }
  }

  /** Returns whether Escape clears the range: nothing else is left to undo, or the focus is in the timeline. */
  leavesRange({ target }) {
    const isAtRest = !this.isAround && get("reset").disabled;
    return this.choice.range !== null && (isAtRest || get("over-time").contains(target));
  }

  // ---- Light and dark

  setTheme(theme) {
    this.choice.theme = theme;
    this.paint();
    this.drawAll();
    this.keepAddress();
  }

  paint() {
    const { theme } = this.choice, prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    get("theme").textContent = `Theme: ${theme}`;
    for (const graph of [this.graph, this.upper]) {
      graph.paint(theme === "dark" || (theme === "system" && prefersDark) ? DARK : LIGHT);
    }
  }
}

try {
  window.report = new Page(readReport(get("data")));
} catch (error) {
  for (const id of [...SECTIONS, "memory", "over-time"]) get(id).hidden = true;
  get("unread").textContent = `The report cannot be shown: ${error.message}. This is a table of the largest sites.`;
  throw error;
}
