// What the page knows. Modules change it through `update` and draw when told.

export const state = {
  project: null,
  image: null, // the open image: size, levels, revision
  objects: new Map(), // by id
  warnings: [], // the first slips of the image
  warningCount: 0, // all of them
  chosen: null, // id of the chosen object: the last made, or one that was picked
  picked: false, // whether it was picked by hand: only then a class is for it, not for the next
  category: "object",
  mode: "new", // what a click says: new object, belongs to it, does not
  showMasks: true,
  opacity: 0.35,
  compare: false,
  border: 0.5,
  offer: null, // a mask that Find more offers
};

const listeners = new Set();

export function listen(draw) {
  listeners.add(draw);
}

export function update(changes) {
  Object.assign(state, changes);
  for (const draw of listeners) draw();
}

// Takes the answer to a change in: new and changed objects, gone ones, counts.
export function takeIn(change) {
  for (const one of change.objects) state.objects.set(one.id, one);
  for (const id of change.gone) state.objects.delete(id);
  if (state.chosen !== null && !state.objects.has(state.chosen)) state.chosen = null;
  state.image.revision = change.revision;
  state.project.counts = change.counts;
  update({ warnings: change.warnings, warningCount: change.warning_count });
}

// Eight hues that stay apart for colour-blind eyes (Okabe and Ito); a number says the class too.
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#ffffff"];

export function colourOf(category) {
  const index = Math.max(0, state.project.classes.indexOf(category));
  return COLOURS[index % COLOURS.length];
}

export function numberOf(category) {
  return state.project.classes.indexOf(category) + 1;
}
