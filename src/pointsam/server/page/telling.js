// What the page says: what it is doing, and what went wrong.

const message = document.getElementById("message");
const busyLine = document.getElementById("busy");
let fading = 0;
const doing = [];

export function explain(error) {
  tell(error.message || String(error), { wrong: true });
}

export function tell(text, { wrong = false } = {}) {
  clearTimeout(fading);
  message.textContent = text;
  message.classList.toggle("told", !wrong);
  message.hidden = false;
  fading = setTimeout(() => { message.hidden = true; }, wrong ? 12000 : 4000);
}

// Shows what is being done; gives a function that ends it.
export function busy(text) {
  const entry = { text };
  doing.push(entry);
  showBusy();
  return () => {
    doing.splice(doing.indexOf(entry), 1);
    showBusy();
  };
}

function showBusy() {
  busyLine.hidden = !doing.length;
  busyLine.textContent = doing.length ? `${doing[doing.length - 1].text} …` : "";
}
