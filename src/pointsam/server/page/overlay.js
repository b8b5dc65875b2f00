// Masks and clicks, drawn over the image on a canvas of our own.

import { colourOf, listen, numberOf, state } from "./state.js";
import { transform, viewer } from "./viewer.js";

const canvas = document.getElementById("overlay");
const brush = canvas.getContext("2d");
const paths = new WeakMap();
export const POINT = 7; // radius of a click on the screen

viewer.canvas.appendChild(canvas);
viewer.addHandler("update-viewport", draw);
viewer.addHandler("open", draw);
viewer.addHandler("resize", draw);
listen(draw);

export function pathOf(rings) {
  if (!paths.has(rings)) {
    const path = new Path2D();
    for (const ring of rings) {
      path.moveTo(ring[0], ring[1]);
      for (let i = 2; i < ring.length; i += 2) path.lineTo(ring[i], ring[i + 1]);
      path.closePath();
    }
    paths.set(rings, path);
  }
  return paths.get(rings);
}

export function draw() {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(viewer.container.clientWidth * ratio);
  const height = Math.round(viewer.container.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  brush.setTransform(1, 0, 0, 1, 0, 0);
  brush.clearRect(0, 0, width, height);
  if (!state.image || !viewer.world.getItemCount()) return;
  const place = transform();
  const onImage = () => brush.setTransform(
    place.scale * ratio, 0, 0, place.scale * ratio, place.x * ratio, place.y * ratio);
  if (state.showMasks) {
    onImage();
    if (state.compare) drawCompared(place, ratio, onImage);
    else for (const one of state.objects.values()) drawMask(one, one.rings, place.scale);
  }
  if (state.offer) {
    onImage();
    drawRings(state.offer.rings, "#ffffff", 0.45, 3 / place.scale, [8 / place.scale, 5 / place.scale]);
  }
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  for (const one of state.objects.values()) drawClicks(one, place);
  if (state.offer) drawMark({ x: state.offer.point[0], y: state.offer.point[1] }, place, "?", "#ffffff", 1);
}

// Before on the left of the border, after on the right.
function drawCompared(place, ratio, onImage) {
  const edge = state.border * canvas.width;
  for (const [from, to, name] of [[0, edge, "before"], [edge, canvas.width, "rings"]]) {
    brush.save();
    brush.setTransform(1, 0, 0, 1, 0, 0);
    brush.beginPath();
    brush.rect(from, 0, to - from, canvas.height);
    brush.clip();
    onImage();
    for (const one of state.objects.values()) drawMask(one, one[name] ?? one.rings, place.scale);
    brush.restore();
  }
  brush.setTransform(1, 0, 0, 1, 0, 0);
  brush.fillStyle = "#000";
  brush.fillRect(edge - 2 * ratio, 0, 4 * ratio, canvas.height);
  brush.fillStyle = "#fff";
  brush.fillRect(edge - ratio, 0, 2 * ratio, canvas.height);
  brush.font = `600 ${14 * ratio}px system-ui, sans-serif`;
  label("before", edge - 12 * ratio, "right", ratio);
  label("after", edge + 12 * ratio, "left", ratio);
}

function label(text, x, side, ratio) {
  brush.textAlign = side;
  brush.textBaseline = "top";
  brush.lineWidth = 4 * ratio;
  brush.strokeStyle = "#000";
  brush.strokeText(text, x, 10 * ratio);
  brush.fillText(text, x, 10 * ratio);
}

function drawMask(one, rings, scale) {
  if (!rings || !rings.length) return;
  const chosen = one.id === state.chosen;
  const dash = one.calibrated ? [6 / scale, 4 / scale] : [];
  drawRings(rings, colourOf(one.class), state.opacity, (chosen ? 3 : 1.5) / scale, dash);
}

function drawRings(rings, colour, opacity, line, dash) {
  const path = pathOf(rings);
  brush.globalAlpha = opacity;
  brush.fillStyle = colour;
  brush.fill(path, "evenodd");
  brush.globalAlpha = 1;
  brush.setLineDash([]);
  brush.lineWidth = 1.8 * line;
  brush.strokeStyle = "#000a";
  brush.stroke(path);
  brush.setLineDash(dash);
  brush.lineWidth = line;
  brush.strokeStyle = colour;
  brush.stroke(path);
  brush.setLineDash([]);
}

function drawClicks(one, place) {
  one.points.forEach(([x, y, on], index) => {
    const sign = on ? (index ? "+" : String(numberOf(one.class))) : "−";
    drawMark({ x, y }, place, sign, on ? colourOf(one.class) : "#ff5a4f", one.id === state.chosen ? 1.35 : 1);
  });
}

function drawMark(point, place, sign, colour, size) {
  const x = place.x + (point.x + 0.5) * place.scale;
  const y = place.y + (point.y + 0.5) * place.scale;
  brush.beginPath();
  brush.arc(x, y, POINT * size, 0, 2 * Math.PI);
  brush.fillStyle = colour;
  brush.fill();
  brush.lineWidth = 2;
  brush.strokeStyle = "#000";
  brush.stroke();
  brush.fillStyle = "#000";
  brush.font = `700 ${11 * size}px system-ui, sans-serif`;
  brush.textAlign = "center";
  brush.textBaseline = "middle";
  brush.fillText(sign, x, y + 0.5);
}
