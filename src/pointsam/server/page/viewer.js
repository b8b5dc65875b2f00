// The image in OpenSeadragon, and the way from the screen to the image's pixels and back.

import { state } from "./state.js";

export const viewer = window.OpenSeadragon({
  id: "viewer",
  drawer: "canvas", // WebGL is not everywhere
  showNavigationControl: false,
  gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: false },
  gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: false },
  gestureSettingsPen: { clickToZoom: false, dblClickToZoom: false },
  maxZoomPixelRatio: 16,
  minZoomImageRatio: 0.5,
  visibilityRatio: 0.3,
  animationTime: 0.3,
  imageSmoothingEnabled: false,
  immediateRender: true,
  timeout: 1_800_000, // ms; the first tile of a scene without overviews waits for the whole file
  imageLoaderLimit: 4, // browsers open six connections to a server: clicks need some of them
});
viewer.innerTracker.keyHandler = null; // keys are the page's
viewer.innerTracker.keyDownHandler = null;

export function openImage(image) {
  const opened = new Promise((resolve) => viewer.addOnceHandler("open", resolve));
  viewer.open({
    width: image.width,
    height: image.height,
    tileSize: 256,
    tileOverlap: 0,
    minLevel: 0,
    maxLevel: image.levels,
    getTileUrl: (level, column, row) => `api/images/${image.number}/tiles/${level}/${column}/${row}`,
  });
  return opened;
}

// A pixel's index is its middle: the viewer's first pixel reaches from 0 to 1, ours from -0.5 to 0.5.
export function toImage(screen) {
  const item = viewer.world.getItemAt(0);
  const place = item.viewerElementToImageCoordinates(new window.OpenSeadragon.Point(screen.x, screen.y));
  return { x: place.x - 0.5, y: place.y - 0.5 };
}

export function toScreen(point) {
  const item = viewer.world.getItemAt(0);
  return item.imageToViewerElementCoordinates(new window.OpenSeadragon.Point(point.x + 0.5, point.y + 0.5));
}

// How the canvas has to be turned for image edges: offset and pixels of the screen a pixel of the image.
export function transform() {
  const origin = toScreen({ x: -0.5, y: -0.5 });
  const unit = toScreen({ x: 0.5, y: -0.5 });
  return { x: origin.x, y: origin.y, scale: unit.x - origin.x };
}

export function onImage(point) {
  return state.image !== null && point.x >= -0.5 && point.y >= -0.5 &&
    point.x < state.image.width - 0.5 && point.y < state.image.height - 0.5;
}

export function zoomBy(factor) {
  viewer.viewport.zoomBy(factor);
  viewer.viewport.applyConstraints();
}

export function home() {
  viewer.viewport.goHome();
}

export function panTo(point) {
  const item = viewer.world.getItemAt(0);
  viewer.viewport.panTo(item.imageToViewportCoordinates(point.x + 0.5, point.y + 0.5));
}

export function middle() {
  const size = viewer.container.getBoundingClientRect();
  return toImage({ x: size.width / 2, y: size.height / 2 });
}

// What is seen of the image: left, top, right, bottom in its pixels.
export function seen() {
  const size = viewer.container.getBoundingClientRect();
  const low = toImage({ x: 0, y: 0 });
  const high = toImage({ x: size.width, y: size.height });
  return [low.x, low.y, high.x, high.y];
}
