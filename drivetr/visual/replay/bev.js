// The view from above: the car looks up the page, left of the car is left on the page.

// The car around the nuScenes ego frame, whose origin is below the rear axle (metres).
const EGO_BACK = -0.75, EGO_FRONT = 3.33, EGO_HALF = 0.87;
const ARROW_SECONDS = 1; // an arrow ends where the object will be after this time
const MIN_SPEED = 0.3; // metres per second; below, an arrow would be a blot
const bevPanels = []; // { figure, canvas, caption, errors, drawn }

/** Puts one or two views on the page: two sources stand side by side. */
function buildBevs(place) {
  for (let i = 0; i < 2; i += 1) {
    const figure = add(place, "figure", "bev");
    const canvas = add(figure, "canvas");
    const caption = add(figure, "figcaption");
    const panel = { figure, canvas, drawn: [], name: add(caption, "b"), errors: add(caption, "span") };
    bevPanels.push(panel);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(event.deltaY * 0.0012));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => update({ range: usualRange(), centre: [0, 0] }));
    dragOrPick(panel);
    const buttons = add(figure, "div", "zoom");
    for (const [text, factor] of [["+", 0.8], ["−", 1.25]]) {
      const button = add(buttons, "button", "", text);
      button.title = factor < 1 ? "Nearer" : "Farther";
      button.addEventListener("click", () => zoom(factor));
    }
  }
}

/** A range that shows nearly all objects and sure predictions, in steps of 5 m. */
function usualRange() {
  const far = recording.frames.flatMap((frame) => [frame.truth, ...Object.values(frame.predictions)]
    .flatMap((boxes) => boxes === null ? [] : boxes.boxes
      .filter((box, row) => boxes.judged[row] && boxes.scores[row] >= state.threshold && isDrawable(box))
      .map((box) => Math.hypot(box[0], box[1]))));
  if (far.length === 0) return 50;
  far.sort((a, b) => a - b);
  return clamp(5 * Math.ceil(far[Math.floor(0.97 * (far.length - 1))] / 5), 15, 55);
}

function zoom(factor) {
  update({ range: clamp(state.range * factor, 8, 150) });
}

/** A drag moves the ground, a click without one chooses a box. */
function dragOrPick(panel) {
  let last = null, moved = 0;
  panel.canvas.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    moved = 0;
    if (event.pointerType === "mouse") panel.canvas.setPointerCapture(event.pointerId);
  });
  panel.canvas.addEventListener("pointermove", (event) => {
    if (last === null || event.pointerType !== "mouse") return;
    const du = event.clientX - last[0], dv = event.clientY - last[1];
    moved += Math.abs(du) + Math.abs(dv);
    last = [event.clientX, event.clientY];
    const { scale } = viewOf(panel.canvas);
    update({ centre: [state.centre[0] + dv / scale, state.centre[1] + du / scale] });
  });
  panel.canvas.addEventListener("pointercancel", () => { last = null; });
  panel.canvas.addEventListener("pointerup", (event) => {
    if (last !== null && moved < 4) choose(nearestFootprint(panel, event.offsetX, event.offsetY));
    last = null;
  });
}

function nearestFootprint(panel, u, v) {
  const away = ({ middle }) => Math.hypot(middle[0] - u, middle[1] - v);
  const near = panel.drawn.filter((box) => away(box) < 16);
  near.sort((a, b) => away(a) - away(b) || (a.source === null ? 1 : -1));
  return near[0] ?? null;
}

/** Where a place in ego is on a canvas. */
function viewOf(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const scale = Math.min(width, height) / (2 * state.range);
  const place = ([x, y]) => [
    width / 2 - (y - state.centre[1]) * scale,
    height / 2 - (x - state.centre[0]) * scale,
  ];
  return { width, height, scale, place };
}

/** Draws the views of the present frame. */
function drawBevs(map) {
  const frame = recording.frames[state.frame];
  const shown = state.sources.length === 2 ? 2 : 1;
  bevPanels.forEach((panel, i) => {
    panel.figure.hidden = i >= shown;
  });
  bevPanels.slice(0, shown).forEach((panel, i) => drawBev(panel, frame, state.sources[i], map));
}

function drawBev(panel, frame, source, map) {
  const { ctx } = openCanvas(panel.canvas);
  const view = viewOf(panel.canvas);
  drawGround(ctx, view, frame, state.map ? map : null);
  if (state.points) drawPoints(ctx, view);
  if (state.path) drawPath(ctx, view);
  drawEgo(ctx, view);
  const sources = source === undefined ? [] : [source];
  panel.drawn = [null, ...sources].flatMap((from) => shownRows(frame, from).map((row) => {
    const look = lookOf(frame, from, row, sources);
    return { source: from, row, middle: drawFootprint(ctx, view, frame, { source: from, row, look }) };
  }));
  drawReferencePath(ctx, view, frame, source);
  drawRingNames(ctx, view);
}

function ringStep() {
  return [1, 2, 5, 10, 20, 50].find((step) => state.range / step <= 5) ?? 100;
}

function ringRadii(view) {
  const step = ringStep();
  const reach = Math.hypot(view.width, view.height) / 2 / view.scale + Math.hypot(...state.centre);
  return Array.from({ length: Math.floor(reach / step) }, (_, i) => (i + 1) * step);
}

function drawGround(ctx, view, frame, map) {
  ctx.fillStyle = theme.panel;
  ctx.fillRect(0, 0, view.width, view.height);
  drawMap(ctx, view, frame, map);
  const [u, v] = view.place([0, 0]);
  ctx.strokeStyle = theme.guide;
  ctx.lineWidth = 1;
  ctx.beginPath();
  trace(ctx, [[u, 0], [u, view.height]], false);
  trace(ctx, [[0, v], [view.width, v]], false);
  ctx.stroke();
  for (const radius of ringRadii(view)) {
    ctx.beginPath();
    ctx.arc(u, v, radius * view.scale, 0, 2 * Math.PI);
    ctx.stroke();
  }
}

/** Distances along the diagonal to the front right, where few things drive. */
function drawRingNames(ctx, view) {
  ctx.fillStyle = theme.muted;
  ctx.font = "11px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const radius of ringRadii(view)) {
    const [u, v] = view.place([radius * Math.SQRT1_2, -radius * Math.SQRT1_2]);
    ctx.fillText(`${radius} m`, u, v);
  }
}

/** The way the car came, and dots where it will be. */
function drawPath(ctx, view) {
  const now = recording.frames[state.frame].time_s;
  const egoFromStart = invertRigid(recording.frames[state.frame].start_from_ego);
  const place = (row) => {
    const m = recording.frames[row].start_from_ego;
    return view.place(transform(egoFromStart, [m[3], m[7], m[11]]));
  };
  const rows = sceneFrames(state.frame);
  const isPast = (row) => recording.frames[row].time_s <= now;
  ctx.strokeStyle = ctx.fillStyle = theme.accent;
  ctx.globalAlpha = 0.75;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  trace(ctx, rows.filter(isPast).map(place), false);
  ctx.stroke();
  ctx.globalAlpha = 0.5;
  for (const [u, v] of rows.filter((row) => !isPast(row)).map(place)) {
    ctx.beginPath();
    ctx.arc(u, v, 1.5, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.globalAlpha = 1;
}

/** The car itself, narrower at the front, with a windscreen. */
function drawEgo(ctx, view) {
  const half = EGO_HALF, length = EGO_FRONT - EGO_BACK;
  const side = [[EGO_BACK, 0.7], [EGO_BACK + 0.2, 1], [EGO_FRONT - 0.6, 1], [EGO_FRONT - 0.2, 0.86],
    [EGO_FRONT, 0.5]];
  const outline = [...side.map(([x, y]) => [x, -y * half]),
    ...side.reverse().map(([x, y]) => [x, y * half])];
  ctx.fillStyle = theme.ego;
  ctx.beginPath();
  trace(ctx, outline.map(view.place), true);
  ctx.fill();
  const low = EGO_BACK + 0.52 * length, high = EGO_BACK + 0.7 * length;
  ctx.fillStyle = theme.panel;
  ctx.beginPath();
  trace(ctx, [[low, -0.68 * half], [high, -0.8 * half], [high, 0.8 * half], [low, 0.68 * half]]
    .map(view.place), true);
  ctx.fill();
}

/** A footprint with a tick out of its front, its trail and its arrow; gives the pixel of its middle. */
function drawFootprint(ctx, view, frame, { source, row, look }) {
  const box = boxesOf(frame, source).boxes[row];
  const strong = look.neutral ? theme.truth : css(onPage(look.colour));
  const base = boxCorners(box, frame.up).slice(0, 4)
    .map((corner) => transform(frame.ego_from_lidar, corner));
  const outline = base.map(view.place);
  const middle = [0, 1].map((i) => outline.reduce((sum, corner) => sum + corner[i], 0) / 4);
  const front = [0, 1].map((i) => (outline[0][i] + outline[3][i]) / 2);
  ctx.strokeStyle = ctx.fillStyle = strong;
  if (state.trails) drawTrail(ctx, view, source, row);
  ctx.lineWidth = look.width;
  ctx.setLineDash(look.dashed ? [4, 3] : []);
  ctx.beginPath();
  trace(ctx, outline, true);
  ctx.globalAlpha = Math.min(1, look.fill * 1.6);
  ctx.fill();
  ctx.globalAlpha = 1;
  trace(ctx, [middle, front], false);
  ctx.stroke();
  ctx.setLineDash([]);
  if (state.arrows) drawArrow(ctx, view, frame, box, middle);
  if (look.chosen) markChosen(ctx, middle, outline);
  return middle;
}

function markChosen(ctx, middle, outline) {
  const radius = Math.max(...outline.map(([u, v]) => Math.hypot(u - middle[0], v - middle[1])));
  ctx.lineWidth = 1.2;
  ctx.beginPath();
  ctx.arc(...middle, radius + 6, 0, 2 * Math.PI);
  ctx.stroke();
}

function drawTrail(ctx, view, source, row) {
  const places = trailOf(state.frame, source, row).map(view.place);
  if (places.length < 2) return;
  ctx.globalAlpha = 0.55;
  ctx.lineWidth = 1.2;
  ctx.beginPath();
  trace(ctx, places, false);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function drawArrow(ctx, view, frame, box, middle) {
  const [vx, vy] = [box[8], box[9]];
  if (!Number.isFinite(vx) || !Number.isFinite(vy) || Math.hypot(vx, vy) < MIN_SPEED) return;
  const along = rotate(frame.ego_from_lidar, [vx, vy, 0]);
  const tip = [
    middle[0] - along[1] * ARROW_SECONDS * view.scale,
    middle[1] - along[0] * ARROW_SECONDS * view.scale,
  ];
  const length = Math.hypot(tip[0] - middle[0], tip[1] - middle[1]) || 1;
  const [du, dv] = [(tip[0] - middle[0]) / length, (tip[1] - middle[1]) / length];
  const neck = [tip[0] - du * 6, tip[1] - dv * 6];
  ctx.lineWidth = 1.2;
  ctx.beginPath();
  trace(ctx, [middle, neck], false);
  ctx.stroke();
  ctx.beginPath();
  trace(ctx, [tip, [neck[0] - dv * 2.6, neck[1] + du * 2.6], [neck[0] + dv * 2.6, neck[1] - du * 2.6]],
    true);
  ctx.fill();
}
