"use strict";
// The curves: a thin line for each trial, and a thick one for the mean of a cell.

const palettes = {
  light: ["#0b5cad", "#c2410c", "#1a7f4b", "#9333b8", "#8a6d00", "#c0266b", "#0e7490", "#4b5563"],
  dark: ["#6db3f8", "#ff9d66", "#5fd08f", "#d49bf0", "#e0c34d", "#ff8ab8", "#5ccbdc", "#b6bec8"],
};
const darkMode = matchMedia("(prefers-color-scheme: dark)");

function colorOf(cell) {
  const palette = palettes[darkMode.matches ? "dark" : "light"];
  return palette[cell.index % palette.length];
}

// Cells beyond the palette repeat its colours with dashes.
const dashOf = cell => [[], [10, 5], [3, 4], [12, 4, 3, 4]][Math.floor(cell.index / palettes.light.length) % 4];

// smooth is an exponential moving average, corrected for its start.
function smooth(values, weight) {
  if (!weight) return values;
  let sum = 0, norm = 0;
  return values.map(v => {
    sum = sum * weight + v * (1 - weight);
    norm = norm * weight + (1 - weight);
    return sum / norm;
  });
}

// at interpolates a curve at steps in ascending order; null outside of its range.
function at(curve, steps) {
  let i = 0;
  return steps.map(x => {
    const { steps: xs, values: ys } = curve;
    while (i + 1 < xs.length && xs[i + 1] <= x) i++;
    if (x < xs[0] || x > xs[xs.length - 1]) return null;
    if (xs[i] === x || i + 1 >= xs.length) return ys[i];
    return ys[i] + (ys[i + 1] - ys[i]) * (x - xs[i]) / (xs[i + 1] - xs[i]);
  });
}

// meanOf is the mean of curves where all of them have a value.
function meanOf(curves, steps) {
  const all = curves.map(c => at(c, steps));
  return steps.map((_, k) => {
    let sum = 0;
    for (const a of all) {
      if (a[k] === null) return null;
      sum += a[k];
    }
    return sum / all.length;
  });
}

// wholeSteps are the distances between two marks of the axis: there is no half step.
const wholeSteps = [...Array(15).keys()].flatMap(e => [1, 2, 5].map(n => n * 10 ** e));

let plot = null;

// plotData aligns all visible curves on one list of steps.
function plotData(study, view) {
  const cells = study.cells.filter(c => !view.off.has(c.id))
    .map(cell => ({ cell, curves: cell.trials.map(t => [t, view.curves.get(t.address)]).filter(c => c[1] && c[1].steps.length) }))
    .filter(c => c.curves.length);
  const usable = view.logX ? s => s > 0 : () => true;
  const steps = [...new Set(cells.flatMap(c => c.curves.flatMap(([, k]) => k.steps)))].filter(usable).sort((a, b) => a - b);
  const data = [steps], lines = [];
  const positive = values => view.logY ? values.map(v => v > 0 ? v : null) : values;
  const at1 = new Map(steps.map((s, i) => [s, i]));
  const thin = [], thick = [];
  for (const { cell, curves } of cells) {
    const smoothed = curves.map(([t, c]) => [t, { steps: c.steps, values: smooth(c.values, view.smooth) }]);
    if (view.thin || curves.length === 1) {
      for (const [t, c] of smoothed) {
        const y = new Array(steps.length).fill(null);
        c.steps.forEach((s, i) => { if (at1.has(s)) y[at1.get(s)] = c.values[i]; });
        thin.push([positive(y), { cell, trial: t, thin: curves.length > 1 }]);
      }
    }
    if (curves.length > 1) thick.push([positive(meanOf(smoothed.map(c => c[1]), steps)), { cell }]);
  }
  for (const [y, line] of [...thin, ...thick]) {
    data.push(y);
    lines.push(line);
  }
  return { data, lines };
}

function drawChart(study, view) {
  drawLegend(study, view);
  const box = byID("chart");
  const { data, lines } = plotData(study, view);
  const shape = JSON.stringify([lines.map(l => [l.cell.id, l.trial && l.trial.address, l.thin]), view.logX, view.logY, darkMode.matches, view.metric, box.clientWidth]);
  if (plot && plot.shape === shape) {
    plot.setData(data, !view.zoom);
    if (view.zoom) zoomTo(plot, view);
  } else {
    if (plot) plot.destroy();
    plot = null;
    if (lines.length) plot = makePlot(box, data, lines, view);
    if (plot) plot.shape = shape;
  }
  box.classList.toggle("empty", !lines.length);
  byID("tip").hidden = true;
  byID("reset").hidden = !view.zoom;
  drawRange(data[0], view);
  const averaged = [...view.curves.values()].some(c => c.averaged);
  byID("chart-note").textContent = view.trouble || (lines.length === 0 ? (view.reading ? "Reading the curves…" : "No trial has reported this metric yet.")
    : (averaged ? "Points are means over several steps; zoom for detail. " : "") + "Drag to zoom or type the steps, double-click to reset. A thick line is the mean of a cell where all its trials have values.");
}

function makePlot(box, data, lines, view) {
  const css = getComputedStyle(document.documentElement);
  const ink = css.getPropertyValue("--soft").trim(), line = css.getPropertyValue("--line").trim();
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui" };
  const u = new uPlot({
    width: box.clientWidth, height: Math.max(250, Math.min(460, box.clientWidth * 0.45)),
    legend: { show: false },
    scales: { x: { time: false, distr: view.logX ? 3 : 1, range: (_, min, max) => [min, max] }, // else a logarithmic axis has whole decades
      y: { distr: view.logY ? 3 : 1 } },
    axes: [{ ...axis, incrs: wholeSteps, label: "step", labelSize: 20, labelFont: "12px system-ui" },
      { ...axis, size: 62, label: view.metric, labelSize: 20, labelFont: "12px system-ui", values: (_, ticks) => ticks.map(v => v === null ? "" : number(v)) }],
    cursor: { focus: { prox: 24 }, points: { show: false }, drag: { x: true, y: false } },
    focus: { alpha: 0.35 },
    series: [{}, ...lines.map(l => ({
      stroke: colorOf(l.cell) + (l.thin ? "70" : ""), width: l.thin ? 1 : 2.5, dash: dashOf(l.cell), spanGaps: true, points: { show: data[0].length < 3 },
    }))],
    hooks: {
      setCursor: [u => drawTip(u, lines)],
      setSelect: [u => {
        if (u.select.width < 2) return;
        view.setZoom({ min: u.posToVal(u.select.left, "x"), max: u.posToVal(u.select.left + u.select.width, "x") });
      }],
    },
  }, data, box);
  u.root.setAttribute("role", "img");
  u.root.setAttribute("aria-label", view.metric + " by step");
  u.over.addEventListener("dblclick", () => view.setZoom(null));
  if (view.zoom) zoomTo(u, view);
  return u;
}

// zoomTo shows the steps that the user chose. A logarithmic axis has no zero.
function zoomTo(u, view) {
  const { min, max } = view.zoom;
  u.setScale("x", { min: view.logX && min <= 0 ? Math.min(1, max / 2) : min, max });
}

// drawRange writes which steps are shown, except where the user is typing.
function drawRange(steps, view) {
  const { min, max } = view.zoom || { min: steps[0], max: steps[steps.length - 1] };
  for (const [id, v] of [["from", Math.floor(min)], ["to", Math.ceil(max)]]) {
    if (!byID(id).typing) byID(id).value = isFinite(v) ? v : "";
  }
}

// drawTip shows the values at the step under the pointer.
function drawTip(u, lines) {
  const tip = byID("tip"), { left, top, idx } = u.cursor;
  if (left < 0 || idx === null || idx === undefined) {
    tip.hidden = true;
    return;
  }
  const rows = [];
  lines.forEach((l, i) => {
    if (l.thin) return;
    const v = valueAt(u.data[0], u.data[i + 1], idx);
    if (v !== null) rows.push([l.cell, v]);
  });
  rows.sort((a, b) => a[1] - b[1]);
  tip.replaceChildren(el("div", {}, el("span", { className: "soft" }, "step"), el("b", {}, String(u.data[0][idx]))),
    ...rows.slice(0, 10).map(([cell, v]) => {
      const swatch = el("i", { className: "swatch" });
      swatch.style.background = colorOf(cell);
      return el("div", {}, el("span", {}, swatch, cell.name), el("b", {}, number(v)));
    }),
    rows.length > 10 ? el("div", { className: "soft" }, (rows.length - 10) + " more") : "");
  tip.hidden = false;
  const box = byID("chart"), x = left + u.bbox.left / devicePixelRatio;
  tip.style.left = Math.max(0, x + 16 + tip.offsetWidth > box.clientWidth ? x - 16 - tip.offsetWidth : x + 16) + "px";
  tip.style.top = Math.max(0, Math.min(top + 8, box.clientHeight - tip.offsetHeight)) + "px";
}

// valueAt is where a line is at the k-th step: between two points of its own, or null beyond its
// ends.
function valueAt(steps, values, k) {
  const has = i => values[i] !== null && values[i] !== undefined;
  if (has(k)) return values[k];
  let i = k, j = k;
  while (i >= 0 && !has(i)) i--;
  while (j < values.length && !has(j)) j++;
  if (i < 0 || j === values.length) return null;
  return values[i] + (values[j] - values[i]) * (steps[k] - steps[i]) / (steps[j] - steps[i]);
}

function drawLegend(study, view) {
  redraw(byID("legend"), ...study.cells.map(cell => {
    const swatch = el("i", { className: "swatch" });
    swatch.style.background = colorOf(cell);
    const b = el("button", { type: "button", onclick: () => view.setCells([cell], view.off.has(cell.id)) }, swatch, cell.name);
    b.setAttribute("aria-pressed", !view.off.has(cell.id));
    b.dataset.key = cell.id;
    return b;
  }));
}
