// Why a prediction came about: where its query looked, in which camera, and how its reference point
// moved from layer to layer. A story is read from the file when its box is chosen.

const storyCache = new Map();

/** The shown predictions of a frame that have a story. */
function toldOf(frame) {
  return frame.stories.filter(({ source }) => state.sources.includes(source));
}

/** The one of them that is chosen, or that takes the chosen object; null where none is. */
function chosenOf(frame) {
  const { selected } = state;
  if (selected === null) return null;
  const takes = ({ source, row }) => frame.partners[source]?.[selected.row] === row
    && truthOutcome(frame, source, selected.row) === "hit";
  const is = ({ source, row }) => source === selected.source && row === selected.row;
  return toldOf(frame).find(selected.source === null ? takes : is) ?? null;
}

/** The story of the chosen box, or null. */
function chosenStory() {
  const frame = recording.frames[state.frame];
  const chosen = chosenOf(frame);
  return chosen === null ? null : storyOf(state.frame, frame.stories.indexOf(chosen));
}

function storyOf(frame, number) {
  const id = `story-${frame}-${number}`;
  if (!storyCache.has(id)) {
    const story = JSON.parse(blockText(id));
    storyCache.clear(); // one is shown at a time
    storyCache.set(id, story);
    for (const map of story.maps) prepareMap(map);
  }
  return storyCache.get(id);
}

/** Decodes a map's picture (the cameras one below the other) and colours it, then draws again. */
async function prepareMap(map) {
  const picture = await decodePicture(map.png, "png");
  if (picture === null) return;
  const canvas = document.createElement("canvas");
  canvas.width = map.width;
  canvas.height = map.height * recording.channels.length;
  const ctx = canvas.getContext("2d");
  ctx.drawImage(picture, 0, 0);
  const pixels = ctx.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < pixels.data.length; i += 4) pixels.data.set(heatColour(pixels.data[i]), i);
  ctx.putImageData(pixels, 0, 0);
  map.canvas = canvas;
  requestDrawing();
}

/** Violet, red, yellow, white; what has little weight leaves the picture as it is. */
function heatColour(value) {
  const share = value / 255;
  const stops = [[70, 20, 140], [210, 40, 90], [255, 150, 30], [255, 245, 200]];
  const at = share * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const colour = stops[low].map((part, i) => part + (at - low) * (stops[low + 1][i] - part));
  return [...colour, 255 * Math.min(0.85, share * 1.4)];
}

/** The maps of the present pictures or, where it is chosen, of the earlier ones. */
function mapsOf(story) {
  const wanted = story.maps.filter(({ past }) => past === state.past);
  return wanted.length > 0 ? wanted : story.maps;
}

/** The map of a story for the chosen layer and head, or the first one that it has. */
function chosenMap(story) {
  const maps = mapsOf(story);
  return maps.find(({ layer, head }) => layer === state.layer && head === state.head)
    ?? maps.find(({ layer }) => layer === state.layer)
    ?? maps[0]
    ?? null;
}

/** Lays the chosen map over a camera's picture. */
function drawHeat(ctx, camera, width, height) {
  const story = chosenStory();
  const map = story && chosenMap(story);
  if (!map?.canvas) return;
  ctx.fillStyle = "rgba(10, 11, 14, 0.35)"; // a darker picture lets the map stand out
  ctx.fillRect(0, 0, width, height);
  ctx.imageSmoothingEnabled = true;
  ctx.drawImage(map.canvas, 0, camera * map.height, map.width, map.height, 0, 0, width, height);
}

/** The reference point of the chosen story's query, from layer to layer, from above. */
function drawReferencePath(ctx, view, frame, source) {
  const story = chosenStory();
  if (story === null || chosenOf(frame).source !== source) return;
  const places = story.path.map((point) => view.place(transform(frame.ego_from_lidar, point)));
  ctx.strokeStyle = ctx.fillStyle = theme.accent;
  ctx.lineWidth = 1.4;
  ctx.beginPath();
  trace(ctx, places, false);
  ctx.stroke();
  places.forEach(([u, v], i) => {
    ctx.beginPath();
    ctx.arc(u, v, i === 0 ? 4 : 2.4, 0, 2 * Math.PI);
    if (i === 0) ctx.stroke();
    else ctx.fill();
  });
}

/** The weight that each camera carried in the chosen layer, or on average. */
function cameraShares(shares) {
  const rows = state.layer >= 0 && shares[state.layer] ? [shares[state.layer]] : shares;
  return recording.channels.map((_, c) =>
    rows.reduce((sum, row) => sum + row[c], 0) / Math.max(1, rows.length));
}

/** Fills the panel that tells why. */
function drawWhy() {
  const frame = recording.frames[state.frame];
  const told = toldOf(frame);
  $("why").hidden = told.length === 0;
  if (told.length === 0) return;
  const story = chosenStory();
  const names = told.map(({ source, row }, i) => [String(i), storyName(frame, source, row)]);
  fillSelect($("told"), [["", "none"], ...names],
    story === null ? "" : String(told.indexOf(chosenOf(frame))));
  $("attention").hidden = story === null;
  if (story !== null) drawAttentionPanel(story);
}

function storyName(frame, source, row) {
  const boxes = frame.predictions[source];
  const name = `${words(recording.classes[boxes.labels[row]])} ${boxes.scores[row].toFixed(2)}`;
  return state.sources.length > 1 ? `${source}: ${name}` : name;
}

function drawAttentionPanel(story) {
  const map = chosenMap(story);
  const unique = (values) => [...new Set(values)].sort((a, b) => a - b);
  const named = (value, what) => [String(value), value < 0 ? `mean of ${what}s` : `${what} ${value + 1}`];
  const maps = mapsOf(story);
  const layers = unique(maps.map(({ layer }) => layer));
  fillSelect($("layer"), layers.map((l) => named(l, "layer")), String(map?.layer));
  const heads = unique(maps.filter(({ layer }) => layer === map?.layer).map(({ head }) => head));
  fillSelect($("head"), heads.map((h) => named(h, "head")), String(map?.head));
  $("moment").hidden = story.past_shares === null;
  $("moment").value = state.past ? "past" : "now";
  drawShares(cameraShares(story.shares), story.past_shares && cameraShares(story.past_shares));
}

/** One bar a camera: the weight of its present picture, then that of its earlier one. */
function drawShares(shares, past) {
  $("shares").replaceChildren();
  for (const c of recording.rows.flat()) {
    const line = add($("shares"), "div", "share");
    add(line, "span", "", words(recording.channels[c]));
    const bar = add(line, "i");
    const percent = [shares[c], ...(past === null ? [] : [past[c]])].map((share) => 100 * share);
    for (const wide of percent) add(bar, "b").style.width = `${wide}%`;
    add(line, "span", "number", `${percent.map(Math.round).join(" + ")} %`);
  }
}

function buildWhy() {
  $("told").addEventListener("change", () => {
    const frame = recording.frames[state.frame];
    choose(toldOf(frame)[Number.parseInt($("told").value, 10)] ?? null);
  });
  $("layer").addEventListener("change", () => update({ layer: Number($("layer").value) }));
  $("head").addEventListener("change", () => update({ head: Number($("head").value) }));
  $("moment").addEventListener("change", () => update({ past: $("moment").value === "past" }));
}
