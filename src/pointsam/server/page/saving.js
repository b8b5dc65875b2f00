// Files for others: written into the project's folder, and given to the browser.

import { post } from "./server.js";
import { busy, explain } from "./telling.js";

const name = document.getElementById("save-name");
const text = document.getElementById("save-text");

export async function save() {
  const done = busy("saving");
  try {
    const saved = await post("api/save", { name: name.value });
    const link = Object.assign(document.createElement("a"), {
      href: `api/saved/${saved.name}`, download: saved.name, textContent: "download",
    });
    text.replaceChildren(`saved: ${saved.path} (`, link, ")");
  } catch (error) {
    explain(error);
  } finally {
    done();
  }
}

document.getElementById("save").addEventListener("click", save);
