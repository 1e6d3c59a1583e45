// ---- The page: what is chosen, kept in the address; and what happens on clicks and keys.

const get = (id) => document.getElementById(id);
const BUTTONS_MOST = 4;
const THEMES = ["system", "light", "dark"];

/** What is chosen, as the address has it: #c=1&t=0&i=1&h=1&q=load&s=total&z=0.4.17 */
const NOTHING_CHOSEN = {
  column: -1, thread: -1, invert: false, hide: false, search: "", sort: "own", ascending: false, zoom: [],
  theme: "system",
};

function toAddress(choice, first) {
  const pairs = [];
  if (choice.column !== first) pairs.push(["c", choice.column]);
  if (choice.thread >= 0) pairs.push(["t", choice.thread]);
  if (choice.invert) pairs.push(["i", 1]);
  if (choice.hide) pairs.push(["h", 1]);
  if (choice.search) pairs.push(["q", choice.search]);
  if (choice.sort !== "own" || choice.ascending) pairs.push(["s", (choice.ascending ? "-" : "") + choice.sort]);
  if (choice.theme !== "system") pairs.push(["theme", choice.theme]);
  if (choice.zoom.length) pairs.push(["z", choice.zoom.map((place) => place.toString(36)).join(".")]);
  return new URLSearchParams(pairs).toString();
}

/** Whatever the address holds, the choice is one that the report has. */
function fromAddress(text, report) {
  const given = new URLSearchParams(text), sort = given.get("s") ?? "own", theme = given.get("theme");
  return {
    ...NOTHING_CHOSEN,
    column: numberBelow(given.get("c"), report.columns.length, report.first),
    thread: numberBelow(given.get("t"), report.threads.length, -1),
    invert: given.get("i") === "1",
    hide: given.get("h") === "1",
    search: given.get("q") ?? "",
    sort: sort.replace(/^-/, ""),
    ascending: sort.startsWith("-"),
    theme: THEMES.includes(theme) ? theme : "system",
    zoom: (given.get("z") ?? "").split(".").filter(Boolean).map((place) => parseInt(place, 36)),
  };
}

function numberBelow(text, limit, otherwise) {
  return text !== null && /^\d+$/.test(text) && Number(text) < limit ? Number(text) : otherwise;
}

class Page {
  constructor(report) {
    this.report = report;
    this.keptBefore = {};
    this.nothingHidden = new Uint8Array(report.place.count);
    this.libraries = report.place.flags.map((flags) => Number((flags & IS_LIBRARY) > 0));
    this.graph = new Graph(get("graph"), get("canvas"), get("spacer"));
    const parts = ["columns", "rows", "more", "count"].map(get);
    this.table = new Table(...parts, () => this.sorted(), (place) => this.searchFor(place));
    this.choice = fromAddress(location.hash.slice(1), report);
    this.fillControls();
    this.listen();
    for (const id of ["theme", "controls", "graph-section", "sites-section"]) get(id).hidden = false;
    get("waiting").remove();
    this.apply();
  }

  // ---- What does not change

  fillControls() {
    const { report } = this;
    get("facts").replaceChildren(...report.facts.map(([key, text]) => {
      return element("div", "", element("dt", "", named(key)), element("dd", "", named(text)));
    }));
    this.fillChoices("groups", "group");
    this.fillChoices("measures", "measure");
    const options = ["All threads", ...report.threads].map((name, at) => new Option(name.slice(0, 100), at - 1));
    get("threads").append(...options);
    get("threads-label").hidden = report.threads.length < 2;
    get("hide").closest("label").hidden = !this.libraries.includes(1);
  }

  /** A choice of what the columns differ in, the first column's first: buttons, or a list where they are many. */
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
    const { graph } = this, frame = get("graph"), on = (id, type, does) => get(id).addEventListener(type, does);
    get("controls").addEventListener("submit", (event) => event.preventDefault());
    for (const id of ["groups", "measures"]) on(id, "change", () => this.choose({ column: this.columnOf(id) }));
    on("threads", "change", () => this.choose({ thread: Number(get("threads").value) }));
    on("invert", "change", () => this.choose({ invert: get("invert").checked, zoom: [] }));
    on("hide", "change", () => this.choose({ hide: get("hide").checked, zoom: [] }));
    on("search", "input", () => this.search(get("search").value));
    on("reset", "click", () => this.zoom(this.tree.root));
    on("theme", "click", () => this.setTheme(THEMES[(THEMES.indexOf(this.choice.theme) + 1) % THEMES.length]));
    on("canvas", "click", (event) => this.click(event));
    on("canvas", "pointermove", (event) => this.hover(event));
    on("canvas", "pointerleave", () => this.unhover());
    frame.addEventListener("keydown", (event) => this.key(event));
    frame.addEventListener("focus", () => graph.draw());
    frame.addEventListener("blur", () => graph.draw());
    frame.addEventListener("scroll", () => this.unhover(), { passive: true });
    document.addEventListener("keydown", (event) => this.anyKey(event));
    window.addEventListener("hashchange", () => {
      this.choice = fromAddress(location.hash.slice(1), this.report);
      this.apply();
    });
    window.addEventListener("resize", () => graph.fit());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.setTheme(this.choice.theme));
  }

  // ---- What is chosen

  /** The column with the chosen group and measure; where there is none, one that has what was just chosen. */
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

  /** Makes the page show what is chosen. */
  apply() {
    const { choice, report } = this;
    this.hidden = choice.hide ? this.libraries : this.nothingHidden;
    const { column, thread } = choice;
    this.chosen = this.kept("chosen", [column, thread], () => new Chosen(report, column, thread));
    this.owner = this.kept("owner", [this.hidden], () => owners(report, this.hidden));
    this.sites = this.kept("sites", [this.chosen, this.hidden], () => sitesOf(this.chosen, this.hidden, this.owner));
    this.tree = new (choice.invert ? CalledFirst : CallersFirst)(this.chosen, this.hidden);
    this.graph.tree = this.tree;
    this.graph.tallest = 0;
    this.graph.selected = this.graph.zoomed = this.tree.follow(choice.zoom);
    Object.assign(this.table, { sort: choice.sort, ascending: choice.ascending });
    this.showControls();
    this.showWhole();
    this.graph.found = this.found = this.find();
    this.paint();
    this.zoom(this.graph.zoomed);
    this.showFound();
  }

  /** What `make` made the last time, if it was made of the same. */
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
    get("legend").textContent = this.legend();
    if (get("search").value !== choice.search) get("search").value = choice.search;
  }

  legend() {
    const order = this.choice.invert ? "Callers are beneath what they call." : "Callers are above what they call.";
    if (!this.chosen.isDifference) return `${order} Coloured by package.`;
    const words = "; ▲ ▼ and a line beneath mark changes that chance does not explain (95 %)";
    const marks = this.chosen.hasSpread ? words : "";
    return `${order} Red grew, blue shrank${marks}. As wide as the larger of old and new.`;
  }

  showWhole() {
    const [main, detail] = amountWords(this.chosen, this.chosen.whole, this.report.sides);
    const { group, measure } = this.report.columns[this.choice.column], what = group || measure;
    const more = element("span", "", named(what, "", 60), detail ? `, ${detail}` : "");
    get("whole").replaceChildren(element("strong", "", main), more);
  }

  keepAddress() {
    const text = toAddress(this.choice, this.report.first);
    try {
      history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
    } catch {
      // A notebook's frame has no address of its own; there is nothing to keep it in.
    }
  }

  // ---- Search

  search(text) {
    this.choice.search = text;
    this.graph.found = this.found = this.find();
    this.graph.draw();
    this.showFound();
    this.keepAddress();
  }

  searchFor(place) {
    get("search").value = this.report.place.functions[place].slice(0, 200);
    this.search(get("search").value);
    get("graph-section").scrollIntoView({ block: "nearest" });
  }

  /** The visible places that are searched for; null where none are. */
  find() {
    const found = placesWith(this.report.place, this.choice.search);
    return found && found.map((flag, place) => flag & (this.hidden[place] ^ 1));
  }

  showFound() {
    const { search, sort, ascending } = this.choice;
    const show = () => this.table.show(this.chosen, this.sites, this.found);
    this.kept("table", [this.sites, search, sort, ascending], show);
    get("found").textContent = this.found ? this.foundWords(this.found) : "";
  }

  foundWords(found) {
    const count = this.sites.filter((row) => found[row.place]).length, sums = sumsWith(this.chosen, found);
    if (!count) return "Nothing is found.";
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

  zoom(call) {
    this.choice.zoom = pathOf(call);
    this.graph.selected = call;
    this.graph.show(this.tree, call);
    this.graph.reveal(call);
    get("reset").disabled = call === this.tree.root;
    this.showDetails(call);
    this.keepAddress();
    performance.mark("spprof:drawn");
  }

  select(call) {
    this.graph.selected = call;
    this.graph.reveal(call);
    this.graph.draw();
    this.showDetails(call);
    get("spoken").textContent = spoken(this.tree, call);
  }

  click(event) {
    const box = this.graph.boxAt(event.offsetX, event.offsetY);
    if (!box) return;
    this.unhover();
    this.zoom(box.call ?? box.widest);
    get("graph").focus({ preventScroll: true });
  }

  hover(event) {
    const box = event.pointerType === "touch" ? null : this.graph.boxAt(event.offsetX, event.offsetY);
    if (box !== this.hoveredBox) {
      this.hoveredBox = box;
      this.graph.hovered = box?.call ?? null;
      this.graph.draw();
      this.fillTip(box);
    }
    if (box) this.placeTip(event.clientX, event.clientY);
  }

  unhover() {
    if (!this.hoveredBox) return;
    this.hoveredBox = this.graph.hovered = null;
    get("tip").hidden = true;
    this.graph.draw();
  }

  fillTip(box) {
    get("tip").hidden = !box;
    if (!box) return;
    if (box.call) {
      get("tip").replaceChildren(...this.about(box.call));
    } else {
      const { unit } = this.chosen.column, text = `${GROUPED.format(box.count)} calls too narrow to draw`;
      const words = `${amount(box.width, unit)}. A click leads to the widest of them.`;
      get("tip").replaceChildren(element("div", "name", text), words);
    }
  }

  placeTip(x, y) {
    const tip = get("tip"), { offsetWidth, offsetHeight } = tip, margin = 14;
    const left = x + margin + offsetWidth > innerWidth ? x - margin - offsetWidth : x + margin;
    const top = y + margin + offsetHeight > innerHeight ? y - margin - offsetHeight : y + margin;
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }

  showDetails(call) {
    get("details").replaceChildren(...this.about(call));
  }

  about(call) {
    const { tree, report, chosen } = this, numbers = element("dl", "numbers"), sums = tree.sums(call);
    const row = ([key, text]) => element("div", "", element("dt", "", key), element("dd", "", text));
    numbers.append(...describe(tree, call).map(row));
    const parts = [element("div", "name", named(nameOf(tree, call)))], file = fileOf(report.place, call.place);
    if (file) parts.push(element("div", "file", named(file)));
    parts.push(numbers);
    if (chosen.hasSpread && sums.length === 1 && sums[0].isKnown) {
      const [side] = report.sides, most = Math.max(chosen.whole[0].interval(side)[1], 1);
      parts.push(errorBar(sums[0], sums[0].interval(call === tree.root ? side : {}), most));
    }
    return parts;
  }

  // ---- Keys

  key(event) {
    const { tree } = this, call = this.graph.selected, siblings = call.parent ? tree.children(call.parent) : [call];
    const at = siblings.indexOf(call);
    const next = {
      ArrowDown: () => tree.children(call)[0],
      ArrowUp: () => call.parent,
      ArrowLeft: () => siblings[at - 1],
      ArrowRight: () => siblings[at + 1],
      Home: () => siblings[0],
      End: () => siblings[siblings.length - 1],
    }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.zoomTo(call);
    else if (next) this.move(next());
    else return;
    event.preventDefault();
  }

  /** Selects a call; where it is not drawn, zooms out or in until it is. */
  move(call) {
    if (!call) return;
    if (call.depth < this.graph.zoomed.depth) return this.select(call);
    if (!this.graph.boxOf(call)) this.zoom(call.parent);
    if (!this.graph.boxOf(call)) this.zoom(call);
    this.select(call);
  }

  zoomTo(call) {
    this.zoom(call);
    get("spoken").textContent = `Zoomed. ${spoken(this.tree, call)}`;
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
      this.zoomTo(this.tree.root);
    }
  }

  // ---- Light and dark

  setTheme(theme) {
    this.choice.theme = theme;
    this.paint();
    this.graph.draw();
    this.keepAddress();
  }

  paint() {
    const { theme } = this.choice, prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    get("theme").textContent = `Theme: ${theme}`;
    this.graph.paint(theme === "dark" || (theme === "system" && prefersDark) ? DARK : LIGHT);
  }
}

try {
  window.report = new Page(readReport(get("data")));
} catch (error) {
  get("unread").textContent = `The report cannot be read: ${error.message}. This is a table of the largest sites.`;
  throw error;
}
