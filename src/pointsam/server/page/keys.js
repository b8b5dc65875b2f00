// Everything by keyboard; the list of keys is made from the same table.

import { chooseNext, clickCross, deleteChosen, moveCross, redo, setClass, undo } from "./clicks.js";
import { made, setJoint } from "./panels.js";
import { state, update } from "./state.js";
import { answer, findMore } from "./finding.js";
import { openNumber } from "./opening.js";
import { save } from "./saving.js";
import { home, zoomBy } from "./viewer.js";

const help = document.getElementById("help");
const step = (event) => (event.altKey ? 1 : 16);

// Keys, what they do, how they are said; the first that matches is done.
const ON_VIEWER = [
  ["ArrowLeft", (e) => moveCross(-step(e), 0), "← → ↑ ↓", "move the cross (Alt: by one pixel)"],
  ["ArrowRight", (e) => moveCross(step(e), 0)],
  ["ArrowUp", (e) => moveCross(0, -step(e))],
  ["ArrowDown", (e) => moveCross(0, step(e))],
  ["Enter", clickCross, "Enter", "click at the cross (Shift: off the object, Ctrl: belongs to it)"],
];
const ANYWHERE = [
  ["n", () => update({ mode: "new" }), "N A X", "a click is: new object, belongs to it, does not"],
  ["a", () => update({ mode: "more" })],
  ["x", () => update({ mode: "off" })],
  ["PageDown", () => openNumber(state.image.number + 1), "Page Up, Page Down", "previous and next image"],
  ["PageUp", () => openNumber(state.image.number - 1)],
  [".", () => chooseNext(1), ", .", "previous and next object"],
  [",", () => chooseNext(-1)],
  ["Delete", deleteChosen, "Delete", "delete the chosen object"],
  ["Escape", () => update({ chosen: null, offer: null, mode: "new" }), "Escape", "leave the object"],
  ["h", () => update({ showMasks: !state.showMasks }), "H", "hide or show masks"],
  ["[", () => update({ opacity: Math.max(0, state.opacity - 0.1) }), "[ ]", "opacity of masks"],
  ["]", () => update({ opacity: Math.min(1, state.opacity + 0.1) })],
  ["j", () => setJoint(!state.project.joint), "J", "joint masks"],
  ["b", () => update({ compare: !state.compare }), "B", "before | after"],
  ["f", () => findMore(), "F", "find more"],
  ["y", () => answer(true), "Y U", "yes or no to what was found"],
  ["u", () => answer(false)],
  ["+", () => zoomBy(1.5), "+ − 0", "zoom in, out, to all"],
  ["=", () => zoomBy(1.5)],
  ["-", () => zoomBy(1 / 1.5)],
  ["0", () => home()],
  ["?", () => help.showModal(), "?", "this list"],
];
const WITH_CONTROL = [
  ["z", (e) => (e.shiftKey ? redo() : undo()), "Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["y", () => redo()],
  ["s", () => save(), "Ctrl+S", "save"],
];

function typing(target) {
  return target.closest("input:not([type=checkbox]):not([type=radio]), select, textarea, dialog");
}

document.addEventListener("keydown", (event) => {
  if (!state.image || typing(event.target)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const onViewer = event.target.id === "viewer" || event.target.closest("#viewer");
  let table = onViewer ? [...ON_VIEWER, ...ANYWHERE] : ANYWHERE;
  if ((event.ctrlKey || event.metaKey) && key !== "Enter") table = WITH_CONTROL;
  const found = table.find(([name]) => name === key);
  if (found) {
    event.preventDefault();
    found[1](event);
  } else if (/^[1-9]$/.test(key) && !event.ctrlKey && !event.altKey && !event.metaKey) {
    const name = state.project.classes[Number(key) - 1];
    if (name) setClass(name);
  }
});

for (const [, , keys, text] of [...ON_VIEWER, ...ANYWHERE, ...WITH_CONTROL]) {
  if (!keys) continue;
  document.getElementById("help-keys").append(
    made("tr", {}, made("th", { scope: "row", textContent: keys }), made("td", { textContent: text })));
}
document.getElementById("help-keys").append(
  made("tr", {}, made("th", { scope: "row", textContent: "1 … 9" }), made("td", { textContent: "class" })));
document.getElementById("help-open").addEventListener("click", () => help.showModal());
