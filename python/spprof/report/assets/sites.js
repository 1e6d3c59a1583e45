// ---- Sites: what each place holds, by itself and including everything that it calls; and the results of a search.

/**
 * Returns a row for each visible place that holds something: `own` sums and `total` values, for each side. A stack is
 * owned by its innermost visible Python call or, if it has none, by its innermost visible call. `owner` gives the
 * place of that call for each node. For a library's place, `from` is the program's own place that led to most of it;
 * otherwise it is -1.
 */
function sitesOf(chosen, hidden, owner) {
  const { entryCount, entryNode, place } = chosen.report, yours = yourPlaces(chosen.report);
  const own = new Array(place.count), led = new Array(place.count), total = totals(chosen, hidden);
  for (let entry = 0; entry < entryCount; entry++) {
    const site = owner[entryNode[entry]], from = yours[entryNode[entry]];
    if (site < 0) continue;
    chosen.add(own[site] ??= chosen.newSums(), entry);
    if (from < 0 || !(place.flags[site] & IS_LIBRARY)) continue;
    const sums = (led[site] ??= new Map());
    sums.set(from, (sums.get(from) ?? 0) + chosen.widths[entry]);
  }
  const rows = [];
  for (let site = 0; site < place.count; site++) {
    const totalValues = total.map((values) => values[site]);
    if (own[site]?.some((sum) => sum.value !== 0) || totalValues.some((value) => value !== 0)) {
      rows.push({ place: site, own: own[site] ?? chosen.newSums(), total: totalValues, from: largest(led[site]) });
    }
  }
  return rows;
}

/** Returns the key with the largest value; -1: there is none. */
function largest(sums) {
  let found = -1, most = 0;
  for (const [key, value] of sums ?? []) {
    if (value > most) [found, most] = [key, value];
  }
  return found;
}

/** For each node, the place of the innermost Python call on its path that is not a library's; -1: none. */
function yourPlaces(report) {
  if (report.yourPlaces) return report.yourPlaces;
  const { nodeCount, parent, nodePlace, place } = report, yours = new Int32Array(nodeCount).fill(-1);
  for (let node = 1; node < nodeCount; node++) {
    const own = nodePlace[node], isYours = (place.flags[own] & (IS_PYTHON | IS_LIBRARY)) === IS_PYTHON;
    yours[node] = isYours ? own : yours[parent[node]];
  }
  return (report.yourPlaces = yours);
}

/** For each node, the place to which its values are attributed; -1: no place is visible. */
function owners(report, hidden) {
  const { nodeCount, parent, nodePlace, place } = report;
  const python = new Int32Array(nodeCount).fill(-1), any = new Int32Array(nodeCount).fill(-1);
  for (let node = 1; node < nodeCount; node++) {
    const own = nodePlace[node], above = parent[node], isVisible = !hidden[own];
    python[node] = isVisible && place.flags[own] & IS_PYTHON ? own : python[above];
    any[node] = isVisible ? own : any[above];
  }
  return python.map((site, node) => (site >= 0 ? site : any[node]));
}

/** For each side, the values by place. Each stack counts once, however many times the place occurs in it. */
function totals(chosen, hidden) {
  const { nodeCount, nodePlace, place } = chosen.report, isOutermost = outermost(chosen.report);
  return chosen.nodeValues.map((values) => {
    const sums = new Float64Array(place.count);
    for (let node = 1; node < nodeCount; node++) if (isOutermost[node]) sums[nodePlace[node]] += values[node];
    return sums.map((sum, site) => (hidden[site] ? 0 : sum));
  });
}

/** For each node, whether no caller is at the same place. Computed only once. */
function outermost(report) {
  if (report.isOutermost) return report.isOutermost;
  const { nodeCount, end, nodePlace } = report;
  const above = new Int32Array(report.place.count), open = new Int32Array(nodeCount);
  const isOutermost = new Uint8Array(nodeCount);
  for (let node = 1, depth = 0; node < nodeCount; node++) {
    while (depth && end[open[depth - 1]] <= node) above[nodePlace[open[--depth]]]--;
    isOutermost[node] = Number(above[nodePlace[node]]++ === 0);
    open[depth++] = node;
  }
  return (report.isOutermost = isOutermost);
}

/** One byte per place: whether its function, file or line contains `text`. Null if there is no search. */
function placesWith(place, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return null;
  place.lowered ??= place.functions.map((name, at) => `${name} ${place.files[at]}:${place.lines[at]}`.toLowerCase());
  return Uint8Array.from(place.lowered, (text) => Number(text.includes(wanted)));
}

/** Returns the sums over all stacks that pass through a found place. */
function sumsWith(chosen, found) {
  const { nodeCount, end, nodePlace } = chosen.report, sums = chosen.newSums();
  for (let node = 1; node < nodeCount;) {
    if (found[nodePlace[node]]) {
      chosen.addNodes(sums, node, end[node]);
      node = end[node];
    } else {
      node++;
    }
  }
  return sums;
}
