"use strict";
// The grid of cells, and what the parts of the page share: making elements, writing
// numbers, and grouping trials by cell.

// el makes an element. Texts become text nodes, so names and logs stay text.
function el(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k in e && k !== "list") e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...children.filter(c => c !== null && c !== undefined && c !== ""));
  return e;
}

// redraw replaces what a box shows. The focus stays on the button of the same key.
function redraw(box, ...children) {
  const key = box.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  box.replaceChildren(...children);
  if (key !== undefined) [...box.querySelectorAll("button")].find(b => b.dataset.key === key)?.focus({ preventScroll: true });
}

const byID = id => document.getElementById(id);

function number(v) {
  if (v === null || v === undefined || !isFinite(v)) return "–";
  const size = Math.abs(v);
  return v !== 0 && (size >= 1e5 || size < 1e-3) ? v.toExponential(3) : v.toPrecision(size >= 1 ? 5 : 4).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

// placesOf is how many decimals numbers in one table need, so that all have the same.
const placesOf = values => Math.max(0, ...values.map(number).filter(s => !s.includes("e")).map(s => (s.split(".")[1] || "").length));

// placed writes a number with so many decimals, unless it is far from the others in size.
const placed = (v, places) => number(v).includes("e") || Math.abs(v) >= 1e3 ? number(v) : v.toFixed(places);

function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + (s % 60) + " s";
  return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
}

const words = { cached: "done", running: "running", detached: "detached", failed: "failed", stopped: "stopped", waiting: "waiting", left: "to do" };
const signs = { cached: "✓", running: "▶", detached: "▷", failed: "✗", stopped: "■", waiting: "…", left: "○" };

function replicateOf(study) {
  const names = new Set(study.trials.flatMap(t => (t.factors || []).map(f => f.name)));
  return names.has(study.replicate) ? study.replicate : names.has("seed") ? "seed" : "";
}

// factorsOf lists the factors of a trial without the one that numbers replicates.
const factorsOf = (t, replicate) => (t.factors || []).filter(f => f.name !== replicate);

// group sorts trials into cells, in the order of the study. Where factors vary, those with
// one level are left out: they tell no cells apart.
function group(study) {
  study.trials = (study.instances || []).filter(i => i.trial);
  const common = replicateOf(study), sizes = new Map();
  for (const f of study.trials.flatMap(t => factorsOf(t, t.replicate || common))) {
    if (!sizes.has(f.name)) sizes.set(f.name, new Set());
    sizes.get(f.name).add(f.level);
  }
  const most = Math.max(1, ...[...sizes.values()].map(levels => levels.size));
  const stages = new Set(study.trials.map(stageOf));
  const cells = new Map();
  study.factors = new Map();
  study.stages = new Map();
  for (const t of study.trials) {
    const replicate = t.replicate || common;
    const factors = factorsOf(t, replicate).filter(f => most === 1 || sizes.get(f.name).size > 1);
    const prefix = stages.size > 1 ? [{ name: "stage", level: stageOf(t) }] : [];
    const levels = [...prefix, ...factors];
    for (const f of levels) {
      if (!study.factors.has(f.name)) study.factors.set(f.name, new Map());
      study.factors.get(f.name).set(f.level, f.label || f.level);
    }
    if (!study.stages.has(stageOf(t))) study.stages.set(stageOf(t), { cells: [], names: new Set() });
    const stage = study.stages.get(stageOf(t));
    factors.forEach(f => stage.names.add(f.name));
    const id = levels.map(f => f.name + "=" + f.level).join(",");
    if (!cells.has(id)) {
      cells.set(id, { id, levels, trials: [], name: levels.map(nameOf).join(" · ") || stageOf(t) });
      stage.cells.push(cells.get(id));
    }
    const seed = (t.factors || []).find(f => f.name === replicate);
    t.seed = seed ? replicate + " " + (seed.label || seed.level) : levels.length ? "" : stageOf(t);
    t.cell = cells.get(id);
    t.cell.trials.push(t);
  }
  study.cells = [...cells.values()];
  study.cells.forEach((c, i) => { c.index = i; });
}

// nameOf names a level. Numbers, true and false say of which factor they are.
function nameOf(f) {
  const text = f.label || f.level;
  return isNaN(text) && text !== "true" && text !== "false" ? text : f.name + " " + text;
}

const stageOf = t => t.address.split("[")[0];

// axes chooses rows and columns of a stage: the factor with the most levels down, and across as
// many of the others as make at most six columns, but at least one. The rest also goes down.
function axes(stage) {
  const names = [...stage.names], most = 6;
  const size = name => new Set(stage.cells.map(c => levelOf(c, name))).size;
  const largest = names.reduce((a, b) => a && size(a) >= size(b) ? a : b, names[0]);
  const columns = [];
  let across = 1;
  for (const name of names.filter(n => n !== largest).reverse()) {
    if (columns.length && across * size(name) > most) break;
    across *= size(name);
    columns.unshift(name);
  }
  return { rows: names.filter(n => !columns.includes(n)), columns };
}

const levelOf = (cell, name) => (cell.levels.find(f => f.name === name) || {}).level;

function drawGrid(study, view) {
  const box = byID("grid");
  if (!study.trials.length) {
    delete box.dataset.shape;
    box.replaceChildren(el("p", { className: "soft" }, "This study has no trials."));
    return;
  }
  view.places = placesOf(study.cells.flatMap(c => [meanOfCell(c, view), ...c.trials.map(t => view.lastOf(t))]).filter(v => Number.isFinite(v)));
  if (redrawCells(box, study, view)) return;
  redraw(box, ...[...study.stages].flatMap(([name, stage]) => [
    study.stages.size > 1 ? el("h3", {}, levelButton(study, view, "stage", name)) : null, drawStage(study, view, stage)]).filter(Boolean));
  byID("grid-metric").textContent = view.metric ? "last " + view.metric : "";
}

// redrawCells draws the cells that changed, if the grid has the same cells and buttons as
// before.
function redrawCells(box, study, view) {
  const shape = JSON.stringify([study.id, view.metric, study.cells.map(c => [c.id, c.trials.length, view.off.has(c.id)])]);
  const same = box.dataset.shape === shape;
  box.dataset.shape = shape;
  if (!same) return false;
  for (const td of box.querySelectorAll("td[data-cell]")) {
    const cell = study.cells[td.dataset.cell];
    if (td.dataset.content === contentOf(cell, view)) continue;
    redraw(td, drawCell(cell, view));
    td.dataset.content = contentOf(cell, view);
  }
  return true;
}

// contentOf is what the grid shows of a cell.
const contentOf = (cell, view) => view.places + JSON.stringify(cell.trials.map(t => [t.address, t.state, t.step, t.steps, t.left, view.lastOf(t), view.diverged.has(t.address)]));

// drawStage draws the cells of one stage.
function drawStage(study, view, stage) {
  const { rows, columns } = axes(stage);
  const at = (cell, names) => names.map(n => [n, levelOf(cell, n)]);
  const buttons = levels => levels.filter(l => l[1] !== undefined).flatMap(l => [levelButton(study, view, ...l), " "]);
  const across = new Map(), down = new Map();
  for (const c of stage.cells) {
    const row = JSON.stringify(at(c, rows)), column = JSON.stringify(at(c, columns));
    if (!across.has(column)) across.set(column, at(c, columns));
    if (!down.has(row)) down.set(row, { levels: at(c, rows), cells: new Map() });
    down.get(row).cells.set(column, c);
  }
  const corner = [rows, columns].filter(names => names.length).map(names => names.join(", ")).join(" × ");
  const head = el("tr", {}, el("th", {}, corner),
    ...[...across.values()].map(levels => levels.length ? el("th", { scope: "col" }, ...buttons(levels)) : el("td", {})));
  const body = [...down.values()].map(({ levels, cells }) => el("tr", {},
    levels.length ? el("th", { scope: "row" }, ...buttons(levels)) : null,
    ...[...across.keys()].map(key => drawBox(cells.get(key), view))));
  return el("table", {}, corner ? el("thead", {}, head) : null, el("tbody", {}, ...body)); // a stage without factors has one cell
}

// drawBox draws a cell of the table.
function drawBox(cell, view) {
  if (!cell) return el("td", {}, "–");
  const td = el("td", {}, drawCell(cell, view));
  td.dataset.cell = cell.index;
  td.dataset.content = contentOf(cell, view);
  return td;
}

// levelButton shows or hides all cells at a level.
function levelButton(study, view, name, level) {
  const cells = study.cells.filter(c => levelOf(c, name) === level);
  const on = cells.some(c => !view.off.has(c.id));
  const b = el("button", { type: "button", title: name, onclick: () => { view.setCells(cells, !on); } }, nameOf({ name, level, label: study.factors.get(name).get(level) }));
  b.setAttribute("aria-pressed", on);
  b.dataset.key = name + "=" + level;
  return b;
}

const finished = (cell, view) => cell.trials.filter(t => t.state === "cached").map(t => view.lastOf(t)).filter(v => v !== undefined);

// meanOfCell is the mean of the trials that are done, where there are several.
function meanOfCell(cell, view) {
  const values = finished(cell, view);
  return values.length > 1 ? values.reduce((a, b) => a + b, 0) / values.length : undefined;
}

// drawCell draws the trials of a cell and the mean of those that are done. A cell in which
// a trial diverged has no mean, as in an analysis.
function drawCell(cell, view) {
  const n = cell.trials.length, lost = cell.trials.filter(t => view.diverged.has(t.address)).length;
  const mean = meanOfCell(cell, view), done = finished(cell, view).length;
  let note = "";
  if (lost) note = n > 1 ? lost + " of " + n + " diverged" : "";
  else if (mean !== undefined) note = "mean " + placed(mean, view.places) + (done < n ? ` (${done} of ${n})` : "");
  return el("div", {}, el("div", { className: "tiles" }, ...cell.trials.map(t => drawTile(t, view))), note ? el("div", { className: "mean" }, note) : null);
}

function drawTile(t, view) {
  const active = t.state === "running" || t.state === "detached";
  const value = view.lastOf(t);
  const lost = t.state === "cached" && view.diverged.has(t.address);
  const note = [lost ? "✕ diverged" : signs[t.state] + " " + (t.imported ? "imported" : words[t.state])];
  if (active && t.steps) note.push(t.step + "/" + t.steps);
  if (active && t.left >= 1) note.push(duration(t.left) + " left");
  const b = el("button", { type: "button", className: "tile " + (lost ? "diverged" : t.state), title: t.address, onclick: () => openDetail(t.address) },
    el("span", {}, t.seed), el("b", {}, value === undefined || lost ? "" : placed(value, view.places)),
    active && t.steps ? el("progress", { max: t.steps, value: t.step, ariaLabel: "steps" }) : null,
    el("small", { className: "state-" + (lost ? "stopped" : t.state) }, note.join(" · ")));
  b.dataset.key = t.address;
  return b;
}
