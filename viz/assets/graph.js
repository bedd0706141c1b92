// Adds to a page that shows a drawing without it: moving, zooming, searching, neighbours, folding, keys.
"use strict";

const stage = document.querySelector("main");
const about = document.querySelector("aside");
const search = document.querySelector("#search");
const found = document.querySelector("#found");
const select = document.querySelector("#view");
const views = JSON.parse(document.querySelector("#views").textContent);
document.body.classList.add("script");

let drawing = null; // the svg on the stage
let boxes = new Map(); // id to its group element
let readers = new Map(); // id to the ids that read it
let operands = new Map(); // id to the ids it reads
let chosen = null;
let matches = [];
let at = -1;
let current = views.order[0];
const first = stage.querySelector("svg"); // the others are in templates
const past = []; // views to go back to
const place = { x: 0, y: 0, width: 1, height: 1 }; // the viewBox

// What is shown

function source(id) {
  return id === views.order[0] ? first : document.getElementById(`view-${id}`).content.firstElementChild;
}

function show(id, keep = true) {
  if (keep && current !== id) past.push(current);
  current = select.value = id;
  stage.replaceChildren(source(id).cloneNode(true));
  mount();
}

function mount() {
  drawing = stage.querySelector("svg");
  boxes = new Map();
  readers = new Map();
  operands = new Map();
  for (const box of drawing.querySelectorAll(".box")) boxes.set(box.id, box);
  for (const wire of drawing.querySelectorAll("[data-from]")) {
    for (const source of ends(wire, "from")) {
      for (const target of ends(wire, "to")) {
        add(readers, source, target);
        add(operands, target, source);
      }
    }
  }
  drawing.removeAttribute("width");
  drawing.removeAttribute("height");
  choose(null);
  fit();
  if (search.value) find(search.value);
}

function ends(wire, side) {
  return (wire.dataset[side] || "").split(" ").filter(Boolean);
}

function add(map, key, value) {
  if (!map.has(key)) map.set(key, new Set());
  map.get(key).add(value);
}

// Moving and zooming

function look() {
  drawing.setAttribute("viewBox", `${place.x} ${place.y} ${place.width} ${place.height}`);
}

function natural() {
  const [, , width, height] = (drawing.dataset.whole ||= drawing.getAttribute("viewBox")).split(" ").map(Number);
  return { width, height };
}

function fit() {
  const { width, height } = natural();
  const { clientWidth: w, clientHeight: h } = stage;
  const scale = Math.min(w / width, h / height, 1.5);
  place.width = w / scale;
  place.height = h / scale;
  place.x = (width - place.width) / 2;
  place.y = Math.min(0, (height - place.height) / 2);
  look();
}

function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.min(Math.max((stage.clientWidth / place.width) * factor, 0.02), 12);
  const width = stage.clientWidth / scale;
  const height = stage.clientHeight / scale;
  place.x += (place.width - width) * (x / stage.clientWidth);
  place.y += (place.height - height) * (y / stage.clientHeight);
  Object.assign(place, { width, height });
  look();
}

function move(dx, dy) {
  place.x += (dx * place.width) / stage.clientWidth;
  place.y += (dy * place.height) / stage.clientHeight;
  look();
}

function bring(box) {
  const { x, y, width, height } = box.getBBox();
  if (stage.clientWidth / place.width < 0.8) {
    place.width = stage.clientWidth;
    place.height = stage.clientHeight;
  }
  const panel = about.childElementCount && about.clientWidth < stage.clientWidth ? about.clientWidth : 0;
  const hidden = (panel * place.width) / stage.clientWidth;
  place.x = within(x + width / 2 - (place.width - hidden) / 2, natural().width - place.width + hidden);
  place.y = within(y + height / 2 - place.height / 2, natural().height - place.height);
  look();
}

// No further than the drawing reaches, if it is larger than the stage.
function within(value, most) {
  return most > 0 ? Math.min(Math.max(value, 0), most) : most / 2;
}

// One node and its neighbours

function choose(box, move = false) {
  drawing.classList.toggle("focus", Boolean(box));
  for (const old of drawing.querySelectorAll(".near, .chosen")) old.classList.remove("near", "chosen");
  chosen = box;
  if (!box) return about.replaceChildren();
  const own = copies(box);
  for (const id of own) boxes.get(id).classList.add("chosen");
  for (const id of [...own, ...around(box, readers), ...around(box, operands)]) boxes.get(id)?.classList.add("near");
  for (const wire of drawing.querySelectorAll("[data-from]")) {
    if (own.some((id) => ends(wire, "from").includes(id) || ends(wire, "to").includes(id))) wire.classList.add("near");
  }
  tell(box);
  if (move) bring(box);
}

// A leaf is drawn wherever it is read: n5, n5.1, n5.2 are one node.
function copies(box) {
  return [...boxes.values()].filter((other) => nodeOf(other) === nodeOf(box)).map((other) => other.id);
}

function nodeOf(box) {
  return box.id.split(".")[0];
}

function around(box, map) {
  return copies(box).flatMap((id) => [...(map.get(id) || [])]).filter((id) => boxes.has(id));
}

function tell(box) {
  const lines = facts(box);
  const heading = element("h2", lines[0].replace(/^[^:]{1,20}: /, ""));
  const list = element("dl");
  for (const line of lines) {
    const [, name, text] = line.match(/^([^:]{1,20}): (.*)$/) || [null, "", line];
    if (name) list.append(element("dt", name), element("dd", text));
  }
  const parts = [heading, list, ...links("reads", around(box, operands)), ...links("is read by", around(box, readers))];
  const target = unfolded(box);
  if (target) parts.push(button("Unfold", () => show(target)));
  about.replaceChildren(...parts);
}

function links(title, ids) {
  if (!ids.length) return [];
  const list = element("ul");
  for (const id of ids) {
    const item = element("li");
    item.append(button(label(boxes.get(id)), () => choose(boxes.get(id), true)));
    list.append(item);
  }
  return [element("h3", title), list];
}

function facts(box) {
  return box.querySelector("title").textContent.split("\n");
}

function label(box) {
  const step = facts(box).find((line) => line.startsWith("time step: "));
  const texts = [...box.querySelectorAll("text")].map((text) => text.textContent);
  return [...texts, ...(step ? [step.replace("time step: ", "t = ")] : [])].join("  ");
}

function element(name, text = "") {
  return Object.assign(document.createElement(name), { textContent: text });
}

function button(text, action) {
  const made = Object.assign(element("button", text), { type: "button" });
  made.addEventListener("click", action);
  return made;
}

function step(direction) {
  const near = around(chosen, direction > 0 ? readers : operands);
  if (near.length) choose(boxes.get(near[0]), true);
}

// Folding

function unfolded(box) {
  return views.unfold[current]?.[box.id];
}

function back() {
  if (past.length) show(past.pop(), false);
}

// Searching

function find(text) {
  const wanted = text.trim().toLowerCase();
  for (const box of boxes.values()) box.classList.remove("match");
  const holding = wanted ? [...boxes.values()].filter((box) => holds(box, wanted)) : [];
  for (const box of holding) box.classList.add("match");
  matches = oneOfEach(holding).sort((a, b) => isNamed(b, wanted) - isNamed(a, wanted));
  at = -1;
  const elsewhere = wanted && !matches.length && elsewhereFound(wanted);
  found.value = !wanted ? "" : matches.length ? `${matches.length} found` : elsewhere ? "when unfolded" : "nothing found";
}

// Of the copies of a leaf the highest.
function oneOfEach(found) {
  const first = new Map();
  for (const box of found) {
    const known = first.get(nodeOf(box));
    if (!known || upperEdge(box) < upperEdge(known)) first.set(nodeOf(box), box);
  }
  return [...first.values()];
}

function upperEdge(box) {
  return Number(box.querySelector("rect").getAttribute("y"));
}

// A formula mentions other Ops, and is not searched.
function holds(box, wanted) {
  const lines = facts(box).filter((line) => !line.startsWith("formula: "));
  return [...lines, label(box)].some((line) => line.toLowerCase().includes(wanted));
}

function isNamed(box, wanted) {
  return facts(box)[0].toLowerCase().endsWith(wanted) && !facts(box)[0].startsWith("gradient of");
}

function elsewhereFound(wanted) {
  return views.order.find((id) => [...source(id).querySelectorAll(".box")].some((box) => holds(box, wanted)));
}

function next(direction) {
  if (!matches.length) {
    const id = search.value.trim() && elsewhereFound(search.value.trim().toLowerCase());
    if (!id || id === current) return;
    show(id);
  }
  at = (at + direction + matches.length) % matches.length;
  choose(matches[at], true);
  found.value = `${at + 1} of ${matches.length}`;
}

// Hands on the stage

let held = null;
stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  held = { x: event.clientX, y: event.clientY, moved: 0 };
  stage.setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", (event) => {
  if (!held) return;
  const dx = held.x - event.clientX;
  const dy = held.y - event.clientY;
  held = { x: event.clientX, y: event.clientY, moved: held.moved + Math.abs(dx) + Math.abs(dy) };
  stage.classList.add("held");
  move(dx, dy);
});
stage.addEventListener("pointerup", (event) => {
  stage.classList.remove("held");
  if (held && held.moved < 4) {
    choose(document.elementFromPoint(event.clientX, event.clientY)?.closest(".box") || null);
    stage.focus({ preventScroll: true });
  }
  held = null;
});
stage.addEventListener("pointercancel", () => { held = null; });
stage.addEventListener("dblclick", () => {
  const target = chosen && unfolded(chosen);
  if (target) show(target);
});
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const { left, top } = stage.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 400), event.clientX - left, event.clientY - top);
}, { passive: false });

// The bar

const actions = {
  fit,
  in: () => zoom(1.25),
  out: () => zoom(0.8),
  theme: () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  },
  keys: () => document.querySelector("dialog").showModal(),
};
for (const [name, action] of Object.entries(actions)) document.getElementById(name).addEventListener("click", action);
select.addEventListener("change", () => show(select.value));
search.addEventListener("input", () => find(search.value));
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") next(event.shiftKey ? -1 : 1);
  if (event.key === "Escape") { search.value = ""; find(""); stage.focus(); }
});

const along = { ArrowLeft: [-60, 0, -1], ArrowRight: [60, 0, 1], ArrowUp: [0, -60, -1], ArrowDown: [0, 60, 1] };
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const [dx, dy, direction] = along[event.key] || [];
  if (direction) chosen && !event.shiftKey ? step(direction) : move(dx, dy);
  else if (event.key === "+" || event.key === "=") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0") fit();
  else if (event.key === "/") search.focus();
  else if (event.key === "n" || event.key === "N") next(event.key === "n" ? 1 : -1);
  else if (event.key === "u" && chosen && unfolded(chosen)) show(unfolded(chosen));
  else if (event.key === "f") back();
  else if (event.key === "Escape") choose(null);
  else if (event.key === "?") actions.keys();
  else return;
  event.preventDefault();
});

new ResizeObserver(() => { if (drawing) fit(); }).observe(stage);
show(current, false);
