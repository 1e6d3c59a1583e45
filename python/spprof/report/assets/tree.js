// ---- The totals of the chosen part of the report, and the two trees that show it.

/**
 * The values of one column and one thread (-1: all threads), for each entry and each node. In a report with a history,
 * only values in one range are included (see Timeline; null: all).
 */
class Chosen {
  constructor(report, column, thread, range = null) {
    const chosen = (values) => filtered(values, report, thread, range);
    this.report = report;
    this.column = report.columns[column];
    const spread = report.spread.indexOf(column);
    this.hasSpread = spread >= 0;
    this.spreads = report.sides.map((side) => side.spreads[spread]);
    this.isDifference = report.sides.length > 1;
    this.values = report.sides.map((side) => chosen(side.values[column]));
    this.widths = this.values.length === 1 ? this.values[0] : larger(...this.values);
    this.nodeValues = this.values.map((values) => this.byNode(values));
    this.nodeWidths = this.isDifference ? this.byNode(this.widths) : this.nodeValues[0];
    this.ages = column === report.aged ? chosen(report.sides[0].ages) : null;
    this.nodeAges = this.ages && this.byNode(this.ages);
  }

  byNode(values) {
    const { nodeCount, parent, entryNode, entryCount } = this.report, sums = new Float64Array(nodeCount);
    for (let entry = 0; entry < entryCount; entry++) sums[entryNode[entry]] += values[entry];
    for (let node = nodeCount - 1; node > 0; node--) sums[parent[node]] += sums[node];
    return sums;
  }

  newSums() {
    return this.values.map(() => new Sum());
  }

  add(sums, entry) {
    for (let side = 0; side < sums.length; side++) {
      sums[side].add(this.spreads[side], this.values[side], entry);
    }
  }

  addNodes(sums, from, end) {
    const { firstEntry } = this.report;
    for (let entry = firstEntry[from]; entry < firstEntry[end]; entry++) this.add(sums, entry);
  }

  /** The sums of the whole. */
  get whole() {
    if (!this.wholeSums) {
      this.wholeSums = this.newSums();
      this.addNodes(this.wholeSums, 0, this.report.nodeCount);
    }
    return this.wholeSums;
  }
}

function filtered(values, { entryThread, entryPoint }, thread, range) {
  if (thread < 0 && !range) return values;
  const isIn = (entry) => !range || (entryPoint[entry] > range[0] && entryPoint[entry] <= range[1]);
  const isOf = (entry) => thread < 0 || entryThread[entry] === thread;
  return values.map((value, entry) => (isOf(entry) && isIn(entry) ? value : 0));
}

/** Returns the widths for a difference: for each entry, the larger of old and new, so that nothing vanishes. */
function larger(old, now) {
  return old.map((value, entry) => Math.max(value, now[entry]));
}

/** Groups items by place, in order of first occurrence. */
class Groups {
  constructor(count) {
    this.slot = new Int32Array(count).fill(-1);
  }

  /** Returns [[place, its items], …] for `items`. `placesOf` holds the place of each item. */
  of(items, placesOf) {
    const found = [];
    for (let index = 0; index < items.length; index++) {
      const place = placesOf[index];
      if (this.slot[place] < 0) {
        this.slot[place] = found.length;
        found.push([place, []]);
      }
      found[this.slot[place]][1].push(items[index]);
    }
    for (const [place] of found) this.slot[place] = -1;
    return found;
  }
}

/** Each call of a folded run has at least this share of the first call's width; a shorter run is not folded. */
const RUN_SHARE = 0.995, FOLDED_LEAST = 3;
/** How many of the calls common to all stacks stay visible: if they lead to other calls, and if they do not. */
const KEPT_WITH_CALLS = 6, KEPT_ALONE = 12;

/**
 * A tree of calls, computed only as far as it is shown. A call has `place`, `parent`, `width` and `values` (one for
 * each side). Its children are at different places, the widest first. Hidden places are left out, and what they hold
 * is attributed to the caller. If `folds` is true, a run of calls, in which each call is the caller of the next, is
 * shown as one call, the last of the run. Its `run` then lists all of them, and `above` is the call that is shown as
 * its caller.
 */
class Tree {
  constructor(chosen, hidden) {
    this.chosen = chosen;
    this.folds = false;
    this.report = chosen.report;
    this.hidden = hidden;
    this.groups = new Groups(this.report.place.count);
  }

  children(call) {
    if (!call.children) {
      call.children = this.find(call).filter((child) => child.width > 0);
      call.children.sort((one, other) => other.width - one.width || one.place - other.place);
      call.children.forEach((child, index) => { child.index = index; });
    }
    return call.children;
  }

  sums(call) {
    if (call.place < 0) return this.chosen.whole;
    if (!call.sums) {
      call.sums = this.chosen.newSums();
      this.addTo(call, call.sums);
    }
    return call.sums;
  }

  /** The average age band number of the memory that a call holds; null if ages are unknown. */
  age(call) {
    if (!this.chosen.ages || !(call.width > 0)) return null;
    return (call.age ??= this.sumOfAges(call) / call.width);
  }

  /** Returns what a call itself holds, for each side. */
  own(call) {
    return call.values.map((value, side) => {
      return this.children(call).reduce((rest, child) => rest - child.values[side], value);
    });
  }

  // ---- The tree as shown, with runs of calls folded

  /** Returns the calls that are shown beneath a shown call. */
  beneath(call) {
    return (call.beneath ??= this.children(call).map((child) => {
      const run = this.folds && !child.isUnfolded ? this.runFrom(child, call) : [];
      return Object.assign(run[run.length - 1] ?? child, { run, above: call });
    }));
  }

  runFrom(first, above) {
    const isCommon = above.place < 0 && first.width >= RUN_SHARE * above.width, run = [];
    for (let call = first; call && (isCommon || this.isLibrary(call)); [call] = this.children(call)) {
      if (call.width < RUN_SHARE * (isCommon ? above : first).width) break;
      run.push(call);
    }
    if (isCommon && run.length) run.length -= this.keptOf(run);
    return run.length < FOLDED_LEAST ? [] : run;
  }

  /** How many calls common to all stacks stay visible: from the program's innermost own call on, if that is near. */
  keptOf(calls) {
    const hasCalls = this.children(calls[calls.length - 1]).length > 0;
    const kept = calls.length - calls.findLastIndex((call) => !this.isLibrary(call));
    const most = hasCalls ? KEPT_WITH_CALLS : KEPT_ALONE;
    return Math.min(calls.length, kept <= most ? kept : hasCalls ? 1 : most);
  }

  isLibrary({ place }) {
    return (this.report.place.flags[place] & (IS_PYTHON | IS_LIBRARY)) !== IS_PYTHON;
  }

  isFolded(call) {
    return call.run?.length > 0;
  }

  /** Whether any wide call is folded. */
  get hasRuns() {
    const pending = [this.root];
    for (let call; (call = pending.pop());) {
      if (this.isFolded(call)) return true;
      for (const child of this.beneath(call)) if (child.width >= this.root.width / 50) pending.push(child);
    }
    return false;
  }

  /** Discards the folding that `hasRuns` computed. */
  forget() {
    const pending = [this.root];
    for (let call; (call = pending.pop());) {
      for (const child of call.beneath ?? []) pending.push(child);
      call.beneath = undefined;
      call.run = [];
    }
  }

  /** Unfolds the run that is shown as `call`. */
  unfold(call) {
    for (const one of call.run) one.isUnfolded = true;
    call.above.beneath = undefined;
  }

  /** Makes a call visible by unfolding the run that contains it. */
  show(call) {
    const path = [];
    for (let at = call; at.parent; at = at.parent) path.push(at);
    for (let at = this.root; at !== call;) {
      const { index } = path[path.length - 1 - at.depth], shown = this.beneath(at)[index];
      if (shown.run.includes(call)) this.unfold(shown);
      else at = shown;
    }
    return call;
  }

  /** Returns the call at the end of a path of places from the root, or the last call on the path that exists. */
  follow(path) {
    let call = this.root;
    for (const place of path) {
      const next = this.children(call).find((child) => child.place === place);
      if (!next) break;
      call = next;
    }
    return call;
  }
}

function pathOf(call) {
  const path = [];
  for (; call.parent; call = call.parent) path.push(call.place);
  return path.reverse();
}

/** Callers above callees. The tree covers everything, or the calls of a function whose outermost calls are `nodes`. */
class CallersFirst extends Tree {
  constructor(chosen, hidden, place = -1, nodes = [0]) {
    super(chosen, hidden);
    this.root = this.call(place, null, nodes);
  }

  call(place, parent, nodes) {
    const { nodeValues, nodeWidths } = this.chosen, sum = (of) => nodes.reduce((total, node) => total + of[node], 0);
    const depth = parent ? parent.depth + 1 : 0;
    return { place, parent, nodes, width: sum(nodeWidths), values: nodeValues.map(sum), depth };
  }

  find(call) {
    const { end, nodePlace } = this.report, { nodeWidths } = this.chosen;
    const pending = [...call.nodes], nodes = [], places = [];
    while (pending.length) {
      const caller = pending.pop();
      for (let node = caller + 1; node < end[caller]; node = end[node]) {
        if (nodeWidths[node] <= 0) continue;
        if (this.hidden[nodePlace[node]]) {
          pending.push(node);
        } else {
          nodes.push(node);
          places.push(nodePlace[node]);
        }
      }
    }
    return this.groups.of(nodes, places).map(([place, items]) => this.call(place, call, items));
  }

  sumOfAges(call) {
    return call.nodes.reduce((total, node) => total + this.chosen.nodeAges[node], 0);
  }

  addTo(call, sums) {
    for (const node of call.nodes) this.chosen.addNodes(sums, node, this.report.end[node]);
  }
}

/**
 * The inverted tree: callees above their callers. `entries` are the entries of a call, and `next` are the nodes of its
 * callers. Both are computed when a call is opened, from `indexes`, which are positions in the same arrays of the call
 * above. For a function, the tree shows its callers, starting at its outermost calls, which are `nodes`.
 */
class CalledFirst extends Tree {
  constructor(chosen, hidden, place = -1, nodes = null) {
    super(chosen, hidden);
    const { entryNode, parent, end } = this.report, entries = [], next = [];
    for (const node of nodes ?? [0]) {
      this.addEntries(node, end[node], entries, next, nodes && this.visible(parent[node]));
    }
    this.root = this.call(place, null, [...entries.keys()], entries);
    Object.assign(this.root, { entries, next: nodes ? next : entries.map((entry) => this.visible(entryNode[entry])) });
  }

  addEntries(from, end, entries, next, caller) {
    const { firstEntry } = this.report;
    for (let entry = firstEntry[from]; entry < firstEntry[end]; entry++) {
      if (this.chosen.widths[entry] <= 0) continue;
      entries.push(entry);
      next.push(caller);
    }
  }

  call(place, parent, indexes, entries) {
    const { values, widths, isDifference } = this.chosen, depth = parent ? parent.depth + 1 : 0;
    const sum = (of) => {
      let total = 0;
      for (const index of indexes) total += of[entries[index]];
      return total;
    };
    const width = sum(widths);
    return { place, parent, indexes, width, values: isDifference ? values.map(sum) : [width], depth };
  }

  visible(node) {
    const { parent, nodePlace } = this.report;
    while (node > 0 && this.hidden[nodePlace[node]]) node = parent[node];
    return node;
  }

  opened(call) {
    if (!call.entries) {
      const above = call.parent, { parent } = this.report;
      call.entries = call.indexes.map((index) => above.entries[index]);
      call.next = call.indexes.map((index) => this.visible(parent[above.next[index]]));
    }
    return call;
  }

  find(call) {
    const { nodePlace } = this.report, { entries, next } = this.opened(call), items = [], places = [];
    next.forEach((node, index) => {
      if (node === 0) return;
      items.push(index);
      places.push(nodePlace[node]);
    });
    return this.groups.of(items, places).map(([place, indexes]) => this.call(place, call, indexes, entries));
  }

  sumOfAges(call) {
    return this.opened(call).entries.reduce((total, entry) => total + this.chosen.ages[entry], 0);
  }

  addTo(call, sums) {
    for (const entry of this.opened(call).entries) this.chosen.add(sums, entry);
  }
}

/** Returns the outermost calls of the function that contains a place, regardless of their lines. */
function callsOf(report, at) {
  const { place: { functions, files }, nodeCount, nodePlace, end } = report, nodes = [];
  const isOf = functions.map((name, other) => name === functions[at] && files[other] === files[at]);
  for (let node = 1; node < nodeCount;) {
    if (isOf[nodePlace[node]]) nodes.push(node);
    node = isOf[nodePlace[node]] ? end[node] : node + 1;
  }
  return nodes;
}
