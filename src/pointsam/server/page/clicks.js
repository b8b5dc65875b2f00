// Clicks on the image: from the mouse, from fingers, from the keyboard's cross.

import { takeIn, state, update } from "./state.js";
import { patch, post, remove } from "./server.js";
import { onImage, panTo, toImage, toScreen, viewer } from "./viewer.js";
import { POINT } from "./overlay.js";
import { busy, explain } from "./telling.js";

const cross = document.getElementById("cross");
const crossAt = { x: 0, y: 0 };
let dragged = null; // the click under the pressed button

const path = (rest) => `api/images/${state.image.number}/${rest}`;
const chosen = () => state.objects.get(state.chosen);

// One change at a time: what a click means depends on what the last one did.
let line = Promise.resolve();
export function change(what, request) {
  line = line.then(async () => {
    const done = busy(what);
    try {
      const image = state.image;
      const answer = await request();
      if (image === state.image) takeIn(answer);
      return answer;
    } catch (error) {
      explain(error);
      return null;
    } finally {
      done();
    }
  });
  return line;
}

export function clickAt(screen, kind) {
  const point = toImage(screen);
  if (!onImage(point)) return;
  const on = kind === "off" ? 0 : 1;
  const click = [rounded(point.x), rounded(point.y), on];
  change("making the mask", async () => {
    if (kind === "new") {
      const made = await post(path("objects"), { points: [click], class: state.category });
      Object.assign(state, { chosen: Math.max(...made.objects.map((one) => one.id)), picked: false });
      return made;
    }
    const one = chosen();
    if (!one) throw new Error("Choose an object first: click it in the list, or make a new one.");
    return patch(path(`objects/${one.id}`), { points: [...one.points, click], seen: one.points });
  });
}

const rounded = (number) => Math.round(number * 100) / 100;

function kindOf(event) {
  if (event.shiftKey) return "off";
  if (event.ctrlKey || event.metaKey || event.altKey) return "more";
  return state.mode;
}

// The click that is drawn at a place of the screen; of several, the last drawn.
function markAt(screen) {
  let found = null;
  for (const one of state.objects.values()) {
    one.points.forEach(([x, y], index) => {
      const mark = toScreen({ x, y });
      if (Math.hypot(mark.x - screen.x, mark.y - screen.y) <= POINT + 3) found = { one, index };
    });
  }
  return found;
}

viewer.addHandler("canvas-press", (event) => {
  dragged = state.image ? markAt(event.position) : null;
});

viewer.addHandler("canvas-drag", (event) => {
  if (!dragged) return;
  event.preventDefaultAction = true;
  const point = toImage(event.position);
  if (!onImage(point)) return;
  dragged.moved = true;
  const points = dragged.one.points.map((old) => [...old]);
  points[dragged.index] = [rounded(point.x), rounded(point.y), points[dragged.index][2]];
  dragged.points = points;
  state.objects.set(dragged.one.id, { ...dragged.one, points });
  update({ chosen: dragged.one.id });
});

viewer.addHandler("canvas-drag-end", (event) => {
  if (!dragged || !dragged.moved) return;
  event.preventDefaultAction = true;
  const { one, points } = dragged;
  dragged = null;
  change("moving the click", async () => {
    try {
      return await patch(path(`objects/${one.id}`), { points, seen: one.points });
    } catch (error) {
      state.objects.set(one.id, one);
      update({});
      throw error;
    }
  });
});

viewer.addHandler("canvas-click", (event) => {
  if (!event.quick || !state.image) return;
  event.preventDefaultAction = true;
  const mark = markAt(event.position);
  const kind = kindOf(event.originalEvent);
  if (mark && kind === "new") choose(mark.one.id);
  else clickAt(event.position, kind);
});

// The right button: not the object.
viewer.addHandler("canvas-nonprimary-release", (event) => {
  if (event.button === 2 && state.image) clickAt(event.position, "off");
});
viewer.canvas.addEventListener("contextmenu", (event) => event.preventDefault());

export function choose(id, { show = false } = {}) {
  update({ chosen: id, picked: true });
  const one = state.objects.get(id);
  if (show && one) panTo({ x: one.points[0][0], y: one.points[0][1] });
}

export function chooseNext(step) {
  const ids = [...state.objects.keys()];
  if (!ids.length) return;
  const index = ids.indexOf(state.chosen);
  const next = index < 0 ? (step > 0 ? 0 : ids.length - 1) : (index + step + ids.length) % ids.length;
  choose(ids[next], { show: true });
}

export function deleteChosen() {
  const id = state.chosen;
  if (id !== null) change("deleting", () => remove(path(`objects/${id}`)));
}

export function setClass(category) {
  update({ category });
  const one = chosen();
  if (one && state.picked && one.class !== category) {
    change("changing the class", () => patch(path(`objects/${one.id}`), { class: category }));
  }
}

export const undo = () => change("undoing", () => post(path("undo")));
export const redo = () => change("redoing", () => post(path("redo")));

export function moveCross(x, y) {
  const box = viewer.container.getBoundingClientRect();
  if (cross.hidden) Object.assign(crossAt, { x: box.width / 2, y: box.height / 2 });
  else {
    crossAt.x = Math.min(Math.max(crossAt.x + x, 0), box.width);
    crossAt.y = Math.min(Math.max(crossAt.y + y, 0), box.height);
  }
  cross.hidden = false;
  cross.style.left = `${crossAt.x}px`;
  cross.style.top = `${crossAt.y}px`;
}

export function clickCross(event) {
  if (cross.hidden) moveCross(0, 0);
  clickAt({ ...crossAt }, kindOf(event));
}

viewer.addHandler("canvas-press", () => { cross.hidden = true; });
