// The lists beside the image: images, classes, objects, warnings.

import { change, choose, setClass } from "./clicks.js";
import { colourOf, listen, numberOf, state, update } from "./state.js";
import { post, put } from "./server.js";
import { explain } from "./telling.js";

const element = (id) => document.getElementById(id);

export function made(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function swatch(category) {
  const node = made("span", { className: "swatch", textContent: String(numberOf(category)) });
  node.style.background = colourOf(category);
  node.style.color = "#000";
  if (colourOf(category) === "#0072b2") node.style.color = "#fff";
  return node;
}

// Lists are made anew only when what they show has changed: a focused button must not vanish.
function fill(list, rows, key) {
  const text = JSON.stringify(key);
  if (list.dataset.shows === text) return;
  list.dataset.shows = text;
  const held = list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  list.replaceChildren(...rows());
  if (held) list.querySelector(`[data-id="${CSS.escape(held)}"]`)?.focus();
}

function showClasses() {
  const { classes, counts } = state.project;
  fill(element("classes"), () => classes.map((name, index) => {
    const button = made("button", { type: "button" }, swatch(name), made("span", { textContent: name }),
      made("span", { className: "count quiet", textContent: String(counts[name] ?? 0) }));
    if (index < 9) button.append(made("kbd", { textContent: String(index + 1) }));
    button.dataset.id = name;
    button.setAttribute("aria-pressed", String(name === state.category));
    button.addEventListener("click", () => setClass(name));
    return made("li", {}, button);
  }), [classes, counts, state.category]);
}

function showObjects() {
  const objects = [...state.objects.values()];
  element("object-count").textContent = `(${objects.length})`;
  const key = objects.map((one) => [one.id, one.class, one.area, one.calibrated, one.kept, one.points.length]);
  fill(element("objects"), () => objects.map((one) => {
    const parts = [`${one.area} px`];
    if (one.points.length > 1) parts.push(`${one.points.length} clicks`);
    if (one.calibrated) parts.push("calibrated");
    if (one.kept !== null && one.kept < 0.95) parts.push(`${Math.round(100 * (1 - one.kept))} % other`);
    const button = made("button", { type: "button" }, swatch(one.class),
      made("span", { textContent: `${one.class} ${one.id}` }),
      made("span", { className: "count quiet", textContent: parts.join(", ") }));
    button.dataset.id = String(one.id);
    button.setAttribute("aria-current", String(one.id === state.chosen));
    button.addEventListener("click", () => choose(one.id, { show: true }));
    return made("li", {}, button);
  }), [key, state.chosen, state.project.classes]);
  element("delete").disabled = element("done").disabled = state.chosen === null;
}

function showWarnings() {
  element("warnings-title").hidden = !state.warnings.length;
  const more = state.warningCount > state.warnings.length;
  element("warnings-title").textContent = more
    ? `Look again (${state.warnings.length} of ${state.warningCount} shown)` : "Look again";
  fill(element("warnings"), () => state.warnings.map((warning, index) => {
    const button = made("button", { type: "button", textContent: `⚠ ${warning.text}` });
    button.dataset.id = `warning ${index}`;
    button.addEventListener("click", () => choose(warning.objects[0], { show: true }));
    return made("li", {}, button);
  }), state.warnings);
}

function showControls() {
  element("opacity").value = String(Math.round(100 * state.opacity));
  element("show-masks").checked = state.showMasks;
  element("compare").checked = state.compare;
  element("border").value = String(Math.round(100 * state.border));
  element("compare-tools").hidden = ![...state.objects.values()].some((one) => one.before);
  element("joint").checked = state.project.joint;
  document.querySelector(`input[name="mode"][value="${state.mode}"]`).checked = true;
}

export function showImages() {
  const select = element("images");
  const { images } = state.project;
  const options = images.map((image) => made("option", {
    value: String(image.number),
    textContent: `${image.number} ${image.name}${image.objects ? ` (${image.objects})` : ""}`,
  }));
  select.replaceChildren(...options);
  if (state.image) select.value = String(state.image.number);
  element("previous").disabled = !state.image || state.image.number <= 1;
  element("next").disabled = !state.image || state.image.number >= images.length;
}

listen(() => {
  if (!state.project || !state.image) return;
  const entry = state.project.images[state.image.number - 1];
  if (entry.objects !== state.objects.size) {
    entry.objects = state.objects.size;
    showImages();
  }
  showClasses();
  showObjects();
  showWarnings();
  showControls();
});

export function setJoint(joint) {
  state.project.joint = joint;
  update({});
  change("changing to joint", async () => {
    await put("api/settings", { joint });
    return post(`api/images/${state.image.number}/rejoin`);
  });
}

async function saveClass(body) {
  try {
    const answer = await post("api/classes", body);
    for (const one of state.objects.values()) if (one.class === body.was) one.class = body.name;
    Object.assign(state.project, answer);
    update({ category: body.name });
    element("class-name").value = "";
  } catch (error) {
    explain(error);
  }
}

element("class-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = element("class-name").value.trim();
  if (name) saveClass({ name });
});
element("class-rename").addEventListener("click", () => {
  const name = element("class-name").value.trim();
  if (name) saveClass({ name, was: state.category });
  else explain(new Error("Write the new name first."));
});
element("joint").addEventListener("change", (event) => setJoint(event.target.checked));
element("show-masks").addEventListener("change", (event) => update({ showMasks: event.target.checked }));
element("opacity").addEventListener("input", (event) => update({ opacity: event.target.value / 100 }));
element("compare").addEventListener("change", (event) => update({ compare: event.target.checked }));
element("border").addEventListener("input", (event) => update({ border: event.target.value / 100 }));
for (const radio of document.querySelectorAll('input[name="mode"]')) {
  radio.addEventListener("change", () => update({ mode: radio.value }));
}
