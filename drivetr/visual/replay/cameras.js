// The cameras: picture, attention, boxes and their names.

const MARGIN_PX = 4; // around a picture, where lines still count as visible
const FULL_WIDTH_PX = 50; // a box that looks smaller is drawn with thinner lines
const MIN_LABEL_PX = 22; // a box that looks smaller has no name beside it

const cameraCells = []; // { figure, canvas, drawn } in the order of the recording's channels

/** Puts the cameras on the page, in rows as somebody in the car would lay them out. */
function buildCameras(place) {
  const columns = Math.max(...recording.rows.map((row) => row.length));
  for (const row of recording.rows) {
    const line = add(place, "div", "ring");
    line.style.setProperty("--columns", columns);
    for (const channel of row) cameraCells[channel] = buildCamera(line, channel);
  }
}

function buildCamera(line, channel) {
  const figure = add(line, "figure", "camera");
  const canvas = add(figure, "canvas");
  const [height, width] = recording.frames[0].images[channel].size;
  figure.style.setProperty("--aspect", `${width} / ${height}`);
  add(figure, "figcaption", "", words(recording.channels[channel]));
  const enlarge = add(figure, "button", "enlarge", "⤢");
  enlarge.title = "Large, or back (a digit does the same)";
  enlarge.addEventListener("click", () => toggleLarge(channel));
  canvas.addEventListener("click", (event) => pickInCamera(channel, event));
  canvas.addEventListener("dblclick", () => toggleLarge(channel));
  return { figure, canvas, drawn: [] };
}

function toggleLarge(channel) {
  update({ large: state.large === channel ? null : channel });
}

/** Draws every camera of the present frame. */
function drawCameras(pictures) {
  const frame = recording.frames[state.frame];
  $("cameras").classList.toggle("one", state.large !== null);
  cameraCells.forEach(({ figure }, c) => figure.classList.toggle("large", c === state.large));
  const solids = solidsOf(frame);
  cameraCells.forEach((cell, c) => {
    if (state.large === null || state.large === c) drawCamera(cell, frame, c, pictures[c], solids);
  });
}

/** The shown boxes of a frame with their corners, truth first, then one source after the other. */
function solidsOf(frame) {
  return [null, ...state.sources].flatMap((source) => shownRows(frame, source).map((row) => ({
    source,
    row,
    corners: boxCorners(boxesOf(frame, source).boxes[row], frame.up),
  })));
}

function drawCamera(cell, frame, c, picture, solids) {
  const { ctx, width, height } = openCanvas(cell.canvas);
  const image = frame.images[c];
  if (picture === null) {
    drawPlaceholder(ctx, width, height);
  } else {
    ctx.drawImage(picture, 0, 0, width, height);
  }
  drawHeat(ctx, c, width, height);
  const seen = lookAt(solids, scaleProjection(image.projection, width / image.size[1]), width, height);
  const hairline = Math.max(0.6, Math.min(1.6, width / 420));
  for (const box of seen) drawSeen(ctx, box, lookOf(frame, box.source, box.row), hairline);
  if (state.labels) drawLabels(ctx, frame, seen, width, height);
  cell.drawn = seen;
}

function drawPlaceholder(ctx, width, height) {
  ctx.fillStyle = theme.panel;
  ctx.fillRect(0, 0, width, height);
  ctx.strokeStyle = theme.hairline;
  ctx.beginPath();
  for (let x = -height; x < width; x += 16) trace(ctx, [[x, height], [x + height, 0]], false);
  ctx.stroke();
  ctx.fillStyle = theme.muted;
  ctx.font = "13px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const across = ctx.measureText("no picture").width + 16;
  ctx.fillStyle = theme.panel;
  ctx.fillRect((width - across) / 2, height / 2 - 12, across, 24);
  ctx.fillStyle = theme.muted;
  ctx.fillText("no picture", width / 2, height / 2);
}

/** The boxes of which a camera sees something, far ones first. */
function lookAt(solids, projection, width, height) {
  if (!projection.every(Number.isFinite)) return [];
  const planes = viewPlanes(width, height, MARGIN_PX);
  const seen = [];
  for (const solid of solids) {
    const corners = solid.corners.map((corner) => transform(projection, corner));
    const outside = corners.map((corner) => outcode(corner, planes));
    if (outside.reduce((all, code) => all & code) !== 0) continue; // most boxes: all beyond one plane
    const whole = outside.every((code) => code === 0);
    const { segments, front } = whole ? wholeOutline(corners) : clippedOutline(corners, planes);
    if (segments.length === 0) continue;
    const depth = corners.reduce((sum, corner) => sum + corner[2], 0);
    seen.push({ ...solid, segments, front, depth, bounds: boundsOf(segments) });
  }
  return seen.sort((a, b) => b.depth - a.depth);
}

/** Edges and front face, in pixels, of a box that is in the picture as a whole. */
function wholeOutline(corners) {
  const pixels = corners.map(pixel);
  return {
    segments: EDGES.map(([a, b]) => [pixels[a], pixels[b]]),
    front: FRONT_FACE.map((i) => pixels[i]),
  };
}

/** What the picture shows of edges and front face. */
function clippedOutline(corners, planes) {
  return {
    segments: EDGES.map(([a, b]) => clipSegment(corners[a], corners[b], planes))
      .filter((segment) => segment !== null),
    front: clipPolygon(FRONT_FACE.map((i) => corners[i]), planes),
  };
}

function boundsOf(segments) {
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const segment of segments) {
    for (const [u, v] of segment) {
      if (u < bounds[0]) bounds[0] = u;
      if (v < bounds[1]) bounds[1] = v;
      if (u > bounds[2]) bounds[2] = u;
      if (v > bounds[3]) bounds[3] = v;
    }
  }
  return bounds;
}

/**
 * One box: a dark shadow for bright streets, the edges, the tinted front face.
 *
 * A shadow is as thin as the edges: lines up to a pixel wide are many times faster than a wide rim.
 */
function drawSeen(ctx, box, look, hairline) {
  const [left, top, right, bottom] = box.bounds;
  const extent = Math.max(right - left, bottom - top);
  const slim = Math.min(1, 0.45 + extent / (FULL_WIDTH_PX * hairline));
  const width = look.width * hairline * slim;
  ctx.beginPath();
  for (const segment of box.segments) trace(ctx, segment, false);
  ctx.setLineDash(look.dashed ? [4 * hairline, 3 * hairline] : []);
  ctx.lineWidth = width;
  const away = 0.5 * hairline + 0.3 * width;
  ctx.translate(away, away);
  ctx.strokeStyle = "rgba(10, 11, 14, 0.75)";
  ctx.stroke();
  ctx.translate(-away, -away);
  ctx.strokeStyle = css(look.colour);
  ctx.stroke();
  ctx.setLineDash([]);
  if (look.fill > 0 && box.front.length > 0) {
    ctx.fillStyle = css(look.colour, look.fill);
    ctx.beginPath();
    trace(ctx, box.front, true);
    ctx.fill();
  }
}

/** Names and scores on small plates, near boxes first, none over another. */
function drawLabels(ctx, frame, seen, width, height) {
  ctx.font = "11px system-ui, sans-serif";
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const taken = [];
  for (const box of [...seen].reverse()) {
    const text = labelOf(frame, box);
    const [left, top, right, bottom] = box.bounds;
    if (text === "" || Math.max(right - left, bottom - top) < MIN_LABEL_PX) continue;
    const across = ctx.measureText(text).width + 6;
    const x = clamp((left + right - across) / 2, 0, Math.max(0, width - across));
    const y = clamp(top - 16, 0, height - 15);
    const plate = [x, y, x + across, y + 15];
    if (taken.some((other) => overlap(plate, other))) continue;
    taken.push(plate);
    ctx.fillStyle = "rgba(10, 11, 14, 0.72)";
    ctx.fillRect(x, y, across, 15);
    ctx.fillStyle = css(lookOf(frame, box.source, box.row).colour);
    ctx.fillText(text, x + 3, y + 8);
  }
}

const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** What is written beside a box: truth is named where it stands alone or was missed. */
function labelOf(frame, { source, row }) {
  const boxes = boxesOf(frame, source);
  const name = words(recording.classes[boxes.labels[row]]);
  if (source !== null) return `${name} ${boxes.scores[row].toFixed(2)}`;
  const look = truthLook(frame, row, state.sources);
  return look.neutral || !boxes.judged[row] ? "" : name;
}

/** Chooses the smallest box under the pointer. */
function pickInCamera(channel, event) {
  const at = [event.offsetX, event.offsetY];
  const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
  const hit = cameraCells[channel].drawn
    .filter(({ bounds }) => overlap(bounds, [at[0] - 2, at[1] - 2, at[0] + 2, at[1] + 2]))
    .sort((a, b) => area(a.bounds) - area(b.bounds) || (a.source === null ? 1 : -1));
  if (hit.length === 0 && event.pointerType === "touch") toggleLarge(channel);
  else choose(hit[0] ?? null);
}

/** Makes a box the chosen one, or none. */
function choose(box) {
  update({ selected: box === null ? null : { source: box.source, row: box.row } });
}
