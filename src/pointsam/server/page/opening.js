// Opening an image: its tiles, its objects, the masks that are missing; and other tabs' changes.

import { change } from "./clicks.js";
import { showImages } from "./panels.js";
import { get, post } from "./server.js";
import { state, update } from "./state.js";
import { busy, explain, tell } from "./telling.js";
import { middle, onImage, openImage, viewer } from "./viewer.js";

const contentOf = (image) => ({
  image,
  objects: new Map(image.objects.map((one) => [one.id, one])),
  warnings: image.warnings,
  warningCount: image.warning_count,
});

export async function openNumber(number) {
  const entry = state.project.images[number - 1];
  if (!entry || state.image?.number === number) return;
  const done = busy(`opening ${entry.name}`);
  try {
    const image = await get(`api/images/${number}`);
    await openImage(image);
    sayUntilShown(entry.name);
    update({ ...contentOf(image), chosen: null, offer: null });
    history.replaceState(null, "", `#${number}`);
    showImages();
    await look();
    if (image.objects.some((one) => one.rings === null)) {
      change("making masks", () => post(`api/images/${number}/refresh`));
    }
  } catch (error) {
    explain(error);
    showImages();
  } finally {
    done();
  }
}

// The first tile of a scene without overviews takes long: the whole file is read for it.
function sayUntilShown(name) {
  const shown = busy(`reading ${name}`);
  const end = () => {
    viewer.removeHandler("tile-loaded", end);
    viewer.removeHandler("tile-load-failed", end);
    viewer.removeHandler("close", end);
    shown();
  };
  for (const event of ["tile-loaded", "tile-load-failed", "close"]) viewer.addHandler(event, end);
}

// Another tab, or a program, may have changed the image.
export async function reopenIfChanged(revision) {
  if (!state.image || revision <= state.image.revision) return;
  const image = await get(`api/images/${state.image.number}`);
  if (image.number !== state.image.number || image.revision <= state.image.revision) return;
  tell("Another tab changed this image; its clicks are shown.");
  update(contentOf(image));
}

// Says where one looks, so that the model has seen it before the first click.
async function look() {
  if (!state.image) return;
  let point = middle();
  if (!onImage(point)) point = { x: state.image.width / 2, y: state.image.height / 2 };
  try {
    await post(`api/images/${state.image.number}/look`, point);
  } catch {
    // It is encoded when it is clicked on.
  }
}

let resting = 0;
viewer.addHandler("animation-finish", () => {
  clearTimeout(resting);
  resting = setTimeout(look, 400);
});

document.getElementById("images").addEventListener("change", (event) => openNumber(Number(event.target.value)));
document.getElementById("previous").addEventListener("click", () => openNumber(state.image.number - 1));
document.getElementById("next").addEventListener("click", () => openNumber(state.image.number + 1));
