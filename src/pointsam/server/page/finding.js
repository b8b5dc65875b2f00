// Find more: masks like the clicked ones, offered one by one; a yes becomes a click.

import { change } from "./clicks.js";
import { post } from "./server.js";
import { state, update } from "./state.js";
import { busy, explain } from "./telling.js";
import { panTo, seen } from "./viewer.js";

const text = document.getElementById("more-text");
const tools = document.getElementById("more-tools");
let offers = [];
let taken = 0;

export async function findMore() {
  const done = busy("looking for more");
  try {
    const found = await post(`api/images/${state.image.number}/more`, { box: seen(), class: state.category });
    offers = found.offers;
    taken = 0;
    if (!offers.length) text.textContent = "Nothing more was found here that looks like the clicked objects.";
    next();
  } catch (error) {
    explain(error);
  } finally {
    done();
  }
}

function next() {
  const offer = offers.shift() ?? null;
  tools.hidden = offer === null;
  if (offer) {
    text.textContent = `${Math.round(100 * offer.likeness)} % like the clicked ones; ${offers.length} more. Take it?`;
    panTo({ x: offer.point[0], y: offer.point[1] });
  } else if (taken) {
    text.textContent = `${taken} taken.`;
  }
  update({ offer });
}

export function answer(yes) {
  const { offer } = state;
  if (!offer) return;
  if (yes) {
    taken += 1;
    const body = { points: [[...offer.point, 1]], class: offer.class };
    change("taking it", () => post(`api/images/${state.image.number}/objects`, body));
  }
  next();
}

function end() {
  offers = [];
  next();
}

document.getElementById("more").addEventListener("click", findMore);
document.getElementById("more-yes").addEventListener("click", () => answer(true));
document.getElementById("more-no").addEventListener("click", () => answer(false));
document.getElementById("more-end").addEventListener("click", end);
