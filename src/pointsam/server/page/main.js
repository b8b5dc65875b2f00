// The page begins here.

import { deleteChosen, redo, undo } from "./clicks.js";
import { lookAfter } from "./adapting.js";
import { get } from "./server.js";
import { state, update } from "./state.js";
import { openNumber } from "./opening.js";
import { explain, tell } from "./telling.js";
import "./finding.js";
import "./keys.js";
import "./overlay.js";
import "./saving.js";

document.getElementById("undo").addEventListener("click", undo);
document.getElementById("redo").addEventListener("click", redo);
document.getElementById("delete").addEventListener("click", deleteChosen);
document.getElementById("done").addEventListener("click", () => update({ chosen: null }));

try {
  state.project = await get("api/project");
  state.category = state.project.classes[0];
  document.title = `${state.project.name} - pointsam`;
  if (state.project.notes.length) tell(state.project.notes.join("; "), { wrong: true });
  const wanted = Number(location.hash.slice(1));
  await openNumber(state.project.images[wanted - 1] ? wanted : 1);
  lookAfter();
} catch (error) {
  explain(error);
}
