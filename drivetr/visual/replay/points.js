// Lidar points from above. There are thousands, so they are written as pixels and laid on in one go.

const DOT_PX = 1.2; // side of a dot in pixels of the page
const pointLayer = document.createElement("canvas");
let pointPixels = null; // of the layer
let pointLayerOf = ""; // what the layer shows: two views side by side share it

/** Lidar points as dim dots, stronger where they are higher above the ground. */
function drawPoints(ctx, view) {
  const points = pointsOf(state.frame);
  if (points === null) return;
  const { width, height } = ctx.canvas;
  const shows = [state.frame, width, height, view.scale, ...state.centre, theme.muted].join();
  if (shows !== pointLayerOf) {
    pointLayerOf = shows;
    fillPointLayer(points, view, width, height);
  }
  ctx.drawImage(pointLayer, 0, 0, view.width, view.height);
}

/** Paints the layer anew; points come low ones first, so that a pixel has its highest one. */
function fillPointLayer(points, view, width, height) {
  const ctx = pointLayer.getContext("2d");
  if (pointPixels?.width !== width || pointPixels.height !== height) {
    pointLayer.width = width;
    pointLayer.height = height;
    pointPixels = ctx.createImageData(width, height);
  }
  const colours = new Uint32Array(pointPixels.data.buffer);
  colours.fill(0);
  const ratio = width / view.width;
  const side = Math.max(1, Math.round(DOT_PX * ratio));
  const [left, top] = view.place([0, 0]), step = view.scale / 100; // the file has centimetres
  const shades = heightShades();
  for (let i = 0; i < points.length; i += 3) {
    const u = Math.floor(ratio * (left - points[i + 1] * step));
    const v = Math.floor(ratio * (top - points[i] * step));
    if (u < 0 || v < 0 || u + side > width || v + side > height) continue;
    const shade = shades[Math.round(7 * clamp((points[i + 2] / 100 + 0.5) / 3, 0, 1))];
    for (let row = v; row < v + side; row += 1) {
      colours.fill(shade, row * width + u, row * width + u + side);
    }
  }
  ctx.putImageData(pointPixels, 0, 0);
}

/** Eight opacities of the page's muted colour as bytes red, green, blue, opacity. */
function heightShades() {
  const rgb = [1, 3, 5].map((at) => Number.parseInt(theme.muted.slice(at, at + 2), 16));
  const bytes = Array.from({ length: 8 }, (_, level) =>
    [...rgb, Math.round(255 * (0.2 + (0.4 * level) / 7))]);
  return new Uint32Array(new Uint8Array(bytes.flat()).buffer);
}
