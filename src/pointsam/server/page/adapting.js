// Adapt: training with its bar, and what it changed.

import { made } from "./panels.js";
import { get, post } from "./server.js";
import { listen, state } from "./state.js";
import { explain, tell } from "./telling.js";
import { reopenIfChanged } from "./opening.js";

const element = (id) => document.getElementById(id);
let last = null; // how training stood when we asked last

function timeLeft(seconds) {
  if (seconds === null) return "";
  return seconds > 90 ? `, about ${Math.round(seconds / 60)} min left` : `, about ${Math.round(seconds)} s left`;
}

function trained(run) {
  if (!run.step) return `${run.stage === "labelling" ? "making labels of the clicks" : run.stage || "getting ready"} …`;
  if (run.step === run.steps) return `all ${run.steps} steps done; comparing with the model before …`;
  return `step ${run.step} of ${run.steps}, loss ${run.loss}, ${run.accepted}${timeLeft(run.seconds_left)}`;
}

function show(run) {
  const { phase } = run;
  element("adapt").hidden = phase === "training" || phase === "masks";
  element("adapt-stop").hidden = phase !== "training";
  element("adapt-resume").hidden = phase !== "stopped";
  element("adapt-bar").hidden = !["training", "masks", "stopped"].includes(phase);
  element("adapt-bar").value = run.steps ? run.step / run.steps : 0;
  const said = {
    idle: "Adapt learns from all clicks of all images.",
    training: trained(run),
    masks: "making all masks anew …",
    stopped: `stopped after step ${run.step} of ${run.steps}`,
    done: `done in ${Math.round(run.seconds)} s: ${run.folder}`,
    failed: run.error,
  };
  element("adapt-text").textContent = said[phase];
  element("model").textContent = `model: ${run.model}${run.adapter ? `, adapted (${run.adapter})` : ", not adapted"}`;
}

function showChanges(rows) {
  element("changes").hidden = !rows.length;
  element("changes").querySelector("tbody").replaceChildren(...rows.map((row) => made("tr", {},
    made("th", { scope: "row", textContent: row.class }),
    ...[row.objects, row.changed, row.grew, row.shrank].map((n) => made("td", { textContent: String(n) })))));
}

export async function lookAfter() {
  try {
    const run = await get("api/status");
    show(run);
    const ended = last !== null && last !== run.phase && run.phase === "done";
    last = run.phase;
    if (state.image) await reopenIfChanged(run.revisions[state.image.number]);
    if (ended) tell("Adapted. Before and after: key B.");
    if (run.phase === "failed" && element("adapt-text").dataset.told !== run.error) {
      element("adapt-text").dataset.told = run.error;
      explain(new Error(run.error));
    }
    showChanges(run.changes);
  } catch (error) {
    if (last !== "lost") explain(error);
    last = "lost";
  }
  setTimeout(lookAfter, last === "training" || last === "masks" ? 700 : 2500);
}

async function order(path, body) {
  try {
    show(await post(path, body));
    last = "training";
  } catch (error) {
    explain(error);
  }
}

element("adapt").addEventListener("click", () => order("api/adapt", { steps: Number(element("effort").value) }));
element("adapt-stop").addEventListener("click", () => order("api/adapt/stop"));
element("adapt-resume").addEventListener("click", () => order("api/adapt/resume"));
listen(() => { element("adapt").disabled = !state.objects.size && !Object.values(state.project.counts).some(Boolean); });
